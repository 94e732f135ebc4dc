// Why a request is refused, and the response to it: the challenge of RFC 6750 section 3
// (https://www.rfc-editor.org/rfc/rfc6750#section-3) and the problem of RFC 9457.

import { TOKEN_REFUSALS, type TokenCode } from "./token.js";

/** When keys or denylist may be available again, in seconds. */
const RETRY_AFTER = "2";

/** Why a request is refused, for programs; it never changes its meaning. */
export type RefusalCode =
  | TokenCode
  | "access_token_missing"
  | "invalid_request"
  | "session_required"
  | "role_missing"
  | "scope_missing"
  | "reauthentication_required"
  | "keys_unavailable"
  | "denylist_stale";

/** What a challenge names: the scope, or how the user must have logged in (RFC 9470 section 3). */
export interface Wanted {
  scope?: string | undefined;
  acr?: string | undefined;
  maxAge?: number | undefined;
}

/** The settings of one service for its refusals. */
export interface Rendering {
  realm: string;
  /** The beginning of problem types. */
  problemTypes: string | undefined;
  /** The URL of the metadata of the resource (RFC 9728 section 5.1). */
  resourceMetadata: string | undefined;
}

interface Told {
  title: string;
  status: 400 | 401 | 403 | 503;
  /** The `error` of the challenge; RFC 6750 section 3.1: none for a request without any authentication. */
  error?: string;
}

const PHRASES = { 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 503: "Service Unavailable" };

const TOLD: Record<Exclude<RefusalCode, TokenCode>, Told> = {
  access_token_missing: { title: "Access token missing", status: 401 },
  invalid_request: { title: "Malformed Authorization header", status: 400, error: "invalid_request" },
  session_required: { title: "Session required", status: 403, error: "insufficient_scope" },
  role_missing: { title: "Role missing", status: 403, error: "insufficient_scope" },
  scope_missing: { title: "Scope missing", status: 403, error: "insufficient_scope" },
  reauthentication_required: { title: "Reauthentication required", status: 401, error: "insufficient_user_authentication" },
  keys_unavailable: { title: "Keys unavailable", status: 503 },
  denylist_stale: { title: "Denylist stale", status: 503 },
};

function told(code: RefusalCode): Told {
  if (code in TOKEN_REFUSALS) return { title: "Token refused", status: 401, error: "invalid_token" };
  return TOLD[code as Exclude<RefusalCode, TokenCode>];
}

/** A response of `node:http`, or of Express. */
export interface ServerResponseLike {
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body: string): unknown;
}

/** The request is refused. The message may be sent to the client. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly status: number;
  /** The headers of the response. */
  readonly headers: Record<string, string>;
  /** The problem, which is the body of the response. */
  readonly problem: { type: string; title: string; status: number; detail: string; code: RefusalCode };

  constructor(code: RefusalCode, detail: string, rendering: Rendering, wanted: Wanted = {}) {
    super(detail);
    const { title, status, error } = told(code);
    const { problemTypes } = rendering;
    this.code = code;
    this.status = status;
    this.headers = { "cache-control": "no-store", "content-type": "application/problem+json" };
    if (status !== 503) this.headers["www-authenticate"] = challenge(rendering, error, wanted, detail);
    else this.headers["retry-after"] = RETRY_AFTER;
    // RFC 9457 section 4.2.1: the title of about:blank is that of the status.
    const named = problemTypes === undefined ? { type: "about:blank", title: PHRASES[status] } : { type: problemTypes + code, title };
    this.problem = { ...named, status, detail, code };
  }

  /** The response for frameworks that use the types of `fetch`. */
  toResponse(): Response {
    return new Response(JSON.stringify(this.problem), { status: this.status, headers: this.headers });
  }

  /** Sends the response. */
  send(response: ServerResponseLike): void {
    response.writeHead(this.status, this.headers);
    response.end(JSON.stringify(this.problem));
  }
}

function challenge(rendering: Rendering, error: string | undefined, wanted: Wanted, detail: string): string {
  const parameters: [string, string | undefined][] = [
    ["realm", rendering.realm],
    ["error", error],
    ["scope", wanted.scope],
    ["acr_values", wanted.acr],
    ["max_age", wanted.maxAge?.toString()],
    ["error_description", error && detail],
    ["resource_metadata", rendering.resourceMetadata],
  ];
  const written = parameters.flatMap(([name, value]) => (value === undefined ? [] : `${name}=${quoted(value)}`));
  return `Bearer ${written.join(", ")}`;
}

/** RFC 9110 section 5.6.4, without what is not printable ASCII. */
function quoted(text: string): string {
  return `"${text.replace(/[^ -~]/g, "").replace(/["\\]/g, "\\$&")}"`;
}
