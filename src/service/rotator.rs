//! The rotator: refreshes that arrive while others are being written wait together, and are then judged and written
//! together, in one transaction with one commit. One that is alone waits for nothing.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::denied::DeniedSet;
use crate::clock::{Clock, Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::RefreshClaims;
use crate::model::denial::Denial;
use crate::model::id::SessionId;
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::{Refusal, Verdict, judge};
use crate::model::session::{End, EndReason, Session};
use crate::model::user::User;
use crate::store::{Moved, Store, WriteTx};

/// So many refreshes are one transaction at most: it stays short, also for those that wait for it.
const MOST_IN_A_BATCH: usize = 256;

/// So many may wait; the next one is told to come back.
const MOST_WAITING: usize = 4_096;

/// Nobody is helped by an answer that comes later.
const DEADLINE: Duration = Duration::from_secs(3);

/// When to come back after there were too many.
const BUSY_RETRY_AFTER: Seconds = Seconds(1);

/// A session after its refresh token was judged, and its user: what the next pair is made of.
pub type Live = (Session, User);

/// The threads and what waits for them. They end when this is dropped.
pub struct Rotator {
    waiting: Arc<Waiting>,
    threads: Vec<JoinHandle<()>>,
}

impl Rotator {
    /// Starts as many threads as the store can use.
    #[must_use]
    pub fn start(store: &Arc<Store>, denied: &Arc<DeniedSet>, clock: &Arc<dyn Clock>, lifetimes: Lifetimes) -> Self {
        let waiting = Arc::new(Waiting::default());
        let start = |_| {
            let waiting = Arc::clone(&waiting);
            let batches =
                Batches { store: Arc::clone(store), denied: Arc::clone(denied), clock: Arc::clone(clock), lifetimes };
            std::thread::spawn(move || {
                while let Some(batch) = waiting.take() {
                    // Whoever waits for a batch that panicked is told so by its reply's end.
                    let _panicked_and_said_so = catch_unwind(AssertUnwindSafe(|| batches.answer(batch)));
                }
            })
        };
        let threads = (0..store.concurrent_batches()).map(start).collect();
        Self { waiting, threads }
    }

    /// Judges a verified refresh token; what is answered is durable.
    ///
    /// # Errors
    /// [`Error::RefreshTokenReused`], [`Error::SessionEnded`], [`Error::SessionUnknown`], [`Error::AccountDisabled`],
    /// [`Error::Overloaded`] when too many are waiting, [`Error::Unavailable`].
    pub async fn settle(&self, claims: RefreshClaims) -> Result<Live, Error> {
        let (reply, answer) = oneshot::channel();
        self.waiting.add(Job { claims, queued_at: Instant::now(), reply })?;
        answer.await.map_err(Error::internal)?
    }
}

impl Drop for Rotator {
    fn drop(&mut self) {
        self.waiting.lock().closed = true;
        self.waiting.arrived.notify_all();
        for thread in self.threads.drain(..) {
            let _panicked_and_said_so = thread.join();
        }
    }
}

struct Job {
    claims: RefreshClaims,
    queued_at: Instant,
    reply: oneshot::Sender<Result<Live, Error>>,
}

/// What waits for the next batch.
#[derive(Default)]
struct Waiting {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, job: Job) -> Result<(), Error> {
        let mut queue = self.lock();
        if queue.jobs.len() >= MOST_WAITING {
            return Err(Error::Overloaded { retry_after: BUSY_RETRY_AFTER });
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }

    /// Whatever waits, up to the bound, as soon as something does; nothing when the rotator ends.
    fn take(&self) -> Option<Vec<Job>> {
        let queue = self.lock();
        let mut queue = self
            .arrived
            .wait_while(queue, |queue| queue.jobs.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let count = queue.jobs.len().min(MOST_IN_A_BATCH);
        (count > 0).then(|| queue.jobs.drain(..count).collect())
    }
}

/// What a thread answers batches with.
struct Batches {
    store: Arc<Store>,
    denied: Arc<DeniedSet>,
    clock: Arc<dyn Clock>,
    lifetimes: Lifetimes,
}

/// What became of a row. A refusal that must be recorded is not an error: it has to be committed.
enum Outcome {
    Live { live: Box<Live>, healed: bool },
    Reused(Denial),
    Failed(Error),
}

impl Batches {
    fn answer(&self, batch: Vec<Job>) {
        let (batch, late): (Vec<Job>, Vec<Job>) =
            batch.into_iter().partition(|job| job.queued_at.elapsed() <= DEADLINE);
        for job in late {
            let _gone = job.reply.send(Err(Error::Overloaded { retry_after: BUSY_RETRY_AFTER }));
        }
        let now = self.clock.now();
        match self.store.write(|tx| settle(tx, &batch, self.lifetimes, now)) {
            Ok(outcomes) => {
                for (Job { claims, reply, .. }, outcome) in batch.into_iter().zip(outcomes) {
                    // The one who asked may have gone: what happened has happened all the same.
                    let _gone = reply.send(self.conclude(&claims, outcome));
                }
            }
            Err(error) => {
                let shared = Arc::new(error);
                for job in batch {
                    let _gone = job.reply.send(Err(Error::of_batch(&shared)));
                }
            }
        }
    }

    fn conclude(&self, claims: &RefreshClaims, outcome: Outcome) -> Result<Live, Error> {
        let RefreshClaims { sid, sub, generation, .. } = claims;
        match outcome {
            Outcome::Live { live, healed } => {
                if healed {
                    log::warn!(session:% = sid, user:% = sub, generation; "security: the database had lost rotations");
                }
                Ok(*live)
            }
            Outcome::Reused(denial) => {
                self.denied.add([denial]);
                log::warn!(session:% = sid, user:% = sub, generation; "security: refresh token reused, session ended");
                Err(Error::RefreshTokenReused)
            }
            Outcome::Failed(error) => Err(error),
        }
    }
}

/// A session in the course of a batch.
struct Row {
    live: Live,
    /// Where its mark was in the database.
    from: i64,
    changed: bool,
}

/// Judges the jobs in their order, each against its row as the ones before have left it, then writes what changed.
fn settle(tx: &mut WriteTx<'_>, batch: &[Job], lifetimes: Lifetimes, now: Timestamp) -> Result<Vec<Outcome>, Error> {
    let ids: Vec<SessionId> = batch.iter().map(|job| job.claims.sid).collect();
    let row = |live: Live| Row { from: live.0.denied_through, live, changed: false };
    let mut rows: HashMap<SessionId, Result<Row, Arc<Error>>> =
        tx.lock_sessions(&ids)?.into_iter().map(|(id, found)| (id, found.map(row).map_err(Arc::new))).collect();
    let outcomes = batch
        .iter()
        .map(|job| match rows.get_mut(&job.claims.sid) {
            None => Outcome::Failed(Refusal::UnknownSession.into()),
            Some(Err(error)) => Outcome::Failed(Error::of_batch(error)),
            Some(Ok(row)) => apply(row, job.claims.generation, lifetimes, now),
        })
        .collect();
    let changed = rows.values().flatten().filter(|row| row.changed);
    let moved: Vec<Moved> = changed.map(|row| Moved { session: row.live.0, from: row.from }).collect();
    tx.move_sessions(&moved)?;
    for Moved { session, .. } in moved {
        if let Some(denial) = session.end.map(|end| denial(&session, end, lifetimes)) {
            tx.insert_denial(&denial)?;
        }
    }
    Ok(outcomes)
}

fn apply(row: &mut Row, presented: i64, lifetimes: Lifetimes, now: Timestamp) -> Outcome {
    let (session, user) = &mut row.live;
    let verdict = judge(presented, Some(session), user.disabled_at.is_none(), lifetimes.windows, now);
    match verdict {
        Verdict::Refused(refusal) => return Outcome::Failed(refusal.into()),
        Verdict::Reused => {
            let end = End { at: now, reason: EndReason::Reuse };
            (session.end, row.changed) = (Some(end), true);
            return Outcome::Reused(denial(session, end, lifetimes));
        }
        Verdict::Rotate | Verdict::Repeat | Verdict::Retry | Verdict::Heal => {}
    }
    if let Some(mark) = verdict.new_mark(presented) {
        *session = lifetimes.rotated(*session, mark, now);
        row.changed = true;
    }
    Outcome::Live { live: Box::new(row.live.clone()), healed: verdict == Verdict::Heal }
}

fn denial(session: &Session, end: End, lifetimes: Lifetimes) -> Denial {
    Denial::of_session(session.id, end.at, session.access_expires_by, lifetimes.access)
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownSession => Self::SessionUnknown,
            Refusal::Ended(reason) => Self::SessionEnded(reason),
            Refusal::UserDisabled => Self::AccountDisabled,
        }
    }
}
