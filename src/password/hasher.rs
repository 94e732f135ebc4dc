//! Argon2id ([RFC 9106](https://www.rfc-editor.org/rfc/rfc9106)) on a fixed number of threads, each with memory of its
//! own that it keeps: a flood of logins cannot use more memory than threads times the cost of one hash. What waits is
//! bounded in number and in time, those who are known go first; beyond that the answer is "too busy".

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use super::Password;
use super::queue::{Place, Places, Priority, Queue};
use crate::config::{Argon2Cost, MAX_ARGON2_ITERATIONS};
use crate::entropy::{Entropy, NoEntropy};

/// A hash that has not begun by then is not begun: its answer would help nobody.
const DEADLINE: Duration = Duration::from_secs(5);

/// Whoever waits for a hash is told by then that there is none, whatever one of an earlier, higher cost still takes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hash takes a core for tens of milliseconds; whatever else there is to do takes microseconds and comes first. Hashes
/// still get a tenth of a core that everything else would fill.
const NICENESS: i32 = 10;

const OUTPUT_BYTES: usize = 32;

const SALT_BYTES: usize = 16;

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
pub(crate) struct PasswordCheck {
    /// Whether it is the right one.
    pub(crate) matches: bool,
    /// Whether the stored hash was made with other parameters than today's.
    pub(crate) outdated: bool,
}

/// The pool of hashing threads.
pub struct Hasher {
    queue: Arc<Queue<Job>>,
    params: Params,
    max_stored_kib: u32,
    entropy: Arc<dyn Entropy>,
    decoy: String,
    places: Arc<Places>,
    hashed: AtomicU64,
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.queue.close();
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
    pub fn start(cost: Argon2Cost, entropy: Arc<dyn Entropy>) -> Result<Self, HashError> {
        let params = Params::new(cost.memory_kib, cost.iterations, 1, Some(OUTPUT_BYTES)).map_err(unusable)?;
        let (queue, large) = (Arc::new(Queue::default()), Arc::new(Mutex::new(())));
        for _ in 0..cost.threads {
            let (jobs, large) = (Arc::clone(&queue), Arc::clone(&large));
            let kept_blocks = params.block_count();
            std::thread::spawn(move || {
                // Where it is not allowed, everything else waits a little longer for its turn.
                let _not_allowed = rustix::process::nice(NICENESS);
                work(&jobs, kept_blocks, &large);
            });
        }
        let (salt, output): ([u8; SALT_BYTES], [u8; OUTPUT_BYTES]) = (entropy.bytes()?, entropy.bytes()?);
        let decoy = encode(&params, Salt::new(&salt).map_err(unusable)?, &output)?;
        let places = Arc::default();
        let max_stored_kib = cost.max_stored_kib();
        Ok(Self { queue, params, max_stored_kib, entropy, decoy, places, hashed: AtomicU64::new(0) })
    }

    /// Takes a place, before anything that waits is begun.
    pub fn place(&self, priority: Priority) -> Result<Place, HashError> {
        self.places.take(priority).ok_or(HashError::Busy)
    }

    /// How many hashes are in work or waiting.
    pub fn count_under_way(&self) -> usize {
        self.places.count_taken()
    }

