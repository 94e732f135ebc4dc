//! The JWTs by which clients authenticate: `private_key_jwt`
//! ([RFC 7523 section 3](https://www.rfc-editor.org/rfc/rfc7523#section-3)). They are signed by others, with keys that are
//! registered for one client, and are no kind of document of ours.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::clock::{Seconds, Timestamp};
use tokensmith_verifier::Audience;
use tokensmith_verifier::issuing::{MAX_CLOCK_SKEW, SigningAlg, read_jwk, read_object};

/// One is made for each request.
const MAX_LIFETIME: Seconds = Seconds(300);

/// The client's clock may be wrong by this much (FAPI 2.0 section 5.3.2.1 item 13 asks for at least 10 seconds).
const LEEWAY: Seconds = Seconds(10);

const MAX_ASSERTION_BYTES: usize = 16 * 1024;

/// Each may be tried.
const MAX_KEYS: usize = 16;

/// The `typ` header: none, what most libraries write, and the one that is being standardized.
const TYPES: [&str; 3] = ["", "jwt", "client-authentication+jwt"];

/// Why an assertion is refused, in words for the developer of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the assertion {0}")]
pub(crate) struct BadAssertion(&'static str);

/// The keys of a client.
pub(crate) struct ClientKeys(Vec<ClientKey>);

struct ClientKey {
    kid: Option<String>,
    alg: SigningAlg,
    key: DecodingKey,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

/// What is read of the header. No key in it is looked at
/// ([RFC 8725 section 3.10](https://www.rfc-editor.org/rfc/rfc8725#section-3.10)).
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    crit: Option<Value>,
    b64: Option<Value>,
}

/// What an assertion says.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct AssertionClaims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Timestamp,
    jti: String,
    iat: Option<Timestamp>,
    nbf: Option<Timestamp>,
}

impl ClientKeys {
    /// From a JWK Set. A key may lack `kid` and `alg`: its type has one algorithm here.
    ///
    /// Fails when one of the keys is of no use, and says why.
    pub(crate) fn read(json: &str) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_str(json).map_err(|error| format!("must be a JWK Set: {error}"))?;
        if set.keys.is_empty() || set.keys.len() > MAX_KEYS {
            return Err(format!("must have 1 to {MAX_KEYS} keys"));
        }
        let keys = set.keys.into_iter().enumerate();
        let read = keys.map(|(at, jwk)| ClientKey::read(jwk).map_err(|why| format!("key {at} cannot be used: {why}")));
        read.collect::<Result<_, _>>().map(Self)
    }

    /// Those of a JWK Set that are of use: a set that its owner publishes may have others, too
    /// ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
    pub(crate) fn read_usable(json: &str) -> Self {
        let set = serde_json::from_str::<JwkSet>(json).map(|set| set.keys).unwrap_or_default();
        Self(set.into_iter().filter_map(|jwk| ClientKey::read(jwk).ok()).take(MAX_KEYS).collect())
    }

    /// What an assertion says that one of the keys has signed.
    pub(crate) fn verify(&self, assertion: &str) -> Result<AssertionClaims, BadAssertion> {
        let (message, signature) = split(assertion)?;
        let (header, payload) = message.split_once('.').ok_or(BadAssertion("is not a JWT"))?;
        let header: Header = decode(header)?;
        // RFC 7515 section 4.1.11: what is critical and not understood must be refused.
        if header.crit.is_some() || header.b64.is_some() {
            return Err(BadAssertion("has an extension that is not known here"));
        }
        let typ = header.typ.unwrap_or_default().to_ascii_lowercase();
        if !TYPES.contains(&typ.strip_prefix("application/").unwrap_or(&typ)) {
            return Err(BadAssertion("is of another type"));
        }
        let alg = alg(&header.alg).ok_or(BadAssertion("must be signed with ES256, EdDSA or RS256"))?;
        let is_named = |key: &&ClientKey| header.kid.is_none() || key.kid.is_none() || header.kid == key.kid;
        let mut keys = self.0.iter().filter(|key| key.alg == alg).filter(is_named).peekable();
        if keys.peek().is_none() {
            return Err(BadAssertion("is signed with a key that is not registered"));
        }
        let is_good = keys.any(|ClientKey { alg, key, .. }| {
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, alg.algorithm()).unwrap_or(false)
        });
        if is_good { decode(payload) } else { Err(BadAssertion("has a signature that is not valid")) }
    }
}

