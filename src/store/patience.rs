//! How long a request waits for the database: all of its waits together have one limit.
//!
//! Only waiting counts. Hashing the password of a login does not; it has its own limit.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Seconds;
use crate::error::Error;
use tokensmith_verifier::issuing::MAX_CLOCK_SKEW;

/// How long a request waits for the database before it fails because the database is not available.
pub(crate) const DEADLINE: Duration = Duration::from_secs(3);

/// A statement that has been stuck for longer is considered lost, because the server ends every statement before that
/// (see `statement_timeout`).
pub(crate) const LOST_AFTER: Duration = Duration::from_secs(15);

/// So long after the time that a row holds, every instance can read the row: the instance that writes it may have a slower
/// clock, and the statement may take up to [`LOST_AFTER`] after a wait of up to [`DEADLINE`].
pub(crate) const VISIBLE_AFTER: Seconds = Seconds(MAX_CLOCK_SKEW.0 + 20);

/// The database did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("it did not answer within {} seconds", DEADLINE.as_secs())]
struct Late;

/// The rest of one request's [`DEADLINE`].
#[derive(Default)]
pub(crate) struct Patience(Mutex<Waited>);

#[derive(Default)]
struct Waited {
    before: Duration,
    since: Option<Instant>,
}

thread_local! {
    /// The patience of the request that this thread works for.
    static CURRENT: RefCell<Option<Arc<Patience>>> = const { RefCell::new(None) };
}

impl Patience {
    /// With a few milliseconds left.
    #[cfg(test)]
    pub(super) fn almost_over() -> Self {
        let before = DEADLINE.saturating_sub(Duration::from_millis(20));
        Self(Mutex::new(Waited { before, since: None }))
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        let Waited { before, since } = &*self.waited();
        DEADLINE.saturating_sub(*before + since.map_or(Duration::ZERO, |since| since.elapsed()))
    }

    /// Starts again with the whole time.
    pub(super) fn renew(&self) {
        let mut waited = self.waited();
        waited.before = Duration::ZERO;
        waited.since = waited.since.map(|_| Instant::now());
    }

    /// Fails if no time is left.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.left().is_zero() { Err(Self::over()) } else { Ok(()) }
    }

    /// The error of a request that has waited for too long.
    pub(crate) fn over() -> Error {
        Error::Unavailable(Box::new(Late))
    }

    /// Counts the time until the returned value is dropped.
    pub(crate) fn wait(self: &Arc<Self>) -> Waiting {
        let mut waited = self.waited();
        let counts = waited.since.is_none();
        waited.since.get_or_insert_with(Instant::now);
        Waiting(counts.then(|| Arc::clone(self)))
    }

    /// Runs `work`, whose waits for the store count.
    pub(crate) fn spend_on<T>(self: Arc<Self>, work: impl FnOnce() -> T) -> T {
        struct Restore(Option<Arc<Patience>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _restore = Restore(CURRENT.replace(Some(self)));
        work()
    }

    /// The patience of the request that this thread works for, if there is one.
    pub(super) fn of_this_thread() -> Option<Arc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    fn waited(&self) -> MutexGuard<'_, Waited> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait that counts until this is dropped. Nested waits are counted once.
pub(crate) struct Waiting(Option<Arc<Patience>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(patience) = &self.0 {
            let mut waited = patience.waited();
            let took = waited.since.take().map_or(Duration::ZERO, |since| since.elapsed());
            waited.before += took;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_waiting_counts_and_a_wait_within_another_counts_once() {
        let patience = Arc::new(Patience::default());
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(patience.left(), DEADLINE);
        let outer = patience.wait();
        std::thread::sleep(Duration::from_millis(50));
        drop(patience.wait());
        std::thread::sleep(Duration::from_millis(50));
        drop(outer);
        let left = patience.left();
        assert!(left + Duration::from_millis(100) <= DEADLINE, "{left:?}");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(patience.left(), left);
    }

    #[test]
    fn a_request_that_has_waited_for_the_whole_time_is_over() {
        let long_ago = Instant::now().checked_sub(DEADLINE);
        let patience = Patience(Mutex::new(Waited { before: Duration::ZERO, since: long_ago }));
        assert!(matches!(patience.check(), Err(Error::Unavailable(_))));
    }
}
