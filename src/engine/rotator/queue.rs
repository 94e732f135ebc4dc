//! The queue for the next batch of refreshes, ends and denials, and the threads that handle batches.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::judging::Asked;
use crate::clock::Seconds;
use crate::error::Error;
use crate::model::audit::Event;
use crate::model::denial::Denial;
use crate::model::grant::Live;
use crate::store::{DEADLINE, LOST_AFTER, Patience};

/// The most of them in one transaction, so that it stays short for all that wait for it.
pub(super) const MAX_BATCH_SIZE: usize = 256;

/// The most that may wait. More are refused with a time to retry.
pub(super) const MAX_WAITING: usize = 4_096;

/// How long a batch usually takes at most. Its thread then takes all that have arrived meanwhile: the fewer batches, the less
/// each of their refreshes costs. Another thread takes those that have waited for longer, because the disk, the network or a lock
/// is slow, or those that are too many for one batch.
pub(super) const USUAL: Duration = Duration::from_millis(10);

/// The most hanging threads that may be replaced at the same time.
pub(super) const MAX_LOST: usize = 8;

/// When to retry after too many were waiting.
pub(super) const BUSY_RETRY_AFTER: Seconds = Seconds(1);

/// What waits for a batch.
pub(super) enum Waits {
    /// A refresh or end, which is judged against the row of its session.
    Session(Job<Asked, Live>),
    /// An access token that is to be denied, with the event of that.
    Token(Job<(Denial, Event), ()>),
}

impl Waits {
    fn queued_at(&self) -> Instant {
        match self {
            Self::Session(job) => job.queued_at,
            Self::Token(job) => job.queued_at,
        }
    }
}

/// What is asked, and where the result goes.
pub(super) struct Job<A, T> {
    pub(crate) asked: A,
    pub(crate) queued_at: Instant,
    pub(crate) reply: oneshot::Sender<Result<T, Error>>,
}

impl<A, T> Job<A, T> {
    /// Sends the result. The caller may have given up; the result is valid all the same.
    pub(super) fn answer(self, answer: Result<T, Error>) {
        let _gone = self.reply.send(answer);
    }

    /// The job, or nothing if its caller has given up.
    pub(super) fn in_time(self) -> Option<Self> {
        if self.queued_at.elapsed() <= DEADLINE {
            return Some(self);
        }
        self.answer(Err(Patience::over()));
        None
    }
}

/// What waits for the next batch.
#[derive(Default)]
pub(super) struct Waiting {
    /// How many threads take batches.
    pub(crate) threads: usize,
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
pub(super) struct Queue {
    jobs: VecDeque<Waits>,
    /// When each busy thread took its batch.
    pub(crate) under_way: HashMap<u32, Instant>,
    /// Replaced threads that still hang.
    pub(crate) lost: HashSet<u32>,
    /// How many threads were started to replace others.
    replaced: u32,
    closed: bool,
}

impl Queue {
    /// Adds one; returns whether a thread must be woken for it. Only the first one wakes a thread, which takes all: waking costs
    /// more than everything else here. A thread whose batch will soon be done takes them without that.
    pub(super) fn push(&mut self, job: Waits) -> bool {
        let is_first = self.jobs.is_empty();
        self.jobs.push_back(job);
        is_first && !self.under_way.values().any(|since| since.elapsed() < USUAL)
    }
}

impl Waiting {
    /// A queue for this number of threads.
    pub(super) fn new(threads: usize) -> Self {
        Self { threads, ..Self::default() }
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Tells the threads to end when the queue is empty.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one, or refuses it if it could not be handled in time.
    pub(super) fn add(&self, job: Waits) -> Result<(), Error> {
        let mut queue = self.lock();
        // If all threads are stuck, no batch is taken until one of them returns.
        let stuck = queue.under_way.values().filter(|since| since.elapsed() > DEADLINE).count();
        if stuck > 0 && stuck >= self.threads {
            return Err(Patience::over());
        }
        if queue.jobs.len() >= MAX_WAITING {
            return Err(Error::Overloaded { retry_after: BUSY_RETRY_AFTER });
        }
        let wakes = queue.push(job);
        drop(queue);
        if wakes {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Wakes another thread if one has waited for [`USUAL`]. Each that waits asks for it after that time. (If its client has gone,
    /// it waits for the next one that arrives.)
    pub(super) fn hurry(&self) {
        if self.lock().jobs.front().is_some_and(|first| first.queued_at().elapsed() >= USUAL) {
            self.arrived.notify_one();
        }
    }

    /// Gives up threads that take too long and returns them. When they return, they end.
    pub(super) fn give_up_lost(&self) -> Vec<u32> {
        let Queue { under_way, lost, .. } = &mut *self.lock();
        let late = under_way.iter().filter(|(_, since)| since.elapsed() > LOST_AFTER).map(|(thread, _)| *thread);
        let late: Vec<u32> = late.take(MAX_LOST.saturating_sub(lost.len())).collect();
        for thread in &late {
            under_way.remove(thread);
            lost.insert(*thread);
        }
        late
    }

    /// Takes back a lost thread that could not be replaced; it continues when it returns.
    pub(super) fn take_back(&self, thread: u32) {
        self.lock().lost.remove(&thread);
    }

    /// A number that no thread has had before.
    pub(super) fn next_number(&self) -> u32 {
        let mut queue = self.lock();
        let started_first = u32::try_from(self.threads).unwrap_or(u32::MAX);
        let number = started_first.saturating_add(queue.replaced);
        queue.replaced += 1;
        number
    }

    /// Waits for the next batch of a thread that has finished its last one. `None` if the rotator ends or the thread
    /// was replaced.
    pub(super) fn take(&self, thread: u32) -> Option<Vec<Waits>> {
        let mut queue = self.lock();
        if queue.lost.remove(&thread) {
            return None;
        }
        queue.under_way.remove(&thread);
        let mut queue = self
            .arrived
            .wait_while(queue, |queue| queue.jobs.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let count = queue.jobs.len().min(MAX_BATCH_SIZE);
        queue.under_way.insert(thread, Instant::now());
        let batch = queue.jobs.drain(..count).collect();
        if !queue.jobs.is_empty() {
            self.arrived.notify_one();
        }
        (count > 0).then_some(batch)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