    /// How many hashes have been asked for since the start.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::SeqCst)
    }

    /// Hashes a new password, of somebody who may set it; returns the PHC string to store.
    pub fn hash(&self, password: &Password) -> Result<String, HashError> {
        let salt = Salt::new(&self.entropy.bytes::<SALT_BYTES>()?).map_err(unusable)?;
        let digest = self.run(password, salt, self.params.clone(), Priority::First)?;
        encode(&self.params, salt, &*digest)
    }

    /// Hashes a password as today, with the salt of its stored hash: whoever does that at the same time gets the same.
    pub(crate) fn renew(&self, password: &Password, stored: &str) -> Result<String, HashError> {
        let salt = PasswordHash::new(stored).map_err(unusable)?.salt;
        let Some(salt) = salt.filter(|salt| salt.as_ref().len() >= SALT_BYTES) else { return self.hash(password) };
        let digest = self.run(password, salt, self.params.clone(), Priority::First)?;
        encode(&self.params, salt, &*digest)
    }

    /// Checks a password against a stored hash. With no stored hash the work is done all the same and the answer is no,
    /// so that an unknown user costs as much time as a wrong password.
    pub(crate) fn verify(
        &self,
        password: &Password,
        stored: Option<&str>,
        priority: Priority,
    ) -> Result<PasswordCheck, HashError> {
        let hash = PasswordHash::new(stored.unwrap_or(&self.decoy)).map_err(unusable)?;
        let params = Params::try_from(&hash).map_err(unusable)?;
        if hash.algorithm.as_str() != "argon2id" || hash.version != Some(Version::V0x13.into()) {
            return Err(HashError::Unusable("not argon2id version 19".to_owned()));
        }
        // What would not fit is refused rather than paid for.
        if params.m_cost() > self.max_stored_kib || params.t_cost() > MAX_ARGON2_ITERATIONS {
            let (memory_kib, passes) = (params.m_cost(), params.t_cost());
            return Err(HashError::Unusable(format!("it asks for {memory_kib} KiB of memory and {passes} passes")));
        }
        let (Some(salt), Some(expected)) = (hash.salt, hash.hash) else {
            return Err(HashError::Unusable("it has no salt or no hash".to_owned()));
        };
        let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        let outdated = cost(&params) != cost(&self.params);
        let digest = self.run(password, salt, params, priority)?;
        let equal = aws_lc_rs::constant_time::verify_slices_are_equal(&*digest, expected.as_bytes()).is_ok();
        Ok(PasswordCheck { matches: equal && stored.is_some(), outdated })
    }

    fn run(&self, password: &Password, salt: Salt, params: Params, priority: Priority) -> Result<Digest, HashError> {
        self.hashed.fetch_add(1, Ordering::SeqCst);
        let (reply, answer) = sync_channel(1);
        let job = Job { password: password.clone(), salt, params, queued_at: Instant::now(), reply };
        self.queue.push(job, priority).map_err(|_full| HashError::Busy)?;
        answer.recv_timeout(PATIENCE).map_err(|_late_or_thread_gone| HashError::Busy)?
    }
}

/// A hash with more than the kept memory, of a password set under other parameters, is done one at a time.
fn work(jobs: &Queue<Job>, kept_blocks: usize, large: &Mutex<()>) {
    let mut kept = Vec::new();
    loop {
        // The next hash overwrites what the last one left; when there is none yet, it is wiped.
        let next = jobs.try_next().or_else(|| {
            wipe(&mut kept);
            jobs.next()
        });
        let Some(job) = next else { return };
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
        let checked = |text| hasher.verify(&password(text), Some(&stored), Priority::Usual).unwrap();
        assert_eq!(checked("a long enough secret"), PasswordCheck { matches: true, outdated: false });
        assert_eq!(checked("a long enough Secret"), PasswordCheck { matches: false, outdated: false });
        assert!(
            !hasher.verify(&password("a long enough secret"), None, Priority::Usual).unwrap().matches,
            "an unknown user"
        );
    }

    #[test]
    fn a_hash_with_other_parameters_still_matches_and_is_outdated() {
        let stored = hasher(128).hash(&password("a long enough secret")).unwrap();
        let verified = hasher(64).verify(&password("a long enough secret"), Some(&stored), Priority::Usual).unwrap();
        assert_eq!(verified, PasswordCheck { matches: true, outdated: true });
    }

    #[test]
    fn a_stored_hash_beyond_the_budget_of_memory_or_time_is_refused_unpaid() {
        let stored = hasher(64).hash(&password("a long enough secret")).unwrap();
        for beyond in [stored.replace("m=64", "m=8193"), stored.replace("t=2", "t=4000000000")] {
            let refused = hasher(64).verify(&password("a long enough secret"), Some(&beyond), Priority::Usual);
            assert!(matches!(refused, Err(HashError::Unusable(_))), "{refused:?}");
        }
    }

    #[test]
    fn a_stored_hash_with_more_memory_than_is_kept_still_matches() {
        let stored = hasher(4_096).hash(&password("a long enough secret")).unwrap();
        assert!(hasher(64).verify(&password("a long enough secret"), Some(&stored), Priority::Usual).unwrap().matches);
    }

    #[test]
    fn argon2_gives_the_same_digest_as_the_reference_implementation() {
        // Made with the argon2 command of Debian: echo -n password | argon2 somesaltsomesalt -id -t 2 -k 64 -p 1 -l 32 -e
        let stored = "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqvgR3wcPX7SleI4c9NtXk6E";
        assert!(hasher(64).verify(&password("password"), Some(stored), Priority::Usual).unwrap().matches);
    }
}
