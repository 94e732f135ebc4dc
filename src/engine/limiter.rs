//! Limits on guessing: for an account from one network, for a network, and for an account from anywhere (see
//! [`kinds`]). The last limit does not apply to networks from which the account has a stored session, live or ended, so
//! that an attacker elsewhere cannot lock the owner out.
//!
//! An attempt is charged before its secret is checked, and the charge is given back unless the secret was wrong. So a
//! thousand guesses sent at the same time get no further than a thousand in sequence. An attempt is charged in memory first,
//! which is cheap and finds most exceeded limits. Then it is charged in the database, where all instances count together and
//! a restart loses nothing. Attempts beyond the allowance wait for those that are being checked, so that right secrets sent
//! at the same time all pass.

mod attempt;
mod kinds;
mod memory;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};

use super::deadline::on_a_thread;
use super::turns::Turns;
use crate::clock::{Clock, Seconds, Timestamp};
use crate::error::{Error, root_cause};
use crate::jwt::{KeyRing, Keys};
use crate::store::{Reservation, Store};
use attempt::Subject;
use memory::Memory;

pub use attempt::{Account, Attempt};
pub(crate) use kinds::LONGEST;
pub use kinds::{Allowance, Kind, PASSWORD};

/// How long an attempt waits for others that are being checked.
const PATIENCE: Duration = Duration::from_secs(3);

/// The pause between the first and the second look at what other instances have used; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

const MAX_PAUSE: Duration = Duration::from_millis(400);

/// The limits, and what counts towards them.
#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

struct Inner {
    memory: Memory,
    store: Arc<Store>,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    turns: Arc<Turns>,
    refunds: Mutex<Refunds>,
}

/// The charges to give back in the database, by one thread at a time.
#[derive(Default)]
struct Refunds {
    waiting: Vec<Refund>,
    are_under_way: bool,
}

/// The charge to give back to one attempt. It is given back in memory when this is dropped, after the database, so that
/// waiting attempts find it there.
struct Refund {
    reserved: Vec<Reservation>,
    _memory: memory::Charge,
}

/// The time until which each subject's allowance is used, by its key in the database.
type Used = BTreeMap<i64, Timestamp>;

/// An attempt that was allowed and charged. Dropping it gives the charge back: an attempt without a result (a busy
/// service, a lost database, a client that has disconnected) was not a guess.
pub struct Charge {
    limiter: Limiter,
    subjects: Vec<(Reservation, Subject)>,
    /// The charge in memory, until the attempt has ended.
    memory: Option<memory::Charge>,
    is_reserved: bool,
}

impl Limiter {
    pub(crate) fn new(store: Arc<Store>, keys: Arc<Keys>, clock: Arc<dyn Clock>, turns: Arc<Turns>) -> Self {
        let (memory, refunds) = (Memory::default(), Mutex::default());
        Self(Arc::new(Inner { memory, store, keys, clock, turns, refunds }))
    }

    /// Allows an attempt and charges it, now or as soon as others have given their charges back. If the allowance is
    /// used up, returns how long to wait before the next attempt.
    pub async fn admit(&self, attempt: &Attempt) -> Result<Result<Charge, Seconds>, Error> {
        let deadline = Instant::now() + PATIENCE;
        let Inner { memory, keys, clock, turns, .. } = &*self.0;
        let memory = match memory.admit(attempt, &**clock, deadline).await {
            Ok(charge) => Some(charge),
            Err(retry_after) => return Ok(Err(retry_after)),
        };
        let subjects = named(attempt, &keys.ring(), clock.now())?;
        let mut charge = Charge { limiter: self.clone(), subjects, memory, is_reserved: false };
        let (mut pause, mut used) = (FIRST_PAUSE, None);
        loop {
            let turn = turns.turn().await?;
            // On its own thread until the end, even if the client disconnects, so that a reservation is given back.
            (charge, used) = on_a_thread(move || charge.reserve(used.is_some())).await?;
            drop(turn);
            let Some(used) = &used else { return Ok(Ok(charge)) };
            let next = Instant::now() + pause;
            if next > deadline {
                return Ok(Err(charge.give_up(used)));
            }
            sleep_until(next).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    fn give_back(&self, refund: Refund) {
        let mut refunds = self.refunds();
        refunds.waiting.push(refund);
        if !std::mem::replace(&mut refunds.are_under_way, true) {
            drop(refunds);
            let refunding = Refunding { limiter: self.clone(), is_over: false };
            match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || refunding.run())),
                Err(_none) => refunding.run(),
            }
        }
    }

    fn refunds(&self) -> MutexGuard<'_, Refunds> {
        self.0.refunds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The subjects of an attempt with their keys in the database. The keys are keyed hashes, so that a password that was
