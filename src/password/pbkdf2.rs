//! Hashes by PBKDF2 ([RFC 8018 section 5.2](https://www.rfc-editor.org/rfc/rfc8018#section-5.2)) of other systems: Django's
//! (`pbkdf2_sha256$1000000$salt$digest`), passlib's (`$pbkdf2-sha256$29000$salt$digest`) and PHC strings
//! (`$pbkdf2-sha256$i=600000,l=32$salt$digest`).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{Algorithm, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512, verify};

use super::Password;
use super::error::UnusableHash;
use super::foreign::{DIGEST_BYTES, decode, decode_padded, number};

/// A hash by PBKDF2.
#[derive(Clone)]
pub(crate) struct Pbkdf2Hash {
    algorithm: Algorithm,
    iterations: NonZeroU32,
    steps: u64,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Pbkdf2Hash {
    /// Reads what Django stores: its salt is a text.
    pub(super) fn parse_django(scheme: &str, text: &str) -> Result<Self, UnusableHash> {
        let mut parts = text.split('$').skip(1);
        let (Some(iterations), Some(salt), Some(digest), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(UnusableHash::malformed("it has not four parts"));
        };
        Self::new(scheme, iterations, salt.as_bytes().to_vec(), decode_padded(digest)?)
    }

    /// Reads a PHC string, or what passlib writes.
    pub(super) fn parse_phc(scheme: &str, text: &str) -> Result<Self, UnusableHash> {
        let mut parts = text.split('$').skip(2);
        let (Some(params), Some(salt), Some(digest), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(UnusableHash::malformed("it has not five parts"));
        };
        // passlib has the number alone, and writes + as a dot.
        let named = params.split(',').find_map(|param| param.strip_prefix("i="));
        let (salt, digest) = (salt.replace('.', "+"), digest.replace('.', "+"));
        Self::new(scheme, named.unwrap_or(params), decode(&salt)?, decode(&digest)?)
    }

    fn new(scheme: &str, iterations: &str, salt: Vec<u8>, digest: Vec<u8>) -> Result<Self, UnusableHash> {
        let (algorithm, block, weight) = match scheme.rsplit_once(['-', '_']).map_or("sha1", |(_, digest)| digest) {
            "sha1" => (PBKDF2_HMAC_SHA1, 20, 1),
            "sha256" => (PBKDF2_HMAC_SHA256, 32, 1),
            "sha512" => (PBKDF2_HMAC_SHA512, 64, 2),
            _ => return Err(UnusableHash::unknown_scheme(scheme)),
        };
        let iterations: u32 = number(iterations, "iterations")?;
        let iterations = NonZeroU32::new(iterations).ok_or_else(|| UnusableHash::malformed("it has no iterations"))?;
        if !DIGEST_BYTES.contains(&digest.len()) {
            return Err(UnusableHash::malformed("its digest has a wrong length"));
        }
        // Each block of the digest takes all iterations.
        let blocks = u64::try_from(digest.len().div_ceil(block)).map_err(UnusableHash::malformed)?;
        Ok(Self { algorithm, iterations, steps: blocks * weight * u64::from(iterations.get()), salt, digest })
    }

    /// How often the password is hashed by SHA-256, or could be in that time.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether it is the hash of this password.
    pub(super) fn matches(&self, password: &Password) -> bool {
        verify(self.algorithm, self.iterations, &self.salt, password.as_typed(), &self.digest).is_ok()
    }
}
