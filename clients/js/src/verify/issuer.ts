// Requests to the issuer: its metadata, its keys, its denylist. Redirects are not followed, and every answer has limits.

import { isObject } from "./json.js";

/** Milliseconds for an answer, and its largest size. */
const DOCUMENT = { time: 5_000, bytes: 1024 * 1024 };
const MAX_FEED_BYTES = 17 * 1024 * 1024;

/** Seconds for which a copy may be used if the issuer does not say, and the least and the most. */
const MAX_AGE = { usual: 300, least: 1, most: 86_400 };

export interface Metadata {
  jwks_uri: string;
  denylist_uri: string | undefined;
}

export interface Published {
  json: string;
  etag: string | undefined;
}

/** The answer has another status than 200 or 304. */
export class StatusError extends Error {
  constructor(
    url: string,
    readonly status: number,
  ) {
    super(`${url} answered ${status}`);
  }
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

interface Answer {
  response: Response;
  text: string;
}

interface Wanted {
  etag?: string | undefined;
  /** Caches on the way must not answer. */
  anew?: boolean;
  time?: number;
  bytes?: number;
}

export class IssuerClient {
  readonly #fetch: Fetch;
  readonly #underWay = new Set<AbortController>();
  readonly #allowHttp: boolean;
  #isClosed = false;

  constructor(fetch: Fetch, allowHttp: boolean) {
    this.#fetch = fetch;
    this.#allowHttp = allowHttp;
  }

  close(): void {
    this.#isClosed = true;
    for (const request of this.#underWay) request.abort(new Error("the verifier is closed"));
  }

  /** Throws if a URL is not HTTP, or without TLS and not on this machine: there an attacker on the network path could replace
   * the issuer's keys (RFC 8414 section 6.1). */
  checked(url: string): string {
    const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: "", hostname: "" };
    if (protocol !== "https:" && protocol !== "http:") throw new Error(`${url} is not an http:// or https:// URL`);
    if (protocol === "http:" && !isLoopback(hostname) && !this.#allowHttp) {
      throw new Error(`${url} is without TLS and not on this machine; see the option allowHttp`);
    }
    return url;
  }

  /** Finds an issuer's metadata: by RFC 8414, or else by OpenID Connect Discovery. */
  async metadata(issuer: string): Promise<Metadata> {
    const [oauth, openid] = metadataUrls(issuer);
    try {
      return readMetadata(issuer, await this.#text(oauth));
    } catch (error) {
      if (error instanceof StatusError) return readMetadata(issuer, await this.#text(openid));
      throw error;
    }
  }

  /** The keys (`undefined` if they still have this entity tag), and for how many seconds they may be used. */
  async jwks(url: string, etag: string | undefined, anew: boolean): Promise<[Published | undefined, number]> {
    const { response, text } = await this.#get(url, { etag, anew });
    const published = { json: text, etag: response.headers.get("etag") ?? undefined };
    return [response.status === 304 ? undefined : published, maxAge(response.headers)];
  }

  /** What was denied since a cursor; the issuer waits for news for so many seconds. `undefined`: nothing is new. */
  async denylist(url: string, since: string | undefined, wait: number): Promise<string> {
    const target = new URL(url);
    target.searchParams.set("wait", String(wait));
    if (since !== undefined) target.searchParams.set("since", since);
    const limits = { time: DOCUMENT.time + wait * 1000, bytes: MAX_FEED_BYTES, anew: true };
    return (await this.#get(target.href, limits)).text;
  }

  async #text(url: string): Promise<string> {
    return (await this.#get(url, {})).text;
  }

  /** An answer with the status 200, or 304 if the copy with the entity tag is current. */
  async #get(url: string, { etag, anew, time = DOCUMENT.time, bytes = DOCUMENT.bytes }: Wanted): Promise<Answer> {
    if (this.#isClosed) throw new Error("the verifier is closed");
    const headers = {
      accept: "application/json, application/jwt",
      // Decoding could turn a megabyte into a gigabyte.
      "accept-encoding": "identity",
      "user-agent": "tokensmith-js",
      ...(anew && { "cache-control": "no-cache" }),
      ...(etag && { "if-none-match": etag }),
    };
    const request = new AbortController();
    const timer = setTimeout(() => request.abort(new Error(`${url} did not answer in time`)), time);
    this.#underWay.add(request);
    try {
      // Frameworks have caches of their own in `fetch`.
      const cache = anew ? "no-store" : "default";
      const response = await this.#fetch(this.checked(url), { headers, cache, redirect: "manual", signal: request.signal });
      const isExpected = response.status === 200 || (response.status === 304 && etag !== undefined);
      if (!isExpected) throw new StatusError(url, response.status);
      const encoding = response.headers.get("content-encoding") ?? "identity";
      if (encoding.toLowerCase() !== "identity") throw new Error(`${url} is encoded`);
      return { response, text: await limited(url, response, bytes) };
    } catch (error) {
      // Frees the connection.
      request.abort();
      throw error;
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(request);
    }
  }
}

/** Whether a host is this machine itself. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|127(\.\d+){3}|\[::1\])$/i.test(hostname);
}

async function limited(url: string, response: Response, most: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let [text, size] = ["", 0];
  for await (const chunk of (response.body ?? []) as unknown as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > most) throw new Error(`${url} is larger than ${most} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** The URLs of an issuer's metadata by RFC 8414 section 3.1, which puts the well-known part between host and path, and by
 * OpenID Connect Discovery 1.0 section 4. */
function metadataUrls(issuer: string): [string, string] {
  const base = issuerBase(issuer);
  const { origin } = new URL(base);
  const path = base.slice(base.indexOf("://") + 3).replace(/^[^/]*/, "");
  return [`${origin}/.well-known/oauth-authorization-server${path}`, `${base}/.well-known/openid-configuration`];
}

/** The issuer without slashes at its end. */
export const issuerBase = (issuer: string): string => issuer.replace(/\/+$/, "");

/** Reads the metadata of an issuer; throws if it cannot be used. */
export function readMetadata(issuer: string, json: string): Metadata {
  const metadata: unknown = JSON.parse(json);
  const { issuer: named, jwks_uri, denylist_uri } = isObject(metadata) ? metadata : {};
  // RFC 8414 section 3.3: it must be about the requested issuer.
  if (named !== issuer) throw new Error(`the metadata is about the issuer ${JSON.stringify(named)}`);
  const isUri = (uri: unknown): uri is string => typeof uri === "string";
  const isMissing = denylist_uri === undefined || denylist_uri === null;
  if (!isUri(jwks_uri) || !(isMissing || isUri(denylist_uri))) throw new Error("the metadata does not name the issuer's keys");
  const isPlain = (uri: string) => issuer.startsWith("https://") && !uri.startsWith("https://");
  if (isPlain(jwks_uri) || (!isMissing && isPlain(denylist_uri))) throw new Error("the metadata names a URL without TLS");
  return { jwks_uri, denylist_uri: isMissing ? undefined : denylist_uri };
}

/** How long a response is fresh (RFC 9111 section 4.2), in seconds. */
function maxAge(headers: Headers): number {
  const said = /(?:^|,)\s*max-age=(\d+)\s*(?:,|$)/.exec(headers.get("cache-control") ?? "")?.[1];
  const age = Number(headers.get("age")) || 0;
  return Math.min(Math.max(Number(said ?? MAX_AGE.usual) - age, MAX_AGE.least), MAX_AGE.most);
}
