//! The only function that verifies a token of any kind. The differences of the kinds are in their table.

use std::collections::HashMap;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::json::{IsPresent, Text, present, read_object};
use super::kind::{Document, DocumentKind, KeyUse, Registered};
use crate::clock::{Seconds, Timestamp};

/// The clocks of two machines may differ by this much (FAPI 2.0 section 5.3.2.1 item 13: accept 10 seconds, refuse more
/// than 60).
pub const MAX_CLOCK_SKEW: Seconds = Seconds(60);

/// Why a token is refused. Its `Display` text is safe to send to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// It is not a JWS in compact form with the header and claims of its kind.
    #[error("the token is malformed")]
    Malformed,
    /// It is of another kind.
    #[error("the token is of another type than the one expected here")]
    WrongType,
    /// It names no key, or an unknown one.
    #[error("the token is signed with a key that is not known here")]
    UnknownKey,
    /// It names another algorithm than its key's.
    #[error("the token's algorithm is not the one of its key")]
    WrongAlgorithm,
    /// The signature is not valid.
    #[error("the token's signature is not valid")]
    BadSignature,
    /// Another service issued it.
    #[error("the token was issued by another service")]
    WrongIssuer,
    /// It is for another audience.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// It was issued in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It has expired.
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

/// What a token must claim to be accepted here.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Its `iss`.
    pub issuer: &'a str,
    /// The audiences of a resource server, or the id of a client: one of the token's `aud` must be among these. Other kinds
    /// do not use them.
    pub audiences: &'a [String],
    /// How long it is still accepted after its `exp`. Zero for access tokens at the issuer.
    pub leeway: Seconds,
}

/// A key to verify with.
pub enum VerificationKey {
    /// A public key of any published algorithm.
    Public(DecodingKey),
    /// A secret for HS256, for this purpose. `jsonwebtoken` would prepare it again for each token.
    Secret(&'static str, Box<hmac::Key>),
}

impl VerificationKey {
    fn key_use(&self) -> KeyUse {
        match self {
            Self::Public(_) => KeyUse::Published,
            Self::Secret(purpose, _) => KeyUse::Secret(purpose),
        }
    }

    fn verifies(&self, signature: &str, message: &[u8], alg: Algorithm) -> bool {
        match self {
            Self::Public(key) => jsonwebtoken::crypto::verify(signature, message, key, alg).unwrap_or(false),
            Self::Secret(_, key) => {
                URL_SAFE_NO_PAD.decode(signature).is_ok_and(|tag| hmac::verify(key, message, &tag).is_ok())
            }
        }
    }
}

/// Keys to verify with, by `kid`; each with its one algorithm. Keys of different algorithms or uses may share a `kid`.
#[derive(Default)]
pub struct VerificationKeys(HashMap<String, Vec<(Algorithm, VerificationKey)>>);

impl VerificationKeys {
    /// Adds a key; of two with the same `kid`, algorithm and use the first is kept. Returns whether it was added.
    pub fn insert(&mut self, kid: String, alg: Algorithm, key: VerificationKey) -> bool {
        let keys = self.0.entry(kid).or_default();
        let is_new = keys.iter().all(|(of_other, other)| (*of_other, other.key_use()) != (alg, key.key_use()));
        if is_new {
            keys.push((alg, key));
        }
        is_new
    }

    /// Whether there are no keys.
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
/// ([RFC 9864 section 2.2](https://www.rfc-editor.org/rfc/rfc9864#section-2.2)) means the same as `EdDSA` with the keys
/// that are accepted here.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    if name == "Ed25519" { Some(Algorithm::EdDSA) } else { name.parse().ok() }
}

/// The header members that matter. `jku`, `x5u`, `jwk` and `x5c` are never followed: keys only come from
/// [`VerificationKeys`] ([RFC 8725 section 3.10](https://www.rfc-editor.org/rfc/rfc8725#section-3.10)).
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Text<'a>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<Text<'a>>,
    #[serde(default, deserialize_with = "present")]
    kid: Option<Text<'a>>,
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

/// Verifies a document of the kind `D`: form, type, key, algorithm, signature, issuer, audience, time. White space
/// around it is ignored.
///
/// # Errors
/// The first [`TokenError`] in that order. No claim is read before the signature is verified.
pub fn verify<D: Document>(
    token: &str,
    keys: &VerificationKeys,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<D, TokenError> {
    let claims: D = verify_signature(token, keys)?;
    check(&claims, expected, now)?;
    Ok(claims)
}

/// Only verifies that a document of the kind `D` was signed with one of the keys, not its audience and not its times.
///
/// # Errors
/// As [`verify`].
pub fn verify_signature<D: Document>(token: &str, keys: &VerificationKeys) -> Result<D, TokenError> {
    decode(authentic_payload(&D::KIND, token, keys)?)
}

/// The payload of a document of this kind, after its signature is verified.
///
/// # Errors
/// As [`verify`].
pub fn authentic_payload<'a>(
    kind: &DocumentKind,
    token: &'a str,
    keys: &VerificationKeys,
) -> Result<&'a str, TokenError> {
    let [header, payload, message, signature] = split(kind, token)?;
    let header = decoded(header)?;
    let Header { alg, kid, .. } = read_header(kind, &header)?;
    let keys = kid.and_then(|Text(kid)| keys.0.get(&*kid)).ok_or(TokenError::UnknownKey)?;
    // RFC 8725 section 3.1: the key decides the algorithm; the token only repeats it.
    let alg = algorithm(&alg.0).ok_or(TokenError::WrongAlgorithm)?;
    // RFC 8725 section 3.12: a key for one kind must not verify another kind.
    let is_usable = |(of_key, key): &&(Algorithm, VerificationKey)| *of_key == alg && key.key_use() == kind.key;
    let (_, key) = keys.iter().find(is_usable).ok_or(TokenError::WrongAlgorithm)?;
    if key.verifies(signature, message.as_bytes(), alg) { Ok(payload) } else { Err(TokenError::BadSignature) }
}

