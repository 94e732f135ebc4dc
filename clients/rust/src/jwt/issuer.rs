//! URLs that follow from an issuer's URL. The issuer may be written with or without a slash at its end; the results are
//! the same.

/// The path of the metadata of an issuer without a path
/// ([RFC 8414 section 3](https://www.rfc-editor.org/rfc/rfc8414#section-3)).
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// The path of the denylist feed.
pub const DENYLIST_PATH: &str = "/.well-known/denylist";

/// The path of the token endpoint.
pub const TOKEN_PATH: &str = "/oauth/token";

/// The issuer without slashes at its end. It is the issuer of refresh tokens, so that adding or removing a slash in the
/// setting does not end sessions.
#[must_use]
pub fn issuer_base(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

/// The URL of a path at the issuer, as in `/.well-known/jwks.json`.
#[must_use]
pub fn issuer_url(issuer: &str, path: &str) -> String {
    format!("{}{path}", issuer_base(issuer))
}

/// The URL of an issuer's metadata: the well-known part comes between host and path
/// ([RFC 8414 section 3.1](https://www.rfc-editor.org/rfc/rfc8414#section-3.1)). Returns it in two parts: up to the
/// host, and from the path on.
#[must_use]
pub fn metadata_url(issuer: &str) -> (&str, String) {
    let base = issuer_base(issuer);
    let host_at = base.find("://").map_or(0, |at| at + 3);
    let path_at = base.get(host_at..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| host_at + at);
    let (host, path) = base.split_at(path_at);
    (host, format!("{METADATA}{path}"))
}

/// The audience of the denylist. No access token has it, so that a verifier that only checks issuer and audience does
/// not confuse the two ([RFC 8725 section 3.12](https://www.rfc-editor.org/rfc/rfc8725#section-3.12)).
#[must_use]
pub fn denylist_audience(issuer: &str) -> String {
    issuer_url(issuer, DENYLIST_PATH)
}

/// Whether an audience is reserved for documents that are not access tokens: the denylist, and others that may be
/// signed with the published keys in the future.
#[must_use]
pub fn is_reserved_audience(issuer: &str, audience: &str) -> bool {
    audience.strip_prefix(issuer_base(issuer)).is_some_and(|path| path.starts_with("/.well-known/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_of_the_issuer_changes_no_url() {
        for (issuer, host, metadata) in [
            ("https://example.com", "https://example.com", "/.well-known/oauth-authorization-server"),
            ("https://example.com/", "https://example.com", "/.well-known/oauth-authorization-server"),
            (
                "https://example.com:8443/auth",
                "https://example.com:8443",
                "/.well-known/oauth-authorization-server/auth",
            ),
            ("https://example.com/a/b/", "https://example.com", "/.well-known/oauth-authorization-server/a/b"),
        ] {
            assert_eq!(metadata_url(issuer), (host, metadata.to_owned()), "{issuer}");
            let base = issuer.trim_end_matches('/');
            assert_eq!(issuer_url(issuer, "/docs"), format!("{base}/docs"), "{issuer}");
            assert_eq!(denylist_audience(issuer), format!("{base}/.well-known/denylist"), "{issuer}");
        }
    }

    #[test]
    fn what_is_below_the_well_known_path_is_no_audience_of_access_tokens() {
        for issuer in ["https://example.com/auth", "https://example.com/auth/"] {
            assert!(is_reserved_audience(issuer, &denylist_audience(issuer)));
            assert!(is_reserved_audience(issuer, "https://example.com/auth/.well-known/another"));
            for free in [issuer, "https://example.com/auth", "https://example.com/.well-known/denylist", "denylist", ""]
            {
                assert!(!is_reserved_audience(issuer, free), "{free}");
            }
        }
    }
}
