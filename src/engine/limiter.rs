//! Limits on guessing: for an account from one network, for a network, and for an account from anywhere (see
//! [`kinds`]). The last limit does not apply to networks from which the account has a stored session, live or ended, so
//! that an attacker elsewhere cannot lock the owner out.
//!
//! An attempt is charged before its secret is checked, and the charge is given back unless the secret was wrong. So a
//! thousand guesses sent at the same time get no further than a thousand in sequence. An attempt is charged in memory first,
//! which is cheap and finds most exceeded limits. Then it is charged in the database, where all instances count together and
//! a restart loses nothing. Attempts beyond the allowance wait for those that are being checked, here or elsewhere, so that
//! right secrets sent at the same time all pass: only failures refuse an attempt.

mod attempt;
mod kinds;
mod memory;
mod outcomes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use super::deadline::{on_a_thread, request};
use super::turns::Turns;
use crate::clock::{Clock, Seconds, Timestamp};
use crate::error::{Error, root_cause};
use crate::jwt::{KeyRing, Keys};
use crate::store::{Reservation, Store, Used};
use attempt::Subject;
use memory::{Memory, Refusal};
use outcomes::{Outcome, Outcomes};

pub use attempt::{Account, Attempt};
pub(crate) use kinds::{
    ADDRESS_MAIL, LONGEST, MAIL_CODE, OTP, PASSKEY, PROVIDER_CALLBACK, PROVIDER_SIGN_IN, RECOVERY_CODE, REGISTRATION,
    REGISTRATION_CODE, REGISTRATION_MAIL, RESET_MAIL,
};
pub use kinds::{Allowance, Kind, PASSWORD};

/// How long an attempt waits for others that are being checked. A hash is given up earlier, however slow hashing is.
const PATIENCE: Duration = Duration::from_secs(12);

/// The error after that.
const BUSY: Error = Error::Overloaded { retry_after: Seconds(5) };

/// The pause between the first and the second look at what other instances have used; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

const MAX_PAUSE: Duration = Duration::from_millis(800);

/// The limits, and what counts towards them.
#[derive(Clone)]
pub struct Limiter(Arc<Inner>);

struct Inner {
    memory: Memory,
    store: Arc<Store>,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    turns: Arc<Turns>,
    /// For those who look again, one after the other: they take no turns from those who come.
    looks: Semaphore,
    outcomes: Outcomes,
}

/// The use of each subject's allowance, by its key in the database.
type UsedUntil = BTreeMap<i64, Used>;

/// An attempt that was allowed and charged. Dropping it gives the charge back: an attempt without a result (a busy
/// service, a lost database, a client that has disconnected) was not a guess.
pub struct Charge {
    limiter: Limiter,
    subjects: Vec<(Reservation, Subject)>,
    /// The charge in memory, until the attempt has ended.
    memory: Option<memory::Charge>,
    /// When it was charged in the database.
    reserved_at: Option<Timestamp>,
}

impl Limiter {
    pub(crate) fn new(store: Arc<Store>, keys: Arc<Keys>, clock: Arc<dyn Clock>, turns: Arc<Turns>) -> Self {
        let (memory, outcomes) = (Memory::default(), Outcomes::default());
        let looks = Semaphore::new(1);
        Self(Arc::new(Inner { memory, store, keys, clock, turns, looks, outcomes }))
    }

    /// Allows an attempt and charges it, now or as soon as others have given their charges back. If failures have used up
    /// the allowance, returns how long to wait before the next attempt.
    pub async fn admit(&self, attempt: &Attempt) -> Result<Result<Charge, Seconds>, Error> {
        self.admit_by(attempt, Instant::now() + PATIENCE).await
    }

