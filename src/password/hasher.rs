//! Password hashing on a fixed number of threads. Each thread keeps the memory for a hash with the current cost. A
//! stored hash that needs more memory waits until the rest of the budget has room for it, so a flood of logins cannot
//! use more than the budget. The number of waiting hashes and their waiting time are limited; known users go first.
//! Beyond these limits the result is "too busy".

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::Salt;
use argon2::{Block, Params};
use zeroize::Zeroizing;

use super::Password;
use super::argon2id::Argon2idHash;
use super::error::{HashError, UnusableHash, failed};
use super::queue::{Place, Places, Priority, Queue};
use super::stored::StoredHash;
use crate::config::Argon2Cost;
use crate::entropy::Entropy;
use crate::metrics::Metrics;
use crate::threads::Threads;

/// A hash that has not started after this time is not started, because its client has given up.
const DEADLINE: Duration = Duration::from_secs(5);

/// The longest wait for the result of a hash, even if a hash with an earlier, higher cost takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hash uses a core for tens of milliseconds. Other work takes microseconds and goes first. Even if other work could
/// use a whole core, hashes still get a tenth of it.
const NICENESS: i32 = 10;

/// The name of the threads.
const NAME: &str = "password hashes";

/// The outcome of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PasswordCheck {
    /// Whether the password is right.
    pub(crate) matches: bool,
    /// Whether the stored hash should be replaced by one with the current cost.
    pub(crate) outdated: bool,
}

/// The pool of hashing threads.
pub struct Hasher {
    queue: Arc<Queue<Job>>,
    params: Params,
    max_stored_blocks: usize,
    entropy: Arc<dyn Entropy>,
    decoy: StoredHash,
    places: Places,
    hashed: AtomicU64,
    /// Dropping waits for them.
    _threads: Threads,
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Gets the memory, or the reason why there is none.
type Work = Box<dyn FnOnce(Result<&mut [Block], HashError>) + Send>;

/// A job for a hashing thread.
struct Job {
    /// The memory that it needs, in blocks of 1 KiB.
    blocks: usize,
    queued_at: Instant,
    work: Work,
}

impl Hasher {
    /// Starts the threads; they end when the pool is dropped.
    pub fn start(cost: Argon2Cost, entropy: Arc<dyn Entropy>, metrics: Arc<Metrics>) -> Result<Self, HashError> {
        let digest_bytes = Argon2idHash::DIGEST_BYTES;
        let params = Params::new(cost.memory_kib, cost.iterations, 1, Some(digest_bytes)).map_err(failed)?;
        let kept_blocks = params.block_count();
        let max_stored_blocks = usize::try_from(cost.max_stored_kib()).unwrap_or(usize::MAX).max(kept_blocks);
        let queue = Arc::new(Queue::new(max_stored_blocks - kept_blocks));
        let mut threads = Threads::new(metrics);
        for _ in 0..cost.threads {
            let jobs = Arc::clone(&queue);
            let mut is_nice = false;
            let work = move || {
                if !is_nice {
                    is_nice = true;
                    // If this is not allowed, other work waits a little longer.
                    let _not_allowed = rustix::process::nice(NICENESS);
                }
                work(&jobs, kept_blocks);
            };
            threads.start(NAME, work).map_err(failed)?;
        }
        let (salt, digest) = (new_salt(&*entropy)?, entropy.bytes::<{ Argon2idHash::DIGEST_BYTES }>()?);
        let decoy = StoredHash::Argon2id(Argon2idHash::new(params.clone(), salt, &digest)?);
        let (places, hashed) = (Places::default(), AtomicU64::new(0));
        Ok(Self { queue, params, max_stored_blocks, entropy, decoy, places, hashed, _threads: threads })
    }

    /// Takes a place before any waiting starts.
    pub fn place(&self, priority: Priority) -> Result<Place, HashError> {
        self.places.take(priority).ok_or(HashError::Busy)
    }

    /// How many hashes are running or waiting.
    pub fn count_under_way(&self) -> usize {
        self.places.count_taken()
    }

    /// How many hashes were requested since the start.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::SeqCst)
    }

    /// Reads a stored hash, if this process can verify it.
    pub(crate) fn read(&self, stored: &str) -> Result<StoredHash, UnusableHash> {
        let hash: StoredHash = stored.parse()?;
        // A hash that would exceed a limit is refused.
        if hash.blocks() > self.max_stored_blocks {
            return Err(UnusableHash::TooMuchMemory(hash.blocks()));
        }
        Ok(hash)
    }

    /// Hashes a new password of a user who may set it; returns the text to store.
    pub fn hash(&self, password: &Password) -> Result<String, HashError> {
        self.hash_with(password, new_salt(&*self.entropy)?)
    }

