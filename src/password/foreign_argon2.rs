//! Argon2 hashes of other systems: every variant, version and number of lanes. They are stored as Django writes them
//! (`argon2$argon2id$v=19$m=102400,t=2,p=8$salt$digest`), so that they are never taken for those of this service.

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::Password;
use super::argon2id::matches;
use super::error::{HashError, UnusableHash};
use crate::config::MAX_ARGON2_ITERATIONS;

/// An argon2 hash of another system.
#[derive(Clone)]
pub(crate) struct ForeignArgon2Hash {
    argon2: Argon2<'static>,
    salt: Salt,
    digest: Output,
}

impl ForeignArgon2Hash {
    /// The name of the scheme, as Django writes it before a PHC string.
    pub(super) const SCHEME: &str = "argon2";

    /// Reads a stored hash.
    pub(super) fn parse(text: &str) -> Result<Self, UnusableHash> {
        let phc = text.strip_prefix(Self::SCHEME).unwrap_or(text);
        let hash = PasswordHash::new(phc).map_err(UnusableHash::malformed)?;
        let algorithm = Algorithm::new(hash.algorithm).map_err(UnusableHash::malformed)?;
        // Without one it is of the first version.
        let version = hash.version.unwrap_or(Version::V0x10.into());
        let version = Version::try_from(version).map_err(UnusableHash::malformed)?;
        let params = Params::try_from(&hash).map_err(UnusableHash::malformed)?;
        let (Some(salt), Some(digest)) = (hash.salt, hash.hash) else {
            return Err(UnusableHash::malformed("it has no salt or no digest"));
        };
        if params.t_cost() > MAX_ARGON2_ITERATIONS {
            return Err(UnusableHash::TooManyPasses(params.t_cost()));
        }
        Ok(Self { argon2: Argon2::new(algorithm, version, params), salt, digest })
    }

    /// The memory that it takes, in blocks of 1 KiB.
    pub(super) fn blocks(&self) -> usize {
        self.argon2.params().block_count()
    }

    /// How often a block of 1 KiB is written.
    pub(super) fn work(&self) -> u64 {
        u64::try_from(self.blocks()).unwrap_or(u64::MAX).saturating_mul(self.argon2.params().t_cost().into())
    }

    /// Whether it is the hash of this password.
    pub(super) fn matches(&self, password: &Password, memory: &mut [Block]) -> Result<bool, HashError> {
        matches(&self.argon2, password.as_typed(), (&self.salt, &self.digest), memory)
    }
}
