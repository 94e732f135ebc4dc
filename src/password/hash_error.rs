//! Why a password is not hashed.

use std::io;

use crate::entropy::NoEntropy;

/// Why there is no answer about a password.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many hashes are waiting.
    #[error("too many password hashes are waiting")]
    Busy,
    /// The stored hash cannot be read, or asks for more than the budget.
    #[error("a stored password hash cannot be used: {0}")]
    Unusable(String),
    /// The hash panicked, which is in the log.
    #[error("a password hash panicked")]
    Panicked,
    /// There is no thread to hash on.
    #[error("a thread for password hashes cannot be started: {0}")]
    NoThread(io::Error),
    /// No salt could be made.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(super) fn unusable(cause: impl ToString) -> HashError {
    HashError::Unusable(cause.to_string())
}
