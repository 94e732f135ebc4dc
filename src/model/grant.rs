//! What a login grants: the session's row holds it, so that a change of the settings changes no session that is open.

use super::id::SessionId;
use super::session::Session;
use super::user::User;
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

/// What a login asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GrantRequest {
    /// The client that the session is for.
    pub client_id: String,
    /// What it may do, as names with spaces between them.
    pub scope: String,
    /// Who its access tokens are for, if it says so.
    pub audience: Option<String>,
    /// The browser's session in which a registered application asked for it.
    pub browser_session: Option<SessionId>,
}

/// What was granted, to which client, and how its user proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The client.
    pub(crate) client_id: String,
    /// What it may do, as names with spaces between them.
    pub(crate) scope: String,
    /// Who its access tokens are for, if it asked: else the first audience of the day.
    pub(crate) audience: Option<String>,
    /// How its user proved who they are when the session was opened; proving it again changes only when.
    pub(crate) amr: Vec<String>,
    /// The strength of the proof, if it has a name.
    pub(crate) acr: Option<String>,
    /// The browser's session in which a registered application asked for it.
    pub(crate) browser_session: Option<SessionId>,
}

impl GrantRequest {
    /// Of a login at the service itself.
    pub(crate) fn first_party(scope: String, audience: Option<String>) -> Self {
        Self { client_id: FIRST_PARTY.to_owned(), scope, audience, browser_session: None }
    }
}

impl Grant {
    /// What a login by these methods gets. No strength of a proof has a name yet.
    pub(crate) fn new(request: GrantRequest, amr: &[&'static str]) -> Self {
        let GrantRequest { client_id, scope, audience, browser_session } = request;
        let amr = amr.iter().map(ToString::to_string).collect();
        Self { client_id, scope, audience, amr, acr: None, browser_session }
    }

    /// Whether its access tokens name the user's roles: those of an application only if it may see them.
    pub(crate) fn shows_roles(&self) -> bool {
        self.is_first_party() || self.has_scope(ROLES_SCOPE)
    }

    /// Whether a scope was granted.
    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|one| one == scope)
    }

    /// Whether it is of a login at the service itself.
    pub(crate) fn is_first_party(&self) -> bool {
        self.client_id == FIRST_PARTY
    }
}

/// A session and its user: what a pair is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The session.
    pub session: Session,
    /// What it was opened for; nothing when an older version opened it, which kept no record.
    pub grant: Option<Grant>,
    /// Whose it is.
    pub user: User,
}
