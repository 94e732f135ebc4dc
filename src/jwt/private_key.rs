//! One private key of the ring, ready to sign: it is parsed once and its headers are encoded once.

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::encoding::{AsDer as _, Curve25519SeedBin, EcPrivateKeyBin, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Serialize;
use tokensmith_verifier::issuing::{Document, DocumentKind, KINDS, KeyUse, VerificationKey, published};
use zeroize::Zeroizing;

use super::{SigningAlg, VerificationKeys};
use crate::model::sharing::Context;

/// ASVS 5.0 11.2.3: 128 bits of security, which RSA has from 3072 bits on.
const MIN_RSA_BITS: usize = 3_072;

/// Enough for the claims of most tokens.
const USUAL_CLAIMS_BYTES: usize = 1_024;

/// Enough for two dots and every signature but those of RSA.
const USUAL_SIGNATURE_CHARS: usize = 90;

/// A key that cannot be used, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyProblem {
    /// Not a kind of key that tokensmith uses, or damaged.
    #[error("it is not a PKCS#8 private key for ES256 (P-256), EdDSA (Ed25519) or RS256 (RSA)")]
    NotAKey,
    /// Too short.
    #[error("it is an RSA key of {0} bits; at least 3072 are needed")]
    WeakRsa(usize),
}

/// The key failed to sign. This is an error of the crypto library, never of the input.
#[derive(Debug, thiserror::Error)]
#[error("signing failed")]
pub struct SignError;

enum Signer {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

/// One key of the ring.
pub(super) struct PrivateKey {
    pub(super) alg: SigningAlg,
    pub(super) kid: String,
    pub(super) jwk: Jwk,
    signer: Signer,
    by_kind: Vec<OfKind>,
    context_mac: hmac::Key,
    /// Distinguishes its contexts from those of other keys: the hash of an empty text, which no client has.
    context_key: [u8; 2],
}

/// What signs documents of one kind.
struct OfKind {
    kind: DocumentKind,
    header: String,
    /// The secret, for kinds that are not signed by a published key.
    mac: Option<hmac::Key>,
}

/// Creates a private key; returns its PKCS#8 form.
pub(super) fn generate(alg: SigningAlg) -> Result<Zeroizing<Vec<u8>>, SignError> {
    let failed = |_unspecified| SignError;
    let der = match alg {
        SigningAlg::Es256 => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
            key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
        }
        SigningAlg::EdDsa => {
            let key = Ed25519KeyPair::generate().map_err(failed)?;
            key.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
        }
        SigningAlg::Rs256 => {
            let key = RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?;
            let der: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
            der.as_ref().to_vec()
        }
    };
    Ok(Zeroizing::new(der))
}

impl PrivateKey {
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyProblem> {
        let (signer, alg) = parse(der)?;
        let public = signer.public_key();
        let bare = Jwk::from_decoding_key(&public, None).map_err(|_bad| KeyProblem::NotAKey)?;
        let (kid, jwk) = published(bare, alg).map_err(|_bad| KeyProblem::NotAKey)?;
        let private_bytes = signer.private_bytes()?;
        let by_kind =
            KINDS.iter().map(|kind| OfKind::new(*kind, &private_bytes, alg, &kid)).collect::<Result<_, _>>()?;
        let context_secret = derived(&private_bytes, b"tokensmith context v1", &kid)?;
        let context_mac = hmac::Key::new(hmac::HMAC_SHA256, &*context_secret);
        Ok(Self {
            alg,
            by_kind,
            context_key: first(hmac::sign(&context_mac, b"").as_ref()),
            context_mac,
            kid,
            jwk,
            signer,
        })
    }

    /// Adds the keys that verify its documents.
    pub(super) fn add_to(&self, keys: &mut VerificationKeys) {
        keys.insert(self.kid.clone(), self.alg.algorithm(), VerificationKey::Public(self.signer.public_key()));
        for OfKind { kind, mac, .. } in &self.by_kind {
            if let (KeyUse::Secret(purpose), Some(mac)) = (kind.key, mac) {
                let key = VerificationKey::Secret(purpose, Box::new(mac.clone()));
                keys.insert(self.kid.clone(), Algorithm::HS256, key);
            }
        }
    }

    pub(super) fn sign<D: Document>(&self, claims: &D) -> Result<String, SignError> {
        let OfKind { header, mac, .. } = self.by_kind.iter().find(|of| of.kind == D::KIND).ok_or(SignError)?;
        self.signed(header, mac.as_ref(), claims)
    }

    fn signed(&self, header: &str, mac: Option<&hmac::Key>, claims: &impl Serialize) -> Result<String, SignError> {
        let message = message(header, claims)?;
        if let Some(mac) = mac {
            let tag = hmac::sign(mac, message.as_bytes());
            return Ok(complete(message, tag.as_ref()));
        }
        self.signer.sign(message)
    }

    pub(super) fn context(&self, client: &[u8]) -> Context {
        Context::new(self.context_key, first(hmac::sign(&self.context_mac, client).as_ref()))
    }
}

impl OfKind {
    fn new(rules: DocumentKind, private_bytes: &[u8], own: SigningAlg, kid: &str) -> Result<Self, KeyProblem> {
        let (alg, mac) = match rules.key {
            KeyUse::Published => (own.name(), None),
            KeyUse::Secret(purpose) => {
                let secret = derived(private_bytes, purpose.as_bytes(), kid)?;
                ("HS256", Some(hmac::Key::new(hmac::HMAC_SHA256, &*secret)))
            }
        };
        Ok(Self { kind: rules, header: header(rules.typ, alg, kid), mac })
    }
}

