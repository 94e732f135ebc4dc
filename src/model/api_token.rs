//! An API token: a long-lived key that a user makes for a script.

use super::id::{Id, SessionId, UserId};
use super::user::{DisplayName, Roles, Scopes, User};
use crate::clock::Timestamp;

/// Marks the identifiers of API tokens.
#[derive(Debug)]
pub enum ApiTokenTag {}

/// Identifies an API token; not the key.
pub type ApiTokenId = Id<ApiTokenTag>;

/// An API token, without its key: of that only the digest is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Identifies it to its owner.
    pub id: ApiTokenId,
    /// Whose it is.
    pub user_id: UserId,
    /// The owner's name for it.
    pub name: DisplayName,
    /// The `sid` of the access tokens that it is exchanged for.
    pub sid: SessionId,
    /// Their scopes, as far as the service still has them.
    pub scopes: Scopes,
    /// Their roles, as far as the owner still has them.
    pub roles: Roles,
    /// When it was made.
    pub created_at: Timestamp,
    /// The first second at which it is no longer valid.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// No access token that it was exchanged for is valid from this instant on.
    pub access_expires_by: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Why an API token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiTokenRefusal {
    /// It is none by its form.
    #[error("that is not an API token")]
    Malformed,
    /// Nobody has it, or not any more.
    #[error("this API token is not known")]
    Unknown,
    /// Its time is over.
    #[error("this API token has expired")]
    Expired,
    /// It was revoked.
    #[error("this API token was revoked")]
    Revoked,
}

/// Whether an API token is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiTokenState {
    /// It is accepted.
    Active,
    /// It was revoked.
    Revoked,
    /// Its time is over.
    Expired,
}

impl ApiTokenState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Revoked, Self::Expired];

    /// In a word.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl ApiToken {
    /// Whether it is accepted, its owner aside.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> ApiTokenState {
        if self.revoked_at.is_some() {
            ApiTokenState::Revoked
        } else if self.expires_at.is_some_and(|at| now >= at) {
            ApiTokenState::Expired
        } else {
            ApiTokenState::Active
        }
    }

    /// The roles that it has now: none that its owner has lost.
    #[must_use]
    pub fn effective_roles(&self, owner: &User) -> Roles {
        self.roles.shared_with(&owner.roles)
    }
}
