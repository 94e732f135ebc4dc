//! The outbox: sends messages that were stored together with the change that they report. One instance at a time takes
//! a message. If the instance or its database fails between sending and deleting, the message is sent again; receivers
//! recognise that by its id. A failed message is tried again after a pause that doubles, until it expires.

use std::sync::Arc;

use crate::clock::{Clock, Seconds};
use crate::entropy::Entropy;
use crate::error::{Cause, Error, root_cause};
use crate::jwt::MAX_CLOCK_SKEW;
use crate::metrics::Metrics;
use crate::model::message::Message;
use crate::store::{Store, Taken};
use crate::threads::watched;

/// An instance that takes a message has this time to send it. After that any instance may take it.
const LEASE: Seconds = Seconds(60);

/// A round takes no more messages after this time, so that the service can stop.
const ROUND: Seconds = Seconds(5);

/// The first pause after a failure, and the longest; the pause doubles each time.
const PAUSES: (Seconds, Seconds) = (Seconds(10), Seconds(3_600));

/// The number of messages that are given up at a time.
const BATCH: i64 = 100;

/// Delivers a message. It must take much less than the lease.
pub type Deliver = Box<dyn Fn(&Message) -> Result<(), Undelivered> + Send + Sync>;

/// Why a message was not delivered. The text may be logged.
pub enum Undelivered {
    /// It may be delivered later.
    Now(Cause),
    /// Its target refuses it, and would refuse it again.
    Ever(Cause),
}

impl<E: Into<Cause>> From<E> for Undelivered {
    fn from(cause: E) -> Self {
        Self::Now(cause.into())
    }
}

/// The senders of each kind of message, and what they need.
pub struct Outbox {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    metrics: Arc<Metrics>,
    senders: Vec<(&'static str, Deliver)>,
}

impl Outbox {
    /// Sends the messages of these kinds, and leaves others to instances that know them.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
        senders: Vec<(&'static str, Deliver)>,
    ) -> Self {
        Self { store, clock, entropy, metrics, senders }
    }

    /// The kinds that it sends. Each should have its own thread, so that a slow target does not delay other kinds.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.senders.iter().map(|(kind, _)| *kind).collect()
    }

    /// Sends the due messages of a kind in sequence. Returns how many were sent or failed.
    pub fn send_due(&self, kind: &'static str) -> Result<usize, Error> {
        let begun_at = self.clock.now();
        let mut tried = 0_usize;
        let Some((_, deliver)) = self.senders.iter().find(|(sent, _)| *sent == kind) else { return Ok(tried) };
        while self.clock.now() - begun_at <= ROUND && self.send_next(kind, deliver)? {
            tried = tried.saturating_add(1);
        }
        Ok(tried)
    }

    fn send_next(&self, kind: &'static str, deliver: &Deliver) -> Result<bool, Error> {
        let now = self.clock.now();
        let Some(taken) = self.store.write(|tx| tx.take_message(kind, now, now + LEASE))? else { return Ok(false) };
        let delivered = watched(&self.metrics, kind, || deliver(&taken.message));
        match delivered.unwrap_or_else(|panicked| Err(panicked.into())) {
            Ok(()) => {
                self.metrics.outbox("sent");
                self.store.write(|tx| tx.delete_message(taken.message.id))?;
            }
            Err(Undelivered::Now(cause)) => self.failed(&taken, &*cause)?,
            Err(Undelivered::Ever(cause)) => {
                let (id, cause) = (taken.message.id, root_cause(&*cause));
                log::error!(kind, message:% = id, cause; "a message was refused and given up");
                self.metrics.outbox("refused");
                self.store.write(|tx| tx.delete_message(id))?;
            }
        }
        Ok(true)
    }

    fn failed(&self, taken: &Taken, cause: &(dyn std::error::Error + 'static)) -> Result<(), Error> {
        let (message, attempts, cause) = (&taken.message, taken.attempts, root_cause(cause));
        // One warning for each message, since a target may be down for days.
        let level = if attempts == 1 { log::Level::Warn } else { log::Level::Debug };
        log::log!(level, kind = message.kind, message:% = message.id, attempts, cause; "cannot send a message");
        self.metrics.outbox("failed");
        let due_at = self.clock.now() + pause(attempts, &*self.entropy)?;
        self.store.write(|tx| tx.put_back(taken, due_at))
    }

    /// Deletes messages of any kind that were not sent in time, allowing for differences of clocks. Returns how many;
    /// there may be more.
    pub fn give_up(&self) -> Result<usize, Error> {
        let now = self.clock.now() - MAX_CLOCK_SKEW;
        let over = self.store.write(|tx| tx.give_up_messages(BATCH, now))?;
        for message in &over {
            let (id, kind, attempts) = (message.id, message.kind.as_str(), message.attempts);
            log::error!(kind, message:% = id, attempts; "a message was given up");
            self.metrics.outbox("given_up");
        }
        Ok(over.len())
    }
}

/// The pause after a number of failures. It doubles each time, minus a random part of its second half, so that messages
/// that failed together are not retried together.
fn pause(attempts: i64, entropy: &dyn Entropy) -> Result<Seconds, Error> {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    let longest = PAUSES.0.0.saturating_mul(1 << doublings).min(PAUSES.1.0);
    let half = longest / 2;
    let random = i64::from(u16::from_be_bytes(entropy.bytes()?));
    Ok(Seconds(longest - random % (half + 1)))
}
