//! A hashing thread: one hash after the other, in memory that it keeps.

use std::mem;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::Salt;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::{Zeroize as _, Zeroizing};

use super::Password;
use super::hash_error::{HashError, unusable};
use super::queue::Queue;

/// A hash that has not begun by then is not begun: its answer would help nobody.
const DEADLINE: Duration = Duration::from_secs(5);

/// A hash takes a core for tens of milliseconds; whatever else there is to do takes microseconds and comes first. Hashes
/// still get a tenth of a core that everything else would fill.
const NICENESS: i32 = 10;

pub(super) const OUTPUT_BYTES: usize = 32;

/// A hash that somebody waits for.
pub(super) struct Job {
    pub(super) password: Password,
    pub(super) salt: Salt,
    pub(super) params: Params,
    pub(super) queued_at: Instant,
    /// Disconnected when the hash panics.
    pub(super) reply: SyncSender<Result<Digest, HashError>>,
}

pub(super) type Digest = Zeroizing<[u8; OUTPUT_BYTES]>;

/// Makes one hash, in memory that is large enough for it.
pub(super) type HashFn = fn(&Job, &mut [Block]) -> Result<Digest, HashError>;

/// What a hashing thread works with.
pub(super) struct HashingThread {
    hash: HashFn,
    jobs: Arc<Queue<Job>>,
    kept_blocks: usize,
    /// A hash with more than the kept memory, of a password set under other parameters, is done one at a time.
    large: Arc<Mutex<()>>,
    is_nice: bool,
}

impl HashingThread {
    pub(super) fn new(hash: HashFn, jobs: &Arc<Queue<Job>>, large: &Arc<Mutex<()>>, kept_blocks: usize) -> Self {
        Self { hash, jobs: Arc::clone(jobs), kept_blocks, large: Arc::clone(large), is_nice: false }
    }

    /// Hashes until the queue is closed.
    pub(super) fn run(&mut self) {
        if !mem::replace(&mut self.is_nice, true) {
            // Where it is not allowed, everything else waits a little longer for its turn.
            let _not_allowed = rustix::process::nice(NICENESS);
        }
        // Wiped also when a hash panics.
        let mut kept = Zeroizing::new(Vec::new());
        while let Some(job) = self.next(&mut kept) {
            let answer = self.answer(&job, &mut kept);
            // The one who asked may have gone.
            let _gone = job.reply.send(answer);
        }
    }

    /// The next hash overwrites what the last one left; when there is none yet, it is wiped.
    fn next(&self, kept: &mut [Block]) -> Option<Job> {
        self.jobs.try_next().or_else(|| {
            wipe(kept);
            self.jobs.next()
        })
    }

    fn answer(&self, job: &Job, kept: &mut Vec<Block>) -> Result<Digest, HashError> {
        let is_late = || job.queued_at.elapsed() > DEADLINE;
        if is_late() {
            return Err(HashError::Busy);
        }
        let blocks = job.params.block_count();
        if blocks <= self.kept_blocks {
            kept.resize(self.kept_blocks, Block::default());
            // A smaller hash does not overwrite all.
            wipe(kept.get_mut(blocks..).unwrap_or_default());
            return (self.hash)(job, kept);
        }
        let _alone = self.large.lock().unwrap_or_else(PoisonError::into_inner);
        if is_late() {
            return Err(HashError::Busy);
        }
        wipe(kept);
        *kept = Vec::new();
        (self.hash)(job, &mut Zeroizing::new(vec![Block::default(); blocks]))
    }
}

/// With what a hash leaves in its memory a guess could be checked at a part of the cost.
fn wipe(memory: &mut [Block]) {
    memory.iter_mut().zeroize();
}

pub(super) fn argon2id(job: &Job, memory: &mut [Block]) -> Result<Digest, HashError> {
    let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, job.params.clone());
    let password = job.password.expose().as_bytes();
    let hashed = argon2.hash_password_into_with_memory(password, job.salt.as_ref(), &mut *output, &mut *memory);
    hashed.map_err(unusable)?;
    Ok(output)
}
