// The verifier, with which a service checks access tokens.

import { isB64Token, presented, type RequestLike } from "./authorization.js";
import { hasRole, hasScope, isLoggedIn, type AccessClaims } from "./claims.js";
import type { DeniedSet } from "./denied.js";
import type { VerificationKeys } from "./keys.js";
import { Refusal, type RefusalCode, type Rendering, type ServerResponseLike } from "./refusal.js";
import type { Resource } from "./resource.js";
import { TokenError, verifyAccessToken, type Expected } from "./token.js";

/** What an access token must have, besides being valid. */
export interface Needs {
  role?: string;
  scope?: string;
  /** It must come from a user's login: an API token or a program gets 403. */
  login?: boolean;
  /** How strong the login must be: its `acr` is one of these values, which are separated by spaces. */
  acr?: string;
  /** How many seconds ago the user may have logged in at most. */
  maxAge?: number;
}

/** What a verifier is made of. */
export interface Parts {
  keys: { readonly keys: VerificationKeys | undefined; readonly isStale: boolean; renew(): Promise<boolean> };
  feed: Followed | undefined;
  expected: Expected;
  rendering: Rendering;
  resource: Resource | undefined;
  now(): number;
  close(): void;
}

interface Followed {
  readonly denied: DeniedSet;
  readonly isTooStale: boolean;
  readonly staleness: number | undefined;
  readonly settled: Promise<void>;
}

/** A request of `node:http` or Express; `requireToken` adds the claims. */
export interface ServerRequestLike {
  readonly headers: Record<string, string | string[] | undefined>;
  readonly rawHeaders?: string[];
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  claims?: AccessClaims;
}

export type Middleware = (request: ServerRequestLike, response: ServerResponseLike, next: (error?: unknown) => void) => void;

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Express merges its requests with this one.
  namespace Express {
    interface Request {
      claims?: AccessClaims;
    }
  }
}

export class Verifier {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The claims of a valid access token; else throws a `Refusal`. Waits for some seconds at most: while keys are fetched because
   * the token's key is unknown (at most once per cooldown) or the copy has expired, and at the start for the denylist. */
  readonly verify = async (token: string): Promise<AccessClaims> => {
    try {
      return await this.#verified(token);
    } catch (error) {
      throw error instanceof TokenError ? this.refusal(error.code, error.message) : error;
    }
  };

  /** The claims of the access token of a request; else throws a `Refusal`, which has the response. */
  readonly authenticate = async (request: RequestLike, needs: Needs = {}): Promise<AccessClaims> => {
    checkNeeds(needs);
    const authorization = presented(request);
    if (!authorization) throw this.refusal("access_token_missing", "an access token is needed");
    if ("malformed" in authorization) throw this.refusal("invalid_request", authorization.malformed);
    const { token } = authorization;
    const claims = await this.verify(token).catch((error: unknown) => {
      // Checked only for tokens that were refused, since other texts never verify.
      const isToken = !(error instanceof Refusal && error.status === 401) || isB64Token(token);
      throw isToken ? error : this.refusal("invalid_request", "expected Authorization: Bearer and one token");
    });
    this.#check(claims, needs);
    return claims;
  };

  /** Protects a route of Express, or of another framework with such middleware: `request.claims` are the claims of the access
   * token. A request without a valid one, or one that lacks a role or a scope, is refused. */
  readonly requireToken = (needs: Needs = {}): Middleware => {
    checkNeeds(needs);
    return (request, response, next) => {
      const letIn = (claims: AccessClaims) => {
        request.claims = claims;
        next();
      };
      const refuse = (error: unknown) => (error instanceof Refusal ? error.send(response) : next(error));
      // A response that was sent meanwhile, as by a time limit, is an error of the app.
      this.authenticate(request, needs).then(letIn, refuse).catch(next);
    };
  };

  /** Serves the metadata of the resource (RFC 9728), as middleware. */
  readonly serveMetadata: Middleware = (request, response, next) => {
    const { resource } = this.#parts;
    const isRead = ["GET", "HEAD", undefined].includes(request.method);
    if (!resource || !isRead || request.url?.split("?", 1)[0] !== resource.path) return next();
    response.writeHead(200, { "content-type": "application/json", "access-control-allow-origin": "*" });
    response.end(JSON.stringify(resource.metadata));
  };

