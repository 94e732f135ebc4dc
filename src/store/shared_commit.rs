//! Units of work that wait for SQLite's one writer share a commit. The thread of the first one takes the writer, runs all
//! that wait, each in a savepoint of its own, and commits once. No unit is answered before that is durable. Units that
//! come meanwhile wait for the next commit.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use diesel::connection::TransactionManager as _;

use super::connection::Transactions;
use super::outage::spoils_the_connection;
use super::patience::{DEADLINE, Patience};
use super::unit::{Effects, UnitTx};
use super::{Store, WriteTx};
use crate::error::Error;

/// The most units in one transaction, so that it stays short for all that wait for it.
const MAX_BATCH_SIZE: usize = 64;

/// The units that wait for the writer.
#[derive(Default)]
pub(super) struct SharedCommit(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(u64, Box<dyn Waiting>)>,
    /// Since when the thread that leads has the writer, or waits for it.
    led_since: Option<Instant>,
    /// How many units have come.
    count: u64,
}

/// A unit that waits, whatever it returns.
trait Waiting: Send {
    /// Tells its thread to take the writer.
    fn lead(&self);

    /// Runs it. Returns whether it is to be committed; an error concerns the whole transaction.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> Result<bool, Error>;

    /// Tells its thread what has become of it.
    fn answer(self: Box<Self>, committed: Result<(), Error>);
}

type Outcome<T> = Result<(T, Effects), Error>;

/// What a waiting thread is told.
enum Turn<T> {
    Lead,
    Done(Outcome<T>),
}

struct Unit<T, F> {
    work: Option<F>,
    outcome: Option<Outcome<T>>,
    patience: Arc<Patience>,
    turns: SyncSender<Turn<T>>,
}

impl<T: Send, F: FnOnce(&mut UnitTx<'_>) -> Result<T, Error> + Send> Waiting for Unit<T, F> {
    fn lead(&self) {
        // A thread that has given up has left the queue.
        let _waits = self.turns.try_send(Turn::Lead);
    }

    fn run(&mut self, tx: &mut WriteTx<'_>) -> Result<bool, Error> {
        let Some(work) = self.work.take() else { return Ok(false) };
        let mut outcome = self.patience.check().and_then(|()| tx.run_unit(work));
        if self.patience.left().is_zero() {
            outcome = Err(Patience::over());
        } else if let Err(error) = &outcome
            && spoils_the_connection(error)
        {
            return outcome.map(|_never| false);
        }
        let is_ok = outcome.is_ok();
        self.outcome = Some(outcome);
        Ok(is_ok)
    }

    fn answer(self: Box<Self>, committed: Result<(), Error>) {
        let Self { outcome, turns, .. } = *self;
        let outcome = committed.and_then(|()| outcome.unwrap_or_else(|| Err(Patience::over())));
        let _may_have_given_up = turns.try_send(Turn::Done(outcome));
    }
}

impl Store {
    /// As [`Store::write_unit`], in a transaction that other units share if there is only one writer.
    pub(crate) fn write_shared<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut UnitTx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Outcome<T> {
        let Some(shared) = &self.shared_commit else { return self.write_unit(work) };
        let patience = Patience::of_this_thread().unwrap_or_default();
        let _waiting = patience.wait();
        let (turns, told) = sync_channel(2);
        let unit = Unit { work: Some(work), outcome: None, patience: Arc::clone(&patience), turns };
        let number = shared.join(Box::new(unit))?;
        loop {
            match told.recv_timeout(patience.left()) {
                Ok(Turn::Done(outcome)) => return outcome,
                Ok(Turn::Lead) => self.lead(shared),
                Err(RecvTimeoutError::Timeout) => return shared.leave(number, &told),
                Err(RecvTimeoutError::Disconnected) => return Err(panicked()),
            }
        }
    }

    /// Writes what is waiting when the writer is free. Without the writer only this thread's own unit has failed.
    fn lead(&self, shared: &SharedCommit) {
        let (leading, mut batch) = Leading::of(shared);
        let patience = Arc::<Patience>::default();
        let write = || {
            self.write(|tx| {
                // Those that join now have not waited for the writer.
                patience.renew();
                batch.extend(shared.take(MAX_BATCH_SIZE - 1));
                batch.iter_mut().try_for_each(|unit| in_a_savepoint(tx, unit.as_mut()))
            })
        };
        // Each unit has its own limit.
        let written = Arc::clone(&patience).spend_on(write).map_err(Arc::new);
        drop(leading);
        for unit in batch {
            unit.answer(written.clone().map_err(|error| Error::of_batch(&error)));
        }
    }
}

fn in_a_savepoint(tx: &mut WriteTx<'_>, unit: &mut dyn Waiting) -> Result<(), Error> {
    Transactions::begin_transaction(tx.0)?;
    let is_ok = unit.run(tx);
    match is_ok {
        Ok(true) => Transactions::commit_transaction(tx.0)?,
        _ => Transactions::rollback_transaction(tx.0)?,
    }
    is_ok.map(|_committed| ())
}

/// The thread that has the writer. When it ends, even by a panic, the next one in the queue leads.
struct Leading<'a>(&'a SharedCommit);

impl<'a> Leading<'a> {
    /// Takes the thread's own unit from the queue, which is the first, so that the next one leads after it.
    fn of(shared: &'a SharedCommit) -> (Self, Vec<Box<dyn Waiting>>) {
        (Self(shared), shared.take(1))
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        self.0.lock().pass_on();
    }
}

impl SharedCommit {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a unit and returns its number. Fails if it could not be written in time.
    fn join(&self, unit: Box<dyn Waiting>) -> Result<u64, Error> {
        let mut queue = self.lock();
        if queue.led_since.is_some_and(|since| since.elapsed() > DEADLINE) {
            return Err(Patience::over());
        }
        queue.count += 1;
        let number = queue.count;
        queue.waiting.push_back((number, unit));
        if queue.led_since.is_none() {
            queue.pass_on();
        }
        Ok(number)
    }

    /// Takes the first ones.
    fn take(&self, count: usize) -> Vec<Box<dyn Waiting>> {
        let waiting = &mut self.lock().waiting;
        let count = waiting.len().min(count);
        waiting.drain(..count).map(|(_, unit)| unit).collect()
    }

    /// A thread gives up. Its unit is not written any more; if that is under way, the thread learns what becomes of it.
    fn leave<T>(&self, number: u64, told: &Receiver<Turn<T>>) -> Outcome<T> {
        let mut queue = self.lock();
        let before = queue.waiting.len();
        queue.waiting.retain(|(of, _)| *of != number);
        if queue.waiting.len() == before {
            drop(queue);
            return match told.recv() {
                Ok(Turn::Done(outcome)) => outcome,
                Ok(Turn::Lead) | Err(_) => Err(panicked()),
            };
        }
        if told.try_recv().is_ok() {
            queue.pass_on();
        }
        Err(Patience::over())
    }
}

fn panicked() -> Error {
    Error::internal("the thread that wrote it has panicked")
}

impl Queue {
    /// The first that waits leads now.
    fn pass_on(&mut self) {
        let next = self.waiting.front();
        self.led_since = next.map(|_| Instant::now());
        if let Some((_, unit)) = next {
            unit.lead();
        }
    }
}

#[cfg(test)]
#[path = "shared_commit_tests.rs"]
mod tests;
