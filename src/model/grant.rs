//! What a login grants. It is stored in the session's row, so that changed settings do not affect open sessions.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::compat::SIMPLEJWT_CLIENT;
use super::id::SessionId;
use super::provider::ProviderId;
use super::session::Session;
use super::user::User;
use crate::clock::Timestamp;
use tokensmith_verifier::issuing::FIRST_PARTY;

/// The scope with which a client asks who has logged in
/// ([OpenID Connect Core section 3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest)).
pub(crate) const OPENID_SCOPE: &str = "openid";

/// The scope with which a client asks to go on without the user
/// ([OpenID Connect Core section 11](https://openid.net/specs/openid-connect-core-1_0.html#OfflineAccess)).
pub(crate) const OFFLINE_ACCESS_SCOPE: &str = "offline_access";

/// Scopes that are about a user.
pub(crate) const USER_SCOPES: [&str; 5] = [OPENID_SCOPE, "profile", "email", ROLES_SCOPE, OFFLINE_ACCESS_SCOPE];

/// The scope with which an application's tokens name the roles of the user.
pub(crate) const ROLES_SCOPE: &str = "roles";

/// The `client_id` of logins at the service itself.
pub(crate) const LOGIN_CLIENTS: [&str; 2] = [FIRST_PARTY, SIMPLEJWT_CLIENT];

/// What a login asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantRequest {
    /// The client that the session is for.
    pub client_id: String,
    /// Its scopes, separated by spaces.
    pub scope: String,
    /// The audience of its access tokens, if it asks for one.
    pub audience: Option<String>,
    /// The browser's session in which a registered application asked for it.
    pub browser_session: Option<SessionId>,
}

/// What was granted, to which client, and how its user was authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The client.
    pub(crate) client_id: String,
    /// Its scopes, separated by spaces.
    pub(crate) scope: String,
    /// The audience of its access tokens, if it asked for one; otherwise it is the first of `AUDIENCE`.
    pub(crate) audience: Option<String>,
    /// How its user has authenticated: when the session was opened, or again since then.
    pub(crate) amr: Amr,
    /// The strength of the authentication, if it has a name.
    pub(crate) acr: Option<String>,
    /// The browser's session in which a registered application asked for it.
    pub(crate) browser_session: Option<SessionId>,
    /// The provider at which its user has authenticated; `None`: at this service.
    pub(crate) idp: Option<ProviderId>,
}

/// Methods by which a user proved who they are, in the order of the proofs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amr(Vec<String>);

impl Amr {
    /// Their names ([RFC 8176 section 2](https://www.rfc-editor.org/rfc/rfc8176#section-2)).
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }
}

impl<'a> FromIterator<&'a str> for Amr {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
    }
}

/// The stored form: names separated by single spaces.
impl fmt::Display for Amr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl FromStr for Amr {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(text.split_whitespace().collect())
    }
}

fn names(scopes: &str, scope: &str) -> bool {
    scopes.split(' ').any(|one| one == scope)
}

/// Whether a grant with these scopes goes on when the session ends in which it began
/// ([OpenID Connect Back-Channel Logout section 2.7](https://openid.net/specs/openid-connect-backchannel-1_0.html#BCActions)).
pub(crate) fn outlives_its_browser(scopes: &str) -> bool {
    names(scopes, OFFLINE_ACCESS_SCOPE)
}

impl GrantRequest {
    /// A login at the service itself.
    pub(crate) fn first_party(scope: String, audience: Option<String>) -> Self {
        Self { client_id: FIRST_PARTY.to_owned(), scope, audience, browser_session: None }
    }

    /// A login at the endpoints of simplejwt.
    pub(crate) fn simplejwt(scope: String) -> Self {
        Self { client_id: SIMPLEJWT_CLIENT.to_owned(), scope, audience: None, browser_session: None }
    }
}

impl Grant {
    /// The grant of a login by these methods, whose strength has this name.
    pub(crate) fn new(request: GrantRequest, amr: &[&'static str], acr: Option<String>) -> Self {
        let GrantRequest { client_id, scope, audience, browser_session } = request;
        Self { client_id, scope, audience, amr: amr.iter().copied().collect(), acr, browser_session, idp: None }
    }

    /// Whether its access tokens name the user's roles: those of an application only if it may see them.
    pub(crate) fn shows_roles(&self) -> bool {
        self.is_login() || self.has_scope(ROLES_SCOPE)
    }

    /// Whether a scope was granted.
    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        names(&self.scope, scope)
    }

    /// Whether it ends together with this browser's session.
    pub(crate) fn ends_with(&self, browser: SessionId) -> bool {
        self.browser_session == Some(browser) && !outlives_its_browser(&self.scope)
    }

    /// Whether it is for a login at the service itself, and not for a registered application.
    pub(crate) fn is_login(&self) -> bool {
        LOGIN_CLIENTS.contains(&self.client_id.as_str())
    }

    /// Whether its refresh token is good at `/v1/tokens/refresh` and in cookies.
    pub(crate) fn is_first_party(&self) -> bool {
        self.client_id == FIRST_PARTY
    }
}

/// How the owner of a session has authenticated again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authenticated {
    /// When.
    pub(crate) at: Timestamp,
    /// By which methods.
    pub(crate) amr: Amr,
    /// The strength, if it has a name.
    pub(crate) acr: Option<String>,
    /// At which provider; `None`: at this service.
    pub(crate) idp: Option<ProviderId>,
}

/// A session, its grant and its user, from which a token pair is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The session.
    pub session: Session,
    /// Its grant; `None` if an older version opened it, which did not store grants.
    pub grant: Option<Arc<Grant>>,
    /// Its user.
    pub user: Arc<User>,
}
