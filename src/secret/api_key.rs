//! The key of an API token: a prefix that secret scanners can find, 200 random bits, and a checksum. With the checksum
//! a typing mistake is found without the database, and scanners have no false positives.

use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use zeroize::Zeroize as _;

use super::Secret;
use super::readable::{ALPHABET, readable};
use crate::entropy::{Entropy, NoEntropy};

/// The prefix of every key.
pub(crate) const KEY_PREFIX: &str = "tks_";

/// Five bits each: 200 bits, more than the 128 that ASVS 11.5.1 requires.
const RANDOM_CHARS: usize = 40;

/// Five bits each: the 32 bits of a CRC-32.
const CHECKSUM_CHARS: usize = 7;

/// The key. Anyone who has it may use the API token.
#[derive(Clone, Debug)]
pub struct ApiKey(Secret<String>);

/// The SHA-256 digest of a key, which is stored instead of the key. The key is so random that a slow hash would not
/// make it safer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyDigest(pub(crate) [u8; SHA256_OUTPUT_LEN]);

/// A text that does not have the form of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not have the form of an API token")]
pub struct BadApiKey;

impl ApiKey {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut random = entropy.bytes::<RANDOM_CHARS>()?;
        let mut text = format!("{KEY_PREFIX}{}", readable(&random));
        random.zeroize();
        text.push_str(&checksum(&text));
        Ok(Self(Secret::new(text)))
    }

    /// Its text, which is shown to its owner once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The digest that is stored.
    pub(crate) fn digest(&self) -> KeyDigest {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, self.expose().as_bytes()).as_ref());
        KeyDigest(bytes)
    }
}

impl FromStr for ApiKey {
    type Err = BadApiKey;

    fn from_str(text: &str) -> Result<Self, BadApiKey> {
        let is_long_enough = text.len() == KEY_PREFIX.len() + RANDOM_CHARS + CHECKSUM_CHARS;
        let (body, sum) = text.split_at_checked(KEY_PREFIX.len() + RANDOM_CHARS).ok_or(BadApiKey)?;
        if !is_long_enough || !body.starts_with(KEY_PREFIX) || sum != checksum(body) {
            return Err(BadApiKey);
        }
        Ok(Self(Secret::new(text.to_owned())))
    }
}

/// The CRC-32 of the text, five bits per character, lowest bits first.
fn checksum(text: &str) -> String {
    let sum = crc32fast::hash(text.as_bytes());
    let groups = (0..CHECKSUM_CHARS).map(|i| usize::try_from((sum >> (5 * i)) & 31).unwrap_or(0));
    groups.filter_map(|group| ALPHABET.get(group)).map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn a_key_reads_as_itself_and_a_typing_mistake_does_not() {
        let key = ApiKey::generate(&SeededEntropy::new(1)).unwrap();
        let text = key.expose().to_owned();
        assert!(text.starts_with("tks_") && text.len() == 51, "{text}");
        assert_eq!(text.parse::<ApiKey>().unwrap().digest(), key.digest());
        let other = ApiKey::generate(&SeededEntropy::new(2)).unwrap();
        assert_ne!(other.digest(), key.digest());
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'a' { b'b' } else { b'a' };
            let mistaken = String::from_utf8(bytes).unwrap();
            assert!(mistaken.parse::<ApiKey>().is_err(), "{mistaken}");
        }
        for bad in ["", "tks_", &text[1..], &format!("{text}a"), &"\u{e9}".repeat(26)] {
            assert!(bad.parse::<ApiKey>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_key_shows_itself_in_no_log() {
        let key = ApiKey::generate(&SeededEntropy::new(1)).unwrap();
        assert!(!format!("{key:?}").contains("tks_"));
    }
}
