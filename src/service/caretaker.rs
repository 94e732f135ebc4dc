//! The background threads: what the service does by itself, each task at its own pace. They follow other instances' denials
//! and the folder of the keys, make and remove keys, and forget what is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{keys, purge};
use crate::app::Issuer;
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

/// The threads; they end when this is dropped. Several, so that a purge that waits for the database delays no denial, and
/// a folder that hangs delays neither.
pub struct Caretaker(Vec<(Sender<()>, JoinHandle<()>)>);

impl Caretaker {
    /// Starts the threads.
    #[must_use]
    pub fn start(issuer: Arc<Issuer>) -> Self {
        let follower = Arc::clone(&issuer);
        let follow = move || follower.denylist.follow(&follower.app.store, follower.app.clock.now());
        let task = |work: fn(&Issuer) -> Result<(), Error>| {
            let issuer = Arc::clone(&issuer);
            move || work(&issuer)
        };
        let [follow_keys, make_next, remove_retired] = [keys::follow, keys::make_next, keys::remove_retired].map(task);
        let users = Arc::clone(&issuer);
        let record_uses = move || users.api_tokens.record_uses();
        let mut walk = Walk { issuer, ended_at: Instant::now(), next_session: None };
        Self(vec![
            every(ROUND, "follow the denylist", follow),
            every(ROUND, "follow the keys", follow_keys),
            every(BETWEEN_KEYS, "make the next key", make_next),
            every(BETWEEN_REMOVALS, "remove retired keys", remove_retired),
            every(BETWEEN_RECORDS, "record the use of API tokens", record_uses),
            every(ROUND, "purge", move || walk.forget()),
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
                Ok(()) if !works => log::info!(task = name; "works again"),
                Err(error) if works => log::error!(task = name, cause = root_cause(error); "fails, and is tried again"),
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
    ended_at: Instant,
    next_session: Option<SessionId>,
}

impl Walk {
    /// One batch of each table at the most.
    fn forget(&mut self) -> Result<(), Error> {
        let app = &self.issuer.app;
        let denials = purge::denials(app)?;
        let events = purge::events(app)?;
        let (mut sessions, mut api_tokens) = (0, 0);
        if self.next_session.is_some() || self.ended_at.elapsed() >= BETWEEN_WALKS {
            (sessions, self.next_session) = purge::sessions(app, self.next_session)?;
            api_tokens = purge::api_tokens(app)?;
            self.ended_at = Instant::now();
        }
        if denials + sessions + api_tokens + events > 0 {
            log::debug!(denials, sessions, api_tokens, events; "purged");
        }
        Ok(())
    }
}
