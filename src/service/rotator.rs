//! The rotator: refreshes that arrive while others are being written wait together, and are then judged and written
//! together, in one statement or transaction with one commit. One that is alone waits for nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::audit;
use super::denylist::Denylist;
use crate::app::App;
use crate::clock::{Clock, Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::RefreshClaims;
use crate::metrics::Metrics;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::denial::Denial;
use crate::model::id::SessionId;
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::{Refusal, Verdict, judge};
use crate::model::session::{End, EndReason, Session};
use crate::model::user::User;
use crate::store::{Moved, Store};

/// So many refreshes are one transaction at most: it stays short, also for those that wait for it.
const MOST_IN_A_BATCH: usize = 256;

/// So many may wait; the next one is told to come back.
const MOST_WAITING: usize = 4_096;

/// A row is written only as it was judged. It fails to be when somebody else moved it on, and nobody can be moved on
/// from for ever: a mark only rises, an end is final.
const MOST_JUDGEMENTS: usize = 16;

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
    pub fn start(app: &App, denylist: &Arc<Denylist>) -> Self {
        let waiting = Arc::new(Waiting::default());
        let start = |_| {
            let waiting = Arc::clone(&waiting);
            let mut batches = Batches::new(app, denylist);
            std::thread::spawn(move || {
                while let Some(batch) = waiting.take() {
                    // Whoever waits for a batch that panicked is told so by its reply's end.
                    let _panicked_and_said_so = catch_unwind(AssertUnwindSafe(|| batches.answer(batch)));
                }
            })
        };
        let threads = (0..app.store.concurrent_batches()).map(start).collect();
        Self { waiting, threads }
    }

    /// Judges a verified refresh token that came from `ip`; what is answered is durable.
    ///
    /// # Errors
    /// [`Error::RefreshTokenReused`], [`Error::SessionEnded`], [`Error::SessionUnknown`], [`Error::AccountDisabled`],
    /// [`Error::Overloaded`] when too many are waiting, [`Error::Unavailable`].
    pub async fn settle(&self, claims: RefreshClaims, ip: Option<String>) -> Result<Live, Error> {
        let (reply, answer) = oneshot::channel();
        self.waiting.add(Job { claims, ip, queued_at: Instant::now(), reply })?;
        answer.await.map_err(Error::internal)?
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
        for thread in self.threads.drain(..) {
            let _panicked_and_said_so = thread.join();
        }
    }
}

struct Job {
    claims: RefreshClaims,
    ip: Option<String>,
    queued_at: Instant,
    reply: oneshot::Sender<Result<Live, Error>>,
}

impl Job {
    /// What this token has brought about. Whether its owner presented it or a thief is not known: there is no actor.
    fn event(&self, name: EventName, now: Timestamp) -> Event {
        let RefreshClaims { sid, sub, generation, .. } = &self.claims;
        let origin = Origin { ip: self.ip.clone(), ..Origin::default() };
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
    denylist: Arc<Denylist>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    lifetimes: Lifetimes,
    /// Why the last batch could not be written, if the database was out of reach.
    out_of_reach: Option<Arc<Error>>,
}

/// What a refresh is answered. Only once the row is written as it was judged.
enum Outcome {
    Live { live: Box<Live>, verdict: Verdict, event: Option<Event> },
    Reused(Denial, Event),
    Failed(Error),
}

impl Batches {
    fn new(app: &App, denylist: &Arc<Denylist>) -> Self {
        Self {
            store: Arc::clone(&app.store),
            denylist: Arc::clone(denylist),
            clock: Arc::clone(&app.clock),
            metrics: Arc::clone(&app.metrics),
            lifetimes: app.config.lifetimes,
            out_of_reach: None,
        }
    }

