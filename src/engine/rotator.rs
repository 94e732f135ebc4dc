//! The rotator: refreshes, ends of sessions and denials of access tokens that arrive while others are being written wait, and
//! are then judged and written together, in one statement or transaction with one commit. A single one does not wait.

mod judging;
mod queue;

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use self::judging::{Asked, Judge, Judged, Outcome, Refresh, Rows};
pub(crate) use self::judging::{Client, Ending};
use self::queue::{BUSY_RETRY_AFTER, Job, USUAL, Waiting, Waits};
use super::deadline;
use super::unit::Units;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::jwt::RefreshClaims;
use crate::metrics::Metrics;
use crate::model::audit::Event;
use crate::model::denial::Denial;
use crate::model::grant::Live;
use crate::model::id::SessionId;
use crate::model::rotation::Verdict;
use crate::store::{Patience, Store};
use crate::threads::Threads;

/// The name of its threads.
const NAME: &str = "refresh batches";

/// How often a refresh or an end is judged at most. A row is only written if it has not changed since it was judged. Other
/// instances cannot change it without end, since a generation only rises and an end is final.
const MAX_JUDGEMENTS: usize = 16;

/// The threads and their queue. When this is dropped, they handle what is waiting and end.
pub(crate) struct Rotator {
    waiting: Arc<Waiting>,
    batches: Arc<Batches>,
    /// Including replaced threads, until they end.
    threads: Mutex<Threads>,
}

impl Rotator {
    /// Starts as many threads as the store can use.
    pub(crate) fn start(batches: Batches) -> io::Result<Self> {
        let count = batches.store.concurrent_batches();
        let waiting = Arc::new(Waiting::new(count.try_into().unwrap_or(usize::MAX)));
        let threads = Mutex::new(Threads::new(Arc::clone(&batches.metrics)));
        let rotator = Self { waiting, batches: Arc::new(batches), threads };
        for number in 0..count {
            rotator.start_thread(number)?;
        }
        Ok(rotator)
    }

    /// If a batch panics, its callers notice because their reply channels close.
    fn start_thread(&self, number: u32) -> io::Result<()> {
        let (waiting, batches) = (Arc::clone(&self.waiting), Arc::clone(&self.batches));
        let work = move || {
            while let Some(batch) = waiting.take(number) {
                // The callers have given up after that time, so a later result is not written.
                Arc::<Patience>::default().spend_on(|| batches.answer(batch));
            }
        };
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).start(NAME, work)
    }

    /// Replaces each thread whose batch hangs in a lost connection.
    fn replace_lost(&self) {
        for lost in self.waiting.give_up_lost() {
            if let Err(error) = self.start_thread(self.waiting.next_number()) {
                log::error!(task = NAME, cause = error.to_string(); "cannot replace a thread that hangs");
                self.waiting.take_back(lost);
            }
        }
    }

    /// Judges a verified refresh token that came from `client`; the result is durable.
    pub(crate) async fn settle(&self, claims: RefreshClaims, client: Client) -> Result<Live, Error> {
        self.ask(Asked::Refresh(Refresh { claims, client }), Waits::Session).await
    }

    /// Ends a session, and the grants that began in it and do not outlive it; the result is durable. One that has already
    /// ended is not changed. Returns it as it was before.
    pub(crate) async fn end(&self, ending: Ending) -> Result<Live, Error> {
        self.ask(Asked::End(ending), Waits::Session).await
    }

    /// Denies an access token; the result is durable. The event is recorded if it was not denied before.
    pub(crate) async fn deny(&self, denial: Denial, event: Event) -> Result<(), Error> {
        self.ask((denial, event), Waits::Token).await
    }

    async fn ask<A, T>(&self, asked: A, waits: fn(Job<A, T>) -> Waits) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.replace_lost();
        self.waiting.add(waits(Job { asked, queued_at: Instant::now(), reply }))?;
        deadline::in_time_or_late(answer, USUAL, || self.waiting.hurry()).await?.map_err(Error::internal)?
    }

    /// How many refreshes, ends and denials wait for the next batch.
    pub(crate) fn count_waiting(&self) -> usize {
        self.waiting.count()
    }
}

impl Drop for Rotator {
    fn drop(&mut self) {
        self.waiting.close();
    }
}

