//! Random text that only its holder knows: authorization codes, the cookies of browsers. What is stored is its digest.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Secret;
use super::digest::{KeyDigest, digest_of};
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

/// A text for one purpose that can be told only with the secret, and that does not tell the secret.
pub(crate) fn derived(secret: &str, purpose: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    URL_SAFE_NO_PAD.encode(hmac::sign(&key, purpose.as_bytes()))
}
