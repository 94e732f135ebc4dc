//! Keys that people keep: the key of an API token and the secret of a client. A prefix that secret scanners can find, random
//! bits, and a checksum. With the checksum a typing mistake is found without the database, and scanners have no false
//! positives.

use std::marker::PhantomData;
use std::str::FromStr;

use zeroize::Zeroizing;

use super::Secret;
use super::digest::{KeyDigest, digest_of};
use super::readable::{ALPHABET, readable};
use crate::entropy::{Entropy, NoEntropy};

/// The prefix of the key of an API token.
pub(crate) const KEY_PREFIX: &str = ApiToken::PREFIX;

/// Five bits each: the 32 bits of a CRC-32.
const CHECKSUM_CHARS: usize = 7;

/// What keys of one kind look like.
pub trait KeyKind {
    /// The prefix of every key.
    const PREFIX: &'static str;
    /// Five bits each, at least the 128 bits that ASVS 11.5.1 requires.
    const RANDOM_CHARS: usize;
}

/// Marks the key of an API token.
#[derive(Clone, Copy, Debug)]
pub enum ApiToken {}

/// Marks the secret of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {}

impl KeyKind for ApiToken {
    const PREFIX: &'static str = "tks_";
    const RANDOM_CHARS: usize = 40;
}

impl KeyKind for Client {
    const PREFIX: &'static str = "tkc_";
    const RANDOM_CHARS: usize = 52;
}

/// The key. Anyone who has it may use what it belongs to.
#[derive(Clone, Debug)]
pub struct Key<K>(Secret<String>, PhantomData<K>);

/// The key of an API token.
pub type ApiKey = Key<ApiToken>;

/// The secret of a client ([RFC 6749 section 2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
pub(crate) type ClientSecret = Key<Client>;

/// A text that does not have the form of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("does not have the form of a key")]
pub struct BadApiKey;

impl<K: KeyKind> Key<K> {
    /// A new key.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut random = Zeroizing::new(vec![0; K::RANDOM_CHARS]);
        entropy.fill(&mut random)?;
        let mut text = format!("{}{}", K::PREFIX, readable(&random));
        text.push_str(&checksum(&text));
        Ok(Self(Secret::new(text), PhantomData))
    }

    /// Its text, which is shown to its owner once.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The digest that is stored.
    pub(crate) fn digest(&self) -> KeyDigest {
        digest_of(self.expose())
    }
}

impl<K: KeyKind> FromStr for Key<K> {
    type Err = BadApiKey;

    fn from_str(text: &str) -> Result<Self, BadApiKey> {
        let body_chars = K::PREFIX.len() + K::RANDOM_CHARS;
        let (body, sum) = text.split_at_checked(body_chars).ok_or(BadApiKey)?;
        if text.len() != body_chars + CHECKSUM_CHARS || !body.starts_with(K::PREFIX) || sum != checksum(body) {
            return Err(BadApiKey);
        }
        Ok(Self(Secret::new(text.to_owned()), PhantomData))
    }
}

/// The key of a token of Django REST framework, which was imported: 40 hexadecimal digits.
#[derive(Clone, Debug)]
pub(crate) struct DrfKey(Secret<String>);

const DRF_KEY_CHARS: usize = 40;

impl FromStr for DrfKey {
    type Err = BadApiKey;

    fn from_str(text: &str) -> Result<Self, BadApiKey> {
        let is_one = text.len() == DRF_KEY_CHARS && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| Self(Secret::new(text.to_owned()))).ok_or(BadApiKey)
    }
}

impl DrfKey {
    /// The digest that is stored.
    pub(crate) fn digest(&self) -> KeyDigest {
        digest_of(self.0.expose())
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
    fn the_secret_of_a_client_has_256_random_bits_and_is_no_key_of_an_api_token() {
        let secret = ClientSecret::generate(&SeededEntropy::new(1)).unwrap();
        let text = secret.expose();
        assert!(text.starts_with("tkc_") && text.len() == 63, "{text}");
        assert!(text.parse::<ClientSecret>().is_ok() && text.parse::<ApiKey>().is_err());
        assert!(secret.digest().is(&digest_of(text)) && !secret.digest().is(&digest_of("another")));
    }

    #[test]
    fn a_key_shows_itself_in_no_log() {
        let key = ApiKey::generate(&SeededEntropy::new(1)).unwrap();
        assert!(!format!("{key:?}").contains("tks_"));
    }
}
