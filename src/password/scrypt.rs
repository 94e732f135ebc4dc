//! Hashes by scrypt ([RFC 7914](https://www.rfc-editor.org/rfc/rfc7914)) of other systems: Django's
//! (`scrypt$16384$salt$8$5$digest`) and PHC strings (`$scrypt$ln=16,r=8,p=1$salt$digest`).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use scrypt::{Params, scrypt};
use zeroize::Zeroizing;

use super::Password;
use super::error::{HashError, UnusableHash, failed};
use super::foreign::{DIGEST_BYTES, decode, decode_padded, number};

/// The largest logarithm of the cost, whatever else is asked for.
const MAX_LOG_N: u8 = 24;

/// Each block is also filled and read by PBKDF2, whatever the cost is. That takes as long as mixing it three times, and without
/// hardware instructions for SHA-256 ten times: it is most of the work where a small cost has many lanes.
const OF_PBKDF2: u64 = 8;

/// A hash by scrypt.
#[derive(Clone)]
pub(crate) struct ScryptHash {
    params: Params,
    /// The memory that it takes, in blocks of 1 KiB.
    blocks: usize,
    /// How often 128 bytes are mixed, by two.
    work: u64,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl ScryptHash {
    /// Reads what Django stores: its salt is a text.
    pub(super) fn parse_django(text: &str) -> Result<Self, UnusableHash> {
        let parts: Vec<&str> = text.split('$').collect();
        let [_, n, salt, r, p, digest] = parts[..] else {
            return Err(UnusableHash::malformed("it has not six parts"));
        };
        let n: u64 = number(n, "cost")?;
        if !n.is_power_of_two() {
            return Err(UnusableHash::malformed("its cost is no power of two"));
        }
        let log_n = u8::try_from(n.ilog2()).map_err(UnusableHash::malformed)?;
        Self::new(
            (log_n, number(r, "block size")?, number(p, "lanes")?),
            salt.as_bytes().to_vec(),
            decode_padded(digest)?,
        )
    }

    /// Reads a PHC string.
    pub(super) fn parse_phc(text: &str) -> Result<Self, UnusableHash> {
        let parts: Vec<&str> = text.split('$').collect();
        let [_, _, params, salt, digest] = parts[..] else {
            return Err(UnusableHash::malformed("it has not five parts"));
        };
        let param = |name: &str| params.split(',').find_map(|param| param.strip_prefix(name)).unwrap_or_default();
        let log_n: u8 = number(param("ln="), "cost")?;
        Self::new(
            (log_n, number(param("r="), "block size")?, number(param("p="), "lanes")?),
            decode(salt)?,
            decode(digest)?,
        )
    }

    fn new((log_n, r, p): (u8, u32, u32), salt: Vec<u8>, digest: Vec<u8>) -> Result<Self, UnusableHash> {
        if log_n > MAX_LOG_N {
            return Err(UnusableHash::TooMuchWork);
        }
        let params = Params::new(log_n, r, p).map_err(UnusableHash::malformed)?;
        let of_lane = u64::from(r).saturating_mul(1 << log_n);
        let work = u64::from(r).saturating_mul(OF_PBKDF2).saturating_add(of_lane).saturating_mul(p.into());
        let bytes = u64::from(r).saturating_mul(u64::from(p) + 1).saturating_add(of_lane).saturating_mul(128);
        if !DIGEST_BYTES.contains(&digest.len()) {
            return Err(UnusableHash::malformed("its digest has a wrong length"));
        }
        let blocks = usize::try_from(bytes.div_ceil(1_024)).map_err(UnusableHash::malformed)?;
        Ok(Self { params, blocks, work, salt, digest })
    }

    /// The memory that it takes, in blocks of 1 KiB.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// The cost and what is constant, times the block size, times the lanes.
    pub(super) fn work(&self) -> u64 {
        self.work
    }

    /// Whether it is the hash of this password.
    pub(super) fn matches(&self, password: &Password) -> Result<bool, HashError> {
        let mut digest = Zeroizing::new(vec![0; self.digest.len()]);
        scrypt(password.as_typed(), &self.salt, &self.params, &mut digest).map_err(failed)?;
        Ok(verify_slices_are_equal(&digest, &self.digest).is_ok())
    }
}