/// typed as a username cannot be found by guessing. With another signing key the keys change and counting starts again.
fn named(attempt: &Attempt, ring: &KeyRing, now: Timestamp) -> Result<Vec<(Reservation, Subject)>, Error> {
    let named = |subject: &Subject| {
        let name = ring.keyed_hash(&subject.bytes(), now)?;
        let (cost, room) = (subject.allowance().cost(), subject.allowance().room());
        Ok((Reservation { subject: name, cost, room, longest: subject.longest() }, subject.clone()))
    };
    attempt.subjects().iter().map(named).collect()
}

impl Charge {
    /// Reports a wrong guess: the charge stays.
    pub fn failed(mut self) {
        if let Some(memory) = self.memory.take() {
            memory.failed();
        }
    }

    fn reserved(&self) -> Vec<Reservation> {
        self.subjects.iter().map(|(reservation, _)| *reservation).collect()
    }

    /// Charges the attempt in the database. If the allowance is used up there, returns the time until which each
    /// subject is used. An attempt that was refused before reads first, and writes only if it may succeed.
    fn reserve(mut self, was_refused: bool) -> Result<(Self, Option<Used>), Error> {
        let limiter = self.limiter.clone();
        let Inner { store, clock, .. } = &*limiter.0;
        let (wanted, now) = (self.reserved(), clock.now());
        let look = || store.read(|tx| tx.list_used(&wanted));
        if was_refused {
            let used = look()?;
            if self.wait(&used, now).is_some() {
                return Ok((self, Some(used)));
            }
        }
        self.is_reserved = store.reserve(&wanted, now)?;
        let used = if self.is_reserved { None } else { Some(look()?) };
        Ok((self, used))
    }

    /// How long the next attempt has to wait, if at all.
    fn wait(&self, used: &Used, now: Timestamp) -> Option<Seconds> {
        let wait = |(Reservation { subject: name, .. }, subject): &(Reservation, Subject)| {
            let until = used.get(name).filter(|until| **until <= now + subject.longest());
            until.and_then(|until| subject.wait(*until, now))
        };
        self.subjects.iter().filter_map(wait).max()
    }

    /// Stores in memory what is used up elsewhere, so that the database is not asked again; returns how long to wait.
    fn give_up(mut self, used: &Used) -> Seconds {
        drop(self.memory.take());
        let Inner { memory, clock, .. } = &*self.limiter.0;
        let now = clock.now();
        for (Reservation { subject: name, .. }, subject) in &self.subjects {
            if let Some(until) = used.get(name).filter(|until| **until <= now + subject.longest()) {
                memory.learn(subject, *until, now);
            }
        }
        // If something was given back meanwhile, the next attempt can use it.
        self.wait(used, now).unwrap_or(Seconds(1))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let Some(memory) = self.memory.take().filter(|_| self.is_reserved) else { return };
        self.limiter.give_back(Refund { reserved: self.reserved(), _memory: memory });
    }
}

/// A thread that gives charges back. When it ends for any reason, the next refund starts it again.
struct Refunding {
    limiter: Limiter,
    /// Whether it has ended normally. Another one may already be running.
    is_over: bool,
}

impl Refunding {
    fn run(mut self) {
        loop {
            let mut refunds = self.limiter.refunds();
            let batch = std::mem::take(&mut refunds.waiting);
            if batch.is_empty() {
                refunds.are_under_way = false;
                drop(refunds);
                self.is_over = true;
                return;
            }
            drop(refunds);
            let reserved = batch.iter().flat_map(|refund| &refund.reserved);
            if let Err(error) = self.limiter.0.store.give_back(reserved) {
                // They count like wrong guesses until they expire.
                log::warn!(cause = root_cause(&error), attempts = batch.len(); "cannot give attempts back");
            }
        }
    }
}

impl Drop for Refunding {
    fn drop(&mut self) {
        if !self.is_over {
            self.limiter.refunds().are_under_way = false;
        }
    }
}
