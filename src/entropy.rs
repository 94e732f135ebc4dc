//! The only source of randomness. It is a parameter, so that a test can predict it.

use std::sync::atomic::{AtomicU64, Ordering};

/// The operating system did not return random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system returned no random bytes")]
pub struct NoEntropy;

/// Gives random bytes.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes.
    ///
    /// Fails if there are none. Callers must not continue with predictable bytes.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

impl dyn Entropy + '_ {
    /// An array of random bytes.
    pub(crate) fn bytes<const N: usize>(&self) -> Result<[u8; N], NoEntropy> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        getrandom::fill(bytes).map_err(|_of_the_system| NoEntropy)
    }
}

/// Bytes that follow from a seed. Only for tests: anyone who knows the seed knows the bytes.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(32) {
            let mut input = self.seed.to_be_bytes().to_vec();
            input.extend(self.drawn.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            let block = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &input);
            for (byte, value) in chunk.iter_mut().zip(block.as_ref()) {
                *byte = *value;
            }
        }
        Ok(())
    }
}
