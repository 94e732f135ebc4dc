//! The threads of background tasks, and what becomes of a task that fails, panics or hangs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, root_cause};

/// So many rounds of a task may be left behind at the same time.
const MAX_LEFT_BEHIND: usize = 8;

/// One round of a task.
pub(crate) type Work = Box<dyn Fn() -> Result<(), Error> + Send + Sync>;

/// A thread for each task; they end when this is dropped.
pub(crate) struct Tasks {
    clock: Arc<dyn Clock>,
    threads: Vec<(Sender<()>, JoinHandle<()>)>,
}

impl Tasks {
    /// None yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, threads: Vec::new() }
    }

    /// Does `work` now and once a period.
    pub(crate) fn every(&mut self, period: Duration, name: &'static str, work: Work) {
        self.threads.push(every(period, name, work));
    }

    /// The same with each round on a thread of its own, which is left behind when it takes longer than `longest`.
    pub(crate) fn every_in_time(&mut self, period: Duration, longest: Duration, name: &'static str, work: Work) {
        self.threads.push(every(period, name, in_time(longest, Arc::clone(&self.clock), work)));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        for (stop, thread) in self.threads.drain(..) {
            drop(stop);
            let _panicked_and_said_so = thread.join();
        }
    }
}

/// A task hangs.
#[derive(Debug, thiserror::Error)]
#[error("it has not been done since {}: the database does not answer", .0.to_rfc3339())]
struct NotDone(Timestamp);

/// Each round on a thread of its own, which is left behind when it takes longer.
fn in_time(longest: Duration, clock: Arc<dyn Clock>, work: Work) -> impl FnMut() -> Result<(), Error> + Send {
    let mut done_at = clock.now();
    // Each thread has one more of it.
    let work = Arc::new(work);
    move || {
        let begun_at = clock.now();
        let not_done = Error::Unavailable(Box::new(NotDone(done_at)));
        if Arc::strong_count(&work) > MAX_LEFT_BEHIND {
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