    /// Hashes a password with the current cost and the salt of its stored hash, so that concurrent logins get the same
    /// hash.
    pub(crate) fn renew(&self, password: &Password, stored: &StoredHash) -> Result<String, HashError> {
        match stored.salt() {
            Some(salt) => self.hash_with(password, salt),
            None => self.hash(password),
        }
    }

    fn hash_with(&self, password: &Password, salt: Salt) -> Result<String, HashError> {
        let (password, params) = (password.clone(), self.params.clone());
        let blocks = params.block_count();
        let work = move |memory: &mut [Block]| Argon2idHash::make(&password, params, salt, memory);
        self.run(blocks, Priority::First, work)?.text()
    }

    /// Checks a password against a stored hash. Without a stored hash it does the same work and returns no match, so
    /// that an unknown user takes as long as a wrong password.
    pub(crate) fn verify(
        &self,
        password: &Password,
        stored: Option<&StoredHash>,
        priority: Priority,
    ) -> Result<PasswordCheck, HashError> {
        let hash = stored.unwrap_or(&self.decoy);
        let (checked, password) = (hash.clone(), password.clone());
        let matches =
            self.run(hash.blocks(), priority, move |memory: &mut [Block]| checked.matches(&password, memory))?;
        Ok(PasswordCheck { matches: matches && stored.is_some(), outdated: hash.is_outdated(&self.params) })
    }

    fn run<T: Send + 'static>(
        &self,
        blocks: usize,
        priority: Priority,
        work: impl FnOnce(&mut [Block]) -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        self.hashed.fetch_add(1, Ordering::SeqCst);
        let (reply, answer) = sync_channel(1);
        let work = Box::new(move |memory: Result<&mut [Block], HashError>| {
            // The caller may no longer be waiting.
            let _gone = reply.send(memory.and_then(work));
        });
        let job = Job { blocks, queued_at: Instant::now(), work };
        let beyond_kept = blocks.saturating_sub(self.params.block_count());
        self.queue.push(job, beyond_kept, priority).map_err(|_full| HashError::Busy)?;
        answer.recv_timeout(PATIENCE).map_err(|why| match why {
            RecvTimeoutError::Timeout => HashError::Busy,
            RecvTimeoutError::Disconnected => failed("the hash panicked"),
        })?
    }
}

fn new_salt(entropy: &dyn Entropy) -> Result<Salt, HashError> {
    Salt::new(&entropy.bytes::<{ Argon2idHash::SALT_BYTES }>()?).map_err(failed)
}

/// Runs jobs. A job that needs more than the kept memory (for a hash with another cost) reserves it until it is done.
fn work(jobs: &Queue<Job>, kept_blocks: usize) {
    // Wiped even if a hash panics.
    let mut kept = Zeroizing::new(Vec::new());
    loop {
        // The next hash overwrites what the last one left. If no job is waiting, the memory is wiped.
        let next = jobs.try_next().or_else(|| {
            wipe(&mut kept);
            jobs.next()
        });
        let Some((Job { blocks, queued_at, work }, _reserved)) = next else { return };
        if queued_at.elapsed() > DEADLINE {
            work(Err(HashError::Busy));
        } else if blocks > kept_blocks {
            wipe(&mut kept);
            // Frees the old memory before the new one is allocated.
            *kept = Vec::new();
            work(Ok(&mut Zeroizing::new(vec![Block::default(); blocks])));
        } else {
            kept.resize(kept_blocks, Block::default());
            // A smaller hash does not overwrite all of the memory.
            wipe(kept.get_mut(blocks..).unwrap_or_default());
            work(Ok(&mut kept));
        }
    }
}

