//! What waits for the next batch of refreshes, and the threads that have one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::judging::Asked;
use crate::clock::Seconds;
use crate::error::Error;
use crate::model::grant::Live;
use crate::store::{DEADLINE, LOST_AFTER, Patience};

/// So many refreshes are one transaction at most: it stays short, also for those that wait for it.
pub(super) const MAX_BATCH_SIZE: usize = 256;

/// So many may wait; the next one is told to come back.
pub(super) const MAX_WAITING: usize = 4_096;

/// So many threads may hang at the same time and be replaced.
pub(super) const MAX_LOST: usize = 8;

/// When to come back after there were too many.
pub(super) const BUSY_RETRY_AFTER: Seconds = Seconds(1);

/// A refresh that somebody waits for.
pub(super) struct Job {
    pub(crate) asked: Asked,
    pub(crate) queued_at: Instant,
    pub(crate) reply: oneshot::Sender<Result<Live, Error>>,
}

impl Job {
    /// The one who asked may have gone: what happened has happened all the same.
    pub(super) fn answer(self, answer: Result<Live, Error>) {
        let _gone = self.reply.send(answer);
    }
}

/// What waits for the next batch.
#[derive(Default)]
pub(super) struct Waiting {
    /// How many take batches.
    pub(crate) threads: usize,
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
pub(super) struct Queue {
    jobs: VecDeque<Job>,
    /// Since when each thread that has a batch has it.
    pub(crate) under_way: HashMap<u32, Instant>,
    /// The threads that were replaced and have not come back.
    pub(crate) lost: HashSet<u32>,
    /// How many were started in the place of others.
    replaced: u32,
    closed: bool,
}

impl Waiting {
    /// For so many threads.
    pub(super) fn new(threads: usize) -> Self {
        Self { threads, ..Self::default() }
    }

    /// How many wait.
    pub(super) fn count(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Tells the threads to end once nothing waits any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_all();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Refused when nothing would come of it in time.
    pub(super) fn add(&self, job: Job) -> Result<(), Error> {
        let mut queue = self.lock();
        // Nothing is taken up before one of them comes back.
        let stuck = queue.under_way.values().filter(|since| since.elapsed() > DEADLINE).count();
        if stuck > 0 && stuck >= self.threads {
            return Err(Patience::over());
        }
        if queue.jobs.len() >= MAX_WAITING {
            return Err(Error::Overloaded { retry_after: BUSY_RETRY_AFTER });
        }
        // Whoever is told of the first takes the others along: waking a thread costs more than all that is done here.
        let is_first = queue.jobs.is_empty();
        queue.jobs.push_back(job);
        drop(queue);
        if is_first {
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// The threads that come back too late to be waited for. When they do, they end.
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

    /// A lost thread that could not be replaced goes on when it comes back.
    pub(super) fn take_back(&self, thread: u32) {
        self.lock().lost.remove(&thread);
    }

    /// A number that no thread has had.
    pub(super) fn next_number(&self) -> u32 {
        let mut queue = self.lock();
        let started_first = u32::try_from(self.threads).unwrap_or(u32::MAX);
        let number = started_first.saturating_add(queue.replaced);
        queue.replaced += 1;
        number
    }

    /// Whatever waits, up to the bound, as soon as something does, for a thread that has done with its last batch; nothing
    /// when the rotator ends, and for a thread that was replaced.
    pub(super) fn take(&self, thread: u32) -> Option<Vec<Job>> {
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
