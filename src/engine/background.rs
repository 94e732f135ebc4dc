//! Background tasks: they run at the start and once per period. Handles tasks that fail, panic or hang.

use std::io;
use std::mem;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::clock::{Clock, Timestamp};
use crate::error::{Error, root_cause};
use crate::metrics::Metrics;
use crate::threads::{Threads, watched};

/// The number of hanging rounds of a task that may be abandoned at the same time.
const MAX_LEFT_BEHIND: usize = 8;

/// One round of a task.
pub(crate) type Work = Box<dyn Fn() -> Result<(), Error> + Send + Sync>;

/// A periodic task.
pub(crate) struct Periodic {
    /// Its name in the log and in the metrics.
    pub(crate) name: &'static str,
    /// From the end of one round to the next.
    pub(crate) period: Duration,
    /// A round that takes longer is abandoned; `None`: no limit.
    pub(crate) longest: Option<Duration>,
    /// One round.
    pub(crate) work: Work,
}

/// The tasks, each on a thread of its own; they end when this is dropped.
pub(crate) struct Tasks {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Declared before the threads, which end when these are dropped.
    stops: Vec<Sender<()>>,
    threads: Threads,
}

impl Tasks {
    /// No tasks yet.
    pub(crate) fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let threads = Threads::new(Arc::clone(&metrics));
        Self { clock, metrics, stops: Vec::new(), threads }
    }

    /// Runs a task now and once per period. If a round fails, the next one tries again.
    pub(crate) fn start(&mut self, task: Periodic) -> io::Result<()> {
        let Periodic { name, period, longest, work } = task;
        let work: Box<dyn FnMut() -> Result<(), Error> + Send> = match longest {
            None => work,
            Some(longest) => {
                let mut rounds = Rounds {
                    name,
                    longest,
                    work: Arc::new(work),
                    under_way: Arc::new(Semaphore::new(MAX_LEFT_BEHIND)),
                    done_at: self.clock.now(),
                    clock: Arc::clone(&self.clock),
                    metrics: Arc::clone(&self.metrics),
                };
                Box::new(move || rounds.next())
            }
        };
        let (stop, stopped) = channel();
        let mut repeated = Repeated { name, period, pause: Duration::ZERO, works: true, work, stopped };
        self.threads.start(name, move || repeated.run())?;
        self.stops.push(stop);
        Ok(())
    }
}

/// A task on its thread.
struct Repeated {
    name: &'static str,
    period: Duration,
    /// The time until the next round.
    pause: Duration,
    /// Whether the last round succeeded.
    works: bool,
    work: Box<dyn FnMut() -> Result<(), Error> + Send>,
    stopped: Receiver<()>,
}

impl Repeated {
    fn run(&mut self) {
        let task = self.name;
        // A round that panics has failed and is tried again in the next period.
        while self.stopped.recv_timeout(mem::replace(&mut self.pause, self.period)) == Err(RecvTimeoutError::Timeout) {
            let worked = mem::replace(&mut self.works, false);
            match (self.work)() {
                Ok(()) => {
                    if !worked {
                        log::info!(task; "a background task works again");
                    }
                    self.works = true;
                }
                Err(error) if worked => {
                    let cause = root_cause(&error);
                    log::error!(task, cause; "a background task failed and will be tried again");
                }
                Err(_and_so_did_the_last_one) => {}
            }
        }
    }
}

/// A task hangs.
#[derive(Debug, thiserror::Error)]
#[error("no round has finished since {}", .0.to_rfc3339())]
struct NotDone(Timestamp);

/// A task whose rounds each have their own thread, which is abandoned if it takes too long.
struct Rounds {
    name: &'static str,
    longest: Duration,
    work: Arc<Work>,
    under_way: Arc<Semaphore>,
    done_at: Timestamp,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Rounds {
    fn next(&mut self) -> Result<(), Error> {
        let begun_at = self.clock.now();
        let not_done = Error::Unavailable(Box::new(NotDone(self.done_at)));
        let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() else { return Err(not_done) };
        let (done, ended) = channel();
        let (name, work, metrics) = (self.name, Arc::clone(&self.work), Arc::clone(&self.metrics));
        let round = move || {
            let outcome = watched(&metrics, name, || work());
            // Before the result is sent, so that the thread does not keep parts of the service alive.
            drop((work, permit));
            let _left_behind = done.send(outcome);
        };
        Builder::new().name(name.to_owned()).spawn(round).map_err(Error::internal)?;
        match ended.recv_timeout(self.longest) {
            Ok(outcome) => outcome.map_err(Error::internal)??,
            Err(_it_hangs) => return Err(not_done),
        }
        self.done_at = begun_at;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::clock::ManualClock;

    const NAME: &str = "a task of a test";

    fn rounds(metrics: &Arc<Metrics>, longest: Duration, work: Work) -> Rounds {
        Rounds {
            name: NAME,
            longest,
            work: Arc::new(work),
            under_way: Arc::new(Semaphore::new(MAX_LEFT_BEHIND)),
            done_at: Timestamp(0),
            clock: Arc::new(ManualClock::new(Timestamp(1))),
            metrics: Arc::clone(metrics),
        }
    }

    #[test]
    fn rounds_that_hang_are_left_behind_up_to_a_bound_and_once_one_is_back_another_is_begun() {
        let begun = Arc::new(AtomicUsize::new(0));
        let (release, released) = channel::<()>();
        let released = Mutex::new(released);
        let count = Arc::clone(&begun);
        let work = move || {
            count.fetch_add(1, Ordering::SeqCst);
            let _released_or_over = released.lock().map(|released| released.recv());
            Ok(())
        };
        let mut rounds = rounds(&Arc::default(), Duration::from_millis(1), Box::new(work));
        for _ in 0..=MAX_LEFT_BEHIND {
            assert!(matches!(rounds.next(), Err(Error::Unavailable(_))));
        }
        // A thread may be slow to start.
        while begun.load(Ordering::SeqCst) < MAX_LEFT_BEHIND {
            std::thread::yield_now();
        }
        release.send(()).unwrap();
        while rounds.under_way.available_permits() == 0 {
            std::thread::yield_now();
        }
        assert_eq!(begun.load(Ordering::SeqCst), MAX_LEFT_BEHIND);
        drop(release);
        rounds.longest = Duration::from_secs(60);
        rounds.next().unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), MAX_LEFT_BEHIND + 1);
    }

    #[test]
    fn a_round_that_panics_has_failed_is_counted_and_the_next_one_is_done() {
        let (metrics, begun) = (Arc::default(), AtomicUsize::new(0));
        let work = move || {
            assert!(begun.fetch_add(1, Ordering::SeqCst) > 0, "this panic is part of the test");
            Ok(())
        };
        let mut rounds = rounds(&metrics, Duration::from_secs(60), Box::new(work));
        assert!(matches!(rounds.next(), Err(Error::Internal(_))));
        rounds.next().unwrap();
        assert_eq!(metrics.count_panics(NAME), 1);
    }
}
