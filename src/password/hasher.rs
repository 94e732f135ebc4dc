//! Password hashing on a fixed number of threads. Each thread keeps the memory for a hash with the current cost. A
//! stored hash that needs more memory waits until the rest of the budget has room for it, so a flood of logins cannot
//! use more than the budget. Waiting hashes are limited in number and time, known users first; beyond that it is "too busy".

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::Salt;
use argon2::{Block, Params};
use aws_lc_rs::digest::{SHA256, digest};

use super::Password;
use super::argon2id::Argon2idHash;
use super::error::{HashError, UnusableHash, failed};
use super::queue::{Place, Places, Priority, Queue};
use super::stored::{StoredHash, as_stored};
use super::worker::{Job, start};
use crate::config::Argon2Cost;
use crate::entropy::Entropy;
use crate::metrics::Metrics;
use crate::threads::Threads;

/// The longest wait for the result of a hash, even if a hash with an earlier, higher cost takes longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest hash of a file.
const MAX_FOREIGN_BYTES: usize = 512;

/// The outcome of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PasswordCheck {
    /// Whether the password is right.
    pub(crate) matches: bool,
    /// Whether the stored hash should be replaced by one with the current cost.
    pub(crate) outdated: bool,
}

/// Reads stored hashes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HashReader {
    max_stored_blocks: usize,
    /// What each thread keeps.
    kept_blocks: usize,
}

impl HashReader {
    /// Reads a stored hash, if this process can verify it.
    pub(crate) fn read(self, stored: &str) -> Result<StoredHash, UnusableHash> {
        let hash: StoredHash = stored.parse()?;
        // A hash that would exceed a limit is refused. What it takes by itself comes on top of what each thread keeps.
        let kept = if hash.own_blocks() > 0 { self.kept_blocks } else { 0 };
        let blocks = hash.blocks().max(hash.own_blocks() + kept);
        if blocks > self.max_stored_blocks {
            return Err(UnusableHash::TooMuchMemory(blocks));
        }
        if hash.takes_too_long() { Err(UnusableHash::TooMuchWork) } else { Ok(hash) }
    }
}