    fn answer(&mut self, batch: Vec<Job>) {
        let (mut batch, late): (Vec<Job>, Vec<Job>) =
            batch.into_iter().partition(|job| job.queued_at.elapsed() <= DEADLINE);
        for job in late {
            let busy = Error::Overloaded { retry_after: BUSY_RETRY_AFTER };
            job.answer(Err(self.out_of_reach.as_ref().map_or(busy, Error::of_batch)));
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

    /// Answers whom it can; gives back those whose row somebody else moved before it was written.
    fn judge_and_write(&mut self, batch: Vec<Job>) -> Vec<Job> {
        let now = self.clock.now();
        let ids: Vec<SessionId> = batch.iter().map(|job| job.claims.sid).collect();
        let (mut outcomes, mut to_write) = (Vec::new(), HashSet::new());
        let written = self.store.compare_and_set(&ids, |found| {
            let row = |live: Live| Row { from: live.0.denied_through, live, changed: false, events: Vec::new() };
            let mut rows: HashMap<SessionId, Result<Row, Arc<Error>>> =
                found.into_iter().map(|(id, found)| (id, found.map(row).map_err(Arc::new))).collect();
            let outcome = |job: &Job| match rows.get_mut(&job.claims.sid) {
                None => Outcome::Failed(Refusal::UnknownSession.into()),
                Some(Err(damaged)) => Outcome::Failed(Error::of_batch(damaged)),
                Some(Ok(row)) => self.judge(row, job, now),
            };
            outcomes = batch.iter().map(outcome).collect();
            let changed = rows.into_values().flatten().filter(|row| row.changed);
            let moved: Vec<Moved> = changed.map(|row| self.moved(row)).collect();
            to_write = moved.iter().map(|moved| moved.session.id).collect();
            moved
        });
        match written {
            Ok(written) => {
                self.out_of_reach = None;
                let mut moved_on = Vec::new();
                for (job, outcome) in batch.into_iter().zip(outcomes) {
                    let sid = &job.claims.sid;
                    if to_write.contains(sid) && !written.contains(sid) {
                        moved_on.push(job);
                    } else {
                        let answer = self.conclude(outcome);
                        job.answer(answer);
                    }
                }
                moved_on
            }
            Err(error) => {
                let shared = Arc::new(error);
                self.out_of_reach = matches!(*shared, Error::Unavailable(_)).then(|| Arc::clone(&shared));
                for job in batch {
                    job.answer(Err(Error::of_batch(&shared)));
                }
                Vec::new()
            }
        }
    }

    /// Judges one against its row as the ones before it in the batch have left it.
    fn judge(&self, row: &mut Row, job: &Job, now: Timestamp) -> Outcome {
        let presented = job.claims.generation;
        let (session, user) = &mut row.live;
        let verdict = judge(presented, Some(session), user.disabled_at.is_none(), self.lifetimes.windows, now);
        match verdict {
            Verdict::Refused(refusal) => return Outcome::Failed(refusal.into()),
            Verdict::Reused => {
                let end = End { at: now, reason: EndReason::Reuse };
                (session.end, row.changed) = (Some(end), true);
                let event = job.event(EventName::RefreshTokenReused, now);
                row.events.push(event.clone());
                return Outcome::Reused(self.denial(session, end), event);
            }
            Verdict::Rotate | Verdict::Repeat | Verdict::Retry | Verdict::Heal => {}
        }
        if let Some(mark) = verdict.new_mark(presented) {
            *session = self.lifetimes.rotated(*session, mark, now);
            row.changed = true;
        }
        let healed = (verdict == Verdict::Heal).then(|| job.event(EventName::SessionHealed, now));
        row.events.extend(healed.clone());
        Outcome::Live { live: Box::new(row.live.clone()), verdict, event: healed }
    }

    fn moved(&self, row: Row) -> Moved {
        let session = row.live.0;
        Moved { session, from: row.from, denial: session.end.map(|end| self.denial(&session, end)), events: row.events }
    }

    fn denial(&self, session: &Session, end: End) -> Denial {
        Denial::of_session(session.id, end.at, session.access_expires_by, self.lifetimes.access)
    }

    fn conclude(&self, outcome: Outcome) -> Result<Live, Error> {
        match outcome {
            Outcome::Live { live, verdict, event } => {
                self.metrics.refresh(match verdict {
                    Verdict::Rotate => "rotated",
                    Verdict::Repeat => "repeated",
                    Verdict::Retry => "retried",
                    _ => "healed",
                });
                if let Some(event) = event {
                    audit::tell(&self.metrics, &event);
                }
                Ok(*live)
            }
            Outcome::Reused(denial, event) => {
                self.metrics.refresh("reused");
                self.denylist.add([denial]);
                audit::tell(&self.metrics, &event);
                Err(Error::RefreshTokenReused)
            }
            Outcome::Failed(error) => {
                self.metrics.refresh("refused");
                Err(error)
            }
        }
    }
}

/// A row in the course of a batch.
struct Row {
    live: Live,
    /// Where its mark was in the database.
    from: i64,
    changed: bool,
    /// What is to be recorded of it.
    events: Vec<Event>,
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

#[cfg(test)]
#[path = "rotator_tests.rs"]
mod tests;
