//! The one function that verifies a token, whatever its kind and whoever asks.
//!
//! The rules of each kind exclude the other's ([RFC 8725 section 3.12](https://www.rfc-editor.org/rfc/rfc8725#section-3.12)):
//! another `typ`, another algorithm, other keys.

use std::collections::HashMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::audience::Audience;
use super::json::{IsPresent, present, read_object};
use crate::clock::{Seconds, Timestamp};

/// The clocks of two machines may differ by this much (FAPI 2.0 section 5.3.2.1 item 13: accept 10 seconds, refuse more
/// than 60).
pub const MAX_CLOCK_SKEW: Seconds = Seconds(60);

/// Why a token is refused. Its `Display` is safe to show to the one who presented it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is not a JWS in compact form with the header and claims of its kind.
    #[error("the token is malformed")]
    Malformed,
    /// It is of another kind.
    #[error("the token is of another type than the one expected here")]
    WrongType,
    /// It names no key, or one that is not ours.
    #[error("the token is signed with a key that is not known here")]
    UnknownKey,
    /// It names another algorithm than its key's.
    #[error("the token's algorithm is not the one of its key")]
    WrongAlgorithm,
    /// The signature does not fit.
    #[error("the token's signature is not valid")]
    BadSignature,
    /// Another service issued it.
    #[error("the token was issued by another service")]
    WrongIssuer,
    /// It is for somebody else.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// It was issued in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It is on the denylist.
    #[error("the token was revoked")]
    Revoked,
}

impl TokenError {
    /// A stable name of the reason, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "token_malformed",
            Self::WrongType => "token_wrong_type",
            Self::UnknownKey => "token_unknown_key",
            Self::WrongAlgorithm => "token_wrong_algorithm",
            Self::BadSignature => "token_bad_signature",
            Self::WrongIssuer => "token_wrong_issuer",
            Self::WrongAudience => "token_wrong_audience",
            Self::NotYetValid => "token_not_yet_valid",
            Self::Expired => "token_expired",
            Self::Revoked => "token_revoked",
        }
    }
}

/// The claims that are checked for every kind of token.
pub trait RegisteredClaims: DeserializeOwned {
    /// The `typ` header of this kind ([RFC 8725 section 3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11)).
    const TYP: &'static str;
    /// A token longer than this is refused unread. Ours are about 700 bytes, plus the roles.
    const MAX_BYTES: usize = 16 * 1024;
    /// Who issued it.
    fn iss(&self) -> &str;
    /// Who it is for.
    fn aud(&self) -> &Audience;
    /// When it expires.
    fn exp(&self) -> Timestamp;
    /// From when on it is valid: when it was issued, or later. `None` for kinds where that is not checked.
    fn valid_from(&self) -> Option<Timestamp>;
}

/// What a token must say to be accepted here.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its `iss`.
    pub issuer: &'a str,
    /// One of its `aud` must be one of these.
    pub audiences: &'a [String],
    /// For this long after its `exp` it is still accepted. Zero for access tokens at the issuer.
    pub leeway: Seconds,
}

/// A key to verify with.
pub enum VerificationKey {
    /// Of any published algorithm.
    Public(DecodingKey),
    /// Of HS256. `jsonwebtoken` would prepare it again for each token.
    Secret(Box<hmac::Key>),
}

impl VerificationKey {
    fn verifies(&self, signature: &str, message: &[u8], alg: Algorithm) -> bool {
        match self {
            Self::Public(key) => jsonwebtoken::crypto::verify(signature, message, key, alg).unwrap_or(false),
            Self::Secret(key) => {
                URL_SAFE_NO_PAD.decode(signature).is_ok_and(|tag| hmac::verify(key, message, &tag).is_ok())
            }
        }
    }
}

/// Keys to verify with, by `kid`; each with its one algorithm. Keys of different algorithms may share a `kid`.
#[derive(Default)]
pub struct VerificationKeys(HashMap<String, Vec<(Algorithm, VerificationKey)>>);

impl VerificationKeys {
    /// Adds a key; of two with the same `kid` and algorithm the first stays. Answers whether it was added.
    pub fn insert(&mut self, kid: String, alg: Algorithm, key: VerificationKey) -> bool {
        let keys = self.0.entry(kid).or_default();
        let is_new = keys.iter().all(|(other, _)| *other != alg);
        if is_new {
            keys.push((alg, key));
        }
        is_new
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Of the keys with this name.
    #[cfg(test)]
    pub(super) fn algorithms(&self, kid: &str) -> Vec<Algorithm> {
        self.0.get(kid).into_iter().flatten().map(|(alg, _)| *alg).collect()
    }
}

/// The algorithm of a name in the `alg` header. `Ed25519`
/// ([RFC 9864 section 2.2](https://www.rfc-editor.org/rfc/rfc9864#section-2.2)) is what `EdDSA` is with the keys that are
/// taken here.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    if name == "Ed25519" { Some(Algorithm::EdDSA) } else { name.parse().ok() }
}

