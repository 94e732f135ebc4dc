//! The background threads: what the service does by itself, each task at its own pace. They follow other instances' denials
//! and the folder of the keys, make and remove keys, and forget what is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{keys, purge};
use crate::app::Issuer;
use crate::clock::{Clock, Timestamp};
use crate::error::{Error, root_cause};
use crate::model::id::SessionId;

/// Another instance's denial is known here after this time and that of one query: below two seconds.
const ROUND: Duration = Duration::from_secs(1);

/// From the end of one walk through the sessions to the start of the next. A walk takes one batch each round.
const BETWEEN_WALKS: Duration = Duration::from_secs(60);

/// How often the uses of API tokens are recorded.
const BETWEEN_RECORDS: Duration = Duration::from_secs(10);

/// How often it is looked whether a key is to be made.
const BETWEEN_KEYS: Duration = Duration::from_secs(60);

/// How often it is looked whether a key is to be removed: that may take a look at every session.
const BETWEEN_REMOVALS: Duration = Duration::from_secs(3_600);

/// A round of following that takes longer is left behind: its connection may never answer.
const LONGEST_ROUND: Duration = Duration::from_secs(10);

/// The same for the other tasks that ask the database: each of their rounds is several statements.
const LONGEST_OTHER: Duration = Duration::from_secs(60);

/// So many rounds of a task may be left behind at the same time.
const MOST_LEFT_BEHIND: usize = 8;

/// The threads; they end when this is dropped. Several, so that a purge that waits for the database delays no denial, and
/// a folder that hangs delays neither.
pub struct Caretaker(Vec<(Sender<()>, JoinHandle<()>)>);

impl Caretaker {
    /// Starts the threads.
    #[must_use]
    pub fn start(issuer: Arc<Issuer>) -> Self {
        let task = |work: fn(&Issuer) -> Result<(), Error>| {
            let issuer = Arc::clone(&issuer);
            move || work(&issuer)
        };
        let clock = Arc::clone(&issuer.app.clock);
        let in_time = |longest, work| in_time(longest, Arc::clone(&clock), work);
        let follow = task(|issuer| issuer.denylist.follow(&issuer.app.store, issuer.app.clock.now()));
        let [follow_keys, make_next, remove_retired] = [keys::follow, keys::make_next, keys::remove_retired].map(task);
        let watch_file = task(|issuer| issuer.app.store.check_file());
        let record_uses = task(|issuer| issuer.api_tokens.record_uses());
        let walk = Walk { issuer, place: Mutex::new((Instant::now(), None)) };
        Self(vec![
            every(ROUND, "follow the denylist", in_time(LONGEST_ROUND, Box::new(follow))),
            every(ROUND, "watch the database's file", watch_file),
            every(ROUND, "follow the keys", follow_keys),
            every(BETWEEN_KEYS, "make the next key", make_next),
            every(BETWEEN_REMOVALS, "remove retired keys", in_time(LONGEST_OTHER, Box::new(remove_retired))),
            every(BETWEEN_RECORDS, "record the use of API tokens", in_time(LONGEST_OTHER, Box::new(record_uses))),
            every(ROUND, "purge", in_time(LONGEST_OTHER, Box::new(move || walk.forget()))),
        ])
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        for (stop, thread) in self.0.drain(..) {
            drop(stop);
            let _panicked_and_said_so = thread.join();
        }
    }
}

/// A task hangs.
#[derive(Debug, thiserror::Error)]
#[error("it has not been done since {}: the database does not answer", .0.to_rfc3339())]
struct NotDone(Timestamp);

type Work = Box<dyn Fn() -> Result<(), Error> + Send + Sync>;

/// Each round on a thread of its own, which is left behind when it takes longer.
fn in_time(longest: Duration, clock: Arc<dyn Clock>, work: Work) -> impl FnMut() -> Result<(), Error> + Send {
    let mut done_at = clock.now();
    // Each thread has one more of it.
    let work = Arc::new(work);
    move || {
        let begun_at = clock.now();
        let not_done = Error::Unavailable(Box::new(NotDone(done_at)));
        if Arc::strong_count(&work) > MOST_LEFT_BEHIND {
            return Err(not_done);
        }
        let (done, ended) = channel();
        let work = Arc::clone(&work);
        std::thread::spawn(move || {
            let outcome = work();
            // Before that is known: nothing of the service is kept for longer than it runs.
            drop(work);
            let _left_behind = done.send(outcome);
        });
        match ended.recv_timeout(longest) {
            Ok(outcome) => outcome?,
            Err(RecvTimeoutError::Timeout) => return Err(not_done),
            Err(RecvTimeoutError::Disconnected) => return Err(Error::internal("it panicked")),
        }
        done_at = begun_at;
        Ok(())
    }
}

/// Does `work` now and once a period until the sender is dropped; whatever goes wrong in one, the next one tries again.
fn every(
    period: Duration,
    name: &'static str,
    mut work: impl FnMut() -> Result<(), Error> + Send + 'static,
) -> (Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = channel();
    let thread = std::thread::spawn(move || {
        let mut works = true;
        loop {
            let done =
                catch_unwind(AssertUnwindSafe(&mut work)).unwrap_or_else(|_| Err(Error::internal("it panicked")));
            match &done {
                Ok(()) if !works => log::info!(task = name; "a background task works again"),
                Err(error) if works => {
                    let cause = root_cause(error);
                    log::error!(task = name, cause; "a background task failed and will be tried again");
                }
                _ => {}
            }
            works = done.is_ok();
            if stopped.recv_timeout(period) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    });
    (stop, thread)
}

struct Walk {
    issuer: Arc<Issuer>,
    /// When the last walk through the sessions ended, and where the one that is under way goes on.
    place: Mutex<(Instant, Option<SessionId>)>,
}

impl Walk {
    /// One batch of each table at the most.
    fn forget(&self) -> Result<(), Error> {
        let app = &self.issuer.app;
        let denials = purge::denials(app)?;
        let events = purge::events(app)?;
        let (mut sessions, mut api_tokens) = (0, 0);
        let place = || self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended_at, next) = *place();
        if next.is_some() || ended_at.elapsed() >= BETWEEN_WALKS {
            let (deleted, next) = purge::sessions(app, next)?;
            sessions = deleted;
            api_tokens = purge::api_tokens(app)?;
            *place() = (Instant::now(), next);
        }
        if denials + sessions + api_tokens + events > 0 {
            log::debug!(denials, sessions, api_tokens, events; "purged");
        }
        Ok(())
    }
}