  /** The metadata of the resource (RFC 9728) and where to serve it; `undefined` without the option `resource`. */
  get resource(): Resource | undefined {
    return this.#parts.resource;
  }

  /** A refusal as the verifier's own, for guards of yours: with its realm and its problem types. */
  refusal(code: RefusalCode, detail: string, scope?: string): Refusal {
    return new Refusal(code, detail, this.#parts.rendering, { scope });
  }

  /** How old the copy of the denylist may be, in seconds; `undefined` if none is followed, or before the first response. */
  get staleness(): number | undefined {
    return this.#parts.feed?.staleness;
  }

  /** Ends what runs in the background. */
  close(): void {
    this.#parts.close();
  }

  async #verified(token: string): Promise<AccessClaims> {
    const { keys, feed } = this.#parts;
    if (keys.isStale) await keys.renew();
    let verified = await this.#withKnownKeys(token);
    if (isAboutKeys(verified) && (await keys.renew())) verified = await this.#withKnownKeys(token);
    if (verified === "denylist_stale" && feed) {
      await feed.settled;
      verified = await this.#withKnownKeys(token);
    }
    if (verified instanceof TokenError) throw verified;
    if (verified === "keys_unavailable") throw this.refusal(verified, "access tokens cannot be verified yet");
    if (verified === "denylist_stale") throw this.refusal(verified, "it is not known whether the access token was revoked");
    return verified;
  }

  async #withKnownKeys(token: string): Promise<Verified> {
    const { keys, feed, expected, now } = this.#parts;
    if (!keys.keys) return "keys_unavailable";
    try {
      const claims = await verifyAccessToken(token, keys.keys, expected, now());
      // No await comes between the two: a denial that arrived there would make the copy current, and be missed.
      if (feed?.denied.denies(claims)) return new TokenError("token_revoked");
      return feed?.isTooStale ? "denylist_stale" : claims;
    } catch (error) {
      if (error instanceof TokenError) return error;
      throw error;
    }
  }

  #check(claims: AccessClaims, { role, scope, login, acr, maxAge }: Needs): void {
    if (login && !isLoggedIn(claims)) throw this.refusal("session_required", "this needs a login; an API token may not do it");
    if (role !== undefined && !hasRole(claims, role)) throw this.refusal("role_missing", `the role '${role}' is needed`);
    if (scope !== undefined && !hasScope(claims, scope)) {
      throw this.refusal("scope_missing", `the scope '${scope}' is needed`, scope);
    }
    const isStrong = acr === undefined || (claims.acr !== undefined && acr.split(" ").includes(claims.acr));
    const isRecent = maxAge === undefined || (claims.auth_time ?? -Infinity) + maxAge >= this.#parts.now();
    if (!isStrong || !isRecent) {
      const detail = "the user must log in again, or in another way";
      throw new Refusal("reauthentication_required", detail, this.#parts.rendering, { acr, maxAge });
    }
  }
}

/** Throws if a need is misspelt or of another type: without this a route would be open to every token. */
function checkNeeds(needs: Needs): void {
  const isName = (value: unknown) => value === undefined || (typeof value === "string" && value !== "");
  const { role, scope, login, acr, maxAge, ...others } = needs;
  const isAge = maxAge === undefined || (Number.isSafeInteger(maxAge) && maxAge >= 0);
  const areUsable = [role, scope, acr].every(isName) && (login === undefined || typeof login === "boolean") && isAge;
  if (!areUsable || Object.keys(others).length > 0) throw new TypeError("the needs of a route are role, scope, login, acr and maxAge");
}

type Verified = AccessClaims | TokenError | "keys_unavailable" | "denylist_stale";

/** Whether other keys could change the result. */
function isAboutKeys(verified: Verified): boolean {
  return verified === "keys_unavailable" || (verified instanceof TokenError && verified.code === "token_unknown_key");
}