/// The header members that decide something. `jku`, `x5u`, `jwk` and `x5c` are never followed: keys come from
/// [`VerificationKeys`] alone ([RFC 8725 section 3.10](https://www.rfc-editor.org/rfc/rfc8725#section-3.10)).
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    kid: Option<String>,
    #[serde(default)]
    crit: IsPresent,
    #[serde(default)]
    b64: IsPresent,
    #[serde(default)]
    zip: IsPresent,
    #[serde(default)]
    enc: IsPresent,
    #[serde(default)]
    cty: IsPresent,
}

/// Verifies a token of the kind `C`: form, type, key, algorithm, signature, issuer, audience, time. White space around it
/// is no part of it.
///
/// # Errors
/// The first [`TokenError`] in that order. Nothing in the claims is looked at before the signature is good.
pub fn verify<C: RegisteredClaims>(
    token: &str,
    keys: &VerificationKeys,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<C, TokenError> {
    let claims: C = verify_signature(token, keys)?;
    check(&claims, expected, now)?;
    Ok(claims)
}

/// Verifies that a token of the kind `C` was signed with one of the keys, and nothing else: not its audience, and not
/// whether it is valid now.
///
/// # Errors
/// As [`verify`].
pub fn verify_signature<C: RegisteredClaims>(token: &str, keys: &VerificationKeys) -> Result<C, TokenError> {
    let [header, payload, message, signature] = split::<C>(token)?;
    let Header { alg, kid, .. } = read_header::<C>(header)?;
    let keys = kid.as_ref().and_then(|kid| keys.0.get(kid)).ok_or(TokenError::UnknownKey)?;
    // RFC 8725 section 3.1: the key decides the algorithm, the token only repeats it.
    let alg = algorithm(&alg).ok_or(TokenError::WrongAlgorithm)?;
    let (_, key) = keys.iter().find(|(of_key, _)| *of_key == alg).ok_or(TokenError::WrongAlgorithm)?;
    if key.verifies(signature, message.as_bytes(), alg) { decode(payload) } else { Err(TokenError::BadSignature) }
}

/// The key that a token names, if the text is a token of the kind `C` by its form.
#[must_use]
pub fn kid_of<C: RegisteredClaims>(token: &str) -> Option<String> {
    let [header, ..] = split::<C>(token).ok()?;
    read_header::<C>(header).ok()?.kid
}

/// A token as it is asked for: without white space around it, and refused unread when it is too long.
pub(super) fn trimmed<C: RegisteredClaims>(token: &str) -> Result<&str, TokenError> {
    let token = token.trim();
    if token.len() > C::MAX_BYTES { Err(TokenError::Malformed) } else { Ok(token) }
}

/// Header, payload, what is signed of them, and signature.
fn split<C: RegisteredClaims>(token: &str) -> Result<[&str; 4], TokenError> {
    let (message, signature) = trimmed::<C>(token)?.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
    Ok([header, payload, message, signature])
}

fn read_header<C: RegisteredClaims>(header: &str) -> Result<Header, TokenError> {
    let header: Header = decode(header)?;
    // RFC 7515 section 4.1.11: an extension that is critical and not understood must be refused. We understand none.
    let is_extended = header.crit.0 || header.b64.0;
    // Nothing that we issue is compressed, encrypted or nested.
    let is_wrapped = header.zip.0 || header.enc.0 || header.cty.0;
    if is_extended || is_wrapped {
        return Err(TokenError::Malformed);
    }
    // RFC 9068 section 4: the type must be at+jwt or application/at+jwt; media types compare without case.
    let typ = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) == C::TYP { Ok(header) } else { Err(TokenError::WrongType) }
}

/// What is checked of claims whose signature is good: issuer, audience, time.
pub(super) fn check<C: RegisteredClaims>(claims: &C, expected: Expected<'_>, now: Timestamp) -> Result<(), TokenError> {
    if claims.iss() != expected.issuer {
        return Err(TokenError::WrongIssuer);
    }
    if !expected.audiences.iter().any(|audience| claims.aud().contains(audience)) {
        return Err(TokenError::WrongAudience);
    }
    if claims.valid_from().is_some_and(|from| from > now + MAX_CLOCK_SKEW) {
        return Err(TokenError::NotYetValid);
    }
    // RFC 7519 section 4.1.4: "on or after" the expiration time it must not be accepted.
    if now >= claims.exp() + expected.leeway {
        return Err(TokenError::Expired);
    }
    Ok(())
}

/// The claims of a token that was verified, in another shape.
///
/// # Errors
/// [`TokenError::Malformed`] when they do not have that shape.
pub fn read_payload<T: DeserializeOwned>(verified_token: &str) -> Result<T, TokenError> {
    decode(verified_token.split('.').nth(1).unwrap_or_default())
}

/// Strict on purpose: no padding, no trailing data, and an object that is in order.
fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64url| TokenError::Malformed)?;
    read_object(&json).ok_or(TokenError::Malformed)
}
