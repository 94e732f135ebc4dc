//! Passwords: what may be one, and how they are hashed.

mod argon2id;
mod bcrypt;
mod calibrate;
mod cores;
mod error;
mod foreign;
mod foreign_argon2;
mod hasher;
mod pbkdf2;
mod policy;
mod queue;
mod scrypt;
mod stored;
mod worker;

use unicode_normalization::UnicodeNormalization as _;

pub(crate) use calibrate::calibrate;
pub(crate) use error::{HashError, UnusableHash};
pub(crate) use hasher::HashReader;
pub use hasher::Hasher;
pub(crate) use policy::{PasswordProblem, check};
pub use queue::{Place, Priority};
pub(crate) use stored::{StoredHash, is_of_this_service, scheme};

use crate::secret::Secret;

/// The longest password in characters. A longer one is refused before it is hashed; it is never truncated.
pub(crate) const MAX_PASSWORD_CHARS: usize = 1_024;

/// A password in the form that is hashed: Unicode normal form C, so that it does not depend on the keyboard
/// ([RFC 8265 section 4.2.2](https://www.rfc-editor.org/rfc/rfc8265#section-4.2.2)).
#[derive(Clone, Debug)]
pub struct Password {
    normal: Secret<String>,
    /// Without that: other systems have hashed it so.
    typed: Secret<String>,
}

impl Password {
    /// Makes a password from the typed text.
    pub fn new(typed: &Secret<String>) -> Result<Self, PasswordProblem> {
        if typed.expose().chars().count() > MAX_PASSWORD_CHARS {
            return Err(PasswordProblem::Long);
        }
        Ok(Self { normal: Secret::new(typed.expose().nfc().collect()), typed: typed.clone() })
    }

    /// Whether both are the same.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }

    fn expose(&self) -> &str {
        self.normal.expose()
    }

    fn as_typed(&self) -> &[u8] {
        self.typed.expose().as_bytes()
    }
}

#[cfg(test)]
mod vectors_tests;