impl ClientKey {
    fn read(mut jwk: Value) -> Result<Self, &'static str> {
        let members = jwk.as_object_mut().ok_or("it is not an object")?;
        let kid = members.get("kid").and_then(Value::as_str).map(ToOwned::to_owned);
        members.entry("kid").or_insert_with(|| "".into());
        if !members.contains_key("alg") {
            let alg = match members.get("kty").and_then(Value::as_str) {
                Some("EC") => SigningAlg::Es256,
                Some("OKP") => SigningAlg::EdDsa,
                Some("RSA") => SigningAlg::Rs256,
                _ => return Err("its kty is not known here"),
            };
            members.insert("alg".to_owned(), alg.name().into());
        }
        let (_, alg, key) = read_jwk(&jwk)?;
        Ok(Self { kid, alg, key })
    }
}

/// The client that an assertion says it is from, before anything is proved.
pub(crate) fn claimed_client(assertion: &str) -> Result<String, BadAssertion> {
    #[derive(Deserialize)]
    struct Claimed {
        sub: String,
    }
    let (message, _) = split(assertion)?;
    let (_, payload) = message.split_once('.').ok_or(BadAssertion("is not a JWT"))?;
    decode(payload).map(|Claimed { sub }| sub)
}

impl AssertionClaims {
    /// Checks what it says; `audiences` are the names of this server. Returns its `jti`, and until when that must be known.
    pub(crate) fn check(
        &self,
        client_id: &str,
        audiences: &[&str],
        now: Timestamp,
    ) -> Result<(&str, Timestamp), BadAssertion> {
        if self.iss != client_id || self.sub != client_id {
            return Err(BadAssertion("must have the client's id as iss and sub"));
        }
        // One that is for several servers could be used by one of them at another.
        let aud = match &self.aud {
            Audience::One(aud) => aud,
            Audience::Many(many) => match many.as_slice() {
                [aud] => aud,
                _ => return Err(BadAssertion("must have one string as aud")),
            },
        };
        if !audiences.contains(&aud.as_str()) {
            return Err(BadAssertion("must have the issuer as aud"));
        }
        let known_until = self.exp + LEEWAY;
        if now >= known_until {
            return Err(BadAssertion("has expired"));
        }
        let is_long =
            self.exp > now + MAX_LIFETIME + LEEWAY || self.iat.is_some_and(|iat| self.exp - iat > MAX_LIFETIME);
        if is_long {
            return Err(BadAssertion("must not be valid for more than 5 minutes"));
        }
        if self.iat.max(self.nbf).is_some_and(|from| from > now + MAX_CLOCK_SKEW) {
            return Err(BadAssertion("is not valid yet"));
        }
        if self.jti.is_empty() {
            return Err(BadAssertion("must have a jti"));
        }
        Ok((&self.jti, known_until))
    }
}

/// `Ed25519` ([RFC 9864 section 2.2](https://www.rfc-editor.org/rfc/rfc9864#section-2.2)) is what `EdDSA` is with the keys
/// that are taken here.
fn alg(name: &str) -> Option<SigningAlg> {
    if name == "Ed25519" { Some(SigningAlg::EdDsa) } else { name.parse().ok() }
}

fn split(assertion: &str) -> Result<(&str, &str), BadAssertion> {
    if assertion.len() > MAX_ASSERTION_BYTES {
        return Err(BadAssertion("is too long"));
    }
    assertion.rsplit_once('.').ok_or(BadAssertion("is not a JWT"))
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, BadAssertion> {
    let json = URL_SAFE_NO_PAD.decode(part).ok();
    json.and_then(|json| read_object(&json)).ok_or(BadAssertion("lacks a claim or is not a JWT"))
}
