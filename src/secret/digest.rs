//! What is stored of a secret that has so much randomness that a slow hash would add nothing.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};

/// The SHA-256 digest of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyDigest(pub(crate) [u8; SHA256_OUTPUT_LEN]);

impl KeyDigest {
    /// Whether both are the same, in a time that does not depend on what they are.
    pub(crate) fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

/// The digest of a text that somebody presents.
pub(crate) fn digest_of(text: &str) -> KeyDigest {
    let mut bytes = [0; SHA256_OUTPUT_LEN];
    bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    KeyDigest(bytes)
}
