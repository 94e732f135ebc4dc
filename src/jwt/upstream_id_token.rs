//! The ID tokens of providers
//! ([OpenID Connect Core section 3.1.3.7](https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation)). They
//! are signed by others, with keys that those publish, and are no kind of document of ours.

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::model::upstream::{BadIdToken, MAX_SUBJECT_BYTES};
use tokensmith_verifier::Audience;
use tokensmith_verifier::issuing::{MAX_CLOCK_SKEW, SigningAlg, read_jwk, read_object};

const MAX_TOKEN_BYTES: usize = 32 * 1024;

/// Each may be tried.
const MAX_KEYS: usize = 16;

/// The `typ` header: none, or what RFC 7519 section 5.1 recommends. Access tokens and logout tokens have another one.
const TYPES: [&str; 2] = ["", "jwt"];

/// An algorithm that may sign ID tokens.
struct Allowed {
    /// Its name.
    name: &'static str,
    /// As `jsonwebtoken` names it.
    alg: Algorithm,
    /// The type of its keys.
    kty: &'static str,
    /// What its keys are read as.
    read_as: SigningAlg,
    /// The hash of `at_hash`.
    hash: &'static digest::Algorithm,
}

const fn rsa(name: &'static str, alg: Algorithm, hash: &'static digest::Algorithm) -> Allowed {
    Allowed { name, alg, kty: "RSA", read_as: SigningAlg::Rs256, hash }
}

/// What is not in this list is refused: `none`, and every algorithm with a shared secret
/// ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
static ALLOWED: [Allowed; 9] = [
    rsa("RS256", Algorithm::RS256, &SHA256),
    rsa("RS384", Algorithm::RS384, &SHA384),
    rsa("RS512", Algorithm::RS512, &SHA512),
    rsa("PS256", Algorithm::PS256, &SHA256),
    rsa("PS384", Algorithm::PS384, &SHA384),
    rsa("PS512", Algorithm::PS512, &SHA512),
    Allowed { name: "ES256", alg: Algorithm::ES256, kty: "EC", read_as: SigningAlg::Es256, hash: &SHA256 },
    Allowed { name: "EdDSA", alg: Algorithm::EdDSA, kty: "OKP", read_as: SigningAlg::EdDsa, hash: &SHA512 },
    // RFC 9864 section 2.2: the same with the keys that are accepted here.
    Allowed { name: "Ed25519", alg: Algorithm::EdDSA, kty: "OKP", read_as: SigningAlg::EdDsa, hash: &SHA512 },
];

/// What an ID token must say.
pub(crate) struct ExpectedIdToken<'a> {
    /// Its `iss`.
    pub(crate) issuer: &'a str,
    /// What this service is called there.
    pub(crate) client_id: &'a str,
    /// That of the sign-in.
    pub(crate) nonce: &'a str,
    /// The access token that came with it.
    pub(crate) access_token: &'a str,
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

/// The claims that are checked.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Timestamp,
    iat: Timestamp,
    nbf: Option<Timestamp>,
    nonce: Option<String>,
    azp: Option<String>,
    at_hash: Option<String>,
}

/// Whether a provider may sign ID tokens with this algorithm.
pub(crate) fn is_allowed_alg(name: &str) -> bool {
    ALLOWED.iter().any(|allowed| allowed.name == name)
}

/// The claims of an ID token, after its signature and all that it must say are checked. `jwks` are the provider's keys. No
/// claim is read before the signature is verified.
pub(crate) fn verify_upstream_id_token(
    token: &str,
    jwks: &str,
    expected: &ExpectedIdToken<'_>,
    now: Timestamp,
) -> Result<Map<String, Value>, BadIdToken> {
    let (payload, allowed) = authentic_payload(token, jwks)?;
    check(&decode(payload)?, allowed, expected, now)?;
    decode(payload)
}

