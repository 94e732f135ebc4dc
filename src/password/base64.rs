//! How salts and digests are written: base64, without padding in PHC strings and with it by Django.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::error::UnusableHash;

/// Reads a text without padding.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, UnusableHash> {
    STANDARD_NO_PAD.decode(text).map_err(UnusableHash::malformed)
}

/// Reads a text with padding.
pub(super) fn decode_padded(text: &str) -> Result<Vec<u8>, UnusableHash> {
    STANDARD.decode(text).map_err(UnusableHash::malformed)
}
