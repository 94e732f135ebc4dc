//! The background thread: follows other instances' denials every second and forgets what is over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::purge;
use crate::app::Issuer;
use crate::error::{Error, root_cause};
use crate::model::id::SessionId;

/// Another instance's denial is known here after this time and that of one query: below two seconds.
const ROUND: Duration = Duration::from_secs(1);

/// From the end of one walk through the sessions to the start of the next. A walk takes one batch each round.
const BETWEEN_WALKS: Duration = Duration::from_secs(60);

/// The thread; it ends when this is dropped.
pub struct Caretaker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Caretaker {
    /// Starts the thread.
    #[must_use]
    pub fn start(issuer: Arc<Issuer>) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut rounds = Rounds { issuer, walked_at: Instant::now(), next_session: None, reachable: true };
            while stopped.recv_timeout(ROUND) == Err(RecvTimeoutError::Timeout) {
                // Whatever goes wrong in one round, denials must be followed in the next.
                if catch_unwind(AssertUnwindSafe(|| rounds.go())).is_err() {
                    log::error!("a round of the caretaker panicked");
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Caretaker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked_and_said_so = thread.join();
        }
    }
}

struct Rounds {
    issuer: Arc<Issuer>,
    walked_at: Instant,
    next_session: Option<SessionId>,
    reachable: bool,
}

impl Rounds {
    fn go(&mut self) {
        let done = self.follow().and_then(|()| self.forget());
        match done {
            Ok(()) if !self.reachable => log::info!("the database is available again"),
            Err(ref error) if self.reachable => {
                log::error!(cause = root_cause(error); "the denylist is not up to date");
            }
            _ => {}
        }
        self.reachable = done.is_ok();
    }

    fn follow(&self) -> Result<(), Error> {
        self.issuer.denied.follow(&self.issuer.app.store, self.issuer.app.clock.now())
    }

    /// One batch of each table at the most, so that following is never late.
    fn forget(&mut self) -> Result<(), Error> {
        let denials = purge::denials(&self.issuer.app)?;
        let mut sessions = 0;
        if self.next_session.is_some() || self.walked_at.elapsed() >= BETWEEN_WALKS {
            (sessions, self.next_session) = purge::sessions(&self.issuer.app, self.next_session)?;
            self.walked_at = Instant::now();
        }
        if denials + sessions > 0 {
            log::debug!(denials, sessions; "purged");
        }
        Ok(())
    }
}
