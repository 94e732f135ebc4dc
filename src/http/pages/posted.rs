//! What the forms of an interaction post.

use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::oauth::interaction::Decision;

/// What a form posts.
pub(super) enum Posted {
    /// To log in.
    Login { username: String, password: Secret<String> },
    /// To allow, deny or continue.
    Decision(Decision),
    /// To log in as somebody else.
    AnotherAccount,
}

/// Reads a form; `None` if it is not one of ours.
pub(super) fn posted(params: &Params) -> Option<Posted> {
    match (params.get("decision"), params.get("account"), params.get("username")) {
        (Some("allow"), None, None) => Some(Posted::Decision(Decision::Allow)),
        (Some("deny"), None, None) => Some(Posted::Decision(Decision::Deny)),
        (None, Some("continue"), None) => Some(Posted::Decision(Decision::Continue)),
        (None, Some("other"), None) => Some(Posted::AnotherAccount),
        (None, None, Some(username)) => {
            let password = Secret::new(params.get("password").unwrap_or_default().to_owned());
            Some(Posted::Login { username: username.to_owned(), password })
        }
        _ => None,
    }
}
