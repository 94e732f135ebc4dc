//! What a client may have: who its tokens are for, what it may do for itself, and whether it may go on without the user.

use crate::app::App;
use crate::error::Error;
use crate::model::client::{Client, GrantType};
use crate::model::grant::{Grant, OFFLINE_ACCESS_SCOPE, USER_SCOPES};
use crate::oauth::error::ErrorCode;

/// The audiences that a client may ask for: those that it is registered for, as far as `AUDIENCE` still names them. One
/// that is registered for none has that of every login.
pub(super) fn audiences_of<'a>(app: &'a App, client: &'a Client) -> Vec<&'a str> {
    let (served, own) = (&app.config.audiences, client.audiences.all());
    let usable = |audience: &&str| served.find(Some(audience)).is_some();
    match own {
        [] => served.first().iter().map(String::as_str).collect(),
        own => own.iter().map(String::as_str).filter(usable).collect(),
    }
}

/// Who the tokens of a client are for: the resource that it asks for, or the first audience that it may ask for
/// ([RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
pub(super) fn audience_of<'a>(app: &'a App, client: &'a Client, resource: Option<&str>) -> Result<&'a str, Error> {
    let mut all = audiences_of(app, client).into_iter();
    all.find(|audience| resource.is_none_or(|resource| resource == *audience)).ok_or_else(other_target)
}

/// For another resource than the client may ask for.
pub(super) fn other_target() -> Error {
    Error::oauth(ErrorCode::InvalidTarget, "the client may not ask for this resource")
}

/// Scopes that are about a user are nothing to a client that acts for itself.
pub(super) fn scope_of_client(client: &Client, wanted: Option<&str>) -> Result<String, Error> {
    let is_its_own = |scope: &str| client.scopes.contains(scope) && !USER_SCOPES.contains(&scope);
    let Some(wanted) = wanted else {
        let own: Vec<&str> =
            client.scopes.names().iter().map(String::as_str).filter(|scope| is_its_own(scope)).collect();
        return Ok(own.join(" "));
    };
    if let Some(other) = wanted.split_whitespace().find(|scope| !is_its_own(scope)) {
        return Err(Error::oauth(ErrorCode::InvalidScope, format!("the client may not ask for {other} for itself")));
    }
    Ok(wanted.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Whether a client gets a refresh token: when the user has allowed it to go on without them
/// ([OpenID Connect Core section 11](https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess)), or when it
/// belongs to the operator.
pub(super) fn may_go_on(client: &Client, grant: &Grant) -> bool {
    client.may_use(GrantType::RefreshToken) && (client.skip_consent || grant.has_scope(OFFLINE_ACCESS_SCOPE))
}
