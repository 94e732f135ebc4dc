// The metadata of a protected resource (RFC 9728, https://www.rfc-editor.org/rfc/rfc9728): a client that is refused learns from
// it which issuer to ask.

import { isLoopback } from "./issuer.js";

export interface Resource {
  /** Where the metadata is; challenges name it. */
  url: string;
  /** Its path at the service. */
  path: string;
  metadata: Record<string, unknown>;
}

/** Scheme, authority and path, without what a URL in a challenge or a route would have to escape. */
const URL_PARTS = /^(https?):\/\/((?:[\w.~-]+|\[[\da-f:.]+\])(?::\d+)?)(\/[\w.~!$&'()*+,;=:@/-]*)?$/i;

/** RFC 6749 section 3.3. */
const SCOPE = /^[!#-[\]-~]+$/;

/** Throws if the resource is not the URL of one, with TLS or on this machine, or a scope is none. */
export function resourceOf(resource: string, issuer: string, scopes: string[] = []): Resource {
  const [, scheme = "", authority = "", pathname = "/"] = URL_PARTS.exec(resource) ?? [];
  const hasTls = scheme.toLowerCase() === "https" || (scheme !== "" && isLoopback(new URL(resource).hostname));
  if (!hasTls) throw new Error(`${resource} is not the URL of a resource: https://, a host, and perhaps a path`);
  const wrong = scopes.find((scope) => !SCOPE.test(scope));
  if (wrong !== undefined) throw new Error(`${JSON.stringify(wrong)} is no scope`);
  // RFC 9728 section 3.1: the well-known part comes between host and path.
  const path = `/.well-known/oauth-protected-resource${pathname === "/" ? "" : pathname}`;
  return {
    url: `${scheme}://${authority}${path}`,
    path,
    metadata: {
      resource,
      authorization_servers: [issuer],
      ...(scopes.length > 0 && { scopes_supported: scopes }),
      bearer_methods_supported: ["header"],
    },
  };
}
