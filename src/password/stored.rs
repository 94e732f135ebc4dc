//! Stored password hashes, by scheme: how each is verified and how much memory that takes. A new scheme is a variant
//! here and a file of its own.

use std::str::FromStr;

use argon2::password_hash::phc::Salt;
use argon2::{Block, Params};

use super::Password;
use super::argon2id::Argon2idHash;
use super::error::{HashError, UnusableHash};

/// A stored hash that can be verified.
#[derive(Clone)]
pub(crate) enum StoredHash {
    /// Argon2id, the scheme of all new hashes.
    Argon2id(Argon2idHash),
}

/// The longest name of a scheme.
const MAX_SCHEME_CHARS: usize = 32;

impl FromStr for StoredHash {
    type Err = UnusableHash;

    fn from_str(text: &str) -> Result<Self, UnusableHash> {
        match scheme(text) {
            Some(Argon2idHash::SCHEME) => Argon2idHash::parse(text).map(Self::Argon2id),
            Some(unknown) => Err(UnusableHash::UnknownScheme(unknown.to_owned())),
            None => Err(UnusableHash::NoScheme),
        }
    }
}

impl StoredHash {
    /// The memory that verifying it takes, in blocks of 1 KiB.
    pub(super) fn blocks(&self) -> usize {
        match self {
            Self::Argon2id(hash) => hash.params().block_count(),
        }
    }

    /// The work of verifying it, as argon2 counts: how often a block of 1 KiB is written.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Argon2id(hash) => hash.work(),
        }
    }

    /// Whether a new hash would have another scheme or other parameters.
    pub(super) fn is_outdated(&self, today: &Params) -> bool {
        match self {
            Self::Argon2id(hash) => !is_made_alike(hash.params(), today),
        }
    }

    /// Its salt, if it can be used for a new hash.
    pub(super) fn salt(&self) -> Option<Salt> {
        match self {
            Self::Argon2id(hash) => Some(hash.salt()).filter(|salt| salt.as_ref().len() >= Argon2idHash::SALT_BYTES),
        }
    }

    /// Whether it is the hash of this password.
    pub(super) fn matches(&self, password: &Password, memory: &mut [Block]) -> Result<bool, HashError> {
        match self {
            Self::Argon2id(hash) => hash.matches(password, memory),
        }
    }
}

/// The scheme at the start of a stored hash: `$argon2id$..`, `$2b$..`, or as Django writes it, `pbkdf2_sha256$..`. A
/// text without one may consist of the hash only, so it must not be shown.
fn scheme(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('$').unwrap_or(text).split_once('$')?;
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (is_name && !name.is_empty() && name.len() <= MAX_SCHEME_CHARS).then_some(name)
}

fn is_made_alike(one: &Params, other: &Params) -> bool {
    let made = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost(), params.output_len());
    made(one) == made(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> UnusableHash {
        text.parse::<StoredHash>().map(|_| ()).unwrap_err()
    }

    #[test]
    fn a_hash_of_a_scheme_that_is_not_known_is_named_by_its_scheme_and_by_nothing_else() {
        for (text, scheme) in [
            ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "2b"),
            ("pbkdf2_sha256$600000$c2FsdA$ZGlnZXN0", "pbkdf2_sha256"),
            ("argon2$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg", "argon2"),
            ("$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg", "argon2i"),
        ] {
            assert_eq!(refused(text), UnusableHash::UnknownScheme(scheme.to_owned()), "{text}");
        }
        for all_hash in [
            "5f4dcc3b5aa765d61d8327deb882cf99",
            "5f4dcc3b5aa765d61d8327deb882cf995f4dcc3b5aa765d61d8327deb882cf99$salt",
            "{SSHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=$",
            "$$",
            "!",
            "",
        ] {
            assert_eq!(refused(all_hash), UnusableHash::NoScheme, "{all_hash}");
        }
    }

    #[test]
    fn an_argon2id_hash_that_is_not_whole_is_refused() {
        for text in [
            "$argon2id$",
            "$argon2id$v=19$m=64,t=2,p=1",
            "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA",
            "$argon2id$v=16$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg",
            "$argon2id$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg",
            "$argon2id$v=19$m=7,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg",
            "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg",
            "$argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg$more",
        ] {
            assert!(matches!(refused(text), UnusableHash::Malformed(_)), "{text}: {:?}", refused(text));
        }
    }
}
