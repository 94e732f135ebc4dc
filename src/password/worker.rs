//! What a hashing thread does: one job after the other, in memory that it keeps and wipes.

use std::io;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use argon2::Block;
use zeroize::Zeroizing;

use super::cores::{HashingThreads, Leaving, WINDOW};
use super::error::HashError;
use super::queue::Queue;
use crate::threads::Threads;

/// A hash that has not started after this time is not started, because its client has given up.
const DEADLINE: Duration = Duration::from_secs(5);

const NAME: &str = "password hashes";

/// Gets the memory, or why there is none.
pub(super) type Work = Box<dyn FnOnce(Result<&mut [Block], HashError>) + Send>;

/// What is to be done on a hashing thread.
pub(super) struct Job {
    /// The memory that it takes, in blocks of 1 KiB.
    pub(super) blocks: usize,
    pub(super) queued_at: Instant,
    pub(super) work: Work,
}

/// Starts the threads for a machine with this number of cores. On two cores or more, no more of them go on than leave one core to
/// everything else while that needs it.
pub(super) fn start(
    threads: &mut Threads,
    (count, cores): (usize, usize),
    jobs: &Arc<Queue<Job>>,
    kept_blocks: usize,
) -> io::Result<()> {
    let hashing = Arc::<HashingThreads>::default();
    for number in 1..=count {
        let (jobs, hashing, added) = (Arc::clone(jobs), Arc::clone(&hashing), Once::new());
        let leaves = number >= cores.max(2);
        let work = move || {
            added.call_once(|| hashing.add_this_one());
            let leaving = leaves.then(|| Leaving::new(&hashing, cores.try_into().unwrap_or(u32::MAX)));
            work(&jobs, kept_blocks, leaving);
        };
        threads.start(NAME, work)?;
    }
    Ok(())
}

/// What asks for more than the kept memory, of a password set under other parameters, has that reserved until it is done.
fn work(jobs: &Queue<Job>, kept_blocks: usize, mut leaving: Option<Leaving<'_>>) {
    // Wiped also when a hash panics.
    let mut kept = Zeroizing::new(Vec::new());
    loop {
        if leaving.as_mut().is_some_and(Leaving::is_due) {
            wipe(&mut kept);
            while jobs.rest(WINDOW) && leaving.as_mut().is_some_and(Leaving::is_still_due) {}
        }
        // The next hash overwrites what the last one left; when there is none yet, it is wiped.
        let next = jobs.try_next().or_else(|| {
            wipe(&mut kept);
            jobs.next()
        });
        let Some((Job { blocks, queued_at, work }, _reserved)) = next else { return };
        if queued_at.elapsed() > DEADLINE {
            work(Err(HashError::Busy));
        } else if blocks > kept_blocks {
            wipe(&mut kept);
            // One after the other, not both.
            *kept = Vec::new();
            work(Ok(&mut Zeroizing::new(vec![Block::default(); blocks])));
        } else {
            kept.resize(kept_blocks, Block::default());
            // A smaller hash does not overwrite all.
            wipe(kept.get_mut(blocks..).unwrap_or_default());
            work(Ok(&mut kept));
        }
    }
}

/// With what a hash leaves in its memory a guess could be checked at a part of the cost.
fn wipe(memory: &mut [Block]) {
    memory.iter_mut().for_each(zeroize::Zeroize::zeroize);
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::sync_channel;

    use super::super::queue::Priority;
    use super::*;

    /// Whether two jobs that are pushed at the same time run at the same time.
    fn are_done_together(jobs: &Queue<Job>) -> bool {
        let (there, met) = sync_channel(1);
        let push = |work: Work| {
            let job = Job { blocks: 8, queued_at: Instant::now(), work };
            assert!(jobs.push(job, 0, Priority::Usual).is_ok());
        };
        let (told, tell) = sync_channel(1);
        push(Box::new(move |_| {
            let started_at = Instant::now();
            let has_met = std::iter::repeat_with(|| met.try_recv().is_ok());
            // It uses its core, as a hash does.
            let has_met = has_met.take_while(|_| started_at.elapsed() < Duration::from_millis(200)).any(|met| met);
            told.send(has_met).unwrap();
        }));
        push(Box::new(move |_| {
            let _is_too_late = there.send(());
        }));
        tell.recv().unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_of_two_threads_leaves_its_core_while_everything_else_needs_one() {
        let (jobs, mut threads) = (Arc::new(Queue::new(0)), Threads::new(Arc::default()));
        start(&mut threads, (2, 2), &jobs, 8).unwrap();
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
            let (started_at, mut apart) = (Instant::now(), 0);
            // Once may be by chance.
            while apart < 5 && started_at.elapsed() < Duration::from_secs(120) {
                apart = if are_done_together(&jobs) { 0 } else { apart + 1 };
            }
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(apart, 5);
        });
        jobs.close();
        drop(threads);
    }
}
