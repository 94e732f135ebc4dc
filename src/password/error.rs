//! Errors of password hashing.

use crate::entropy::NoEntropy;

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many hashes are waiting.
    #[error("too many password hashes are waiting")]
    Busy,
    /// The library refuses its input, or there is too little memory for any hash.
    #[error("{0}")]
    Failed(String),
    /// No salt could be generated.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// Why a stored hash cannot be verified. None of these shows anything of the hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnusableHash {
    /// It is of a scheme that this version does not know.
    #[error("its scheme {0:?} is not known")]
    UnknownScheme(String),
    /// It names no scheme.
    #[error("it names no scheme")]
    NoScheme,
    /// It does not have the form of its scheme.
    #[error("it cannot be read: {0}")]
    Malformed(String),
    /// It needs more memory than this process may use for it.
    #[error("it needs {0} KiB of memory")]
    TooMuchMemory(usize),
    /// It takes longer than a login may wait.
    #[error("it needs too much work: {0}")]
    TooMuchWork(String),
    /// It needs more passes over its memory than any setting allows.
    #[error("it needs {0} passes")]
    TooManyPasses(u32),
}

impl UnusableHash {
    #[expect(clippy::needless_pass_by_value, reason = "map_err needs this signature")]
    pub(super) fn malformed(cause: impl ToString) -> Self {
        Self::Malformed(cause.to_string())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err needs this signature")]
pub(super) fn failed(cause: impl ToString) -> HashError {
    HashError::Failed(cause.to_string())
}
