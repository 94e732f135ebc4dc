//! The background thread: follows other instances' denials every second and forgets what is over.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::purge;
use crate::app::Issuer;
use crate::error::Error;
use crate::model::id::SessionId;

/// Another instance's denial is known here after this time and that of one query: below two seconds.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

const PURGE_EVERY: Duration = Duration::from_secs(60);

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
            let mut rounds = Rounds { issuer, purged_at: Instant::now(), next_session: None, reachable: true };
            while stopped.recv_timeout(FOLLOW_EVERY) == Err(RecvTimeoutError::Timeout) {
                rounds.go();
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
    purged_at: Instant,
    next_session: Option<SessionId>,
    reachable: bool,
}

impl Rounds {
    fn go(&mut self) {
        let done = self.follow().and_then(|()| self.purge());
        match (done, self.reachable) {
            (Ok(()), true) => {}
            (Ok(()), false) => log::info!("the database is available again"),
            (Err(error), true) => {
                log::error!(cause = crate::error::root_cause(&error); "the denylist cannot be followed");
                self.reachable = false;
                return;
            }
            (Err(_), false) => return,
        }
        self.reachable = true;
    }

    fn follow(&self) -> Result<(), Error> {
        self.issuer.denied.follow(&self.issuer.app.store, self.issuer.app.clock.now())
    }

    fn purge(&mut self) -> Result<(), Error> {
        if self.purged_at.elapsed() < PURGE_EVERY {
            return Ok(());
        }
        self.purged_at = Instant::now();
        let denials = purge::denials(&self.issuer.app)?;
        let (sessions, next) = purge::sessions(&self.issuer.app, self.next_session)?;
        self.next_session = next;
        if denials + sessions > 0 {
            log::debug!(denials, sessions; "purged");
        }
        Ok(())
    }
}
