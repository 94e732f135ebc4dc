// Requests to the service.

import { TokensmithError } from "./error.js";
import type { Platform } from "./platform.js";
import type { Pair } from "./storage.js";

export class Service {
  readonly origin: string;
  /** The URL without a slash at its end. */
  readonly base: string;
  readonly #platform: Platform;
  readonly #timeout: number;
  readonly #hasCookies: boolean;

  constructor(platform: Platform, baseUrl: string, timeout: number, hasCookies: boolean) {
    const url = new URL(baseUrl, platform.page);
    this.origin = url.origin;
    this.base = url.href.replace(/\/+$/, "");
    this.#platform = platform;
    this.#timeout = timeout;
    this.#hasCookies = hasCookies;
  }

  /** How requests to the service carry cookies. */
  cookieInit(): { credentials?: RequestCredentials; headers: Record<string, string> } {
    if (!this.#hasCookies) return { headers: {} };
    const { page } = this.#platform;
    // For browsers that do not say where a request comes from. Another origin would need a preflight for it.
    const isSameOrigin = page !== undefined && new URL(page).origin === this.origin;
    return { credentials: "include", headers: isSameOrigin ? { "x-requested-with": "tokensmith" } : {} };
  }

  /** Posts JSON and returns the pair of the answer. */
  async postForPair(path: string, body: object, extra?: RequestInit): Promise<Pair> {
    const pair = (await this.post(path, body, extra)) as Pair | undefined;
    if (!pair?.session_id || !pair.user) throw new TypeError(`${path} did not answer with tokens`);
    return pair;
  }

  /** Posts JSON and returns the JSON of the answer; throws a `TokensmithError`, or the error of `fetch`. */
  async post(path: string, body: object | undefined, extra: RequestInit = {}): Promise<unknown> {
    const impatience = new AbortController();
    const cancel = this.#platform.later(() => impatience.abort(new Error("no answer in time")), this.#timeout);
    const { headers, ...cookies } = this.cookieInit();
    try {
      const response = await this.#platform.fetch(this.base + path, {
        method: "POST",
        cache: "no-store",
        redirect: "error",
        ...cookies,
        ...extra,
        headers: { ...headers, ...(body && { "content-type": "application/json" }), ...extra.headers },
        body: body ? JSON.stringify(body) : null,
        signal: impatience.signal,
      });
      if (!response.ok) throw await TokensmithError.of(response);
      return response.status === 204 ? undefined : await response.json();
    } finally {
      cancel();
    }
  }
}
