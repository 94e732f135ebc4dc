// A response of the denylist feed: a signed JWT with its own type.

import { audiences, isJti, uuid } from "./claims.js";
import type { DeniedSet } from "./denied.js";
import { issuerBase } from "./issuer.js";
import { isObject, type Members } from "./json.js";
import type { VerificationKeys } from "./keys.js";
import { authenticMembers, check, DENYLIST, MAX_CLOCK_SKEW, TokenError } from "./token.js";

export interface Page {
  iat: number;
  /** The response includes every denial that was recorded before this time. */
  as_of: number;
  jwks_etag: string;
  cursor: string;
  more: boolean;
  /** Adds its denials. */
  addTo(denied: DeniedSet): void;
  /** Until when a denial is in force whose kind is not known here. */
  unknownUntil: number;
}

/** Verifies a response of the feed. Throws a `TokenError`. */
export async function verifyPage(document: string, keys: VerificationKeys, issuer: string, now: number): Promise<Page> {
  const members = await authenticMembers(DENYLIST, document, keys);
  const { iss, aud, iat, exp, as_of, jwks_etag, cursor, more, denied, denied_by_kind = [] } = members;
  const areTimes = [iat, exp, as_of].every(Number.isSafeInteger);
  const areTexts = [iss, jwks_etag, cursor].every((text) => typeof text === "string");
  const areOfPage = areTimes && areTexts && typeof more === "boolean" && (typeof aud === "string" || Array.isArray(aud));
  if (!areOfPage || !Array.isArray(denied) || !Array.isArray(denied_by_kind)) throw new TokenError("token_malformed");
  const entries = [...denied.map(readDenied), ...denied_by_kind.map(readKind)];
  // An issuer that is not upgraded yet uses itself as the audience; its documents differ by their type.
  const expected = { issuer, audiences: [`${issuerBase(issuer)}/.well-known/denylist`, issuer], leeway: MAX_CLOCK_SKEW };
  const read = { iss, aud: audiences(aud), exp, validFrom: iat } as { iss: string; aud: string[]; exp: number; validFrom: number };
  check(read, expected, now);
  return {
    ...(members as unknown as Page),
    addTo: (set) => entries.forEach((entry) => typeof entry === "function" && entry(set)),
    unknownUntil: Math.max(-Infinity, ...entries.map((entry) => (typeof entry === "number" ? entry : -Infinity))),
  };
}

type Entry = ((denied: DeniedSet) => void) | number;

/** A session or an access token. */
function readDenied(entry: unknown): Entry {
  const { sid, jti, exp } = isObject(entry) ? entry : ({} as Members);
  if (!Number.isSafeInteger(exp)) throw new TokenError("token_malformed");
  const session = uuid(sid);
  if (session !== undefined) return (denied) => denied.denySession(session, exp as number);
  if (isJti(jti)) return (denied) => denied.denyToken(jti as string, exp as number);
  throw new TokenError("token_malformed");
}

/** A denial that names its kind. One of an unknown kind is its end. */
function readKind(entry: unknown): Entry {
  const { kind, client_id, sub, issued_before, exp } = isObject(entry) ? entry : ({} as Members);
  if (!Number.isSafeInteger(exp)) throw new TokenError("token_malformed");
  const [before, until] = [issued_before as number, exp as number];
  const isKnown = Number.isSafeInteger(issued_before);
  if (isKnown && kind === "client" && typeof client_id === "string") {
    return (denied) => denied.denyClient(client_id, before, until);
  }
  if (isKnown && kind === "user" && typeof sub === "string") return (denied) => denied.denyUser(sub, before, until);
  return until;
}
