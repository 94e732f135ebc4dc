//! The claims of a challenge for a passkey, which only the issuer can verify. So it need not be stored until it is used.

use serde::{Deserialize, Serialize};

use super::audience::Audience;
use crate::clock::Timestamp;
use crate::id::Jti;

/// A challenge that a passkey signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyChallengeClaims {
    /// The service that asks, without a slash at the end of its URL.
    pub iss: String,
    /// The service itself.
    pub aud: Audience,
    /// The first second at which it is no longer valid.
    pub exp: Timestamp,
    /// What makes it unlike any other.
    pub jti: Jti,
    /// What it is for.
    pub purpose: String,
}
