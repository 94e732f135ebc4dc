//! Random text that only its holder knows: authorization codes, the cookies of browsers. What is stored is its digest.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{KeyDigest, Secret};
use crate::entropy::{Entropy, NoEntropy};

/// 256 bits, beyond the 128 that ASVS 11.5.1 asks for.
const RANDOM_BYTES: usize = 32;

/// 256 random bits in base64url.
#[derive(Clone, Debug)]
pub(crate) struct Opaque(Secret<String>);

impl Opaque {
    /// A new one.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        Ok(Self(Secret::new(URL_SAFE_NO_PAD.encode(entropy.bytes::<RANDOM_BYTES>()?))))
    }

    /// Its text.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored of it.
    pub(crate) fn digest(&self) -> KeyDigest {
        digest_of(self.expose())
    }
}

/// The SHA-256 digest of a text that somebody presents.
pub(crate) fn digest_of(text: &str) -> KeyDigest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    KeyDigest(bytes)
}

/// A text for one purpose that only who knows the secret can tell, and that does not tell the secret.
pub(crate) fn derived(secret: &str, purpose: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, purpose.as_bytes()))
}