fn parse(der: &[u8]) -> Result<(Signer, SigningAlg), KeyProblem> {
    if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der) {
        return Ok((Signer::Es256(key), SigningAlg::Es256));
    }
    // Other tools leave out the optional public key of RFC 8410 section 7; both forms are accepted.
    if let Ok(key) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        return Ok((Signer::EdDsa(key), SigningAlg::EdDsa));
    }
    let key = RsaKeyPair::from_pkcs8(der).map_err(|_rejected| KeyProblem::NotAKey)?;
    let bits = key.public_modulus_len().saturating_mul(8);
    if bits < MIN_RSA_BITS {
        return Err(KeyProblem::WeakRsa(bits));
    }
    Ok((Signer::Rs256(key), SigningAlg::Rs256))
}

impl Signer {
    fn public_key(&self) -> DecodingKey {
        match self {
            Self::Es256(key) => DecodingKey::from_ec_der(key.public_key().as_ref()),
            Self::EdDsa(key) => DecodingKey::from_ed_der(key.public_key().as_ref()),
            Self::Rs256(key) => {
                let components = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                DecodingKey::from_rsa_raw_components(&components.n, &components.e)
            }
        }
    }

    /// Bytes that do not depend on how the key's file was written: the bare scalar or seed, or for RSA a new encoding.
    fn private_bytes(&self) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
        let failed = |_unspecified| KeyProblem::NotAKey;
        let bytes = match self {
            Self::Es256(key) => {
                let scalar: EcPrivateKeyBin<'_> = key.private_key().as_be_bytes().map_err(failed)?;
                scalar.as_ref().to_vec()
            }
            Self::EdDsa(key) => {
                let seed: Curve25519SeedBin<'_> = key.seed().map_err(failed)?.as_be_bytes().map_err(failed)?;
                seed.as_ref().to_vec()
            }
            Self::Rs256(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
        };
        Ok(Zeroizing::new(bytes))
    }

    /// Completes a document whose header and payload are given.
    fn sign(&self, message: String) -> Result<String, SignError> {
        let (random, bytes) = (SystemRandom::new(), message.as_bytes());
        let signature = match self {
            Self::Es256(key) => key.sign(&random, bytes).map_err(|_unspecified| SignError)?,
            Self::EdDsa(key) => key.sign(bytes),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).map_err(|_unspecified| SignError)?;
                return Ok(complete(message, &signature));
            }
        };
        Ok(complete(message, signature.as_ref()))
    }
}

/// A secret derived from the private key ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)), so that no second secret
/// has to be stored. There is one for each kind of document that is not signed by a published key, and one for
/// contexts.
fn derived(private_bytes: &[u8], purpose: &[u8], kid: &str) -> Result<Zeroizing<[u8; 32]>, KeyProblem> {
    let failed = |_unspecified| KeyProblem::NotAKey;
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(private_bytes);
    let info = [purpose, kid.as_bytes()];
    let mut secret = Zeroizing::new([0; 32]);
    extracted.expand(&info, hkdf::HKDF_SHA256).map_err(failed)?.fill(&mut *secret).map_err(failed)?;
    Ok(secret)
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn header(typ: &str, alg: &str, kid: &str) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!({ "typ": typ, "alg": alg, "kid": kid }).to_string())
}

fn message(header: &str, claims: &impl Serialize) -> Result<String, SignError> {
    let mut payload = Vec::with_capacity(USUAL_CLAIMS_BYTES);
    serde_json::to_writer(&mut payload, claims).map_err(|_never_for_these_types| SignError)?;
    let mut message = String::with_capacity(header.len() + payload.len() * 4 / 3 + USUAL_SIGNATURE_CHARS);
    message.push_str(header);
    message.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut message);
    Ok(message)
}

fn complete(mut message: String, signature: &[u8]) -> String {
    message.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut message);
    message
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokensmith_verifier::TokenError;
    use tokensmith_verifier::issuing::authentic_payload;

    use super::*;

    #[test]
    fn each_kind_is_refused_as_every_other_and_under_another_type_unless_only_the_recipient_tells_them_apart() {
        let key = PrivateKey::from_pkcs8(&generate(SigningAlg::Es256).unwrap()).unwrap();
        let mut keys = VerificationKeys::default();
        key.add_to(&mut keys);
        let pairs = key.by_kind.iter().flat_map(|one| KINDS.iter().map(move |other| (one, other)));
        for (OfKind { kind: one, header: its_header, mac }, other) in pairs {
            let document = key.signed(its_header, mac.as_ref(), &json!({})).unwrap();
            let read = authentic_payload(other, &document, &keys).map(drop);
            assert_eq!(read, if one == other { Ok(()) } else { Err(TokenError::WrongType) }, "{one:?} as {other:?}");
            let alg = if mac.is_some() { "HS256" } else { "ES256" };
            let forged = key.signed(&header(other.typ, alg, &key.kid), mac.as_ref(), &json!({})).unwrap();
            let read = authentic_payload(other, &forged, &keys);
            assert_eq!(read.is_ok(), one.key == other.key, "{one:?} with the type of {other:?}: {read:?}");
        }
    }
}