/// What a thread needs to handle batches.
pub(crate) struct Batches {
    judge: Judge,
    store: Arc<Store>,
    units: Units,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Batches {
    /// Uses these settings and this store.
    pub(crate) fn new(
        config: &Config,
        store: Arc<Store>,
        units: Units,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let (lifetimes, rules) = (config.lifetimes, config.rotation_rules());
        let judge = Judge { lifetimes, rules, rotates_simplejwt: config.compat_rotation };
        Self { judge, store, units, clock, metrics }
    }

    fn answer(&self, waiting: Vec<Waits>) {
        let (mut batch, mut denied) = (Vec::new(), Vec::new());
        for waits in waiting {
            match waits {
                Waits::Session(job) => batch.extend(job.in_time()),
                Waits::Token(job) => denied.extend(job.in_time()),
            }
        }
        if !denied.is_empty() {
            self.deny(denied);
        }
        for _ in 0..MAX_JUDGEMENTS {
            if batch.is_empty() {
                return;
            }
            batch = self.judge_and_write(batch);
        }
        for job in batch {
            job.answer(Err(Error::Overloaded { retry_after: BUSY_RETRY_AFTER }));
        }
    }

    /// On its own, so that it does not fail with others.
    fn deny(&self, batch: Vec<Job<(Denial, Event), ()>>) {
        let (denied, replies): (Vec<_>, Vec<_>) = batch.into_iter().map(|job| (job.asked, job.reply)).unzip();
        let written = self.units.deny(&denied).map_err(Arc::new);
        for reply in replies {
            let _gone = reply.send(written.clone().map_err(|error| Error::of_batch(&error)));
        }
    }

    /// Answers the requests that it can; returns those whose row was changed by others before it was written.
    fn judge_and_write(&self, batch: Vec<Job<Asked, Live>>) -> Vec<Job<Asked, Live>> {
        let now = self.clock.now();
        let ids: Vec<SessionId> = batch.iter().map(|job| job.asked.session()).collect();
        let ending: Vec<SessionId> = batch.iter().filter_map(|job| job.asked.ending()).collect();
        let mut judged = Vec::new();
        let written = self.units.compare_and_set(&ids, &ending, |found| {
            let mut rows = Rows::new(found, &ending);
            judged = batch.iter().map(|job| self.judge.judge(&mut rows, &job.asked, now)).collect();
            rows.into_moved(&self.judge)
        });
        match written {
            Ok(written) => self.conclude(batch.into_iter().zip(judged), &written),
            Err(error) => {
                let shared = Arc::new(error);
                for job in batch {
                    job.answer(Err(Error::of_batch(&shared)));
                }
                Vec::new()
            }
        }
    }

    /// Answers the requests whose result is certain after the write; returns the others.
    fn conclude(
        &self,
        judged: impl Iterator<Item = (Job<Asked, Live>, Judged)>,
        written: &HashSet<SessionId>,
    ) -> Vec<Job<Asked, Live>> {
        let mut moved_on = Vec::new();
        for (job, Judged { outcome, raised, rests_on }) in judged {
            if !rests_on.iter().all(|id| written.contains(id)) {
                moved_on.push(job);
                continue;
            }
            if let Some(mark) = raised.filter(|_| written.contains(&job.asked.session())) {
                self.metrics.marked_generation(mark.name());
            }
            let answer = self.answer_of(outcome);
            job.answer(answer);
        }
        moved_on
    }

    fn answer_of(&self, outcome: Outcome) -> Result<Live, Error> {
        match outcome {
            Outcome::Live { live, verdict } => {
                self.metrics.refresh(match verdict {
                    Verdict::Rotate => "rotated",
                    Verdict::Repeat => "repeated",
                    Verdict::Retry => "retried",
                    _ => "healed",
                });
                Ok(*live)
            }
            Outcome::Reused => {
                self.metrics.refresh("reused");
                Err(Error::RefreshTokenReused)
            }
            Outcome::Failed(error) => {
                self.metrics.refresh("refused");
                Err(error)
            }
            Outcome::End(ended) => ended.map(|before| *before),
        }
    }
}

#[cfg(test)]
#[path = "rotator_tests.rs"]
mod tests;
