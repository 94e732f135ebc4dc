//! Argon2id ([RFC 9106](https://www.rfc-editor.org/rfc/rfc9106)) on a fixed number of threads, each with memory of its
//! own that it keeps: a flood of logins cannot use more memory than threads times the cost of one hash. What waits is
//! bounded in number and in time; beyond that the answer is "too busy".

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use super::Password;
use crate::config::{Argon2Cost, MOST_ARGON2_ITERATIONS};
use crate::entropy::{Entropy, NoEntropy};

/// Who may want a hash at the same time, in work or waiting. Each holds a thread of the HTTP server meanwhile, of which
/// there are many more, so that a flood of logins leaves room for everything else.
const PLACES: usize = 128;

/// Nobody is helped by an answer that comes later.
const DEADLINE: Duration = Duration::from_secs(5);

/// A hash takes a core for tens of milliseconds; whatever else there is to do takes microseconds and comes first. Hashes
/// still get a tenth of a core that everything else would fill.
const NICENESS: i32 = 10;

const OUTPUT_BYTES: usize = 32;

/// Why there is no answer about a password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many hashes are waiting.
    #[error("too many password hashes are waiting")]
    Busy,
    /// The stored hash cannot be read, or asks for more than the budget.
    #[error("a stored password hash cannot be used: {0}")]
    Unusable(String),
    /// No salt could be made.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// The outcome of checking a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Whether it is the right one.
    pub matches: bool,
    /// Whether the stored hash was made with other parameters than today's.
    pub outdated: bool,
}

/// The pool of hashing threads.
pub struct Hasher {
    queue: SyncSender<Job>,
    params: Params,
    most_stored_kib: u32,
    entropy: Arc<dyn Entropy>,
    decoy: String,
    places: Arc<AtomicUsize>,
    hashed: AtomicU64,
}

/// The right to want a hash; given back when dropped.
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Job {
    password: Password,
    salt: Salt,
    params: Params,
    queued_at: Instant,
    reply: SyncSender<Result<Digest, HashError>>,
}

type Digest = Zeroizing<[u8; OUTPUT_BYTES]>;

impl Hasher {
    /// Starts the threads; they end when the pool is dropped.
    ///
    /// # Errors
    /// [`HashError::Unusable`] when argon2 does not take the cost.
    pub fn start(cost: Argon2Cost, entropy: Arc<dyn Entropy>) -> Result<Self, HashError> {
        let params = Params::new(cost.memory_kib, cost.iterations, 1, Some(OUTPUT_BYTES)).map_err(unusable)?;
        let (queue, jobs) = sync_channel(PLACES);
        let (jobs, large) = (Arc::new(Mutex::new(jobs)), Arc::new(Mutex::new(())));
        for _ in 0..cost.threads {
            let (jobs, large) = (Arc::clone(&jobs), Arc::clone(&large));
            let kept_blocks = params.block_count();
            std::thread::spawn(move || {
                // Where it is not allowed, everything else waits a little longer for its turn.
                let _not_allowed = rustix::process::nice(NICENESS);
                work(&jobs, kept_blocks, &large);
            });
        }
        let (salt, output): ([u8; 16], [u8; OUTPUT_BYTES]) = (entropy.bytes()?, entropy.bytes()?);
        let decoy = encode(&params, Salt::new(&salt).map_err(unusable)?, &output)?;
        let places = Arc::new(AtomicUsize::new(PLACES));
        let most_stored_kib = cost.most_stored_kib();
        Ok(Self { queue, params, most_stored_kib, entropy, decoy, places, hashed: AtomicU64::new(0) })
    }

    /// Takes a place, before anything that waits is begun.
    ///
    /// # Errors
    /// [`HashError::Busy`] when all are taken.
    pub fn place(&self) -> Result<Place, HashError> {
        let taken = self.places.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |free| free.checked_sub(1));
        taken.map(|_| Place(Arc::clone(&self.places))).map_err(|_none_free| HashError::Busy)
    }

    /// How many hashes are in work or waiting.
    #[must_use]
    pub fn count_under_way(&self) -> usize {
        PLACES.saturating_sub(self.places.load(Ordering::SeqCst))
    }

    /// How many hashes have been asked for since the start.
    #[must_use]
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::SeqCst)
    }

    /// Hashes a new password; answers the PHC string to store.
    ///
    /// # Errors
    /// [`HashError`] when it cannot be done in time.
    pub fn hash(&self, password: &Password) -> Result<String, HashError> {
        let salt = Salt::new(&self.entropy.bytes::<16>()?).map_err(unusable)?;
        let digest = self.run(password, salt, self.params.clone())?;
        encode(&self.params, salt, &*digest)
    }

    /// Checks a password against a stored hash. With no stored hash the work is done all the same and the answer is no,
    /// so that an unknown user costs as much time as a wrong password.
    ///
    /// # Errors
    /// [`HashError`] when it cannot be done in time.
    pub fn verify(&self, password: &Password, stored: Option<&str>) -> Result<Verified, HashError> {
        let hash = PasswordHash::new(stored.unwrap_or(&self.decoy)).map_err(unusable)?;
        let params = Params::try_from(&hash).map_err(unusable)?;
        if hash.algorithm.as_str() != "argon2id" || hash.version != Some(Version::V0x13.into()) {
            return Err(HashError::Unusable("not argon2id version 19".to_owned()));
        }
        // What would not fit is refused rather than paid for.
        if params.m_cost() > self.most_stored_kib || params.t_cost() > MOST_ARGON2_ITERATIONS {
            let (memory_kib, passes) = (params.m_cost(), params.t_cost());
            return Err(HashError::Unusable(format!("it asks for {memory_kib} KiB of memory and {passes} passes")));
        }
        let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else {
            return Err(HashError::Unusable("it has no salt or no hash".to_owned()));
        };
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        let outdated = cost(&params) != cost(&self.params);
        let digest = self.run(password, salt, params)?;
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal(&*digest, expected.as_bytes()).is_ok();
        Ok(Verified { matches: equal && stored.is_some(), outdated })
    }

    fn run(&self, password: &Password, salt: Salt, params: Params) -> Result<Digest, HashError> {
        self.hashed.fetch_add(1, Ordering::SeqCst);
        let (reply, answer) = sync_channel(1);
        let job = Job { password: password.clone(), salt, params, queued_at: Instant::now(), reply };
        self.queue.try_send(job).map_err(|_full| HashError::Busy)?;
        answer.recv().map_err(|_thread_gone| HashError::Busy)?
    }
}

