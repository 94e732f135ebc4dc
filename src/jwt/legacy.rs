//! The tokens of the issuer before this service, as djangorestframework-simplejwt signs them. They are no kind of document
//! of ours, and no key of ours verifies them.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{PublicEncryptingKey, PublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::legacy_secret::public_key_in_another_form;
use super::{Audience, MAX_CLOCK_SKEW, TokenError};
use crate::clock::Timestamp;
use crate::model::legacy_token::MAX_LEGACY_JTI_CHARS;
use tokensmith_verifier::issuing::read_object;

/// As with tokens of our own.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The end of the year 9999: what Python's times reach.
const LAST_INSTANT: i64 = 253_402_300_799;

/// Less is not verified ([RFC 7518 section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
const MIN_RSA_BITS: usize = 2_048;

/// The size of the hash ([RFC 7518 section 3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2)).
const MIN_SECRET_BYTES: usize = 32;

/// The `typ` header: none, or what `PyJWT` writes. Tokens of our own have others.
const TYPES: [&str; 2] = ["", "jwt"];

/// The issuer before this service.
#[derive(Clone, Debug)]
pub(crate) struct LegacyIssuer {
    key: Key,
    /// When its tokens cease to be accepted.
    pub(crate) until: Timestamp,
    /// Its `iss`; `None`: anything, or nothing.
    pub(crate) issuer: Option<String>,
    /// What must be in `aud`; `None`: anything, or nothing.
    pub(crate) audience: Option<String>,
    /// The claim that names the user.
    pub(crate) user_claim: String,
    /// Whether only those of its refresh tokens are accepted that were imported as outstanding.
    pub(crate) only_outstanding: bool,
    /// Whether its secret is shorter than HS256 asks for.
    pub(crate) has_short_secret: bool,
}

/// The one algorithm, and its key ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
#[derive(Clone)]
enum Key {
    /// HS256: the content of the file as it is, and without the line break at its end.
    Secret(Vec<hmac::Key>),
    /// RS256.
    Public(DecodingKey),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<key>")
    }
}

/// What such a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegacyClaims {
    /// Its own name.
    pub(crate) jti: String,
    /// Whether it is a refresh token; otherwise an access token.
    pub(crate) is_refresh: bool,
    /// What its user is called there.
    pub(crate) user: String,
    /// When it was issued, if it says so.
    pub(crate) issued_at: Option<Timestamp>,
    /// When it expires.
    pub(crate) expires_at: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    crit: Option<Value>,
    b64: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    token_type: String,
    exp: Number,
    jti: String,
    iat: Option<Number>,
    nbf: Option<Number>,
    iss: Option<String>,
    aud: Option<Audience>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl LegacyIssuer {
    /// The issuer with the key in this file, and with the claims that simplejwt has by default.
    pub(crate) fn new(key_file: &[u8]) -> Result<Self, &'static str> {
        let (issuer, audience, user_claim) = (None, None, "user_id".to_owned());
        let key = Key::read(key_file)?;
        let has_short_secret = matches!(key, Key::Secret(_)) && key_file.trim_ascii_end().len() < MIN_SECRET_BYTES;
        let (until, only_outstanding) = (Timestamp(0), false);
        Ok(Self { key, until, issuer, audience, user_claim, only_outstanding, has_short_secret })
    }

    /// Verifies a token: form, algorithm, signature, time, issuer, audience. No claim is read before the signature is
    /// verified.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<LegacyClaims, TokenError> {
        if now >= self.until {
            return Err(TokenError::Expired);
        }
        let claims: Claims = decode(self.authentic_payload(token.trim())?)?;
        let exp = instant(&claims.exp).ok_or(TokenError::Malformed)?;
        if now >= exp {
            return Err(TokenError::Expired);
        }
        let starts = [&claims.iat, &claims.nbf].map(|number| number.as_ref().map(instant));
        if starts.contains(&Some(None)) {
            return Err(TokenError::Malformed);
        }
        let [issued_at, not_before] = starts.map(Option::flatten);
        if issued_at.max(not_before).is_some_and(|from| from > now + MAX_CLOCK_SKEW) {
            return Err(TokenError::NotYetValid);
        }
        if self.issuer.is_some() && self.issuer != claims.iss {
            return Err(TokenError::WrongIssuer);
        }
        let is_meant = |ours: &String| claims.aud.as_ref().is_some_and(|aud| aud.contains(ours));
        if !self.audience.as_ref().is_none_or(is_meant) {
            return Err(TokenError::WrongAudience);
        }
        let is_refresh = match claims.token_type.as_str() {
            "refresh" => true,
            "access" => false,
            _ => return Err(TokenError::WrongType),
        };
        let user = claims.others.get(&self.user_claim).and_then(name).ok_or(TokenError::Malformed)?;
        let jti = Some(claims.jti).filter(|jti| is_name(jti)).ok_or(TokenError::Malformed)?;
        Ok(LegacyClaims { jti, is_refresh, user, issued_at, expires_at: exp })
    }

    fn authentic_payload<'a>(&self, token: &'a str) -> Result<&'a str, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let Header { alg, typ, crit, b64 } = decode(header)?;
        if !TYPES.contains(&&*typ.unwrap_or_default().to_ascii_lowercase()) {
            return Err(TokenError::WrongType);
        }
        // RFC 7515 section 4.1.11: what is critical and not understood must be refused.
        if crit.is_some() || b64.is_some() {
            return Err(TokenError::Malformed);
        }
        if alg != self.key.alg() {
            return Err(TokenError::WrongAlgorithm);
        }
        if self.key.verifies(message.as_bytes(), signature) { Ok(payload) } else { Err(TokenError::BadSignature) }
    }
}

