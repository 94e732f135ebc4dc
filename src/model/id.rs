//! Identifiers. The types are the verifier's: both read the same claims.

pub(crate) use tokensmith_verifier::{Id, Jti, SessionId, UserId};

use crate::clock::Timestamp;
use crate::entropy::{Entropy, NoEntropy};

/// A new identifier.
pub fn new_id<T>(now: Timestamp, entropy: &dyn Entropy) -> Result<Id<T>, NoEntropy> {
    Ok(Id::new(now, entropy.bytes()?))
}
