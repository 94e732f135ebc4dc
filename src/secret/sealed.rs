//! Encryption of what is stored: AES-256-GCM with random nonces. A sealed text names its key, and opens only for the owner
//! that it was sealed for.

use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA256, derive};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// The length of a key in bytes.
pub(crate) const DATA_KEY_LEN: usize = 32;

/// A text cannot be encrypted or decrypted: it was changed, or is another owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed text cannot be opened with its key: it was changed or moved")]
pub(crate) struct NotSealed;

/// A key with which stored secrets are encrypted.
pub(crate) struct DataKey {
    id: String,
    key: RandomizedNonceKey,
}

impl DataKey {
    /// The key of these bytes. Its id has no dot.
    pub(crate) fn new(id: &str, bytes: &[u8]) -> Result<Self, NotSealed> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes).map_err(|_wrong_length| NotSealed)?;
        Ok(Self { id: id.to_owned(), key })
    }

    /// The key that follows from a passphrase, for a file that another key is in.
    pub(crate) fn of_passphrase(passphrase: &str, salt: &[u8], rounds: NonZeroU32) -> Result<Self, NotSealed> {
        let mut bytes = Zeroizing::new([0; DATA_KEY_LEN]);
        derive(PBKDF2_HMAC_SHA256, rounds, salt, passphrase.as_bytes(), bytes.as_mut_slice());
        Self::new("passphrase", bytes.as_slice())
    }

    /// Encrypts for an owner.
    pub(crate) fn seal(&self, secret: &[u8], owner: &[u8]) -> Result<String, NotSealed> {
        // With room for the tag: a vector that grows leaves the secret behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(secret.len() + AES_256_GCM.tag_len()));
        sealed.extend_from_slice(secret);
        let nonce = self.key.seal_in_place_append_tag(Aad::from(owner), &mut *sealed);
        let nonce = nonce.map_err(|_no_randomness| NotSealed)?;
        let bytes = [nonce.as_ref().as_slice(), &sealed].concat();
        Ok(format!("{}.{}", self.id, URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Decrypts for an owner what [`DataKey::seal`] has made.
    pub(crate) fn open(&self, sealed: &str, owner: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotSealed> {
        let (_, text) = sealed.split_once('.').ok_or(NotSealed)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_other| NotSealed)?;
        let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>().ok_or(NotSealed)?;
        let mut opened = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.key.open_in_place(nonce, Aad::from(owner), &mut opened).map_err(|_other| NotSealed)?.len();
        opened.truncate(length);
        Ok(opened)
    }
}

/// The id of the key that a text was sealed with.
pub(crate) fn key_id_of(sealed: &str) -> &str {
    sealed.split_once('.').map_or(sealed, |(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_opens_with_its_key_for_its_owner_only() {
        let key = DataKey::new("one", &[1; DATA_KEY_LEN]).unwrap();
        let sealed = key.seal(b"a secret", b"ada").unwrap();
        assert_eq!(key_id_of(&sealed), "one");
        assert_eq!(*key.open(&sealed, b"ada").unwrap(), b"a secret");
        assert_ne!(key.seal(b"a secret", b"ada").unwrap(), sealed, "each has a nonce of its own");
        assert_eq!(key.open(&sealed, b"bob"), Err(NotSealed));
        let other = DataKey::new("one", &[2; DATA_KEY_LEN]).unwrap();
        assert_eq!(other.open(&sealed, b"ada"), Err(NotSealed));
        for changed in [&sealed[..sealed.len() - 2], "one.", "one", "", &sealed.replace("one.", "one.A")] {
            assert_eq!(key.open(changed, b"ada"), Err(NotSealed), "{changed}");
        }
    }
}
