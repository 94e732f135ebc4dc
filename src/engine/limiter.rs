//! How often anything may be guessed: for an account from one network, for a network, and for an account from anywhere
//! (see [`kinds`]). The last one spares networks from which the account has a session on record, live or ended, so that an
//! attacker elsewhere cannot lock the owner out.
//!
//! An attempt is charged before its secret is looked at, and gets the charge back unless the secret was wrong: a thousand
//! guesses sent at once get no further than a thousand one after the other. It is charged in memory first, which costs
//! nothing and knows most of what is used up, and then in the database, where all instances count together and nothing is
//! forgotten with a process. Attempts beyond the allowance wait for those that are being looked at, so that right
//! secrets sent at once all pass.

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

/// So long an attempt waits for those that are being looked at.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long after the first look at what other instances have used the second one follows; then twice as long each time.
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

/// What is to be given back in the database, by one thread at a time.
#[derive(Default)]
struct Refunds {
    waiting: Vec<Refund>,
    are_under_way: bool,
}

/// What one attempt is given back: in memory when this is dropped, so that whoever waits there finds it in the database.
struct Refund {
    reserved: Vec<Reservation>,
    _memory: memory::Charge,
}

/// Up to when each subject is used, by the name that it has in the database.
type Used = BTreeMap<i64, Timestamp>;

/// An attempt that was let in and charged. The charge is given back when this is dropped: what came to nothing (a busy
/// service, a lost database, a client that has gone) was no guess.
pub struct Charge {
    limiter: Limiter,
    subjects: Vec<(Reservation, Subject)>,
    /// Until it is over.
    memory: Option<memory::Charge>,
    is_reserved: bool,
}

impl Limiter {
    pub(crate) fn new(store: Arc<Store>, keys: Arc<Keys>, clock: Arc<dyn Clock>, turns: Arc<Turns>) -> Self {
        let (memory, refunds) = (Memory::default(), Mutex::default());
        Self(Arc::new(Inner { memory, store, keys, clock, turns, refunds }))
    }

    /// Lets an attempt in and charges it, now or as soon as others have given back what they were charged. Returns how long
    /// to wait before the next attempt instead, when the allowance is used up.
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
            // On its own thread until the end, also when the client goes: what is reserved then is given back.
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

/// The subjects of an attempt by the names that they have in the database: none of them can be found there by trying, as a
/// password can that was typed as a name. With another signing key they have other names, and are counted anew.
fn named(attempt: &Attempt, ring: &KeyRing, now: Timestamp) -> Result<Vec<(Reservation, Subject)>, Error> {
    let named = |subject: &Subject| {
        let name = ring.keyed_hash(&subject.bytes(), now)?;
        let (cost, room) = (subject.allowance().cost(), subject.allowance().room());
        Ok((Reservation { subject: name, cost, room, longest: subject.longest() }, subject.clone()))
    };
    attempt.subjects().iter().map(named).collect()
}

impl Charge {
    /// It was a wrong guess: the charge stays.
    pub fn failed(mut self) {
        if let Some(memory) = self.memory.take() {
            memory.failed();
        }
    }

    fn reserved(&self) -> Vec<Reservation> {
        self.subjects.iter().map(|(reservation, _)| *reservation).collect()
    }

    /// Charges it in the database, unless it is used up there: returns up to when each subject is used then. Whoever was
    /// refused before looks first, and writes only to some use.
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

    /// How long the next attempt has to wait, if it has to.
    fn wait(&self, used: &Used, now: Timestamp) -> Option<Seconds> {
        let wait = |(Reservation { subject: name, .. }, subject): &(Reservation, Subject)| {
            let until = used.get(name).filter(|until| **until <= now + subject.longest());
            until.and_then(|until| subject.wait(*until, now))
        };
        self.subjects.iter().filter_map(wait).max()
    }

    /// Remembers what is used up elsewhere, so that the database is not asked again; returns how long to wait.
    fn give_up(mut self, used: &Used) -> Seconds {
        drop(self.memory.take());
        let Inner { memory, clock, .. } = &*self.limiter.0;
        let now = clock.now();
        for (Reservation { subject: name, .. }, subject) in &self.subjects {
            if let Some(until) = used.get(name).filter(|until| **until <= now + subject.longest()) {
                memory.learn(subject, *until, now);
            }
        }
        // What was given back since is there for the next one.
        self.wait(used, now).unwrap_or(Seconds(1))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let Some(memory) = self.memory.take().filter(|_| self.is_reserved) else { return };
        self.limiter.give_back(Refund { reserved: self.reserved(), _memory: memory });
    }
}

/// Giving back. When it ends, however it does, the next refund begins it again.
struct Refunding {
    limiter: Limiter,
    /// Whether it has said by itself that it is over. Another one may be under way since.
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
                // As if they had failed: they count for as long.
                log::warn!(cause = root_cause(&error), attempts = batch.len(); "attempts could not be given back");
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
