//! The published keys: a JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use serde_json::Value;

use super::SigningAlg;
use super::jwk::read_jwk;
use super::verify::{VerificationKey, VerificationKeys};

/// The document is not a JWK Set, or has no usable key.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// Not JSON.
    #[error("not a JWK Set: {0}")]
    Json(#[from] serde_json::Error),
    /// No object with `keys`.
    #[error("not a JWK Set: no object with a list of keys")]
    NoSet,
    /// It has no key that can verify an access token.
    #[error("there is no key in it for ES256, EdDSA or RS256")]
    NoKey,
    /// A key whose parameters do not decode.
    #[error("the key cannot be used: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
}

/// The usable keys of a JWK Set, as published under `/.well-known/jwks.json`. A key that cannot be used is left out
/// without affecting others ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)); see `read_jwk`.
///
/// Keys of one set should have different ids; keys of different types may share one
/// ([RFC 7517 section 4.5](https://www.rfc-editor.org/rfc/rfc7517#section-4.5)). So there is one key for each id and
/// algorithm, and of two the first is kept.
///
/// # Errors
/// [`JwksError::Json`] or [`JwksError::NoSet`] if the text is not a JWK Set, [`JwksError::NoKey`] if no key is usable.
pub fn verification_keys_of_jwks(json: &str) -> Result<VerificationKeys, JwksError> {
    let mut keys = VerificationKeys::default();
    // RFC 7517 section 4: of members with one name the last may count.
    let set: Value = serde_json::from_str(json)?;
    let jwks = set.get("keys").and_then(Value::as_array).ok_or(JwksError::NoSet)?;
    for (index, jwk) in jwks.iter().enumerate() {
        let added = read_jwk(jwk).and_then(|(kid, alg, key)| {
            let is_first = keys.insert(kid, alg.algorithm(), VerificationKey::Public(key));
            if is_first { Ok(()) } else { Err("another one has its kid and its alg") }
        });
        if let Err(why) = added {
            log::debug!("key {index} of the JWK Set is left out: {why}");
        }
    }
    if keys.is_empty() { Err(JwksError::NoKey) } else { Ok(keys) }
}

/// The entity tag of a JWK Set: a digest of its text.
#[must_use]
pub fn jwks_etag(json: &str) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, json.as_bytes())))
}

/// A public key in PEM ([RFC 7468 section 13](https://www.rfc-editor.org/rfc/rfc7468#section-13)). Its `kid` is its
/// thumbprint, as everywhere.
///
/// # Errors
/// [`JwksError::Key`] if it is not a key for one of [`SigningAlg::ALL`].
pub fn verification_keys_of_pem(pem: &[u8]) -> Result<VerificationKeys, JwksError> {
    let parsed = [
        (SigningAlg::Es256, DecodingKey::from_ec_pem(pem)),
        (SigningAlg::EdDsa, DecodingKey::from_ed_pem(pem)),
        (SigningAlg::Rs256, DecodingKey::from_rsa_pem(pem)),
    ];
    let mut why = None;
    for (alg, key) in parsed {
        match key.and_then(|key| Ok((Jwk::from_decoding_key(&key, None)?, key))) {
            Ok((jwk, _)) if is_of_another_curve(&jwk) => {}
            Ok((jwk, key)) => {
                let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
                let mut keys = VerificationKeys::default();
                keys.insert(kid, alg.algorithm(), VerificationKey::Public(key));
                return Ok(keys);
            }
            Err(error) => why = Some(error),
        }
    }
    Err(why.map_or(JwksError::NoKey, JwksError::Key))
}

fn is_of_another_curve(jwk: &Jwk) -> bool {
    matches!(&jwk.algorithm, AlgorithmParameters::EllipticCurve(key) if key.curve != EllipticCurve::P256)
}

/// Completes a public key for publication: its use, its one algorithm, and as `kid` its thumbprint
/// ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638#section-3)), so that the same key has the same id everywhere.
///
/// # Errors
/// The error of the crypto library.
pub fn published(mut jwk: Jwk, alg: SigningAlg) -> Result<(String, Jwk), jsonwebtoken::errors::Error> {
    let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_algorithm = Some(KeyAlgorithm::from(alg.algorithm()));
    jwk.common.key_id = Some(kid.clone());
    Ok((kid, jwk))
}

/// The id of a public key on P-256, and a JWK Set with only this key.
#[cfg(feature = "testing")]
pub(crate) fn jwk_set_of(point: &[u8], alg: SigningAlg) -> Result<(String, String), JwksError> {
    let bare = Jwk::from_decoding_key(&DecodingKey::from_ec_der(point), None)?;
    let (kid, jwk) = published(bare, alg)?;
    Ok((kid, serde_json::to_string(&jsonwebtoken::jwk::JwkSet { keys: vec![jwk] })?))
}

#[cfg(test)]
#[path = "jwks_tests.rs"]
mod tests;
