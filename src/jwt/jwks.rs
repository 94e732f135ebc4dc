//! The published keys: a JWK Set ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};

use super::SigningAlg;
use super::verify::VerificationKeys;

/// A set of public keys to verify access tokens with.
pub struct Jwks(JwkSet);

/// A document that is not a JWK Set, or a key in it that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JwksError {
    /// Not the JSON of a JWK Set.
    #[error("not a JWK Set: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no key in it that could verify an access token.
    #[error("there is no key in it for ES256, EdDSA or RS256")]
    NoKey,
    /// A key whose parameters do not decode.
    #[error("a key of the JWK Set cannot be used: {0}")]
    Key(#[from] jsonwebtoken::errors::Error),
}

impl Jwks {
    /// Reads a JWK Set, as published under `/.well-known/jwks.json`.
    ///
    /// # Errors
    /// [`JwksError::Json`] when the text is something else.
    pub fn from_json(json: &str) -> Result<Self, JwksError> {
        Ok(Self(serde_json::from_str(json)?))
    }

    /// The keys in it that sign access tokens. Others are left out: keys for encryption, keys without `kid` or `alg`,
    /// secrets, and algorithms that we do not issue with.
    ///
    /// # Errors
    /// [`JwksError::Key`] when a key's parameters do not decode.
    pub fn verification_keys(&self) -> Result<VerificationKeys, JwksError> {
        let mut keys = VerificationKeys::default();
        for jwk in &self.0.keys {
            let for_signatures =
                !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption | PublicKeyUse::Other(_)));
            let alg = SigningAlg::ALL.into_iter().find(|alg| jwk.common.key_algorithm == Some(alg.algorithm().into()));
            if let (true, Some(alg), Some(kid)) = (for_signatures, alg, &jwk.common.key_id) {
                keys.insert(kid.clone(), alg.algorithm(), DecodingKey::from_jwk(jwk)?);
            }
        }
        Ok(keys)
    }
}

/// The entity tag that we give a JWK Set: a digest of its text.
#[must_use]
pub fn jwks_etag(json: &str) -> String {
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, json.as_bytes())))
}

/// A public key in PEM ([RFC 7468 section 13](https://www.rfc-editor.org/rfc/rfc7468#section-13)). Its `kid` is its
/// thumbprint, as everywhere.
///
/// # Errors
/// [`JwksError::Key`] when it is none for one of [`SigningAlg::ALL`].
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
                keys.insert(kid, alg.algorithm(), key);
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
/// ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638#section-3)), so that the same key has the same name everywhere.
#[cfg_attr(not(feature = "server"), expect(dead_code, reason = "only an issuer publishes keys"))]
pub(super) fn published(mut jwk: Jwk, alg: SigningAlg) -> Result<(String, Jwk), jsonwebtoken::errors::Error> {
    let kid = jwk.thumbprint(ThumbprintHash::SHA256)?;
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    jwk.common.key_algorithm = Some(KeyAlgorithm::from(alg.algorithm()));
    jwk.common.key_id = Some(kid.clone());
    Ok((kid, jwk))
}

#[cfg(test)]
#[path = "jwks_tests.rs"]
mod tests;
