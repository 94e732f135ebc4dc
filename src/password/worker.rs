//! What a hashing thread does: one job after the other, in memory that it keeps and wipes.

use std::time::{Duration, Instant};

use argon2::Block;
use zeroize::Zeroizing;

use super::error::HashError;
use super::queue::Queue;

/// A hash that has not started after this time is not started, because its client has given up.
const DEADLINE: Duration = Duration::from_secs(5);

/// A hash takes a core for tens of milliseconds; whatever else there is to do takes microseconds and comes first. Hashes
/// still get a tenth of a core that everything else would fill.
const NICENESS: i32 = 10;

/// Gets the memory, or why there is none.
pub(super) type Work = Box<dyn FnOnce(Result<&mut [Block], HashError>) + Send>;

/// What is to be done on a hashing thread.
pub(super) struct Job {
    /// The memory that it takes, in blocks of 1 KiB.
    pub(super) blocks: usize,
    pub(super) queued_at: Instant,
    pub(super) work: Work,
}

/// Lets everything else in this process go first, and on this machine where the kernel does not share its cores between groups.
pub(super) fn be_nice() {
    // Where it is not allowed, everything else waits a little longer for its turn.
    let _not_allowed = rustix::process::nice(NICENESS);
}

/// What asks for more than the kept memory, of a password set under other parameters, has that reserved until it is done.
pub(super) fn work(jobs: &Queue<Job>, kept_blocks: usize) {
    // Wiped also when a hash panics.
    let mut kept = Zeroizing::new(Vec::new());
    loop {
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