impl Key {
    fn read(file: &[u8]) -> Result<Self, &'static str> {
        if file.windows(11).any(|text| text == b"-----BEGIN ") {
            let is_private = file.windows(11).any(|text| text == b"PRIVATE KEY");
            return match DecodingKey::from_rsa_pem(file) {
                _ if is_private => Err("it holds a private key: only the public one is needed here"),
                Ok(key) if bits(&key).is_some_and(|bits| bits >= MIN_RSA_BITS) => Ok(Self::Public(key)),
                Ok(_weak) => Err("its RSA key is damaged, or has less than 2048 bits"),
                Err(_other_kind) => Err("it is neither a public RSA key in PEM nor the secret of HS256"),
            };
        }
        if let Some(problem) = public_key_in_another_form(file) {
            return Err(problem);
        }
        let line = file.strip_suffix(b"\n").map_or(file, |line| line.strip_suffix(b"\r").unwrap_or(line));
        if line.trim_ascii().is_empty() {
            return Err("it is empty");
        }
        let secrets = if line.len() == file.len() { vec![file] } else { vec![line, file] };
        Ok(Self::Secret(secrets.into_iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret)).collect()))
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Secret(_) => "HS256",
            Self::Public(_) => "RS256",
        }
    }

    fn verifies(&self, message: &[u8], signature: &str) -> bool {
        match self {
            Self::Secret(keys) => URL_SAFE_NO_PAD
                .decode(signature)
                .is_ok_and(|tag| keys.iter().any(|key| hmac::verify(key, message, &tag).is_ok())),
            Self::Public(key) => {
                jsonwebtoken::crypto::verify(signature, message, key, Algorithm::RS256).unwrap_or(false)
            }
        }
    }
}

/// The size of a public RSA key.
fn bits(key: &DecodingKey) -> Option<usize> {
    let key = PublicKey::from_der(key.try_get_as_bytes().ok()?).ok()?;
    let key: PublicKeyX509Der<'_> = key.as_der().ok()?;
    Some(PublicEncryptingKey::from_der(key.as_ref()).ok()?.key_size_bits())
}

/// When a token says that it expires, if it can be read. Nothing is verified.
pub(crate) fn unverified_expiry(token: &str) -> Option<Timestamp> {
    let payload = token.split('.').nth(1).filter(|payload| payload.len() <= MAX_TOKEN_BYTES)?;
    match decode::<Map<String, Value>>(payload).ok()?.get("exp") {
        Some(Value::Number(exp)) => instant(exp),
        _ => None,
    }
}

/// A `NumericDate` in whole seconds ([RFC 7519 section 2](https://www.rfc-editor.org/rfc/rfc7519#section-2)).
fn instant(number: &Number) -> Option<Timestamp> {
    let text = number.to_string();
    // Far beyond that range it has an exponent, which is no whole number.
    let whole = if text.contains('e') { text.as_str() } else { text.split('.').next()? };
    let seconds = whole.parse().ok()?;
    (0..=LAST_INSTANT).contains(&seconds).then_some(Timestamp(seconds))
}

/// The name of a user: a text, or a whole number as earlier versions of simplejwt write it.
fn name(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        _ => return None,
    };
    is_name(&text).then_some(text)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAX_LEGACY_JTI_CHARS && !text.contains(char::is_control)
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(part).map_err(|_not_base64url| TokenError::Malformed)?;
    read_object(&json).ok_or(TokenError::Malformed)
}

#[cfg(test)]
#[path = "legacy_tests.rs"]
mod tests;
