//! The one function that verifies a token, whatever its kind and whoever asks.
//!
//! The rules of each kind exclude the other's ([RFC 8725 section 3.12](https://www.rfc-editor.org/rfc/rfc8725#section-3.12)):
//! another `typ`, another algorithm, other keys.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::claims::Audience;
use crate::clock::{Seconds, Timestamp};

/// Issuers' clocks may be this far ahead of ours (FAPI 2.0 section 5.3.2.1 item 13: accept 10, refuse more than 60).
const MOST_CLOCK_SKEW: Seconds = Seconds(10);

/// Why a token is refused. Its `Display` is safe to show to the one who presented it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
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
    const MOST_BYTES: usize = 16 * 1024;
    /// Who issued it.
    fn iss(&self) -> &str;
    /// Who it is for.
    fn aud(&self) -> &Audience;
    /// When it expires.
    fn exp(&self) -> Timestamp;
    /// When it was issued.
    fn iat(&self) -> Timestamp;
    /// Before when it must not be accepted.
    fn nbf(&self) -> Option<Timestamp> {
        None
    }
}

/// What a token must say to be accepted here.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its `iss`.
    pub issuer: &'a str,
    /// One of its `aud` must be one of these.
    pub audiences: &'a [String],
    /// For this long after its `exp` it is still accepted. Zero at the issuer.
    pub leeway: Seconds,
}

/// Keys to verify with, by `kid`; each with its one algorithm.
#[derive(Default)]
pub struct VerificationKeys(HashMap<String, (Algorithm, DecodingKey)>);

impl VerificationKeys {
    pub(super) fn insert(&mut self, kid: String, alg: Algorithm, key: DecodingKey) {
        self.0.insert(kid, (alg, key));
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The header members that decide something. `jku`, `x5u`, `jwk` and `x5c` are never followed: keys come from
/// [`VerificationKeys`] alone ([RFC 8725 section 3.10](https://www.rfc-editor.org/rfc/rfc8725#section-3.10)).
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
    b64: Option<IgnoredAny>,
    zip: Option<IgnoredAny>,
    enc: Option<IgnoredAny>,
    cty: Option<IgnoredAny>,
}

/// Verifies a token of the kind `C`: form, type, key, algorithm, signature, issuer, audience, time.
///
/// # Errors
/// The first [`TokenError`] in that order. Nothing in the claims is looked at before the signature is good.
pub fn verify<C: RegisteredClaims>(
    token: &str,
    keys: &VerificationKeys,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<C, TokenError> {
    within_size::<C>(token)?;
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
    verify_signature::<C>(&decode(header)?, message, signature, keys)?;
    let claims: C = decode(payload)?;
    check(&claims, expected, now)?;
    Ok(claims)
}

pub(super) fn within_size<C: RegisteredClaims>(token: &str) -> Result<(), TokenError> {
    if token.len() > C::MOST_BYTES { Err(TokenError::Malformed) } else { Ok(()) }
}

fn verify_signature<C: RegisteredClaims>(
    header: &Header,
    message: &str,
    signature: &str,
    keys: &VerificationKeys,
) -> Result<(), TokenError> {
    // RFC 7515 section 4.1.11: an extension that is critical and not understood must be refused. We understand none.
    let extended = header.crit.is_some() || header.b64.is_some();
    // Nothing that we issue is compressed, encrypted or nested.
    let wrapped = header.zip.is_some() || header.enc.is_some() || header.cty.is_some();
    if extended || wrapped {
        return Err(TokenError::Malformed);
    }
    // RFC 9068 section 4: the type must be at+jwt or application/at+jwt; media types compare without case.
    let typ = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    if typ.strip_prefix("application/").unwrap_or(&typ) != C::TYP {
        return Err(TokenError::WrongType);
    }
    let (alg, key) = header.kid.as_deref().and_then(|kid| keys.0.get(kid)).ok_or(TokenError::UnknownKey)?;
    // RFC 8725 section 3.1: the key decides the algorithm, the token only repeats it.
    if header.alg.parse() != Ok(*alg) {
        return Err(TokenError::WrongAlgorithm);
    }
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, *alg) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(TokenError::BadSignature),
    }
}

/// What is checked of claims whose signature is good: issuer, audience, time.
pub(super) fn check<C: RegisteredClaims>(claims: &C, expected: Expected<'_>, now: Timestamp) -> Result<(), TokenError> {
    if claims.iss() != expected.issuer {
        return Err(TokenError::WrongIssuer);
    }
    if !expected.audiences.iter().any(|audience| claims.aud().contains(audience)) {
        return Err(TokenError::WrongAudience);
    }
    let valid_from = claims.nbf().map_or(claims.iat(), |nbf| nbf.max(claims.iat()));
    if valid_from > now + MOST_CLOCK_SKEW.max(expected.leeway) {
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

/// Strict on purpose: an object, no padding, no trailing data, no duplicate of a known member.
fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64url| TokenError::Malformed)?;
    if json.first() != Some(&b'{') {
        return Err(TokenError::Malformed);
    }
    serde_json::from_slice(&json).map_err(|_other_shape| TokenError::Malformed)
}