/// A hash with more than the kept memory, of a password set under other parameters, is done one at a time.
fn work(jobs: &Mutex<Receiver<Job>>, kept_blocks: usize, large: &Mutex<()>) {
    let mut kept = Vec::new();
    loop {
        // The next hash overwrites what the last one left; when there is none yet, it is wiped.
        let next = if let Ok(Ok(job)) = jobs.try_lock().map(|jobs| jobs.try_recv()) {
            Ok(job)
        } else {
            wipe(&mut kept);
            jobs.lock().unwrap_or_else(PoisonError::into_inner).recv()
        };
        let Ok(job) = next else { return };
        let answer = if job.queued_at.elapsed() > DEADLINE {
            Err(HashError::Busy)
        } else if job.params.block_count() > kept_blocks {
            let _alone = large.lock().unwrap_or_else(PoisonError::into_inner);
            if job.queued_at.elapsed() > DEADLINE {
                Err(HashError::Busy)
            } else {
                wipe(&mut kept);
                kept = vec![Block::default(); job.params.block_count()];
                let digest = digest(&job, &mut kept);
                wipe(&mut kept);
                kept = Vec::new();
                digest
            }
        } else {
            kept.resize(kept_blocks, Block::default());
            // A smaller hash does not overwrite all.
            wipe(kept.get_mut(job.params.block_count()..).unwrap_or_default());
            digest(&job, &mut kept)
        };
        // The one who asked may have gone.
        let _gone = job.reply.send(answer);
    }
}

fn digest(job: &Job, memory: &mut [Block]) -> Result<Digest, HashError> {
    let mut output = Zeroizing::new([0; OUTPUT_BYTES]);
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, job.params.clone());
    let password = job.password.expose().as_bytes();
    let hashed = argon2.hash_password_into_with_memory(password, job.salt.as_ref(), &mut *output, &mut *memory);
    hashed.map_err(unusable)?;
    Ok(output)
}

/// With what a hash leaves in its memory a guess could be checked at a part of the cost.
fn wipe(memory: &mut [Block]) {
    memory.iter_mut().for_each(zeroize::Zeroize::zeroize);
}

fn encode(params: &Params, salt: Salt, digest: &[u8]) -> Result<String, HashError> {
    let hash = PasswordHash {
        algorithm: argon2::ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(unusable)?,
        salt: Some(salt),
        hash: Some(Output::new(digest).map_err(unusable)?),
    };
    Ok(hash.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(super) fn unusable(cause: impl ToString) -> HashError {
    HashError::Unusable(cause.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;
    use crate::secret::Secret;

    fn hasher(memory_kib: u32) -> Hasher {
        let cost = Argon2Cost { memory_kib, iterations: 2, threads: 1, budget_kib: 8_192 };
        Hasher::start(cost, Arc::new(SeededEntropy::new(1))).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(&Secret::new(text.to_owned())).unwrap()
    }

    #[test]
    fn the_right_password_matches_and_another_does_not() {
        let hasher = hasher(64);
        let stored = hasher.hash(&password("a long enough secret")).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{stored}");
        let checked = |text| hasher.verify(&password(text), Some(&stored)).unwrap();
        assert_eq!(checked("a long enough secret"), Verified { matches: true, outdated: false });
        assert_eq!(checked("a long enough Secret"), Verified { matches: false, outdated: false });
        assert!(!hasher.verify(&password("a long enough secret"), None).unwrap().matches, "an unknown user");
    }

    #[test]
    fn a_hash_with_other_parameters_still_matches_and_is_outdated() {
        let stored = hasher(128).hash(&password("a long enough secret")).unwrap();
        let verified = hasher(64).verify(&password("a long enough secret"), Some(&stored)).unwrap();
        assert_eq!(verified, Verified { matches: true, outdated: true });
    }

    #[test]
    fn a_stored_hash_beyond_the_budget_of_memory_or_time_is_refused_unpaid() {
        let stored = hasher(64).hash(&password("a long enough secret")).unwrap();
        for beyond in [stored.replace("m=64", "m=8193"), stored.replace("t=2", "t=4000000000")] {
            let refused = hasher(64).verify(&password("a long enough secret"), Some(&beyond));
            assert!(matches!(refused, Err(HashError::Unusable(_))), "{refused:?}");
        }
    }

    #[test]
    fn a_stored_hash_with_more_memory_than_is_kept_still_matches() {
        let stored = hasher(4_096).hash(&password("a long enough secret")).unwrap();
        assert!(hasher(64).verify(&password("a long enough secret"), Some(&stored)).unwrap().matches);
    }

    #[test]
    fn argon2_gives_the_same_digest_as_the_reference_implementation() {
        // Made with the argon2 command of Debian: echo -n password | argon2 somesaltsomesalt -id -t 2 -k 64 -p 1 -l 32 -e
        let stored = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqvgR3wcPX7SleI4c9NtXk6E";
        assert!(hasher(64).verify(&password("password"), Some(stored)).unwrap().matches);
    }
}
