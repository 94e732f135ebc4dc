// The only place that verifies signed documents. What is refused, and as what, is the same in the verifiers for Rust and
// Python; `clients/corpus` holds them together.

import { errors, flattenedVerify } from "jose";
import { decode } from "./base64url.js";
import { areClaims, audiences, type AccessClaims } from "./claims.js";
import { readObject, type Members } from "./json.js";
import { algorithm, type VerificationKeys } from "./keys.js";

/** Clocks may differ by this many seconds. */
export const MAX_CLOCK_SKEW = 60;

/** Why a token is refused: the stable code, and a text that may be sent to the client. */
export const TOKEN_REFUSALS = {
  token_malformed: "the token is malformed",
  token_wrong_type: "the token is of another type than the one expected here",
  token_unknown_key: "the token is signed with a key that is not known here",
  token_wrong_algorithm: "the token's algorithm is not the one of its key",
  token_bad_signature: "the token's signature is not valid",
  token_wrong_issuer: "the token was issued by another service",
  token_wrong_audience: "the token is meant for another audience",
  token_not_yet_valid: "the token is not valid yet",
  token_expired: "the token has expired",
  token_revoked: "the token was revoked",
} as const;

export type TokenCode = keyof typeof TOKEN_REFUSALS;

export class TokenError extends Error {
  constructor(readonly code: TokenCode) {
    super(TOKEN_REFUSALS[code]);
  }
}

/** A kind of document: no two have the same type (RFC 8725 sections 3.11 and 3.12). */
export interface Kind {
  typ: string;
  maxBytes: number;
}

export const ACCESS_TOKEN: Kind = { typ: "at+jwt", maxBytes: 16 * 1024 };
export const DENYLIST: Kind = { typ: "denylist+jwt", maxBytes: 16 * 1024 * 1024 };

export interface Expected {
  issuer: string;
  /** One of the document's must be among them. */
  audiences: string[];
  /** How many seconds after its end it is still accepted. */
  leeway: number;
}

/** The claims of an access token. Throws the first `TokenError` in the order form, type, key, algorithm, signature, issuer,
 * audience, time. */
export async function verifyAccessToken(
  token: string,
  keys: VerificationKeys,
  expected: Expected,
  now: number,
): Promise<AccessClaims> {
  const members = await authenticMembers(ACCESS_TOKEN, token, keys);
  if (!areClaims(members)) throw new TokenError("token_malformed");
  const { iss, aud, exp, iat, nbf = iat } = members;
  check({ iss, aud: audiences(aud), exp, validFrom: Math.max(iat, nbf) }, expected, now);
  return members;
}

/** The members of a document's payload, after its signature is verified. No claim is read before. */
export async function authenticMembers(kind: Kind, token: string, keys: VerificationKeys): Promise<Members> {
  const text = trimmed(token);
  if (text.length > kind.maxBytes) throw new TokenError("token_malformed");
  const [header, payload, signature, more] = text.split(".", 4);
  if (header === undefined || payload === undefined || signature === undefined || more !== undefined) {
    throw new TokenError("token_malformed");
  }
  const { alg, kid } = readHeader(kind, header);
  const ofKid = kid === undefined ? undefined : keys.get(kid);
  if (!ofKid) throw new TokenError("token_unknown_key");
  // RFC 8725 section 3.1: the key decides the algorithm; the token only repeats it.
  const named = algorithm(alg);
  const key = named && ofKid.get(named);
  if (!key) throw new TokenError("token_wrong_algorithm");
  const known = verified(keys);
  if (known.has(text)) return members(payload);
  if (!decode(signature)) throw new TokenError("token_bad_signature");
  try {
    await flattenedVerify({ protected: header, payload, signature }, key, { algorithms: [alg] });
  } catch (error) {
    // jose decodes the payload when the signature is verified.
    const isOfPayload = error instanceof errors.JWSInvalid && !decode(payload);
    throw new TokenError(isOfPayload ? "token_malformed" : "token_bad_signature");
  }
  if (kind === ACCESS_TOKEN) remember(known, text);
  return members(payload);
}

/** The tokens whose signatures these keys have verified: that is not done again, everything else is. They are dropped together
 * with the keys. */
const verifiedBy = new WeakMap<VerificationKeys, Set<string>>();

/** About 10 MB: a token has some hundred bytes. Only the issuer can add to them. */
const MOST_VERIFIED = 10_000;

function verified(keys: VerificationKeys): Set<string> {
  const known = verifiedBy.get(keys) ?? new Set<string>();
  verifiedBy.set(keys, known);
  return known;
}

function remember(known: Set<string>, token: string): void {
  const [oldest] = known;
  if (known.size >= MOST_VERIFIED && oldest !== undefined) known.delete(oldest);
  known.add(token);
}

/** Without white space around it. A regular expression for the end would need quadratic time. */
function trimmed(text: string): string {
  const isSpace = (at: number) => /^\p{White_Space}$/u.test(text.charAt(at));
  let [start, end] = [0, text.length];
  while (start < end && isSpace(start)) start += 1;
  while (start < end && isSpace(end - 1)) end -= 1;
  return text.slice(start, end);
}

/** `jku`, `x5u`, `jwk` and `x5c` are never followed (RFC 8725 section 3.10). */
function readHeader(kind: Kind, part: string): { alg: string; kid: string | undefined } {
  const header = members(part);
  const has = (name: string) => Object.hasOwn(header, name);
  const { alg, typ = "", kid } = header;
  const areTexts = typeof alg === "string" && typeof typ === "string" && (kid === undefined || typeof kid === "string");
  // RFC 7515 section 4.1.11: no extension is understood. Nothing of the issuer's is compressed, encrypted or nested.
  if (!areTexts || ["crit", "b64", "zip", "enc", "cty"].some(has)) throw new TokenError("token_malformed");
  // RFC 9068 section 4: media types compare without case, and application/ may be left out.
  if (typ.toLowerCase().replace(/^application\//, "") !== kind.typ) throw new TokenError("token_wrong_type");
  return { alg, kid };
}

/** Issuer, audience and time of a document whose signature is verified. */
export function check(
  { iss, aud, exp, validFrom }: { iss: string; aud: string[]; exp: number; validFrom: number },
  expected: Expected,
  now: number,
): void {
  if (iss !== expected.issuer) throw new TokenError("token_wrong_issuer");
  // RFC 7519 section 4.1.3.
  if (!aud.some((one) => expected.audiences.includes(one))) throw new TokenError("token_wrong_audience");
  if (validFrom > now + MAX_CLOCK_SKEW) throw new TokenError("token_not_yet_valid");
  // RFC 7519 section 4.1.4: "on or after" the expiration time it must not be accepted.
  if (now >= exp + expected.leeway) throw new TokenError("token_expired");
}

function members(part: string): Members {
  const bytes = decode(part);
  const read = bytes && readObject(bytes);
  if (!read) throw new TokenError("token_malformed");
  return read;
}
