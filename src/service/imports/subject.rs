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
    LegacyToken { external_id: String, jti: String, owner: Option<Owner>, expires_at: Timestamp },
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
