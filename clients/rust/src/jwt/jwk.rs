//! One public key of a JWK Set ([RFC 7517 section 4](https://www.rfc-editor.org/rfc/rfc7517#section-4)).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde_json::Value;

use super::SigningAlg;
use super::verify::algorithm;

/// Coordinates of P-256 and public keys of Ed25519.
const COORDINATE_BYTES: usize = 32;

/// [RFC 7518 section 3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3): at least 2048 bits, and at most what the
/// crypto library accepts.
const RSA_MODULUS_BYTES: std::ops::RangeInclusive<usize> = 256..=1_024;

/// Members that only private or symmetric keys have ([RFC 7518 sections 6.2.2, 6.3.2 and
/// 6.4](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.2)).
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key is left out.
pub type Unusable = &'static str;

/// Reads a key that verifies access tokens; returns its id, its algorithm, and the key.
///
/// Unknown members are ignored, as RFC 7517 requires. A key cannot be used
/// - without a `kid`, by which tokens name it, or without an `alg` that we know: a key has one algorithm, and it says which
///   ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1));
/// - if `kty`, `crv`, `use` or `key_ops` do not match that algorithm, or have another type;
/// - if it is not valid: coordinates of another length or not on the curve, an RSA key that is too short;
/// - if its private part is published with it, since then anyone can sign with it.
///
/// # Errors
/// Why it cannot be used.
pub fn read_jwk(jwk: &Value) -> Result<(String, SigningAlg, DecodingKey), Unusable> {
    let members = jwk.as_object().ok_or("it is not an object")?;
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let kid = text("kid").ok_or("it has no kid")?;
    let named = text("alg").and_then(algorithm);
    let alg =
        SigningAlg::ALL.into_iter().find(|alg| named == Some(alg.algorithm())).ok_or("its alg is not known here")?;
    if PRIVATE_MEMBERS.iter().any(|name| members.contains_key(*name)) {
        return Err("its private half is published with it");
    }
    if !is_for_signatures(members.get("use"), members.get("key_ops")) {
        return Err("its use or key_ops is another one");
    }
    let (kty, crv) = match alg {
        SigningAlg::Es256 => ("EC", Some("P-256")),
        SigningAlg::EdDsa => ("OKP", Some("Ed25519")),
        SigningAlg::Rs256 => ("RSA", None),
    };
    if text("kty") != Some(kty) || crv.is_some() && text("crv") != crv {
        return Err("its kty or crv is not that of its alg");
    }
    let bytes = |name: &str| {
        let decoded = text(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        decoded.ok_or("a parameter is missing or not base64url")
    };
    let key = match alg {
        SigningAlg::Es256 => es256(&bytes("x")?, &bytes("y")?)?,
        SigningAlg::EdDsa => DecodingKey::from_ed_der(on_the_curve(&ED25519, &coordinate(&bytes("x")?)?)?),
        SigningAlg::Rs256 => rs256(&bytes("n")?, &bytes("e")?)?,
    };
    Ok((kid.to_owned(), alg, key))
}

/// [RFC 7517 sections 4.2 and 4.3](https://www.rfc-editor.org/rfc/rfc7517#section-4.2): either may be missing; they
/// must agree, and no operation may be named twice.
fn is_for_signatures(key_use: Option<&Value>, key_ops: Option<&Value>) -> bool {
    let is_use = key_use.is_none_or(|key_use| key_use == "sig");
    let are_ops = key_ops.is_none_or(|key_ops| {
        let Some(ops) = key_ops.as_array() else { return false };
        let is_consistent = |op: &Value| op == "verify" || op == "sign" || op.is_string() && key_use.is_none();
        let is_first = |(index, op): (usize, &Value)| ops.iter().position(|other| other == op) == Some(index);
        ops.iter().any(|op| op == "verify") && ops.iter().all(is_consistent) && ops.iter().enumerate().all(is_first)
    });
    is_use && are_ops
}

/// [RFC 7518 section 6.2.1.2](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2): always the full length.
fn coordinate(bytes: &[u8]) -> Result<[u8; COORDINATE_BYTES], Unusable> {
    bytes.try_into().map_err(|_other_length| "a coordinate has another length than its curve's")
}

fn on_the_curve<'a>(alg: &'static dyn VerificationAlgorithm, key: &'a [u8]) -> Result<&'a [u8], Unusable> {
    ParsedPublicKey::new(alg, key).map(|_parsed| key).map_err(|_rejected| "it is no point of its curve")
}

fn es256(x: &[u8], y: &[u8]) -> Result<DecodingKey, Unusable> {
    // SEC 1 section 2.3.3: an uncompressed point.
    let point = [&[4], coordinate(x)?.as_slice(), coordinate(y)?.as_slice()].concat();
    Ok(DecodingKey::from_ec_der(on_the_curve(&ECDSA_P256_SHA256_FIXED, &point)?))
}

fn rs256(n: &[u8], e: &[u8]) -> Result<DecodingKey, Unusable> {
    // RFC 7518 section 2: Base64urlUInt has no leading zeros.
    let is_number = |bytes: &[u8]| bytes.first().is_some_and(|first| *first != 0);
    let is_odd = |bytes: &[u8]| bytes.last().is_some_and(|last| last % 2 == 1);
    if !is_number(n) || !is_odd(n) || !RSA_MODULUS_BYTES.contains(&n.len()) {
        return Err("its modulus is no RSA modulus of 2048 to 8192 bits");
    }
    if !is_number(e) || !is_odd(e) || e == [1] {
        return Err("its exponent is no RSA exponent");
    }
    Ok(DecodingKey::from_rsa_raw_components(n, e))
}
