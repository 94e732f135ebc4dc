//! How hashing threads leave the cores to everything else. A hash takes a core for tens of milliseconds; whatever else there is to
//! do takes microseconds and comes first.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Hashes still get a tenth of a core that everything else would fill.
const NICENESS: i32 = 10;

/// How much of all cores everything else in this process must use to get one without hashes, in percent. Beside nothing but logins
/// it uses 7 to 13 on two cores, with hashes as they are by default.
const NEEDED_PERCENT: u32 = 15;

/// How much of a core hashes must use, in percent, for a thread to rest: beside busy cores they have 10. Looking at the clocks is
/// much less.
const HASHING_PERCENT: u32 = 1;

/// Over how long that is measured, and how long a thread rests until it is measured again.
pub(super) const WINDOW: Duration = Duration::from_millis(500);

/// The threads that hash, as the kernel numbers them.
#[derive(Default)]
pub(super) struct HashingThreads(Mutex<Vec<i32>>);

/// Time on a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Times {
    hashes: Duration,
    others: Duration,
}

impl HashingThreads {
    /// Counts this thread among them. Everything else in this process goes first, and on this machine where the kernel does not
    /// share its cores between groups.
    pub(super) fn add_this_one(&self) {
        // Where it is not allowed, everything else waits a little longer for its turn.
        let _not_allowed = rustix::process::nice(NICENESS);
        self.lock().push(clock::this_thread());
    }

    /// What they and everything else in this process have had of the cores, where the kernel tells.
    fn times(&self) -> Option<Times> {
        let hashes = self.lock().iter().map(|thread| clock::of_thread(*thread)).sum::<Option<_>>()?;
        Some(Times { hashes, others: clock::of_process().saturating_sub(hashes) })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Decides when a thread leaves its core to everything else. What wakes up then finds a core at once. Otherwise it would wait
/// until the kernel takes a core from a hash, and on two cores everything else would share one while a hash keeps the other.
pub(super) struct Leaving<'a> {
    threads: &'a HashingThreads,
    cores: u32,
    since: Instant,
    times: Times,
}

impl<'a> Leaving<'a> {
    /// Measures from now on, on a machine with this number of cores.
    pub(super) fn new(threads: &'a HashingThreads, cores: u32) -> Self {
        Self { threads, cores, since: Instant::now(), times: threads.times().unwrap_or_default() }
    }

    /// Whether everything else needs the core of a thread that has hashed.
    pub(super) fn is_due(&mut self) -> bool {
        self.measure().is_some_and(|(passed, used)| self.is_needed(passed, used))
    }

    /// Whether it still needs the core of a thread that rests. If nothing is hashed meanwhile, there is nothing to leave it for.
    pub(super) fn is_still_due(&mut self) -> bool {
        self.measure()
            .is_some_and(|(passed, used)| used.hashes * 100 > passed * HASHING_PERCENT && self.is_needed(passed, used))
    }

    /// What was used since the last time, if that is long enough ago.
    fn measure(&mut self) -> Option<(Duration, Times)> {
        let (now, before) = (Instant::now(), self.times);
        let passed = now.saturating_duration_since(self.since);
        if passed < WINDOW {
            return None;
        }
        self.times = self.threads.times()?;
        self.since = now;
        let Times { hashes, others } = self.times;
        Some((
            passed,
            Times { hashes: hashes.saturating_sub(before.hashes), others: others.saturating_sub(before.others) },
        ))
    }

    fn is_needed(&self, passed: Duration, used: Times) -> bool {
        used.others * 100 > passed * NEEDED_PERCENT * self.cores
    }
}

#[cfg(target_os = "linux")]
mod clock {
    use std::time::Duration;

    use procfs::process::Process;
    use rustix::thread::gettid;
    use rustix::time::{ClockId, clock_gettime};

    pub(super) fn this_thread() -> i32 {
        gettid().as_raw_nonzero().get()
    }

    pub(super) fn of_thread(thread: i32) -> Option<Duration> {
        let times = Process::myself().and_then(|process| process.task_from_tid(thread)?.schedstat());
        times.ok().map(|times| Duration::from_nanos(times.sum_exec_runtime))
    }

    pub(super) fn of_process() -> Duration {
        clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap_or_default()
    }
}

#[cfg(not(target_os = "linux"))]
mod clock {
    use std::time::Duration;

    pub(super) fn this_thread() -> i32 {
        0
    }

    pub(super) fn of_thread(_: i32) -> Option<Duration> {
        None
    }

    pub(super) fn of_process() -> Duration {
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_is_needed_when_everything_else_uses_more_than_15_percent_of_all() {
        let threads = HashingThreads::default();
        let leaving = Leaving::new(&threads, 2);
        let used = |percent: u32| Times { others: WINDOW * percent / 100, ..Times::default() };
        assert!(leaving.is_needed(WINDOW, used(31)));
        assert!(!leaving.is_needed(WINDOW, used(30)));
        assert!(!leaving.is_needed(WINDOW * 2, used(31)));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_rest_ends_when_nothing_is_hashed_however_busy_everything_else_is() {
        let threads = HashingThreads::default();
        let mut leaving = Leaving::new(&threads, 1);
        let busy = |leaving: &mut Leaving<'_>| {
            leaving.times.others = Duration::ZERO;
            leaving.since = Instant::now().checked_sub(WINDOW).unwrap();
        };
        while clock::of_process() < WINDOW {
            std::hint::spin_loop();
        }
        busy(&mut leaving);
        assert!(leaving.is_due());
        busy(&mut leaving);
        assert!(!leaving.is_still_due());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_what_is_not_on_a_hashing_thread_counts_as_everything_else() {
        let threads = HashingThreads::default();
        let until = |is_enough: &dyn Fn(Times) -> bool| {
            let started_at = Instant::now();
            while !is_enough(threads.times().unwrap()) {
                assert!(started_at.elapsed() < Duration::from_secs(60), "the kernel does not tell");
            }
        };
        let before = threads.times().unwrap();
        assert_eq!(before.hashes, Duration::ZERO);
        until(&|times| times.others > before.others + Duration::from_millis(20));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                threads.add_this_one();
                until(&|times| times.hashes > Duration::from_millis(20));
                let times = threads.times().unwrap();
                assert!(clock::of_process() >= times.hashes + times.others, "nothing counts twice");
            });
        });
        let unknown = HashingThreads(Mutex::new(vec![0]));
        assert_eq!(unknown.times(), None);
    }
}
