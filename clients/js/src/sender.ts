// Requests with the access token.

import type { Platform } from "./platform.js";
import type { Service } from "./service.js";

/** What is needed of the client. */
interface Tokens {
  accessToken(): Promise<string | undefined>;
  refresh(): Promise<void>;
  readonly state: { status: string };
}

/** The origin of a service that the app names. Without a scheme, a host would be taken for a path of the page's own. */
function originOf(url: string, page: string | undefined): string {
  if (!/^(https?:\/)?\//i.test(url)) throw new TypeError(`services: "${url}" has no https://`);
  return new URL(url, page).origin;
}

export class Sender {
  readonly #platform: Platform;
  readonly #service: Service;
  readonly #services: Set<string>;
  readonly #tokens: Tokens;
  /** Whether the token has another audience than the service itself, which takes cookies then. */
  readonly #isForOthers: boolean;

  constructor(platform: Platform, service: Service, services: string[], tokens: Tokens, isForOthers: boolean) {
    this.#platform = platform;
    this.#service = service;
    this.#services = new Set([service.origin, ...services.map((url) => originOf(url, platform.page))]);
    this.#tokens = tokens;
    this.#isForOthers = isForOthers;
  }

  async fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const request = input instanceof Request ? input : undefined;
    const { origin, href } = new URL(request?.url ?? (input as string | URL), this.#platform.base());
    const headers = new Headers(init.headers ?? request?.headers);
    // The token is for these origins only. A header of the app's own stays.
    if (!this.#services.has(origin) || headers.has("authorization")) return this.#platform.fetch(input, init);
    const isCookieEnough = this.#isForOthers && href.startsWith(`${this.#service.base}/v1/`);
    const tokenOf = (current: string | undefined) => (isCookieEnough ? undefined : current);
    const token = await this.#tokens.accessToken();
    // A stream can be sent once.
    const isOnce = init.body instanceof ReadableStream;
    // Sent to what was looked at.
    const target = request ?? href;
    const again = request && !isOnce ? request.clone() : target;
    const response = await this.#send(target, init, headers, origin, tokenOf(token));
    const hasFailed = response.status === 401 && this.#tokens.state.status === "signed-in";
    // RFC 6750 section 3.1: the token is expired, revoked or not valid for another reason.
    if (!hasFailed || isOnce || !response.headers.get("www-authenticate")?.includes("invalid_token")) return response;
    const newer = await this.#newer(token).catch(() => undefined);
    if (!newer || this.#tokens.state.status !== "signed-in") return response;
    await response.body?.cancel();
    return this.#send(again, init, headers, origin, tokenOf(newer.token));
  }

  /** Another token than the one that was refused. */
  async #newer(refused: string | undefined): Promise<{ token: string | undefined }> {
    if ((await this.#tokens.accessToken()) === refused) await this.#tokens.refresh();
    return { token: await this.#tokens.accessToken() };
  }

  #send(
    input: string | Request,
    init: RequestInit,
    headers: Headers,
    origin: string,
    token: string | undefined,
  ): Promise<Response> {
    if (token) {
      headers.set("authorization", `Bearer ${token}`);
      // Not every browser takes the header away when a redirect leads to another origin.
      const redirect = init.redirect ?? "error";
      return this.#platform.fetch(input, { ...init, headers, redirect });
    }
    if (origin !== this.#service.origin) return this.#platform.fetch(input, init);
    const { headers: named, ...credentials } = this.#service.cookieInit();
    for (const [name, value] of Object.entries(named)) headers.set(name, value);
    return this.#platform.fetch(input, { ...credentials, ...init, headers });
  }
}
