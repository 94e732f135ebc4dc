// Verifies the access tokens of tokensmith in a service: offline, with the published keys, and with the denylist.

import { Clock } from "./clock.js";
import { Feed } from "./feed.js";
import { IssuerClient, type Fetch } from "./issuer.js";
import { RemoteKeys } from "./remote_keys.js";
import { resourceOf } from "./resource.js";
import { Verifier } from "./verifier.js";

export type { RequestLike } from "./authorization.js";
export { hasRole, hasScope, isLoggedIn, type AccessClaims, type Credential } from "./claims.js";
export { Refusal, type RefusalCode } from "./refusal.js";
export type { Middleware, Needs, Verifier } from "./verifier.js";

export interface VerifierOptions {
  /** The URL of the service that issues the tokens: its `ISSUER`. */
  issuer: string;
  /** Who the tokens must be for: the issuer's `AUDIENCE`, or the issuer if that is not set. */
  audience: string | string[];
  /** How revoked tokens are handled. `follow` (default): the issuer's denylist is followed; while it is unavailable, only signature
   * and claims count. `{ require: seconds }`: no token is accepted while the copy may be older than that (normally it is up to
   * six seconds old). `ignore`: a revoked token is accepted until it expires. */
  denylist?: "follow" | "ignore" | { require: number };
  /** For how many seconds a token is accepted after it has expired, from 0 to 60; 0 by default. */
  leeway?: number;
  /** The shortest time between two fetches of the keys because of unknown keys, in seconds; 30 by default. */
  cooldown?: number;
  /** Allows HTTP without TLS to other machines. */
  allowHttp?: boolean;
  /** The realm of challenges; by default the audience. */
  realm?: string;
  /** The beginning of the `type` of problems, which the code follows. By default the type is `about:blank`. */
  problemTypes?: string;
  /** The URL of this service, if clients shall find the issuer by its metadata (RFC 9728); see `serveMetadata`. */
  resource?: string;
  /** The scopes in that metadata. */
  scopes?: string[];
  fetch?: Fetch;
  /** The time, in milliseconds since 1970. */
  now?: () => number;
  /** Told when keys or denylist cannot be fetched, and when they can be again; by default `console.warn`. */
  log?: (message: string) => void;
}

/** A verifier. It fetches keys and denylist in the background from now on, so a service can start while the issuer is down. Throws
 * if the options cannot be used. */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, denylist = "follow", leeway = 0, cooldown = 30, allowHttp = false, problemTypes } = options;
  const { now = Date.now, resource: url, scopes } = options;
  const fetch: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  const audiences = [options.audience].flat();
  const realm = options.realm ?? audiences[0] ?? "";
  if (!Number.isInteger(leeway) || leeway < 0 || leeway > 60) throw new Error("leeway must be from 0 to 60 whole seconds");
  if (!(cooldown >= 0 && cooldown < Infinity)) throw new Error("cooldown must be a number of seconds");
  if (!/^[ -~]+$/.test(realm)) throw new Error("realm and audience must be printable ASCII");
  if (problemTypes !== undefined && !/^[\w.~:/?#[\]@!$&'()*+,;=%-]+$/.test(problemTypes)) {
    throw new Error("problemTypes must be the beginning of a URI");
  }
  const within = typeof denylist === "object" ? denylist.require : Infinity;
  if (!(within > 0)) throw new Error("denylist must be follow, ignore or { require: seconds }");
  const client = new IssuerClient(fetch, allowHttp);
  client.checked(issuer);
  const resource = url === undefined ? undefined : resourceOf(url, issuer, scopes);
  const clock = new Clock(now);
  const log = safe(options.log ?? console.warn);
  const keys = new RemoteKeys(client, issuer, cooldown * 1000, clock, log);
  const feed = denylist === "ignore" ? undefined : new Feed(client, issuer, keys, clock, within, log);
  const close = () => {
    clock.close();
    client.close();
    feed?.close();
  };
  const rendering = { realm, problemTypes, resourceMetadata: resource?.url };
  return new Verifier({ keys, feed, expected: { issuer, audiences, leeway }, rendering, resource, now: clock.now, close });
}

/** A log that does not end what runs in the background when it throws. */
function safe(log: (message: string) => void): (message: string) => void {
  return (message) => {
    try {
      log(message);
    } catch (error) {
      console.warn(message, error);
    }
  };
}
