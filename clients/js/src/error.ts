// The errors of the service (RFC 9457).

import type { components } from "./api.js";

/** The stable name of an error. */
export type ErrorCode = components["schemas"]["ProblemCode"];

/** Why a session ended. */
export type EndReason = components["schemas"]["EndReason"];

/** Why the user is signed out: why the session ended, or else the code with which the service refused it. */
export type SignedOutReason = EndReason | ErrorCode;

type Problem = Partial<components["schemas"]["Problem"]>;

/** The service has refused a request. */
export class TokensmithError extends Error {
  override readonly name = "TokensmithError";
  readonly status: number;
  /** Missing if the answer is not one of the service, but of a proxy before it. */
  readonly code: ErrorCode | undefined;
  /** Why the session ended, with the code `session_ended`. */
  readonly reason: EndReason | undefined;
  /** What `continue` needs, with the code `second_factor_required`. */
  readonly challenge: string | undefined;
  /** What the user may show then: `otp`, `recovery_code`, or what a later version of the service knows. */
  readonly methods: (NonNullable<Problem["methods"]>[number] | (string & {}))[] | undefined;
  /** The fields that are not valid. */
  readonly errors: Problem["errors"];
  /** After how many seconds to try again. */
  readonly retryAfter: number | undefined;

  constructor(response: Response, problem: Problem) {
    super(problem.detail ?? `${response.url} answered ${response.status}`);
    this.status = response.status;
    this.code = problem.code;
    this.reason = problem.reason;
    this.challenge = problem.challenge ?? undefined;
    this.methods = problem.methods;
    this.errors = problem.errors;
    this.retryAfter = Number(response.headers.get("retry-after")) || undefined;
  }

  static async of(response: Response): Promise<TokensmithError> {
    const problem: unknown = await response.json().catch(() => undefined);
    return new TokensmithError(response, typeof problem === "object" && problem !== null ? problem : {});
  }
}

/** Whether the service says that the session is over: other refusals are about the request, as `csrf_refused`. */
export function isOfSession(error: unknown): error is TokensmithError & { code: ErrorCode } {
  return error instanceof TokensmithError && error.status === 401 && error.code !== undefined;
}

/** Whether the same request may succeed later: there was no answer, or the service is busy. */
export function isTemporary(error: unknown): boolean {
  if (!(error instanceof TokensmithError)) return true;
  return error.status >= 500 || error.status === 408 || error.status === 429;
}
