//! A message to others that must not be lost: a mail, a call of a webhook.

use super::id::{Id, new_id};
use crate::clock::{Seconds, Timestamp};
use crate::entropy::{Entropy, NoEntropy};

/// Marks the identifiers of messages.
#[derive(Debug)]
pub enum MessageTag {}

/// Identifies a message. The receiver is told: it may get the same one twice.
pub type MessageId = Id<MessageTag>;

/// A message. It shows nothing of itself: what is in it may be a secret, such as a link that resets a password.
pub struct Message {
    /// Identifies it.
    pub id: MessageId,
    /// Who sends it.
    pub kind: &'static str,
    /// What that one needs to know.
    pub payload: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// The first second at which it is of no use any more.
    pub expires_at: Timestamp,
}

impl Message {
    /// A message that is written now and is of use for so long.
    pub fn new(
        kind: &'static str,
        payload: String,
        lifetime: Seconds,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, NoEntropy> {
        Ok(Self { id: new_id(now, entropy)?, kind, payload, created_at: now, expires_at: now + lifetime })
    }
}
