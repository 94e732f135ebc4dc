//! Stored password hashes, by scheme: how each is verified, how much memory that takes and how much work. A new scheme is a
//! variant here and a file of its own.

use std::borrow::Cow;
use std::str::FromStr;

use argon2::password_hash::phc::Salt;
use argon2::{Block, Params};

use super::Password;
use super::argon2id::Argon2idHash;
use super::bcrypt::BcryptHash;
use super::error::{HashError, UnusableHash};
use super::foreign_argon2::ForeignArgon2Hash;
use super::pbkdf2::Pbkdf2Hash;
use super::scrypt::ScryptHash;

/// A stored hash that can be verified.
#[derive(Clone)]
pub(crate) enum StoredHash {
    /// Argon2id, the scheme of all new hashes.
    Argon2id(Argon2idHash),
    /// Argon2 of another system.
    ForeignArgon2(ForeignArgon2Hash),
    /// Bcrypt.
    Bcrypt(BcryptHash),
    /// PBKDF2.
    Pbkdf2(Pbkdf2Hash),
    /// Scrypt.
    Scrypt(ScryptHash),
}

/// What a step of each scheme takes, in thousandths of what it takes argon2 to write a block of 1 KiB: measured on several machines
/// with hardware instructions for SHA-256. A machine without them takes three times as long for PBKDF2.
const OF_PBKDF2: u64 = 500;
const OF_BCRYPT: u64 = 90_000;
const OF_SCRYPT: u64 = 500;

/// The most work of a hash of another system, as argon2 counts. That is about a second, since a login must not hold up others. Django's
/// PBKDF2 with a million iterations takes a third of it.
const MAX_FOREIGN_WORK: u64 = 1_500_000;

/// The longest name of a scheme.
const MAX_SCHEME_CHARS: usize = 32;

impl FromStr for StoredHash {
    type Err = UnusableHash;

    fn from_str(text: &str) -> Result<Self, UnusableHash> {
        let is_phc = text.starts_with('$');
        let scheme = scheme(text).ok_or(UnusableHash::NoScheme)?;
        match (scheme, is_phc) {
            (Argon2idHash::SCHEME, true) => Argon2idHash::parse(text).map(Self::Argon2id),
            (ForeignArgon2Hash::SCHEME, false) => ForeignArgon2Hash::parse(text).map(Self::ForeignArgon2),
            ("2a" | "2b" | "2y", true) | ("bcrypt" | "bcrypt_sha256", false) => {
                BcryptHash::parse(text).map(Self::Bcrypt)
            }
            ("pbkdf2" | "pbkdf2-sha1" | "pbkdf2-sha256" | "pbkdf2-sha512", true) => {
                Pbkdf2Hash::parse_phc(scheme, text).map(Self::Pbkdf2)
            }
            ("pbkdf2_sha1" | "pbkdf2_sha256", false) => Pbkdf2Hash::parse_django(scheme, text).map(Self::Pbkdf2),
            ("scrypt", true) => ScryptHash::parse_phc(text).map(Self::Scrypt),
            ("scrypt", false) => ScryptHash::parse_django(text).map(Self::Scrypt),
            _ => Err(UnusableHash::unknown_scheme(scheme)),
        }
    }
}

impl StoredHash {
    /// The memory that verifying it needs to be given, in blocks of 1 KiB.
    pub(super) fn blocks(&self) -> usize {
        match self {
            Self::Argon2id(hash) => hash.params().block_count(),
            Self::ForeignArgon2(hash) => hash.blocks(),
            Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Scrypt(_) => 0,
        }
    }

    /// The memory that verifying it takes by itself, in blocks of 1 KiB, where it matters.
    pub(super) fn own_blocks(&self) -> usize {
        match self {
            Self::Argon2id(_) | Self::ForeignArgon2(_) | Self::Bcrypt(_) | Self::Pbkdf2(_) => 0,
            Self::Scrypt(hash) => hash.blocks(),
        }
    }

