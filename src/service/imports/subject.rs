//! What a row is about.

use super::user::ImportedUser;
use crate::clock::Timestamp;
use crate::model::user::{ClaimedName, ExternalId};
use crate::secret::KeyDigest;

/// What a row is about.
pub(super) enum Subject {
    /// An account.
    User(Box<ImportedUser>),
    /// A refresh token of the issuer before this one.
    LegacyToken { jti: String, owner: Option<Owner>, expires_at: Timestamp },
    /// Such a token, which must not be accepted.
    DeniedToken { jti: String, expires_at: Timestamp },
    /// The key of an API token.
    ApiKey { digest: KeyDigest, owner: Owner, created_at: Timestamp },
}

/// Whose something is.
pub(super) enum Owner {
    /// By the primary key in the other system.
    External(ExternalId),
    /// By the username.
    Named(ClaimedName),
}

impl Owner {
    pub(super) fn external_id(&self) -> Option<&ExternalId> {
        match self {
            Self::External(id) => Some(id),
            Self::Named(_) => None,
        }
    }

    /// What the username may be stored as, first the form that wins.
    pub(super) fn usernames(&self) -> Vec<&str> {
        match self {
            Self::External(_) => Vec::new(),
            Self::Named(name) => vec![name.formerly(), name.folded()],
        }
    }
}
