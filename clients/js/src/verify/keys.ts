// The keys that verify tokens: a JWK Set (RFC 7517 section 5, https://www.rfc-editor.org/rfc/rfc7517#section-5). A key that
// cannot be used is left out without affecting others.

import { importJWK, type CryptoKey, type JWK } from "jose";
import { decode, encode } from "./base64url.js";
import { isObject, type Members } from "./json.js";

export type Algorithm = "ES256" | "EdDSA" | "RS256";

/** By `kid` and then by algorithm: each key has one (RFC 8725 section 3.1). */
export type VerificationKeys = Map<string, Map<Algorithm, CryptoKey>>;

const KINDS = { ES256: ["EC", "P-256"], EdDSA: ["OKP", "Ed25519"], RS256: ["RSA", undefined] } as const;

/** RFC 7518 sections 6.2.2, 6.3.2 and 6.4: members of private and symmetric keys. Anyone could sign with such a key. */
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/** RFC 7518 section 3.3: at least 2048 bits. */
const RSA_MODULUS_BYTES = [256, 1024] as const;

/** The algorithm of a name; `Ed25519` means the same as `EdDSA` with these keys (RFC 9864 section 2.2). */
export function algorithm(name: unknown): Algorithm | undefined {
  if (name === "Ed25519") return "EdDSA";
  return name === "ES256" || name === "EdDSA" || name === "RS256" ? name : undefined;
}

/** The usable keys of a JWK Set. Of two with the same `kid` and algorithm the first is kept.
 * Throws if the text is not a JWK Set, or has no usable key. */
export async function readJwks(json: string): Promise<VerificationKeys> {
  const set: unknown = JSON.parse(json);
  if (!isObject(set) || !Array.isArray(set.keys)) throw new Error("not a JWK Set");
  const keys: VerificationKeys = new Map();
  for (const jwk of set.keys as unknown[]) {
    const read = isObject(jwk) ? await readJwk(jwk) : undefined;
    if (!read) continue;
    const ofKid = keys.get(read.kid) ?? new Map<Algorithm, CryptoKey>();
    if (!ofKid.has(read.alg)) ofKid.set(read.alg, read.key);
    keys.set(read.kid, ofKid);
  }
  if (keys.size === 0) throw new Error("there is no key in it for ES256, EdDSA or RS256");
  return keys;
}

/** The entity tag of a JWK Set: a digest of its text. */
export async function jwksEtag(json: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(json));
  return `"${encode(new Uint8Array(digest))}"`;
}

async function readJwk(jwk: Members): Promise<{ kid: string; alg: Algorithm; key: CryptoKey } | undefined> {
  const { kid } = jwk;
  const alg = algorithm(jwk.alg);
  if (typeof kid !== "string" || !alg) return undefined;
  const [kty, crv] = KINDS[alg];
  const isOfAlg = jwk.kty === kty && (crv === undefined || jwk.crv === crv);
  if (!isOfAlg || PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name)) || !isForSignatures(jwk)) return undefined;
  const parameters = alg === "RS256" ? rsa(jwk) : point(jwk, alg === "ES256" ? ["x", "y"] : ["x"]);
  if (!parameters) return undefined;
  try {
    // Only what was checked is imported.
    const key = await importJWK({ kty, ...(crv && { crv }), ...parameters } as JWK, alg);
    return { kid, alg, key: key as CryptoKey };
  } catch {
    return undefined;
  }
}

/** RFC 7517 sections 4.2 and 4.3: either may be missing; they must agree, and no operation may be named twice. */
function isForSignatures(jwk: Members): boolean {
  const hasUse = Object.hasOwn(jwk, "use");
  if (hasUse && jwk.use !== "sig") return false;
  if (!Object.hasOwn(jwk, "key_ops")) return true;
  const ops: unknown = jwk.key_ops;
  if (!Array.isArray(ops) || !ops.includes("verify") || new Set(ops).size !== ops.length) return false;
  return ops.every((op) => op === "verify" || op === "sign" || (typeof op === "string" && !hasUse));
}

/** RFC 7518 section 6.2.1.2: coordinates always have the full length. */
function point(jwk: Members, names: string[]): Members | undefined {
  const isFull = (name: string) => bytesOf(jwk, name)?.length === 32;
  return names.every(isFull) ? Object.fromEntries(names.map((name) => [name, jwk[name]])) : undefined;
}

/** RFC 7518 section 2: a number has no leading zeros. */
function rsa(jwk: Members): Members | undefined {
  const [n, e] = [bytesOf(jwk, "n"), bytesOf(jwk, "e")];
  const isOddNumber = (bytes: Uint8Array | undefined) => bytes && bytes[0] !== 0 && (bytes.at(-1) ?? 0) % 2 === 1;
  if (!n || !e || !isOddNumber(n) || !isOddNumber(e) || (e.length === 1 && e[0] === 1)) return undefined;
  const isInRange = n.length >= RSA_MODULUS_BYTES[0] && n.length <= RSA_MODULUS_BYTES[1];
  return isInRange ? { n: jwk.n, e: jwk.e } : undefined;
}

function bytesOf(jwk: Members, name: string): Uint8Array | undefined {
  const text = jwk[name];
  return typeof text === "string" ? decode(text) : undefined;
}
