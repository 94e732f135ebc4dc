//! A message to another server that must not be lost: a mail or a webhook call.

use super::id::{Id, new_id};
use crate::clock::{Seconds, Timestamp};
use crate::entropy::{Entropy, NoEntropy};

/// Marks the identifiers of messages.
#[derive(Debug)]
pub enum MessageTag {}

/// Identifies a message. The receiver gets the id, since it may receive a message twice.
pub type MessageId = Id<MessageTag>;

/// A message. It has no `Debug` output, because it may hold a secret, such as a link that resets a password.
pub struct Message {
    /// Identifies it.
    pub id: MessageId,
    /// The kind, which selects the sender.
    pub kind: &'static str,
    /// The content for the sender.
    pub payload: String,
    /// When it was written.
    pub created_at: Timestamp,
    /// The first second at which it is no longer useful.
    pub expires_at: Timestamp,
}

impl Message {
    /// A message that is written now and is useful for this long.
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
