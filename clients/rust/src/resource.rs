//! The metadata of a protected resource ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)): a client that is refused
//! finds there which issuer's tokens the service takes.

use serde_json::json;

use crate::remote::Transport;

/// The path of the metadata of a resource without a path
/// ([RFC 9728 section 3](https://www.rfc-editor.org/rfc/rfc9728#section-3)).
const METADATA: &str = "/.well-known/oauth-protected-resource";

/// The metadata, and where it is.
#[derive(Debug)]
pub(crate) struct ResourceMetadata {
    /// Its URL.
    pub(crate) url: String,
    /// The path of that.
    pub(crate) path: String,
    /// The document.
    pub(crate) json: String,
}

impl ResourceMetadata {
    /// The metadata of a resource that takes the issuer's tokens.
    pub(crate) fn new(resource: &str, issuer: &str, scopes: &[String]) -> Self {
        let (host, path) = split(resource);
        let path = format!("{METADATA}{path}");
        // RFC 9728 section 2.
        let mut document =
            json!({"resource": resource, "authorization_servers": [issuer], "bearer_methods_supported": ["header"]});
        if let (false, Some(members)) = (scopes.is_empty(), document.as_object_mut()) {
            members.insert("scopes_supported".to_owned(), json!(scopes));
        }
        Self { url: format!("{host}{path}"), path, json: document.to_string() }
    }
}

/// A resource up to its host, and its path. A path that is only a slash counts as none
/// ([RFC 9728 section 3.1](https://www.rfc-editor.org/rfc/rfc9728#section-3.1)).
fn split(resource: &str) -> (&str, &str) {
    let host_at = resource.find("://").map_or(0, |at| at + 3);
    let path_at = resource.get(host_at..).and_then(|rest| rest.find('/')).map_or(resource.len(), |at| host_at + at);
    let (host, path) = resource.split_at(path_at);
    (host, if path == "/" { "" } else { path })
}

/// Whether a text identifies a resource ([RFC 9728 section 1.2](https://www.rfc-editor.org/rfc/rfc9728#section-1.2)): a URL
/// with TLS, or of this machine, without a fragment. A query would be allowed, but is advised against; it, and characters
/// that are written with `%`, would make the path ambiguous.
pub(crate) fn is_resource(url: &str) -> bool {
    let (host, path) = split(url);
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&+,;=:@/".contains(&b);
    matches!(Transport::of_url(url), Some(Transport::Tls | Transport::Loopback))
        && !host.contains(['@', '?', '#'])
        && path.bytes().all(is_plain)
}

/// Whether a text can be a scope ([RFC 6749 section 3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| matches!(c, '!' | '#'..='[' | ']'..='~'))
}
