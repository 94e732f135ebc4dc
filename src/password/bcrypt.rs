//! Hashes by bcrypt of other systems: `$2b$12$..`, which PHP writes as `$2y$` and older libraries as `$2a$`, and Django's
//! (`bcrypt$$2b$12$..`, and `bcrypt_sha256$$2b$12$..`, which hashes the password by SHA-256 first).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use bcrypt::{HashParts, hash_with_salt_bytes};
use zeroize::Zeroizing;

use super::Password;
use super::error::{HashError, UnusableHash, failed};

/// The cost is the logarithm of the work. None is less or more.
const MIN_COST: u32 = 4;
const MAX_COST: u32 = 31;

/// Of a longer password only the start counts.
const MAX_PASSWORD_BYTES: usize = 72;

/// The length of version, cost and salt in a hash, and its alphabet.
const PREFIX_CHARS: usize = 29;
const ALPHABET: &[u8; 64] = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The length of the version in a hash, which changes nothing: those with faults of their own are not read.
const VERSION_CHARS: usize = 3;

/// A hash by bcrypt.
#[derive(Clone)]
pub(crate) struct BcryptHash {
    cost: u32,
    salt: [u8; 16],
    /// As this version writes it.
    text: [u8; 60],
    is_of_sha256: bool,
}

impl BcryptHash {
    /// Reads what other libraries and Django's two schemes store.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        let (is_of_sha256, text) = match text.strip_prefix("bcrypt_sha256$") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("bcrypt$").unwrap_or(text)),
        };
        let parts = whole(text).parse::<HashParts>();
        // The library's words quote the text.
        let parts = parts.map_err(|_bad| UnusableHash::malformed("it has not the parts of bcrypt"))?;
        if !(MIN_COST..=MAX_COST).contains(&parts.get_cost()) {
            return Err(UnusableHash::malformed("its cost is less or more than any"));
        }
        let written = parts.to_string();
        let text = written.as_bytes().try_into().map_err(UnusableHash::malformed)?;
        Ok(Self { cost: parts.get_cost(), salt: parts.get_salt_raw(), text, is_of_sha256 })
    }

    /// The logarithm of its work.
    pub(super) fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether it says nothing of the end of this password, so that what follows the start may be anything.
    pub(super) fn cuts(&self, password: &Password) -> bool {
        !self.is_of_sha256 && password.as_typed().len() > MAX_PASSWORD_BYTES
    }

    /// Whether it is the hash of this password. As in every implementation, only its first 72 bytes count.
    pub(super) fn matches(&self, password: &Password) -> Result<bool, HashError> {
        let typed = password.as_typed();
        let hashed = if self.is_of_sha256 { hex(digest(&SHA256, typed).as_ref()) } else { typed.to_vec().into() };
        let made = hash_with_salt_bytes(&*hashed, self.cost, self.salt).map_err(failed)?;
        let [made, stored] = [&made, &self.text].map(|text| text.get(VERSION_CHARS..).unwrap_or_default());
        Ok(verify_slices_are_equal(made, stored).is_ok())
    }
}

/// The hash without the bits after the end of the salt, which some libraries have set: they mean nothing.
fn whole(text: &str) -> String {
    let last = text.as_bytes().get(PREFIX_CHARS - 1);
    let value = last.and_then(|last| ALPHABET.iter().position(|one| one == last));
    match (value.and_then(|value| ALPHABET.get(value & 0x30)), text.get(..PREFIX_CHARS - 1), text.get(PREFIX_CHARS..)) {
        (Some(last), Some(before), Some(after)) => format!("{before}{}{after}", char::from(*last)),
        _ => text.to_owned(),
    }
}

fn hex(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| DIGITS.get(usize::from(digit)).copied()).collect::<Vec<_>>().into()
}
