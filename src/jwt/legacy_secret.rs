//! What cannot be the secret of the issuer before this service: a public key. Whoever knows a public key that is taken for
//! the secret of HS256 could sign any token.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use pkcs8::der::Decode as _;
use pkcs8::der::asn1::UintRef;
use pkcs8::spki::SubjectPublicKeyInfoRef;
use serde_json::Value;

/// How the names of SSH's types of keys begin.
const SSH_TYPES: [&str; 4] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"];

/// A smaller number is no modulus. Random bytes of a usual length are no larger one by chance.
const MIN_MODULUS_BYTES: usize = 64;

/// As a PEM file in base64 in quotes. What is hidden deeper is not looked for.
const MAX_DEPTH: u8 = 3;

const OF_SSH: &str = "it is a key of SSH: give the public key in PEM";

const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&STANDARD, ANY_PADDING), GeneralPurpose::new(&URL_SAFE, ANY_PADDING)];

/// What is wrong with a file that is not PEM, if it can be no secret.
pub(super) fn public_key_in_another_form(file: &[u8]) -> Option<&'static str> {
    // Of UTF-16, with a first character of ASCII, or of UTF-8.
    if matches!(file, [0xff, 0xfe, _, 0, ..] | [0xfe, 0xff, 0, _, ..] | [0xef, 0xbb, 0xbf, ..]) {
        return Some("it begins with a byte order mark: save it as plain text, without one");
    }
    public_key(file, MAX_DEPTH)
}

fn public_key(content: &[u8], depth: u8) -> Option<&'static str> {
    let without_end = content.strip_suffix(b"\n").unwrap_or(content);
    if is_der(content) || is_der(without_end) {
        return Some("it is a key in DER: give the public key in PEM");
    }
    if is_sent_by_ssh(content) {
        return Some(OF_SSH);
    }
    let text = str::from_utf8(content).ok()?.trim();
    let lower = text.to_ascii_lowercase();
    if lower.contains("-----begin ") || lower.contains("<rsakeyvalue") {
        return Some("it is a key in another form: give the public key in PEM as it is");
    }
    if lower.starts_with("---- begin ssh2") || is_line_of_ssh(text) {
        return Some(OF_SSH);
    }
    let depth = depth.checked_sub(1)?;
    match serde_json::from_str(text) {
        Ok(Value::String(inner)) => public_key(inner.as_bytes(), depth),
        Ok(json) if is_jwk(&json) => Some("it is a JWK: give the public key in PEM"),
        _ => {
            let joined: String = text.split_whitespace().collect();
            BASE64.iter().filter_map(|base64| base64.decode(&joined).ok()).find_map(|key| public_key(&key, depth))
        }
    }
}

/// Whether it is a public key ([RFC 5280 section 4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1),
/// [RFC 8017 appendix A.1.1](https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.1)), or begins as one for RSA does, or
/// as a certificate or a private key.
fn is_der(content: &[u8]) -> bool {
    let has_modulus = |numbers: Vec<UintRef<'_>>| numbers.iter().any(|one| one.as_bytes().len() >= MIN_MODULUS_BYTES);
    let begins_as_one =
        matches!(content, [0x30, 0x82, _, _, 0x30, 0x0d | 0x82, ..] | [0x30, 0x82, _, _, 0x02, 0x01 | 0x82, ..]);
    begins_as_one
        || SubjectPublicKeyInfoRef::from_der(content).is_ok()
        || Vec::<UintRef<'_>>::from_der(content).is_ok_and(has_modulus)
}

/// Whether it is a key as SSH sends it: the length of its type, its type, and the rest
/// ([RFC 4253 section 6.6](https://www.rfc-editor.org/rfc/rfc4253#section-6.6)).
fn is_sent_by_ssh(content: &[u8]) -> bool {
    let is_type = |name: &[u8]| SSH_TYPES.iter().any(|ssh| name.starts_with(ssh.as_bytes()));
    matches!(content, [0, 0, 0, _, name @ ..] if is_type(name))
}

/// Whether a line has a type of SSH and then the beginning of such a key in base64.
fn is_line_of_ssh(text: &str) -> bool {
    let is_type = |word: &str| SSH_TYPES.iter().any(|ssh| word.starts_with(ssh));
    let mut words = text.split_whitespace().zip(text.split_whitespace().skip(1));
    words.any(|(word, next)| is_type(word) && next.starts_with("AAAA"))
}

