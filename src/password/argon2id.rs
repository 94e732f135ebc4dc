//! Argon2id hashes ([RFC 9106](https://www.rfc-editor.org/rfc/rfc9106)), stored as PHC strings
//! (`$argon2id$v=19$m=19456,t=2,p=1$salt$digest`).

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroizing;

use super::Password;
use super::error::{HashError, UnusableHash, failed};
use crate::config::MAX_ARGON2_ITERATIONS;

/// An argon2id hash with its parameters.
#[derive(Clone)]
pub(crate) struct Argon2idHash {
    params: Params,
    salt: Salt,
    digest: Output,
}

impl Argon2idHash {
    /// The name of the scheme.
    pub(super) const SCHEME: &str = "argon2id";

    /// Length of a new digest.
    pub(super) const DIGEST_BYTES: usize = 32;

    /// Length of a new salt.
    pub(super) const SALT_BYTES: usize = 16;

    /// Makes a hash from a digest that was computed before.
    pub(super) fn new(params: Params, salt: Salt, digest: &[u8]) -> Result<Self, HashError> {
        Ok(Self { params, salt, digest: Output::new(digest).map_err(failed)? })
    }

    /// Hashes a password.
    pub(super) fn make(
        password: &Password,
        params: Params,
        salt: Salt,
        memory: &mut [Block],
    ) -> Result<Self, HashError> {
        let mut digest = Zeroizing::new([0; Self::DIGEST_BYTES]);
        compute(&of_today(&params), password.expose().as_bytes(), &salt, &mut *digest, memory)?;
        Self::new(params, salt, &*digest)
    }

    /// Reads a stored hash.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        let hash = PasswordHash::new(text).map_err(UnusableHash::malformed)?;
        if hash.version != Some(Version::V0x13.into()) {
            return Err(UnusableHash::malformed("its version is not 19"));
        }
        let params = Params::try_from(&hash).map_err(UnusableHash::malformed)?;
        let (Some(salt), Some(digest)) = (hash.salt, hash.hash) else {
            return Err(UnusableHash::malformed("it has no salt or no digest"));
        };
        if params.t_cost() > MAX_ARGON2_ITERATIONS {
            return Err(UnusableHash::TooManyPasses(params.t_cost()));
        }
        Ok(Self { params, salt, digest })
    }

    /// Whether it is the hash of this password.
    pub(super) fn matches(&self, password: &Password, memory: &mut [Block]) -> Result<bool, HashError> {
        matches(&of_today(&self.params), password.expose().as_bytes(), (&self.salt, &self.digest), memory)
    }

    /// The text that is stored.
    pub(super) fn text(&self) -> Result<String, HashError> {
        let hash = PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.params).map_err(failed)?,
            salt: Some(self.salt),
            hash: Some(self.digest),
        };
        Ok(hash.to_string())
    }

    /// The parameters of the hash.
    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    /// The same, made anew with so much work or a little more, in no more memory: what a cheaper one leaves undone.
    pub(super) fn of_work(&self, work: u64) -> Result<Self, HashError> {
        let passes = work.div_ceil(blocks(&self.params));
        let blocks = work.div_ceil(passes).next_multiple_of(4).max(8);
        let [blocks, passes] = [blocks, passes].map(|n| u32::try_from(n).map_err(failed));
        let params = Params::new(blocks?, passes?, 1, Some(Self::DIGEST_BYTES)).map_err(failed)?;
        Ok(Self { params, ..self.clone() })
    }

    /// The work of one: how often a block of 1 KiB is written.
    pub(super) fn work(&self) -> u64 {
        blocks(&self.params) * u64::from(self.params.t_cost())
    }

    /// The salt of the hash.
    pub(super) fn salt(&self) -> Salt {
        self.salt
    }
}

fn blocks(params: &Params) -> u64 {
    u64::try_from(params.block_count()).unwrap_or(u64::MAX)
}

fn of_today(params: &Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
}

/// Whether a salt and a digest are of this password.
pub(super) fn matches(
    argon2: &Argon2<'_>,
    password: &[u8],
    (salt, digest): (&Salt, &Output),
    memory: &mut [Block],
) -> Result<bool, HashError> {
    let mut computed = Zeroizing::new(vec![0; digest.len()]);
    compute(argon2, password, salt, &mut computed, memory)?;
    Ok(aws_lc_rs::constant_time::verify_slices_are_equal(&computed, digest.as_bytes()).is_ok())
}

fn compute(
    argon2: &Argon2<'_>,
    password: &[u8],
    salt: &Salt,
    digest: &mut [u8],
    memory: &mut [Block],
) -> Result<(), HashError> {
    argon2.hash_password_into_with_memory(password, salt.as_ref(), digest, memory).map_err(failed)
}
