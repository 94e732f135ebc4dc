//! Mail in the outbox: letters wait there encrypted with the data key, since they hold links that reset passwords.

use std::sync::Arc;

use super::outbox::{Deliver, Undelivered};
use crate::clock::{Seconds, Timestamp};
use crate::entropy::Entropy;
use crate::error::Error;
use crate::jwt::{DATA_KEY_RANDOM, DataKeys};
use crate::model::mail::Letter;
use crate::model::message::{Message, MessageId};
use crate::outbound::Mailer;

/// The kind of messages.
const KIND: &str = "mail";

/// The message of a letter that is written now and is worth sending for this long.
pub(crate) fn sealed(
    keys: &DataKeys,
    letter: &Letter,
    lifetime: Seconds,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Message, Error> {
    let message = Message::new(KIND, String::new(), lifetime, now, entropy)?;
    let key = keys.newest_or_new(entropy.bytes::<DATA_KEY_RANDOM>()?, now);
    let key = key.map_err(|error| Error::DataKeyUnavailable(error.into()))?;
    let text = serde_json::to_vec(letter).map_err(Error::internal)?;
    let payload = key.seal(&text, &owner(message.id)).map_err(|error| Error::DataKeyUnavailable(error.into()))?;
    Ok(Message { payload, ..message })
}

/// What the outbox needs to send mail.
pub(crate) fn sender(keys: Arc<DataKeys>, mailer: Mailer) -> (&'static str, Deliver) {
    let deliver = move |message: &Message| {
        let key = keys.of(&message.payload)?;
        let text = key.open(&message.payload, &owner(message.id))?;
        let letter: Letter = serde_json::from_slice(&text)?;
        mailer.send(message.id, message.created_at, &letter).map_err(|error| {
            if error.is_final() { Undelivered::Ever(error.into()) } else { Undelivered::Now(error.into()) }
        })
    };
    (KIND, Box::new(deliver))
}

/// The owner of a sealed letter: as another message it does not open.
fn owner(message: MessageId) -> Vec<u8> {
    [b"mail".as_slice(), message.as_bytes()].concat()
}
