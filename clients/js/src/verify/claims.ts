// The claims of an access token (RFC 9068 section 2.2, https://www.rfc-editor.org/rfc/rfc9068#section-2.2).

import { decode } from "./base64url.js";
import { isObject, type Members } from "./json.js";

/** The credential that a token came from. Every other text is one that this version does not know. */
export type Credential = "login" | "application" | "client" | "api_token" | (string & {});

export interface AccessClaims {
  iss: string;
  /** Who it speaks for: a user, or a client. Compare it; do not take it apart. */
  sub: string;
  aud: string | string[];
  exp: number;
  iat: number;
  jti: string;
  client_id: string;
  /** The session. */
  sid?: string;
  auth_time?: number;
  amr?: string[];
  roles?: string[];
  /** The scopes, separated by spaces. */
  scope?: string;
  acr?: string;
  /** The provider at which the user has authenticated; none if that was at the issuer itself. */
  idp?: string;
  credential?: Credential;
  cnf?: Record<string, unknown>;
  act?: Record<string, unknown>;
  nbf?: number;
  [other: string]: unknown;
}

const isText = (value: unknown) => typeof value === "string";
const isTime = (value: unknown) => Number.isSafeInteger(value);
const areTexts = (value: unknown) => Array.isArray(value) && value.every(isText);
const isAudience = (value: unknown) => isText(value) || areTexts(value);

const REQUIRED = { iss: isText, sub: isText, aud: isAudience, exp: isTime, iat: isTime, jti: isJti, client_id: isText };
const OPTIONAL = {
  sid: (value: unknown) => uuid(value) !== undefined,
  auth_time: isTime,
  amr: areTexts,
  roles: areTexts,
  scope: isText,
  acr: isText,
  idp: isText,
  credential: isText,
  cnf: isObject,
  act: isObject,
  nbf: isTime,
};

/** Whether members have the types of the claims: one that may be missing must not be null. */
export function areClaims(members: Members): members is AccessClaims {
  const fits = ([name, is]: [string, (value: unknown) => boolean]) => Object.hasOwn(members, name) && is(members[name]);
  const isLeftOut = ([name]: [string, unknown]) => !Object.hasOwn(members, name);
  return Object.entries(REQUIRED).every(fits) && Object.entries(OPTIONAL).every((one) => isLeftOut(one) || fits(one));
}

/** The audiences of a document, whose `aud` is one text or several. */
export function audiences(aud: unknown): string[] {
  return isText(aud) ? [aud as string] : areTexts(aud) ? (aud as string[]) : [];
}

/** Whether a user has logged in for the token, here or through an application. */
export function isLoggedIn({ credential, client_id }: AccessClaims): boolean {
  // Tokens from before the claim came from a login or from an API token.
  return credential === undefined ? client_id === "first-party" : ["login", "application"].includes(credential);
}

export const hasRole = ({ roles }: AccessClaims, role: string): boolean => roles?.includes(role) ?? false;

/** RFC 6749 section 3.3. */
export const hasScope = ({ scope }: AccessClaims, wanted: string): boolean => (scope ?? "").split(" ").includes(wanted);

/** 128 bits. */
export function isJti(value: unknown): boolean {
  return typeof value === "string" && decode(value)?.length === 16;
}

/** A UUID in its usual form; `undefined` if it is none. */
export function uuid(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value) ? value.toLowerCase() : undefined;
}