/// Whether there is a JWK in it ([RFC 7517 section 4.1](https://www.rfc-editor.org/rfc/rfc7517#section-4.1)).
fn is_jwk(json: &Value) -> bool {
    match json {
        Value::Object(members) => members.contains_key("kty") || members.values().any(is_jwk),
        Value::Array(elements) => elements.iter().any(is_jwk),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
    use jsonwebtoken::DecodingKey;
    use serde_json::json;

    use super::*;
    use crate::entropy::{Entropy, SeededEntropy};

    /// Made by `tests/vectors/legacy_rs256.py`.
    const RSA: &str = include_str!("../../tests/vectors/legacy_rs256.pem");

    /// Public keys in DER.
    fn keys() -> Vec<Vec<u8>> {
        let body: String = RSA.lines().filter(|line| !line.starts_with('-')).collect();
        let der = |key: &dyn AsDer<PublicKeyX509Der<'static>>| key.as_der().unwrap().as_ref().to_vec();
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        vec![
            STANDARD.decode(body).unwrap(),
            DecodingKey::from_rsa_pem(RSA.as_bytes()).unwrap().try_get_as_bytes().unwrap().to_vec(),
            der(ec.public_key()),
            der(ed.public_key()),
        ]
    }

    fn is_refused(content: &[u8]) -> bool {
        public_key_in_another_form(content).is_some()
    }

    #[test]
    fn a_public_key_is_no_secret_in_der_nor_in_base64_of_it() {
        for key in keys() {
            let base64 = STANDARD.encode(&key);
            let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
            for form in [
                key.clone(),
                [&key[..], b"\n"].concat(),
                base64.clone().into_bytes(),
                format!("  {base64}\n").into_bytes(),
                lines.join("\n").into_bytes(),
                lines.join("\r\n").into_bytes(),
                STANDARD_NO_PAD.encode(&key).into_bytes(),
                URL_SAFE_NO_PAD.encode(&key).into_bytes(),
                json!(base64).to_string().into_bytes(),
            ] {
                assert!(is_refused(&form), "{:?}", String::from_utf8_lossy(&form));
            }
        }
    }

    #[test]
    fn a_public_key_is_no_secret_in_other_texts() {
        let ssh = "AAAAC3NzaC1lZDI1NTE5AAAAIKBhrsZ7sNDcXjBDzqvJ5NMEQqLRvFVLIBYAbMXCAHhu";
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTY=";
        let jwk = json!({"kty": "EC", "crv": "P-256"});
        for form in [
            STANDARD.encode(RSA),
            RSA.to_lowercase(),
            json!(RSA).to_string(),
            json!(STANDARD.encode(RSA)).to_string(),
            "-----begin public key-----".to_owned(),
            "<RSAKeyValue><Modulus>AQAB</Modulus></RSAKeyValue>".to_owned(),
            "ssh-rsa AAAAB3NzaC1yc2E".to_owned(),
            format!(" ssh-ed25519 {ssh} ada@example"),
            format!("restrict,pty ssh-ed25519\t{ssh}"),
            format!("sk-ssh-ed25519@openssh.com {ssh}"),
            ecdsa.to_owned(),
            // The first line only.
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A".to_owned(),
            ssh.to_owned(),
            "\n---- BEGIN SSH2 PUBLIC KEY ----\n".to_owned(),
            format!("\n {jwk}"),
            json!([jwk]).to_string(),
            json!({"keys": [jwk]}).to_string(),
            json!({"a": {"b": [jwk]}}).to_string(),
            json!(jwk.to_string()).to_string(),
            STANDARD.encode(jwk.to_string()),
        ] {
            assert!(is_refused(form.as_bytes()), "{form}");
        }
        for marked in [&b"\xff\xfes\0"[..], b"\xfe\xff\0s", b"\xef\xbb\xbfs"] {
            assert!(is_refused(marked));
        }
    }

    #[test]
    fn a_secret_is_never_taken_for_a_key() {
        const DJANGO: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=+)";
        let entropy: &dyn Entropy = &SeededEntropy::new(7);
        for _ in 0..2_000 {
            let bytes: [u8; 64] = entropy.bytes().unwrap();
            let django: Vec<u8> = bytes.iter().take(50).map(|byte| DJANGO[usize::from(*byte) % DJANGO.len()]).collect();
            let hex = bytes.map(|byte| format!("{byte:02x}")).concat();
            for secret in [bytes.to_vec(), django, hex.into_bytes(), STANDARD.encode(bytes).into_bytes()] {
                assert!(!is_refused(&secret), "{:?}", String::from_utf8_lossy(&secret));
            }
        }
        for secret in [
            // As long as they say, as a key in DER is.
            "00abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*(-_=",
            "00\u{2}.abcdefghijklmnopqrstuvwxyz0123456789!@#$%^&*",
            "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz",
            "ssh-tunnels are where I keep it",
            "\"in quotes\"",
            "{\"a\": \"b\"}",
            "1234567890",
            "AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHH",
            "MII with the begin of a key",
        ] {
            assert!(!is_refused(secret.as_bytes()), "{secret}");
        }
    }
}