/// The pool of hashing threads.
pub struct Hasher {
    queue: Arc<Queue<Job>>,
    params: Params,
    reader: HashReader,
    entropy: Arc<dyn Entropy>,
    /// One of today's, which no password has.
    filler: Argon2idHash,
    /// What is checked for a name that no account has: a hash as most are.
    decoy: RwLock<StoredHash>,
    places: Places,
    hashed: AtomicU64,
    worked: Arc<AtomicU64>,
    /// Dropping waits for them.
    _threads: Threads,
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.queue.close();
    }
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
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        start(&mut threads, (cost.threads, cores), &queue, kept_blocks).map_err(failed)?;
        let (salt, random) = (new_salt(&*entropy)?, entropy.bytes::<{ Argon2idHash::DIGEST_BYTES }>()?);
        let filler = Argon2idHash::new(params.clone(), salt, &random)?;
        let decoy = RwLock::new(StoredHash::Argon2id(filler.clone()));
        let (places, hashed, worked) = (Places::default(), AtomicU64::new(0), Arc::default());
        let reader = HashReader { max_stored_blocks, kept_blocks: params.block_count() };
        Ok(Self { queue, params, reader, entropy, filler, decoy, places, hashed, worked, _threads: threads })
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

    /// The work of all passwords that were checked since the start: how often a block of 1 KiB was written.
    pub fn worked(&self) -> u64 {
        self.worked.load(Ordering::SeqCst)
    }

    /// Reads a stored hash, if this process can verify it.
    pub(crate) fn read(&self, stored: &str) -> Result<StoredHash, UnusableHash> {
        self.reader.read(stored)
    }

    /// Whether the next login replaces a stored hash.
    pub(crate) fn is_outdated(&self, stored: &str) -> bool {
        self.read(stored).is_ok_and(|hash| hash.is_outdated(&self.params))
    }

    /// What reads stored hashes.
    pub(crate) fn reader(&self) -> HashReader {
        self.reader
    }

    /// As what to store a hash of a file, if this process can verify it in time; `None` for a password that no text has, as Django
    /// says by a `!` at the start. One that `is_ours` stays what it is.
    pub(crate) fn adopt(&self, text: &str, is_ours: bool) -> Result<Option<String>, UnusableHash> {
        if text.is_empty() || text.starts_with('!') {
            return Ok(None);
        }
        if text.len() > MAX_FOREIGN_BYTES {
            return Err(UnusableHash::Malformed("it is longer than any".to_owned()));
        }
        let stored = if is_ours { text.into() } else { as_stored(text) };
        if self.read(&stored)?.takes_too_long_beside(self.filler.work()) {
            return Err(UnusableHash::TooMuchWork);
        }
        Ok(Some(stored.into_owned()))
    }

    /// Lets a name that no account has cost what this hash costs; `None`: one of today's.
    pub(crate) fn set_decoy(&self, hash: Option<StoredHash>) {
        let hash = hash.unwrap_or_else(|| StoredHash::Argon2id(self.filler.clone()));
        *self.decoy.write().unwrap_or_else(PoisonError::into_inner) = hash;
    }

    /// Hashes a new password of a user who may set it; returns the text to store.
    pub fn hash(&self, password: &Password) -> Result<String, HashError> {
        self.hash_with(password, new_salt(&*self.entropy)?)
    }

    /// Hashes a password with the current cost and the salt of its stored hash, or one made of that hash, so that concurrent
    /// logins get the same hash.
    pub(crate) fn renew(&self, password: &Password, stored: &str) -> Result<String, HashError> {
        let salt = stored.parse().ok().and_then(|hash: StoredHash| hash.salt());
        let of_hash = || digest(&SHA256, stored.as_bytes()).as_ref().get(..Argon2idHash::SALT_BYTES).map(Salt::new);
        match salt.map(Ok).or_else(of_hash).transpose().map_err(failed)? {
            Some(salt) => self.hash_with(password, salt),
            None => self.hash(password),
        }
    }

    fn hash_with(&self, password: &Password, salt: Salt) -> Result<String, HashError> {
        let (password, params) = (password.clone(), self.params.clone());
        let blocks = params.block_count();
        let work = move |memory: &mut [Block]| Argon2idHash::make(&password, params, salt, memory);
        self.run((blocks, 0), Priority::First, work)?.text()
    }

    /// Checks a password against a stored hash. Without a stored hash it does the work of the decoy and returns no match, so
    /// that an unknown user takes as long as a wrong password. If the stored hash needs less work than the decoy, the
    /// difference is done too. Not more than that: it would also show that the hash is another one.
    pub(crate) fn verify(
        &self,
        password: &Password,
        stored: Option<&StoredHash>,
        priority: Priority,
    ) -> Result<PasswordCheck, HashError> {
        let decoy = self.decoy.read().unwrap_or_else(PoisonError::into_inner).clone();
        let work_of_decoy = decoy.work();
        let (hash, is_known) = (stored.cloned().unwrap_or(decoy), stored.is_some());
        let rest = match work_of_decoy.saturating_sub(hash.work()) {
            0 => None,
            work => Some(StoredHash::Argon2id(self.filler.of_work(work)?)),
        };
        // Only a hash that says something of the whole password may be replaced by one of the whole password.
        let outdated = stored.is_some_and(|stored| stored.is_outdated(&self.params) && !stored.cuts(password));
        let (password, worked) = (password.clone(), Arc::clone(&self.worked));
        // One after the other, in the memory of the larger one.
        let blocks = rest.as_ref().map_or(0, StoredHash::blocks).max(hash.blocks());
        let matches = self.run((blocks, hash.own_blocks()), priority, move |memory: &mut [Block]| {
            let mut matches = |hash: &StoredHash| {
                worked.fetch_add(hash.work(), Ordering::SeqCst);
                hash.matches(&password, memory)
            };
            if matches(&hash)? && is_known {
                return Ok(true);
            }
            rest.as_ref().map(&mut matches).transpose()?;
            Ok(false)
        })?;
        Ok(PasswordCheck { matches, outdated })
    }

    /// Runs work in so much memory, in blocks, which itself takes so much more.
    fn run<T: Send + 'static>(
        &self,
        (blocks, own_blocks): (usize, usize),
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
        let beyond_kept = blocks.saturating_sub(self.params.block_count()) + own_blocks;
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
        let renewed = hasher.renew(&password(SECRET), &stored).unwrap();
        assert_eq!(check(&hasher, SECRET, &renewed), PasswordCheck { matches: true, outdated: false });
        let again = hasher.renew(&password(SECRET), &stored).unwrap();
        assert_eq!(again, renewed, "with the same salt");
    }

    #[test]
    fn a_wrong_password_is_never_less_work_than_an_unknown_user_and_a_right_one_no_more_than_its_hash() {
        let today = hasher(64);
        let work = |text: &str, stored: Option<&StoredHash>| {
            let before = today.worked();
            today.verify(&password(text), stored, Priority::Usual).unwrap();
            today.worked() - before
        };
        let unknown = work(SECRET, None);
        assert_eq!(unknown, 128);
        for (memory_kib, iterations, wrong) in [
            (64, 2, 128),
            (64, 1, 128),
            (8, 1, 128),
            (40, 3, 128),
            // Memory comes by fours, and no less than eight.
            (12, 1, 132),
            (124, 1, 132),
            // What is missing takes less memory than the hash itself, or none is missing.
            (100, 1, 128),
            (128, 1, 128),
            (128, 2, 256),
        ] {
            let cost = Argon2Cost { memory_kib, iterations, threads: 1, budget_kib: 8_192 };
            let earlier = Hasher::start(cost, Arc::new(SeededEntropy::new(2)), Arc::default()).unwrap();
            let stored = today.read(&earlier.hash(&password(SECRET)).unwrap()).unwrap();
            assert_eq!(work("another secret", Some(&stored)), wrong, "{memory_kib} KiB, {iterations} passes");
            assert_eq!(work(SECRET, Some(&stored)), stored.work());
        }
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
            let failed = hasher.run((blocks, 0), Priority::Usual, |memory| -> Result<(), HashError> {
                panic!("this panic, with {} blocks, is part of the test", memory.len())
            });
            assert!(matches!(failed, Err(HashError::Failed(_))), "{failed:?}");
        }
        // All that can be reserved was given back.
        assert_eq!(hasher.run((8_192, 0), Priority::Usual, |memory| Ok(memory.len())).unwrap(), 8_192);
        let stored = hasher.hash(&password(SECRET)).unwrap();
        assert!(check(&hasher, SECRET, &stored).matches);
        assert_eq!(metrics.count_panics("password hashes"), 2);
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
                hasher.run((900, 0), Priority::First, move |memory| {
                    begun.send(memory.len()).unwrap();
                    Ok(may_go_on.recv().is_ok())
                })
            });
            assert_eq!(has_begun.recv(), Ok(900));
            let second = scope.spawn(|| hasher.run((900, 0), Priority::First, |memory| Ok(memory.len())));
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
