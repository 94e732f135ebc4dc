//! The rotator: refreshes that arrive while others are being written wait together, and are then judged and written
//! together, in one statement or transaction with one commit. One that is alone waits for nothing.

mod judging;

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use tokio::sync::oneshot;

use self::judging::Row;
use super::deadline;
use super::denylist::Denylist;
use crate::app::App;
use crate::clock::{Clock, Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::RefreshClaims;
use crate::metrics::Metrics;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::grant::Live;
use crate::model::id::SessionId;
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::{Refusal, Rules};
use crate::model::sharing::Context;
use crate::store::{DEADLINE, LOST_AFTER, Patience, Store};

/// So many refreshes are one transaction at most: it stays short, also for those that wait for it.
const MOST_IN_A_BATCH: usize = 256;

/// So many may wait; the next one is told to come back.
const MOST_WAITING: usize = 4_096;

/// A row is written only as it was judged. It fails to be when somebody else moved it on, and nobody can be moved on
/// from for ever: a mark only rises, an end is final.
const MOST_JUDGEMENTS: usize = 16;

/// So many threads may hang at the same time and be replaced.
const MOST_LOST: usize = 8;

/// When to come back after there were too many.
const BUSY_RETRY_AFTER: Seconds = Seconds(1);

/// Who asks for a refresh.
pub struct Client {
    /// The network address.
    pub ip: Option<String>,
    /// Network and user agent.
    pub context: Context,
}

/// The threads and what waits for them. They end when this is dropped.
pub struct Rotator {
    waiting: Arc<Waiting>,
    batches: Arc<Batches>,
    /// By number; those that are lost are left to themselves.
    threads: Mutex<HashMap<u32, JoinHandle<()>>>,
}

impl Rotator {
    /// Starts as many threads as the store can use.
    #[must_use]
    pub fn start(app: &App, denylist: &Arc<Denylist>) -> Self {
        let threads = app.store.concurrent_batches();
        let waiting = Arc::new(Waiting { threads: threads.try_into().unwrap_or(usize::MAX), ..Waiting::default() });
        let batches = Arc::new(Batches::new(app, denylist));
        let threads = (0..threads).map(|number| (number, spawn(number, &waiting, &batches)));
        let threads = Mutex::new(threads.collect());
        Self { waiting, batches, threads }
    }

    /// Starts a thread for each one whose batch hangs in a connection that is lost.
    fn replace_lost(&self) {
        let lost = self.waiting.give_up_lost();
        if lost.is_empty() {
            return;
        }
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for number in lost {
            threads.remove(&number);
            let next = self.waiting.next_number();
            threads.insert(next, spawn(next, &self.waiting, &self.batches));
        }
    }

    /// Judges a verified refresh token that came from `client`; what is answered is durable.
    ///
    /// # Errors
    /// [`Error::RefreshTokenReused`], [`Error::SessionEnded`], [`Error::SessionUnknown`], [`Error::AccountDisabled`],
    /// [`Error::Overloaded`] when too many are waiting, [`Error::Unavailable`], also when the database takes too long.
    pub async fn settle(&self, claims: RefreshClaims, client: Client) -> Result<Live, Error> {
        let (reply, answer) = oneshot::channel();
        self.replace_lost();
        self.waiting.add(Job { claims, client, queued_at: Instant::now(), reply })?;
        deadline::in_time(answer).await?.map_err(Error::internal)?
    }

    /// How many wait for the next batch.
    #[must_use]
    pub fn count_waiting(&self) -> usize {
        self.waiting.lock().jobs.len()
    }
}

impl Drop for Rotator {
    fn drop(&mut self) {
        self.waiting.lock().closed = true;
        self.waiting.arrived.notify_all();
        let threads = self.threads.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (_, thread) in threads.drain() {
            let _panicked_and_said_so = thread.join();
        }
    }
}

fn spawn(number: u32, waiting: &Arc<Waiting>, batches: &Arc<Batches>) -> JoinHandle<()> {
    let (waiting, batches) = (Arc::clone(waiting), Arc::clone(batches));
    std::thread::spawn(move || {
        while let Some(batch) = waiting.take(number) {
            // Whoever waits for a batch that panicked is told so by its reply's end.
            let _panicked_and_said_so = catch_unwind(AssertUnwindSafe(|| {
                // Those that wait for it are gone after that time: what comes later is not written.
                Arc::<Patience>::default().spend_on(|| batches.answer(batch));
            }));
        }
    })
}

struct Job {
    claims: RefreshClaims,
    client: Client,
    queued_at: Instant,
    reply: oneshot::Sender<Result<Live, Error>>,
}

impl Job {
    /// What this token has brought about. Whether its owner presented it or a thief is not known: there is no actor.
    fn event(&self, name: EventName, now: Timestamp) -> Event {
        let RefreshClaims { sid, sub, generation, .. } = &self.claims;
        let origin = Origin { ip: self.client.ip.clone(), ..Origin::default() };
        origin.event(now, name).about(*sub).of_session(*sid).with(format_args!("generation {generation}"))
    }

    /// The one who asked may have gone: what happened has happened all the same.
    fn answer(self, answer: Result<Live, Error>) {
        let _gone = self.reply.send(answer);
    }
}

/// What waits for the next batch.
#[derive(Default)]
struct Waiting {
    /// How many take batches.
    threads: usize,
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    /// Since when each thread that has a batch has it.
    under_way: HashMap<u32, Instant>,
    /// The threads that were replaced and have not come back.
    lost: HashSet<u32>,
    /// How many were started in the place of others.
    replaced: u32,
    closed: bool,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: Job) -> Result<(), Error> {
        let mut queue = self.lock();
        // Nothing is taken up before one of them comes back.
        let stuck = queue.under_way.values().filter(|since| since.elapsed() > DEADLINE).count();
        if stuck > 0 && stuck >= self.threads {
            return Err(Patience::over());
        }
        if queue.jobs.len() >= MOST_WAITING {
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
    fn give_up_lost(&self) -> Vec<u32> {
        let Queue { under_way, lost, .. } = &mut *self.lock();
        let late = under_way.iter().filter(|(_, since)| since.elapsed() > LOST_AFTER).map(|(thread, _)| *thread);
        let late: Vec<u32> = late.take(MOST_LOST.saturating_sub(lost.len())).collect();
        for thread in &late {
            under_way.remove(thread);
            lost.insert(*thread);
        }
        late
    }

    /// A number that no thread has had.
    fn next_number(&self) -> u32 {
        let mut queue = self.lock();
        let started_first = u32::try_from(self.threads).unwrap_or(u32::MAX);
        let number = started_first.saturating_add(queue.replaced);
        queue.replaced += 1;
        number
    }

    /// Whatever waits, up to the bound, as soon as something does, for a thread that has done with its last batch; nothing
    /// when the rotator ends, and for a thread that was replaced.
    fn take(&self, thread: u32) -> Option<Vec<Job>> {
        let mut queue = self.lock();
        if queue.lost.remove(&thread) {
            return None;
        }
        queue.under_way.remove(&thread);
        let mut queue = self
            .arrived
            .wait_while(queue, |queue| queue.jobs.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let count = queue.jobs.len().min(MOST_IN_A_BATCH);
        queue.under_way.insert(thread, Instant::now());
        let batch = queue.jobs.drain(..count).collect();
        if !queue.jobs.is_empty() {
            self.arrived.notify_one();
        }
        (count > 0).then_some(batch)
    }
}

/// What a thread answers batches with.
struct Batches {
    store: Arc<Store>,
    denylist: Arc<Denylist>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    lifetimes: Lifetimes,
    rules: Rules,
}

impl Batches {
    fn new(app: &App, denylist: &Arc<Denylist>) -> Self {
        Self {
            store: Arc::clone(&app.store),
            denylist: Arc::clone(denylist),
            clock: Arc::clone(&app.clock),
            metrics: Arc::clone(&app.metrics),
            lifetimes: app.config.lifetimes,
            rules: app.config.rotation_rules(),
        }
    }

    fn answer(&self, batch: Vec<Job>) {
        let (mut batch, late): (Vec<Job>, Vec<Job>) =
            batch.into_iter().partition(|job| job.queued_at.elapsed() <= DEADLINE);
        for job in late {
            job.answer(Err(Patience::over()));
        }
        for _ in 0..MOST_JUDGEMENTS {
            if batch.is_empty() {
                return;
            }
            batch = self.judge_and_write(batch);
        }
        for job in batch {
            job.answer(Err(Error::Overloaded { retry_after: BUSY_RETRY_AFTER }));
        }
    }

    /// Answers the requests it can; gives back those whose row somebody else moved before it was written.
    fn judge_and_write(&self, batch: Vec<Job>) -> Vec<Job> {
        let now = self.clock.now();
        let ids: Vec<SessionId> = batch.iter().map(|job| job.claims.sid).collect();
        let mut judged = Vec::new();
        let written = self.store.compare_and_set(&ids, |found| {
            let mut rows: HashMap<SessionId, Result<Row, Arc<Error>>> =
                found.into_iter().map(|(id, found)| (id, found.map(Row::new).map_err(Arc::new))).collect();
            let judge = |job: &Job| match rows.get_mut(&job.claims.sid) {
                None => Error::from(Refusal::UnknownSession).into(),
                Some(Err(damaged)) => Error::of_batch(damaged).into(),
                Some(Ok(row)) => self.judge(row, job, now),
            };
            judged = batch.iter().map(judge).collect();
            let changed = rows.into_values().flatten().filter(Row::is_changed);
            changed.map(|row| self.moved(row)).collect()
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
}

#[cfg(test)]
#[path = "rotator_tests.rs"]
mod tests;