/// The key that a document names, if the text has the form of this kind.
#[must_use]
pub fn kid_of(kind: &DocumentKind, token: &str) -> Option<String> {
    let [header, ..] = split(kind, token).ok()?;
    let header = decoded(header).ok()?;
    read_header(kind, &header).ok()?.kid.map(|Text(kid)| kid.into_owned())
}

/// A document without white space around it; it is refused unread if it is too long.
pub(super) fn trimmed<'a>(kind: &DocumentKind, token: &'a str) -> Result<&'a str, TokenError> {
    let token = token.trim();
    if token.len() > kind.max_bytes { Err(TokenError::Malformed) } else { Ok(token) }
}

/// Header, payload, the signed part, and the signature.
fn split<'a>(kind: &DocumentKind, token: &'a str) -> Result<[&'a str; 4], TokenError> {
    let (message, signature) = trimmed(kind, token)?.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
    // RFC 7515 section 7.1: three parts; one of five is encrypted.
    if payload.contains('.') {
        return Err(TokenError::Malformed);
    }
    Ok([header, payload, message, signature])
}

fn read_header<'a>(kind: &DocumentKind, header: &'a [u8]) -> Result<Header<'a>, TokenError> {
    let header: Header<'a> = read_object(header).ok_or(TokenError::Malformed)?;
    // RFC 7515 section 4.1.11: an extension that is critical and not understood must be refused. We understand none.
    let is_extended = header.crit.0 || header.b64.0;
    // Nothing that we issue is compressed, encrypted or nested.
    let is_wrapped = header.zip.0 || header.enc.0 || header.cty.0;
    if is_extended || is_wrapped {
        return Err(TokenError::Malformed);
    }
    // RFC 9068 section 4: the type must be at+jwt or application/at+jwt; media types compare without case.
    let typ = header.typ.as_ref().map(|Text(typ)| &**typ).unwrap_or_default();
    let bare = match typ.split_once('/') {
        Some((top, bare)) if top.eq_ignore_ascii_case("application") => bare,
        _ => typ,
    };
    if bare.eq_ignore_ascii_case(kind.typ) { Ok(header) } else { Err(TokenError::WrongType) }
}

/// Checks the claims of a document whose signature is verified: issuer, audience, time.
pub(super) fn check<D: Document>(claims: &D, expected: Expected<'_>, now: Timestamp) -> Result<(), TokenError> {
    let Registered { iss, aud, exp, valid_from } = claims.registered();
    if iss != expected.issuer {
        return Err(TokenError::WrongIssuer);
    }
    // RFC 7519 section 4.1.3: a recipient that is not among them must refuse it.
    if !D::KIND.recipient.is_meant(aud, expected.issuer, expected.audiences) {
        return Err(TokenError::WrongAudience);
    }
    if valid_from.is_some_and(|from| from > now + MAX_CLOCK_SKEW) {
        return Err(TokenError::NotYetValid);
    }
    // RFC 7519 section 4.1.4: "on or after" the expiration time it must not be accepted.
    if now >= exp + expected.leeway {
        return Err(TokenError::Expired);
    }
    Ok(())
}

/// The claims of a verified token as another type.
///
/// # Errors
/// [`TokenError::Malformed`] if they do not fit that type.
pub fn read_payload<T: DeserializeOwned>(verified_token: &str) -> Result<T, TokenError> {
    decode(verified_token.split('.').nth(1).unwrap_or_default())
}

/// Decodes strictly: no padding, no trailing data, and a valid object.
fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    read_object(&decoded(part)?).ok_or(TokenError::Malformed)
}

fn decoded(part: &str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64url| TokenError::Malformed)
}