/// Overwrites memory: what a hash leaves there would make it cheaper to check a guess.
fn wipe(memory: &mut [Block]) {
    memory.iter_mut().for_each(zeroize::Zeroize::zeroize);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::secret::Secret;

    const SECRET: &str = "a long enough secret";

    fn hasher(memory_kib: u32) -> Hasher {
        let cost = Argon2Cost { memory_kib, iterations: 2, threads: 1, budget_kib: 8_192 };
        Hasher::start(cost, Arc::new(SeededEntropy::new(1)), Arc::default()).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(&Secret::new(text.to_owned())).unwrap()
    }

    fn check(hasher: &Hasher, text: &str, stored: &str) -> PasswordCheck {
        let stored = hasher.read(stored).unwrap();
        hasher.verify(&password(text), Some(&stored), Priority::Usual).unwrap()
    }

    #[test]
    fn the_right_password_matches_and_another_does_not() {
        let hasher = hasher(64);
        let stored = hasher.hash(&password(SECRET)).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{stored}");
        assert_eq!(check(&hasher, SECRET, &stored), PasswordCheck { matches: true, outdated: false });
        assert_eq!(check(&hasher, "a long enough Secret", &stored), PasswordCheck { matches: false, outdated: false });
        assert!(!hasher.verify(&password(SECRET), None, Priority::Usual).unwrap().matches, "an unknown user");
    }

    #[test]
    fn a_hash_with_other_parameters_still_matches_and_is_outdated() {
        let stored = hasher(128).hash(&password(SECRET)).unwrap();
        let hasher = hasher(64);
        assert_eq!(check(&hasher, SECRET, &stored), PasswordCheck { matches: true, outdated: true });
        let renewed = hasher.renew(&password(SECRET), &hasher.read(&stored).unwrap()).unwrap();
        assert_eq!(check(&hasher, SECRET, &renewed), PasswordCheck { matches: true, outdated: false });
        let again = hasher.renew(&password(SECRET), &hasher.read(&stored).unwrap()).unwrap();
        assert_eq!(again, renewed, "with the same salt");
    }

    #[test]
    fn a_stored_hash_beyond_the_budget_of_memory_or_time_is_refused_unpaid() {
        let hasher = hasher(64);
        let stored = hasher.hash(&password(SECRET)).unwrap();
        let refused = |stored: &str| hasher.read(stored).map(|_| ()).unwrap_err();
        assert!(hasher.read(&stored.replace("m=64", "m=8192")).is_ok());
        assert_eq!(refused(&stored.replace("m=64", "m=8196")), UnusableHash::TooMuchMemory(8_196));
        assert_eq!(refused(&stored.replace("t=2", "t=4000000000")), UnusableHash::TooManyPasses(4_000_000_000));
        assert_eq!(hasher.hashed(), 1);
    }

    #[test]
    fn a_stored_hash_with_more_memory_than_is_kept_still_matches() {
        let stored = hasher(4_096).hash(&password(SECRET)).unwrap();
        assert!(check(&hasher(64), SECRET, &stored).matches);
    }

    #[test]
    fn a_hash_that_panics_is_answered_and_its_only_thread_goes_on() {
        let metrics = Arc::<Metrics>::default();
        let cost = Argon2Cost { memory_kib: 64, iterations: 2, threads: 1, budget_kib: 8_192 };
        let hasher = Hasher::start(cost, Arc::new(SeededEntropy::new(1)), Arc::clone(&metrics)).unwrap();
        for blocks in [64, 8_192] {
            let failed = hasher.run(blocks, Priority::Usual, |memory| -> Result<(), HashError> {
                panic!("this panic, with {} blocks, is part of the test", memory.len())
            });
            assert!(matches!(failed, Err(HashError::Failed(_))), "{failed:?}");
        }
        // All that can be reserved was given back.
        assert_eq!(hasher.run(8_192, Priority::Usual, |memory| Ok(memory.len())).unwrap(), 8_192);
        let stored = hasher.hash(&password(SECRET)).unwrap();
        assert!(check(&hasher, SECRET, &stored).matches);
        assert_eq!(metrics.count_panics(NAME), 2);
    }

    /// Otherwise both threads would wait for the memory of the first job, and other users could not log in.
    #[test]
    fn hashes_that_wait_for_memory_hold_up_none_that_need_no_more_than_is_kept() {
        let cost = Argon2Cost { memory_kib: 64, iterations: 2, threads: 2, budget_kib: 1_024 };
        let hasher = Hasher::start(cost, Arc::new(SeededEntropy::new(1)), Arc::default()).unwrap();
        let stored = hasher.hash(&password(SECRET)).unwrap();
        let (begun, has_begun) = sync_channel(1);
        let (go_on, may_go_on) = sync_channel::<()>(0);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                hasher.run(900, Priority::First, move |memory| {
                    begun.send(memory.len()).unwrap();
                    Ok(may_go_on.recv().is_ok())
                })
            });
            assert_eq!(has_begun.recv(), Ok(900));
            let second = scope.spawn(|| hasher.run(900, Priority::First, |memory| Ok(memory.len())));
            for _ in 0..3 {
                assert!(check(&hasher, SECRET, &stored).matches);
            }
            assert!(!second.is_finished());
            go_on.send(()).unwrap();
            assert!(first.join().unwrap().unwrap());
            assert_eq!(second.join().unwrap().unwrap(), 900);
        });
    }

    #[test]
    fn argon2_gives_the_same_digest_as_the_reference_implementation() {
        // Made with the argon2 command of Debian: echo -n password | argon2 somesaltsomesalt -id -t 2 -k 64 -p 1 -l 32 -e
        let stored = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqvgR3wcPX7SleI4c9NtXk6E";
        assert_eq!(check(&hasher(64), "password", stored), PasswordCheck { matches: true, outdated: false });
    }
}
