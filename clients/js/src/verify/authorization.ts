// The Authorization header of a request (RFC 6750 section 2.1, https://www.rfc-editor.org/rfc/rfc6750#section-2.1).

/** The headers of a request of `fetch` of any implementation. */
export interface HeadersLike {
  get(name: string): string | null;
}

/** A request of `fetch`, its headers, a request of `node:http` or Express, or an object with headers. */
export type RequestLike =
  | HeadersLike
  | { readonly headers: HeadersLike | Record<string, string | string[] | undefined>; readonly rawHeaders?: string[] };

/** `undefined`: there is no attempt to authenticate with a token (RFC 6750 section 3.1). */
export type Presented = { token: string } | { malformed: string } | undefined;

export function presented(request: RequestLike): Presented {
  const [header, another] = authorizations(request);
  if (header === undefined) return undefined;
  if (another !== undefined) return { malformed: "there is more than one Authorization header" };
  if (!/^[\t -~]*$/.test(header)) return { malformed: "the Authorization header is not ASCII" };
  const [scheme = "", ...rest] = header.trim().split(/[ \t]/);
  return scheme.toLowerCase() === "bearer" ? { token: rest.join(" ").trim() } : undefined;
}

/** RFC 6750 section 2.1: b64token. */
export function isB64Token(token: string): boolean {
  return /^[\w.~+/=-]+$/.test(token);
}

/** All of them: Node drops all but the first from `headers`, but keeps them in `rawHeaders`. */
function authorizations(request: RequestLike): string[] {
  const { headers, rawHeaders } = "headers" in request ? request : { headers: request };
  if (rawHeaders !== undefined) {
    return rawHeaders.filter((_, at) => at % 2 === 1 && isAuthorization(rawHeaders[at - 1] ?? ""));
  }
  if (areOfFetch(headers)) return [headers.get("authorization") ?? []].flat();
  return Object.entries(headers).flatMap(([name, value]) => (isAuthorization(name) ? (value ?? []) : []));
}

const isAuthorization = (name: string) => name.toLowerCase() === "authorization";

function areOfFetch(headers: HeadersLike | Record<string, unknown>): headers is HeadersLike {
  return typeof headers.get === "function";
}
