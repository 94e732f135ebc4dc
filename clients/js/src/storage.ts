// Where the refresh token is kept.

import type { components } from "./api.js";

/** A place of your own for the refresh token, as the keychain of an app. What a script can read there, every script of the
 * page can: in a browser use cookies. */
export interface TokenStorage {
  get(): string | null | undefined | Promise<string | null | undefined>;
  set(value: string): void | Promise<void>;
  remove(): void | Promise<void>;
}

/** A token pair. With cookies it lacks the refresh token, and perhaps the access token. */
export type Pair = components["schemas"]["TokenPair"];

/** A place for the refresh token. */
export interface Jar {
  /** What a login and a re-authentication send beside the password. */
  readonly asked: object;
  /** What a refresh sends; `undefined` if there is no token. */
  presented(current: Pair | undefined): Promise<object | undefined>;
  keep(pair: Pair): Promise<void>;
  clear(): Promise<void>;
}

/** The browser keeps it in a cookie that no script can read. The access token, too, unless other services need it. */
export function cookieJar(needsHeader: boolean): Jar {
  const asked = needsHeader ? { cookies: true, access_cookie: false } : { cookies: true };
  return { asked, presented: async () => asked, keep: async () => {}, clear: async () => {} };
}

/** It is in the pair itself, and gone with the last tab. */
export const memoryJar: Jar = {
  asked: {},
  presented: async (current) => current && { refresh_token: current.refresh_token },
  keep: async () => {},
  clear: async () => {},
};

export function customJar(storage: TokenStorage): Jar {
  // A token that the storage has not taken. The one in it is older, and to use it would end the session.
  let unsaved: string | undefined;
  return {
    asked: {},
    async presented() {
      const refresh_token = unsaved ?? (await storage.get());
      return refresh_token ? { refresh_token } : undefined;
    },
    async keep({ refresh_token }) {
      if (!refresh_token) return;
      unsaved = refresh_token;
      await storage.set(refresh_token);
      unsaved = undefined;
    },
    async clear() {
      unsaved = undefined;
      await storage.remove();
    },
  };
}