    /// The work of verifying it, as argon2 counts: how often a block of 1 KiB is written, or could be in that time.
    pub(super) fn work(&self) -> u64 {
        match self {
            Self::Argon2id(hash) => hash.work(),
            Self::ForeignArgon2(hash) => hash.work(),
            Self::Bcrypt(hash) => (OF_BCRYPT << hash.cost()) / 1_000,
            Self::Pbkdf2(hash) => hash.steps().saturating_mul(OF_PBKDF2) / 1_000,
            Self::Scrypt(hash) => hash.work().saturating_mul(OF_SCRYPT) / 1_000,
        }
    }

    /// Whether verifying it takes longer than a login may wait. What one of our own takes is a setting.
    pub(super) fn takes_too_long(&self) -> bool {
        !matches!(self, Self::Argon2id(_)) && self.takes_too_long_beside(0)
    }

    /// The same for a hash that is only said to be one of our own, where one of today's takes so much work.
    pub(super) fn takes_too_long_beside(&self, work_of_today: u64) -> bool {
        self.work() > MAX_FOREIGN_WORK.max(work_of_today)
    }

    /// Whether it says nothing of the end of this password.
    pub(super) fn cuts(&self, password: &Password) -> bool {
        matches!(self, Self::Bcrypt(hash) if hash.cuts(password))
    }

    /// Whether a new hash would have another scheme or other parameters.
    pub(super) fn is_outdated(&self, today: &Params) -> bool {
        match self {
            Self::Argon2id(hash) => !is_made_alike(hash.params(), today),
            Self::ForeignArgon2(_) | Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Scrypt(_) => true,
        }
    }

    /// Its salt, if it can be used for a new hash.
    pub(super) fn salt(&self) -> Option<Salt> {
        match self {
            Self::Argon2id(hash) => Some(hash.salt()).filter(|salt| salt.as_ref().len() >= Argon2idHash::SALT_BYTES),
            Self::ForeignArgon2(_) | Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Scrypt(_) => None,
        }
    }

    /// Whether it is the hash of this password.
    pub(super) fn matches(&self, password: &Password, memory: &mut [Block]) -> Result<bool, HashError> {
        match self {
            Self::Argon2id(hash) => hash.matches(password, memory),
            Self::ForeignArgon2(hash) => hash.matches(password, memory),
            Self::Bcrypt(hash) => hash.matches(password),
            Self::Pbkdf2(hash) => Ok(hash.matches(password)),
            Self::Scrypt(hash) => hash.matches(password),
        }
    }
}

/// The scheme at the start of a stored hash: `$argon2id$..`, `$2b$..`, or as Django writes it, `pbkdf2_sha256$..`. A
/// text without one may consist of the hash only, so it must not be shown.
pub(crate) fn scheme(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('$').unwrap_or(text).split_once('$')?;
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (is_name && !name.is_empty() && name.len() <= MAX_SCHEME_CHARS).then_some(name)
}

/// As what a hash of another system is stored: argon2 so that it is not taken for one of this service.
pub(super) fn as_stored(text: &str) -> Cow<'_, str> {
    if text.starts_with("$argon2") { format!("{}{text}", ForeignArgon2Hash::SCHEME).into() } else { text.into() }
}

/// Whether this service has made a stored hash, and not another system.
pub(crate) fn is_of_this_service(stored: &str) -> bool {
    stored.starts_with("$argon2id$")
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
            ("$2x$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "2x"),
            ("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "md5"),
            ("pbkdf2-sha256$29000$c2FsdA$ZGlnZXN0", "pbkdf2-sha256"),
            ("$pbkdf2_sha256$29000$c2FsdA$ZGlnZXN0", "pbkdf2_sha256"),
            ("argon2id$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg", "argon2id"),
            ("$argon2i$v=19$m=64,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Gpj7qOY5RCXJvcMzqcdQqg", "argon2i"),
        ] {
            assert_eq!(refused(text), UnusableHash::UnknownScheme(Some(scheme)), "{text}");
        }
        assert_eq!(refused("secret$salt$hash").to_string(), "its scheme is not known");
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
