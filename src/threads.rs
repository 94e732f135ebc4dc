//! The service's own threads. If one panics, that is logged and counted, and its work starts again after a pause. They
//! end within a limited time: a thread that hangs is abandoned.

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::metrics::Metrics;

/// The pause after a panic: work that always panics does so at most ten times per second.
const PAUSE: Duration = Duration::from_millis(100);

/// How long all threads of one machine together may take to end. The process has five seconds for all machines.
const MAX_END_TIME: Duration = Duration::from_secs(1);

/// The threads of one machine. Tell them to end and then drop this, which waits for them.
pub(crate) struct Threads {
    metrics: Arc<Metrics>,
    started: Vec<Started>,
}

struct Started {
    name: &'static str,
    thread: JoinHandle<()>,
    /// Disconnected when the work has ended. In a [`Mutex`] only because a receiver is not [`Sync`]; it is never
    /// locked.
    over: Mutex<Receiver<Infallible>>,
}

/// A task panicked; that has been logged and counted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("it panicked")]
pub(crate) struct Panicked;

impl Threads {
    /// No threads yet.
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, started: Vec::new() }
    }

    /// Starts a thread that runs `work` until it returns. After a panic the same `work` is called again, with its
    /// captured variables.
    pub(crate) fn start(&mut self, name: &'static str, mut work: impl FnMut() + Send + 'static) -> io::Result<()> {
        self.started.retain(|started| !started.thread.is_finished());
        let (running, over) = channel();
        let metrics = Arc::clone(&self.metrics);
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            while watched(&metrics, name, &mut work).is_err() {
                sleep(PAUSE);
            }
            // First, so that an ended thread does not keep parts of the service alive.
            drop(work);
            drop(running);
        })?;
        self.started.push(Started { name, thread, over: Mutex::new(over) });
        Ok(())
    }
}

#[cfg(test)]
impl Threads {
    pub(crate) fn count(&self) -> usize {
        self.started.len()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let deadline = Instant::now() + MAX_END_TIME;
        for Started { name, thread, over } in self.started.drain(..) {
            let over = over.into_inner().unwrap_or_else(PoisonError::into_inner);
            match over.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => log::warn!(task = name; "a task hangs and is abandoned"),
                Err(RecvTimeoutError::Disconnected) => {
                    let _already_logged = thread.join();
                }
            }
        }
    }
}

/// Runs `work` on this thread; a panic is logged and counted.
pub(crate) fn watched<T>(metrics: &Metrics, task: &'static str, work: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        metrics.task_panicked(task);
        log::error!(task, cause = message(&*panic); "a task panicked and will be started again");
        Panicked
    })
}

/// The message of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a value that is no text")
}

#[cfg(test)]
mod tests {
    use std::sync::Once;
    use std::sync::mpsc::Sender;

    use super::*;

    /// Log lines that name a task.
    struct Collected(Mutex<Vec<String>>);

    static LOG: Collected = Collected(Mutex::new(Vec::new()));

    impl log::Log for Collected {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            let field = |name| record.key_values().get(name).map(|value| value.to_string()).unwrap_or_default();
            let line =
                format!("{} {}: {} ({})", record.level(), field("task".into()), record.args(), field("cause".into()));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }

        fn flush(&self) {}
    }

    /// Includes lines of other tests of this process, so ask only for your own task names.
    fn logged(task: &str) -> Vec<String> {
        let lines = LOG.0.lock().unwrap();
        lines.iter().filter(|line| line.contains(&format!(" {task}: "))).cloned().collect()
    }

    fn start_log() {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| {
            log::set_logger(&LOG).unwrap();
            log::set_max_level(log::LevelFilter::Warn);
        });
    }

    #[test]
    fn work_that_panics_is_logged_counted_and_started_again_and_keeps_what_it_had() {
        start_log();
        let metrics = Arc::<Metrics>::default();
        let mut threads = Threads::new(Arc::clone(&metrics));
        let (done, rounds) = channel();
        let mut attempts = 0;
        let work = move || {
            attempts += 1;
            match attempts {
                1 => panic!("this panic is part of the test"),
                2 => panic!("and so is number {attempts}"),
                _ => done.send(attempts).unwrap(),
            }
        };
        threads.start("work that panics twice", work).unwrap();
        assert_eq!(rounds.recv(), Ok(3));
        drop(threads);
        assert_eq!(metrics.count_panics("work that panics twice"), 2);
        let expected = ["this panic is part of the test", "and so is number 2"];
        let expected = expected
            .map(|cause| format!("ERROR work that panics twice: a task panicked and will be started again ({cause})"));
        assert_eq!(logged("work that panics twice"), expected);
    }

    #[test]
    fn threads_are_waited_for_and_what_hangs_is_named_and_left_behind() {
        struct TellsItsEnd(Sender<()>);
        impl Drop for TellsItsEnd {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        start_log();
        let mut threads = Threads::new(Arc::default());
        let (hang, hangs) = channel::<()>();
        let (ended, has_ended) = channel();
        threads
            .start("work that hangs", move || {
                let _over = hangs.recv();
            })
            .unwrap();
        let held = TellsItsEnd(ended);
        let work = move || {
            let _held = &held;
            sleep(PAUSE);
        };
        threads.start("work that ends", work).unwrap();
        drop(threads);
        has_ended.try_recv().expect("what ends has let go of everything");
        assert_eq!(logged("work that hangs"), ["WARN work that hangs: a task hangs and is abandoned ()"]);
        assert_eq!(logged("work that ends").len(), 0);
        drop(hang);
    }

    #[test]
    fn threads_that_are_over_are_forgotten() {
        let mut threads = Threads::new(Arc::default());
        for _ in 0..3 {
            threads.start("short work", || {}).unwrap();
            while !threads.started.iter().all(|started| started.thread.is_finished()) {
                std::thread::yield_now();
            }
        }
        assert_eq!(threads.count(), 1);
    }
}
