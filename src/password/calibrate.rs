//! Finding the cost of a password hash that this machine can afford.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::HashError;
use super::error::failed;
use crate::config::{MAX_ARGON2_ITERATIONS, min_argon2_memory_kib};

/// A cost, and how long a hash takes with it on this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calibrated {
    /// Memory of one hash in KiB.
    pub(crate) memory_kib: u32,
    /// Passes over the memory.
    pub(crate) iterations: u32,
    /// How long one hash takes while all threads are hashing.
    pub(crate) duration: Duration,
}

/// Two passes: after a single pass, traces in memory would help to guess the password.
const MIN_ITERATIONS: u32 = 2;

/// How often the estimate is corrected: durations are nearly proportional to the memory.
const CORRECTIONS: u32 = 4;

/// The largest cost that stays within `target` while `threads` threads hash, each with at most `max_memory_kib`: first as
/// much memory as fits, then passes ([RFC 9106 section 4](https://www.rfc-editor.org/rfc/rfc9106#section-4)). On a
/// machine that is too slow, it is the smallest allowed cost.
pub(crate) fn calibrate(threads: usize, max_memory_kib: u32, target: Duration) -> Result<Calibrated, HashError> {
    let min_memory_kib = min_argon2_memory_kib(MIN_ITERATIONS);
    if max_memory_kib < min_memory_kib {
        let reason =
            format!("each of {threads} threads could have {max_memory_kib} KiB, and {min_memory_kib} are needed");
        return Err(failed(reason));
    }
    let mut best = measure(threads, min_memory_kib, MIN_ITERATIONS)?;
    let mut tried = best;
    for _ in 0..CORRECTIONS {
        let fits = f64::from(tried.memory_kib) * target.as_secs_f64() / tried.duration.as_secs_f64();
        // Whole MiB; a cast from a float saturates.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded in the next line")]
        let memory_kib = (fits as u32 / 1_024 * 1_024).clamp(min_memory_kib, max_memory_kib);
        tried = measure(threads, memory_kib, MIN_ITERATIONS)?;
        if tried.duration <= target && tried.memory_kib > best.memory_kib {
            best = tried;
        }
    }
    while best.memory_kib == max_memory_kib && best.iterations < MAX_ARGON2_ITERATIONS {
        let more = measure(threads, best.memory_kib, best.iterations + 1)?;
        if more.duration > target {
            break;
        }
        best = more;
    }
    Ok(best)
}

const HASHES_OF_A_THREAD: u32 = 3;

fn measure(threads: usize, memory_kib: u32, iterations: u32) -> Result<Calibrated, HashError> {
    let params = Params::new(memory_kib, iterations, 1, None).map_err(failed)?;
    let hashing = |params: Params| {
        let mut memory = vec![Block::default(); params.block_count()];
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut hash =
            || argon2.hash_password_into_with_memory(b"a password", b"some salt of it ", &mut [0; 32], &mut *memory);
        // The first hash also allocates the memory.
        hash()?;
        let started_at = Instant::now();
        for _ in 0..HASHES_OF_A_THREAD {
            hash()?;
        }
        Ok::<_, argon2::Error>(started_at.elapsed() / HASHES_OF_A_THREAD)
    };
    let durations = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(|| hashing(params.clone()))).collect();
        started.into_iter().map(|thread| thread.join()).collect::<Vec<_>>()
    });
    let mut slowest = Duration::ZERO;
    for duration in durations {
        slowest = slowest.max(duration.map_err(|_panicked| failed("argon2 panicked"))?.map_err(failed)?);
    }
    Ok(Calibrated { memory_kib, iterations, duration: slowest })
}
