//! The keys of the corpus, and signatures that stay the same when it is made again.
//!
//! Keys on curves are derived from a phrase. There is no simple way to derive an RSA key, so its private half is thrown
//! away: if a signature of it is missing, a new key is made. Signatures of ES256 are random, so those in the files are
//! kept as long as they are valid.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsBigEndian as _, EcPublicKeyUncompressedBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key on a curve, of this phrase.
pub(crate) enum CurveKey {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl CurveKey {
    pub(crate) fn es256(phrase: &str) -> Self {
        let private = digest(&SHA256, phrase.as_bytes());
        let public = PrivateKey::from_private_key(&ECDH_P256, private.as_ref()).unwrap().compute_public_key().unwrap();
        let public: EcPublicKeyUncompressedBin<'_> = public.as_be_bytes().unwrap();
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        Self::Es256(EcdsaKeyPair::from_private_key_and_public_key(alg, private.as_ref(), public.as_ref()).unwrap())
    }

    pub(crate) fn ed25519(phrase: &str) -> Self {
        let seed = digest(&SHA256, phrase.as_bytes());
        Self::EdDsa(Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).unwrap())
    }

    /// As it is published.
    pub(crate) fn jwk(&self) -> Value {
        match self {
            Self::Es256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                published(json!({"crv": "P-256", "kty": "EC", "x": base64url(x), "y": base64url(y)}), "ES256")
            }
            Self::EdDsa(key) => {
                published(json!({"crv": "Ed25519", "kty": "OKP", "x": base64url(key.public_key())}), "EdDSA")
            }
        }
    }
}

/// With use, algorithm, and the thumbprint (RFC 7638) of these members, which are all that it takes.
fn published(mut jwk: Value, alg: &str) -> Value {
    // The members of an object are in order.
    let kid = base64url(digest(&SHA256, jwk.to_string().as_bytes()));
    jwk.as_object_mut().unwrap().extend([
        ("kid".to_owned(), json!(kid)),
        ("alg".to_owned(), json!(alg)),
        ("use".to_owned(), json!("sig")),
    ]);
    jwk
}

/// Signs anew, or as in the files.
pub(crate) struct Signer {
    /// The signatures in the files and the new ones, by what they sign.
    kept: RefCell<HashMap<String, Vec<String>>>,
    /// The RSA key in the files, or a new one.
    rsa: Rsa,
    is_rsa_signature_missing: Cell<bool>,
}

enum Rsa {
    Kept(Value),
    New(Box<RsaKeyPair>),
}

impl Signer {
    pub(crate) fn new(texts: &[String], rsa: Option<Value>) -> Self {
        let mut kept: HashMap<String, Vec<String>> = HashMap::new();
        for text in texts {
            if let Some((message, signature)) = text.rsplit_once('.') {
                kept.entry(message.to_owned()).or_default().push(signature.to_owned());
            }
        }
        let new = || Rsa::New(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
        Self {
            kept: RefCell::new(kept),
            rsa: rsa.map_or_else(new, Rsa::Kept),
            is_rsa_signature_missing: Cell::new(false),
        }
    }

    /// Whether another one with a new RSA key is needed.
    pub(crate) fn is_rsa_signature_missing(&self) -> bool {
        self.is_rsa_signature_missing.get()
    }

    /// Message and signature.
    pub(crate) fn sign(&self, key: &CurveKey, message: &str) -> String {
        let signature = match key {
            CurveKey::EdDsa(key) => base64url(key.sign(message.as_bytes())),
            CurveKey::Es256(key) => {
                let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key());
                self.kept(message, |signature| public.verify(message.as_bytes(), signature).is_ok()).unwrap_or_else(
                    || {
                        let signature = base64url(key.sign(&SystemRandom::new(), message.as_bytes()).unwrap());
                        self.kept.borrow_mut().entry(message.to_owned()).or_default().push(signature.clone());
                        signature
                    },
                )
            }
        };
        format!("{message}.{signature}")
    }

    fn kept(&self, message: &str, is_valid: impl Fn(&[u8]) -> bool) -> Option<String> {
        let decodes = |kept: &&String| URL_SAFE_NO_PAD.decode(kept).is_ok_and(|signature| is_valid(&signature));
        self.kept.borrow().get(message)?.iter().find(decodes).cloned()
    }

    /// The published RSA key.
    pub(crate) fn rsa_jwk(&self) -> Value {
        match &self.rsa {
            Rsa::Kept(jwk) => jwk.clone(),
            Rsa::New(key) => {
                let public = key.public_key();
                let [e, n] =
                    [public.exponent(), public.modulus()].map(|n| base64url(n.big_endian_without_leading_zero()));
                published(json!({"e": e, "kty": "RSA", "n": n}), "RS256")
            }
        }
    }

    /// Message and signature, by RS256.
    pub(crate) fn sign_rs256(&self, message: &str) -> String {
        let signature = match &self.rsa {
            Rsa::New(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
                base64url(signature)
            }
            Rsa::Kept(jwk) => {
                let [n, e] = ["n", "e"].map(|name| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap());
                let public = RsaPublicKeyComponents { n: &n, e: &e };
                let is_valid = |signature: &[u8]| {
                    public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), signature).is_ok()
                };
                self.kept(message, is_valid).unwrap_or_else(|| {
                    self.is_rsa_signature_missing.set(true);
                    String::new()
                })
            }
        };
        format!("{message}.{signature}")
    }
}
