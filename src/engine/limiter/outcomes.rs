//! What has become of attempts, until the database knows: which charges it gives back, and which stay. One thread at a time
//! tells it. What it cannot be told, since it is lost for a while, is kept for a minute and told again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::memory;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::store::{Reservation, Settlement, Store};

/// Longer than a failover. What is given back much later could be more than what is still charged.
const LONGEST: Duration = Duration::from_secs(60);

/// The most that is kept. Only what was charged has an outcome, and without the database nothing is charged.
const MOST: usize = 10_000;

/// What the database does not know yet.
#[derive(Default)]
pub(super) struct Outcomes(Mutex<Untold>);

#[derive(Default)]
struct Untold {
    outcomes: Vec<Outcome>,
    is_being_told: bool,
}

/// What has become of one attempt.
pub(super) struct Outcome {
    settlement: Settlement,
    since: Instant,
    /// Given back when this is dropped, so that those who wait there find it in the database.
    memory: Option<memory::Charge>,
}

impl Outcome {
    pub(super) fn new(
        reserved: Vec<Reservation>,
        at: Timestamp,
        has_failed: bool,
        memory: Option<memory::Charge>,
    ) -> Self {
        Self { settlement: Settlement { reserved, at, has_failed }, since: Instant::now(), memory }
    }
}

impl Outcomes {
    /// Takes one up; returns whether a thread is wanted that tells it.
    pub(super) fn add(&self, outcome: Outcome) -> bool {
        let mut untold = self.untold();
        untold.outcomes.push(outcome);
        !untold.is_being_told
    }

    /// Tells the database all that it does not know, unless another thread is at it.
    ///
    /// After an error what it does not know is kept, and those who wait for it in memory are not held up.
    pub(super) fn settle(&self, store: &Store) -> Result<(), Error> {
        // Looks again after each turn: who adds something during one relies on it.
        while let Some((batch, turn)) = self.next() {
            if let Err(error) = store.settle(batch.iter().map(|outcome| &outcome.settlement)) {
                // First, so that all that was added during it is kept in the same way.
                drop(turn);
                self.keep(batch);
                return Err(error);
            }
        }
        Ok(())
    }

    /// What is to be told next, and the turn to do it, unless another thread has it.
    fn next(&self) -> Option<(Vec<Outcome>, Turn<'_>)> {
        let mut untold = self.untold();
        if untold.is_being_told || untold.outcomes.is_empty() {
            return None;
        }
        untold.is_being_told = true;
        Some((std::mem::take(&mut untold.outcomes), Turn(self)))
    }

    fn keep(&self, mut batch: Vec<Outcome>) {
        let mut untold = self.untold();
        batch.append(&mut untold.outcomes);
        let memory: Vec<_> = batch.iter_mut().filter_map(|outcome| outcome.memory.take()).collect();
        let count = batch.len();
        batch.retain(|outcome| outcome.since.elapsed() < LONGEST);
        batch.truncate(MOST);
        let attempts = count - batch.len();
        untold.outcomes = batch;
        drop(untold);
        drop(memory);
        if attempts > 0 {
            // As if they were being looked at, until they are over.
            log::warn!(attempts; "the database is not told any more what has become of attempts");
        }
    }

    fn untold(&self) -> MutexGuard<'_, Untold> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Over when it is dropped.
struct Turn<'a>(&'a Outcomes);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.untold().is_being_told = false;
    }
}
