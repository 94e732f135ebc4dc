//! A refresh token of the issuer before this one, whose users were imported.

use super::id::{SessionId, UserId};
use crate::clock::Timestamp;

/// What is known of such a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegacyToken {
    /// Its `jti`.
    pub(crate) jti: String,
    /// Whose it is, if that is known.
    pub(crate) user_id: Option<UserId>,
    /// When it expires.
    pub(crate) expires_at: Timestamp,
    /// Whether it must not be accepted.
    pub(crate) is_denied: bool,
    /// The session that it has become.
    pub(crate) session_id: Option<SessionId>,
}

/// The longest `jti`, in characters.
pub(crate) const MAX_LEGACY_JTI_CHARS: usize = 255;
