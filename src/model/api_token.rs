//! An API token: a long-lived key that a user creates for a script.

use super::id::{Id, SessionId, UserId};
use super::names::{Roles, Scopes};
use super::user::{DisplayName, User};
use crate::clock::Timestamp;
pub(crate) use tokensmith_verifier::issuing::ApiTokenRefusal;

/// Marks the identifiers of API tokens.
#[derive(Debug)]
pub(crate) enum ApiTokenTag {}

/// Identifies an API token. It is not the key.
pub(crate) type ApiTokenId = Id<ApiTokenTag>;

/// An API token, without its key. Only the digest of the key is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiToken {
    /// Identifies it to its owner.
    pub(crate) id: ApiTokenId,
    /// Its owner.
    pub(crate) user_id: UserId,
    /// The owner's name for it.
    pub(crate) name: DisplayName,
    /// The `sid` of the access tokens that it is exchanged for.
    pub(crate) sid: SessionId,
    /// Their scopes, if the service still has them.
    pub(crate) scopes: Scopes,
    /// Their roles, if the owner still has them.
    pub(crate) roles: Roles,
    /// When it was created.
    pub(crate) created_at: Timestamp,
    /// The first second at which it is no longer valid.
    pub(crate) expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub(crate) last_used_at: Option<Timestamp>,
    /// From this time on no access token that it was exchanged for is valid.
    pub(crate) access_expires_by: Timestamp,
    /// When it was revoked.
    pub(crate) revoked_at: Option<Timestamp>,
}

/// Whether an API token is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiTokenState {
    /// It is accepted.
    Active,
    /// It was revoked.
    Revoked,
    /// It has expired.
    Expired,
}

impl ApiTokenState {
    /// Every state.
    pub(crate) const ALL: [Self; 3] = [Self::Active, Self::Revoked, Self::Expired];

    /// Its name.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl ApiToken {
    /// Whether it is accepted, without looking at its owner.
    pub(crate) fn state(&self, now: Timestamp) -> ApiTokenState {
        if self.revoked_at.is_some() {
            ApiTokenState::Revoked
        } else if self.expires_at.is_some_and(|at| now >= at) {
            ApiTokenState::Expired
        } else {
            ApiTokenState::Active
        }
    }

    /// The roles that it has now, without those that its owner has lost.
    pub(crate) fn effective_roles(&self, owner: &User) -> Roles {
        self.roles.shared_with(&owner.roles)
    }
}
