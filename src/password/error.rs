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
    #[error("its scheme is not known{}", .0.map(|name| format!(": {name}")).unwrap_or_default())]
    UnknownScheme(Option<&'static str>),
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
    #[error("it needs too much work: a login may not wait for so long")]
    TooMuchWork,
    /// It needs more passes over its memory than any setting allows.
    #[error("it needs {0} passes")]
    TooManyPasses(u32),
}

/// Schemes of other systems that are named when they are not known: a text that looks like a scheme may be part of a hash.
const NAMED: [&str; 24] = [
    "1",
    "2",
    "2x",
    "5",
    "6",
    "7",
    "H",
    "P",
    "S",
    "apr1",
    "argon2d",
    "argon2i",
    "argon2id",
    "crypt",
    "gy",
    "md5",
    "pbkdf2-sha256",
    "pbkdf2_sha256",
    "pbkdf2_sha512",
    "sha1",
    "sha256",
    "sha512",
    "unsalted_md5",
    "y",
];

impl UnusableHash {
    /// A scheme that this version does not know.
    pub(super) fn unknown_scheme(name: &str) -> Self {
        Self::UnknownScheme(NAMED.into_iter().find(|known| *known == name))
    }

    #[expect(clippy::needless_pass_by_value, reason = "map_err needs this signature")]
    pub(super) fn malformed(cause: impl ToString) -> Self {
        Self::Malformed(cause.to_string())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "map_err needs this signature")]
pub(super) fn failed(cause: impl ToString) -> HashError {
    HashError::Failed(cause.to_string())
}