fn authentic_payload<'a>(token: &'a str, jwks: &str) -> Result<(&'a str, &'static Allowed), BadIdToken> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(BadIdToken::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(BadIdToken::Malformed)?;
    let (header, payload) = message.split_once('.').ok_or(BadIdToken::Malformed)?;
    let header: Header = decode(header)?;
    let allowed = ALLOWED.iter().find(|allowed| allowed.name == header.alg).ok_or(BadIdToken::WrongAlgorithm)?;
    let typ = header.typ.as_deref().unwrap_or_default().to_ascii_lowercase();
    let is_meant = TYPES.contains(&typ.strip_prefix("application/").unwrap_or(&typ));
    // RFC 7515 section 4.1.11: what is critical and not understood must be refused.
    if !is_meant || header.crit.is_some() || header.b64.is_some() {
        return Err(BadIdToken::Malformed);
    }
    let keys = keys(jwks, allowed, header.kid.as_deref());
    if keys.is_empty() {
        return Err(BadIdToken::UnknownKey);
    }
    let verifies = |key| jsonwebtoken::crypto::verify(signature, message.as_bytes(), key, allowed.alg).unwrap_or(false);
    if keys.iter().any(verifies) { Ok((payload, allowed)) } else { Err(BadIdToken::BadSignature) }
}

/// The keys of a JWK Set that a token with this algorithm and this `kid` may be signed with. Some providers publish keys
/// without `alg`, and tokens may lack a `kid` where there is one key
/// ([OpenID Connect Core section 10.1](https://openid.net/specs/openid-connect-core-1_0.html#Signing)).
fn keys(jwks: &str, allowed: &Allowed, kid: Option<&str>) -> Vec<DecodingKey> {
    let set: Value = serde_json::from_str(jwks).unwrap_or_default();
    let all = set.get("keys").and_then(Value::as_array).into_iter().flatten();
    let usable = all.filter_map(|jwk| {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let is_named = kid.is_none() || text("kid").is_none() || text("kid") == kid;
        // RFC 8725 section 3.1: the key decides the algorithm, if it names one.
        let is_of_alg =
            text("alg").is_none_or(|name| ALLOWED.iter().any(|of| of.name == name && of.alg == allowed.alg));
        if !is_named || !is_of_alg || text("kty") != Some(allowed.kty) {
            return None;
        }
        let mut members = jwk.as_object()?.clone();
        members.entry("kid").or_insert_with(|| "".into());
        members.insert("alg".to_owned(), allowed.read_as.name().into());
        read_jwk(&members.into()).ok().map(|(_, _, key)| key)
    });
    usable.take(MAX_KEYS).collect()
}

fn check(claims: &Claims, allowed: &Allowed, expected: &ExpectedIdToken<'_>, now: Timestamp) -> Result<(), BadIdToken> {
    if claims.iss != expected.issuer {
        return Err(BadIdToken::WrongIssuer);
    }
    if !claims.aud.contains(expected.client_id) {
        return Err(BadIdToken::WrongAudience);
    }
    // OpenID Connect Core section 3.1.3.7 items 3 to 5: with other audiences it must say that it was issued to us.
    let has_others = matches!(&claims.aud, Audience::Many(many) if many.len() > 1);
    if claims.azp.as_deref().map_or(has_others, |azp| azp != expected.client_id) {
        return Err(BadIdToken::WrongAuthorizedParty);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(BadIdToken::WrongNonce);
    }
    if now >= claims.exp + MAX_CLOCK_SKEW {
        return Err(BadIdToken::Expired);
    }
    if claims.nbf.map_or(claims.iat, |nbf| nbf.max(claims.iat)) > now + MAX_CLOCK_SKEW {
        return Err(BadIdToken::NotYetValid);
    }
    let is_of_access_token = |at_hash: &str| at_hash == left_half(allowed.hash, expected.access_token);
    if !claims.at_hash.as_deref().is_none_or(is_of_access_token) {
        return Err(BadIdToken::WrongAccessToken);
    }
    let is_subject = |sub: &str| !sub.is_empty() && sub.len() <= MAX_SUBJECT_BYTES && !sub.contains(char::is_control);
    if is_subject(&claims.sub) { Ok(()) } else { Err(BadIdToken::BadSubject) }
}

/// [OpenID Connect Core section 3.1.3.6](https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken).
fn left_half(hash: &'static digest::Algorithm, access_token: &str) -> String {
    let hashed = digest::digest(hash, access_token.as_bytes());
    let (left, _) = hashed.as_ref().split_at(hashed.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, BadIdToken> {
    let json = URL_SAFE_NO_PAD.decode(part).ok();
    json.and_then(|json| read_object(&json)).ok_or(BadIdToken::Malformed)
}
