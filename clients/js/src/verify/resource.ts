// The metadata of a protected resource (RFC 9728, https://www.rfc-editor.org/rfc/rfc9728): a client that is refused learns from
// it which issuer to ask.

export interface Resource {
  /** Where the metadata is; challenges name it. */
  url: string;
  /** Its path at the service. */
  path: string;
  metadata: Record<string, unknown>;
}

/** Throws if the resource is not the URL of one. */
export function resourceOf(resource: string, issuer: string, scopes: string[] | undefined): Resource {
  const { origin, pathname, search } = new URL(resource);
  // RFC 9728 section 3.1: the well-known part comes between host and path.
  const path = `/.well-known/oauth-protected-resource${pathname === "/" ? "" : pathname}${search}`;
  return {
    url: origin + path,
    path,
    metadata: {
      resource,
      authorization_servers: [issuer],
      ...(scopes && { scopes_supported: scopes }),
      bearer_methods_supported: ["header"],
    },
  };
}
