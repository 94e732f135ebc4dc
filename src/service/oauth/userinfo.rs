//! Userinfo: what a client may know of the user who has logged in through it
//! ([OpenID Connect Core section 5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)).

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::app::App;
use crate::error::Error;
use crate::jwt::{AccessClaims, TokenError};
use crate::model::client::ClientId;
use crate::model::custom_claim::{About, Place};
use crate::model::grant::{OPENID_SCOPE, ROLES_SCOPE};
use crate::model::user::User;
use crate::service::signing::within_bounds;
use tokensmith_verifier::BearerErrorKind;

/// Who has logged in, and what of it the client may see.
pub(crate) struct UserInfo {
    /// What the access token says.
    pub(crate) claims: Arc<AccessClaims>,
    /// The user as they are now.
    pub(crate) user: User,
    /// Custom claims.
    pub(crate) custom: Map<String, Value>,
}

impl UserInfo {
    /// Whether the client may see what a scope is about.
    pub(crate) fn shows(&self, scope: &str) -> bool {
        self.claims.has_scope(scope)
    }

    /// The roles, if the client may see them.
    pub(crate) fn roles(&self) -> Option<&[String]> {
        self.shows(ROLES_SCOPE).then(|| self.user.roles.names())
    }
}

/// Reads an access token, whichever of our audiences it is for. It needs the scope `openid`.
pub(crate) fn authenticate(app: &App, token: &str) -> Result<Arc<AccessClaims>, BearerErrorKind> {
    let ring = app.keys.ring();
    let claims = ring.access_keys().verify(token, app.expected(), app.clock.now()).map_err(BearerErrorKind::Refused)?;
    if claims.is_denied(app.denylist.set()) {
        return Err(BearerErrorKind::Refused(TokenError::Revoked));
    }
    if !claims.is_logged_in() || !claims.has_scope(OPENID_SCOPE) {
        return Err(BearerErrorKind::ScopeMissing(OPENID_SCOPE));
    }
    Ok(claims)
}

/// What there is to tell. A user who does not exist any more, or is disabled, has no valid token
/// ([OpenID Connect Core section 5.3.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfoError)).
pub(crate) fn find(app: &App, claims: Arc<AccessClaims>) -> Result<Option<UserInfo>, Error> {
    let Some(id) = claims.user_id() else { return Ok(None) };
    let user = app.store.read(|tx| tx.find_user(id))?.filter(|user| user.disabled_at.is_none());
    let Some(user) = user else { return Ok(None) };
    let custom = custom(app, &claims, &user)?;
    Ok(Some(UserInfo { claims, user, custom }))
}

fn custom(app: &App, claims: &AccessClaims, user: &User) -> Result<Map<String, Value>, Error> {
    let all = app.known_claims.all();
    if all.is_empty() {
        return Ok(Map::new());
    }
    let client = match claims.client_id.parse::<ClientId>() {
        Ok(id) => app.known_clients.find(&id)?.map(|(client, _)| client),
        Err(_login_at_this_service) => None,
    };
    let about = About { user: Some(user), client: client.as_deref(), hooked: None };
    let custom = all.of(Place::Userinfo, about, claims.scope.as_deref().unwrap_or_default(), &claims.aud);
    Ok(within_bounds(app, Place::Userinfo, custom, app.clock.now()))
}
