//! The issuer whose documents are in the corpus.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::keys::{CurveKey, Signer, base64url};

pub(crate) const ISSUER: &str = "https://id.example.com";
pub(crate) const AUDIENCE: &str = "https://api.example.com";
/// In January 2027.
pub(crate) const NOW: i64 = 1_800_000_000;
pub(crate) const USER: &str = "019a0000-0000-7000-8000-000000000001";
pub(crate) const SESSION: &str = "019a0000-0000-7000-8000-00000000000a";
pub(crate) const TOKEN: &str = "AAECAwQFBgcICQoLDA0ODw";

pub(crate) struct Issuer {
    pub(crate) signer: Signer,
    pub(crate) es256: CurveKey,
    pub(crate) ed25519: CurveKey,
    /// Once published, now removed.
    pub(crate) retired: CurveKey,
    /// Of somebody else.
    pub(crate) foreign: CurveKey,
}

impl Issuer {
    pub(crate) fn new(signer: Signer) -> Self {
        let [es256, retired, foreign] =
            ["the key of the corpus", "the retired key of the corpus", "a key of somebody else"].map(CurveKey::es256);
        Self { signer, es256, ed25519: CurveKey::ed25519("the Ed25519 key of the corpus"), retired, foreign }
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [self.es256.jwk(), self.ed25519.jwk(), self.signer.rsa_jwk()]})
    }

    /// Signed with the first key, whatever they say.
    pub(crate) fn signed(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign(&format!("{}.{}", base64url(header), base64url(payload)))
    }

    /// This text and its signature with the first key.
    pub(crate) fn sign(&self, message: &str) -> String {
        self.signer.sign(&self.es256, message)
    }

    /// The header of tokens that the first key signs.
    pub(crate) fn header(&self) -> Value {
        header_of(&self.es256.jwk())
    }

    /// A login's token with other claims.
    pub(crate) fn with_claims(&self, changes: &Value) -> String {
        self.signed(self.header().to_string(), changed(&claims(), changes).to_string())
    }

    /// A login's token with other members of the header.
    pub(crate) fn with_header(&self, changes: &Value) -> String {
        self.signed(changed(&self.header(), changes).to_string(), claims().to_string())
    }
}

pub(crate) fn header_of(jwk: &Value) -> Value {
    json!({"alg": jwk["alg"], "kid": jwk["kid"], "typ": "at+jwt"})
}

/// The claims of an access token from a login.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": USER, "aud": AUDIENCE, "iat": NOW - 60, "exp": NOW + 240, "jti": TOKEN, "sid": SESSION,
        "client_id": "first-party", "auth_time": NOW - 60, "amr": ["pwd"],
    })
}

/// With other members; `null` removes one.
pub(crate) fn changed(base: &Value, changes: &Value) -> Value {
    let mut result = base.clone();
    let members = result.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    result
}

/// As HS256 signs it with this secret.
pub(crate) fn hs256(message: &str, secret: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", base64url(tag))
}