    /// The same with another patience. If others are still being looked at by then, the service is too busy.
    pub async fn admit_by(&self, attempt: &Attempt, deadline: Instant) -> Result<Result<Charge, Seconds>, Error> {
        let Inner { memory, keys, clock, looks, .. } = &*self.0;
        let memory = match memory.admit(attempt, &**clock, deadline).await {
            Ok(charge) => Some(charge),
            Err(Refusal::UsedUp(retry_after)) => return Ok(Err(retry_after)),
            Err(Refusal::Busy) => return Err(BUSY),
        };
        let subjects = named(attempt, &keys.ring(), clock.now())?;
        let mut charge = Charge { limiter: self.clone(), subjects, memory, reserved_at: None };
        let (mut pause, mut used) = (FIRST_PAUSE, None);
        loop {
            (charge, used) = if used.is_some() {
                let _one = looks.acquire().await.map_err(Error::internal)?;
                // It waits for others, not for the database: each look may take as long as a request.
                request(self.reserve(charge, true)).await?
            } else {
                self.reserve(charge, false).await?
            };
            let Some(used) = &used else { return Ok(Ok(charge)) };
            if let Some(retry_after) = charge.learn(used) {
                return Ok(Err(retry_after));
            }
            let next = Instant::now() + pause;
            if next > deadline {
                return Err(BUSY);
            }
            sleep_until(next).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    async fn reserve(&self, charge: Charge, was_refused: bool) -> Result<(Charge, Option<UsedUntil>), Error> {
        let _turn = self.0.turns.turn().await?;
        // On its own thread until the end, also when the client goes: what is reserved then is given back.
        on_a_thread(move || charge.reserve(was_refused)).await
    }

    /// Tells the database as soon as there is a thread for it, unless one is at it.
    fn tell(&self, outcome: Outcome) {
        if self.0.outcomes.add(outcome) {
            let telling = Telling(self.clone());
            match Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || drop(telling))),
                Err(_none) => drop(telling),
            }
        }
    }

    /// Tells the database what it could not be told before.
    pub fn settle(&self) -> Result<(), Error> {
        self.0.outcomes.settle(&self.0.store)
    }
}

/// Tells when it is dropped: also when the service stops before there is a thread for it.
struct Telling(Limiter);

impl Drop for Telling {
    fn drop(&mut self) {
        if let Err(error) = self.0.settle() {
            log::warn!(cause = root_cause(&error); "the database could not be told what has become of attempts");
        }
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
        self.end(true, None);
    }

    fn reserved(&self) -> Vec<Reservation> {
        self.subjects.iter().map(|(reservation, _)| *reservation).collect()
    }

    fn end(&mut self, has_failed: bool, memory: Option<memory::Charge>) {
        if let Some(at) = self.reserved_at.take() {
            self.limiter.tell(Outcome::new(self.reserved(), at, has_failed, memory));
        }
    }

    /// Charges the attempt in the database. If the allowance is used up there, returns the use of each subject. An attempt
    /// that was refused before reads first, and writes only if it may succeed.
    fn reserve(mut self, was_refused: bool) -> Result<(Self, Option<UsedUntil>), Error> {
        let limiter = self.limiter.clone();
        let Inner { store, clock, .. } = &*limiter.0;
        let (wanted, now) = (self.reserved(), clock.now());
        let look = || store.read(|tx| tx.list_used(&wanted));
        if was_refused {
            let used = look()?;
            if self.waits(&used, now, |used| used.by_all).next().is_some() {
                return Ok((self, Some(used)));
            }
        }
        if store.reserve(&wanted, now)? {
            self.reserved_at = Some(now);
            return Ok((self, None));
        }
        let used = look()?;
        Ok((self, Some(used)))
    }

    /// The subjects whose next attempt has to wait, with the time until which each is used, and how long that is.
    fn waits(
        &self,
        used: &UsedUntil,
        now: Timestamp,
        by: fn(&Used) -> Timestamp,
    ) -> impl Iterator<Item = (&Subject, Timestamp, Seconds)> {
        self.subjects.iter().filter_map(move |(Reservation { subject: name, .. }, subject)| {
            let until = used.get(name).map(by).filter(|until| *until <= now + subject.longest())?;
            Some((subject, until, subject.wait(until, now)?))
        })
    }

    /// Stores in memory what failures elsewhere have used up, so that the database is not asked again; returns how long to
    /// wait, if at all.
    fn learn(&mut self, used: &UsedUntil) -> Option<Seconds> {
        let limiter = self.limiter.clone();
        let Inner { memory, clock, .. } = &*limiter.0;
        let now = clock.now();
        let waits = || self.waits(used, now, |used| used.by_failures);
        let retry_after = waits().map(|(_, _, wait)| wait).max()?;
        let used_up: Vec<_> = waits().map(|(subject, until, _)| (subject.clone(), until)).collect();
        // First, since what it has charged is taken off.
        drop(self.memory.take());
        for (subject, until) in used_up {
            memory.learn(&subject, until, now);
        }
        Some(retry_after)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let memory = self.memory.take();
        self.end(false, memory);
    }
}
