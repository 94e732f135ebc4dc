//! How the parts of a hash of another system are written: numbers, and salts and digests in base64, without padding in PHC strings and
//! with it by Django.

use std::ops::RangeInclusive;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::error::UnusableHash;

/// The lengths of digests of other systems, except those of argon2 and bcrypt, which have limits of their own.
pub(super) const DIGEST_BYTES: RangeInclusive<usize> = 16..=64;

/// What is said instead of the library's words, which quote the text.
const NOT_BASE64: &str = "its salt or its digest is not base64";

/// Reads a text without padding.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, UnusableHash> {
    STANDARD_NO_PAD.decode(text).map_err(|_not_base64| UnusableHash::malformed(NOT_BASE64))
}

/// Reads a text with padding.
pub(super) fn decode_padded(text: &str) -> Result<Vec<u8>, UnusableHash> {
    STANDARD.decode(text).map_err(|_not_base64| UnusableHash::malformed(NOT_BASE64))
}

/// Reads a parameter: digits only.
pub(super) fn number<N: FromStr>(text: &str, of: &str) -> Result<N, UnusableHash> {
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.ok_or_else(|| UnusableHash::Malformed(format!("its number of {of} cannot be read")))
}
