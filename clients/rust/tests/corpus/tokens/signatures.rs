//! Signatures of each algorithm: good ones, and others of every form.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{accepted, refused};
use crate::issuer::{Issuer, changed, claims, header_of};
use crate::keys::base64url;

const BAD: &str = "token_bad_signature";

/// The order of the group of P-256.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The order of the group of Ed25519, little-endian.
const ED25519_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

pub(super) fn cases(issuer: &Issuer) -> Vec<Value> {
    [keys(issuer), es256(issuer), ed25519(issuer), rs256(issuer)].concat()
}

fn message(header: &Value) -> String {
    format!("{}.{}", base64url(header.to_string()), base64url(claims().to_string()))
}

/// Message and signature of a token.
fn split(token: &str) -> (String, Vec<u8>) {
    let (message, signature) = token.rsplit_once('.').unwrap();
    (message.to_owned(), URL_SAFE_NO_PAD.decode(signature).unwrap())
}

/// Each key has its one algorithm, and signs for itself.
fn keys(issuer: &Issuer) -> Vec<Value> {
    let [es256, ed25519, rsa] = [issuer.es256.jwk(), issuer.ed25519.jwk(), issuer.signer.rsa_jwk()];
    let by_ed25519 = |header: &Value| issuer.signer.sign(&issuer.ed25519, &message(header));
    let of_kid = |alg: &str, jwk: &Value| json!({"alg": alg, "kid": jwk["kid"], "typ": "at+jwt"});
    let by_retired = message(&header_of(&issuer.retired.jwk()));
    let wrong = "token_wrong_algorithm";
    vec![
        accepted("an EdDSA token", by_ed25519(&header_of(&ed25519))),
        accepted("an EdDSA token that says Ed25519 (RFC 9864)", by_ed25519(&of_kid("Ed25519", &ed25519))),
        accepted("an RS256 token", issuer.signer.sign_rs256(&message(&header_of(&rsa)))),
        refused("an EdDSA token that says Ed448", by_ed25519(&of_kid("Ed448", &ed25519)), wrong),
        refused("an EdDSA token with the kid of the ES256 key", by_ed25519(&of_kid("EdDSA", &es256)), wrong),
        refused(
            "an ES256 token with the kid of the EdDSA key",
            issuer.sign(&message(&of_kid("ES256", &ed25519))),
            wrong,
        ),
        refused("an ES256 token with the kid of the RS256 key", issuer.sign(&message(&of_kid("ES256", &rsa))), wrong),
        refused(
            "an RS256 token with the kid of the ES256 key",
            format!("{}.AAAA", message(&of_kid("RS256", &es256))),
            wrong,
        ),
        refused("an RS256 token that says PS256", format!("{}.AAAA", message(&of_kid("PS256", &rsa))), wrong),
        refused("an RS256 token that says RS512", format!("{}.AAAA", message(&of_kid("RS512", &rsa))), wrong),
        refused("a token of a retired key", issuer.signer.sign(&issuer.retired, &by_retired), "token_unknown_key"),
        refused(
            "a token of a retired key with our kid",
            issuer.signer.sign(&issuer.retired, &message(&issuer.header())),
            BAD,
        ),
        refused(
            "a token that somebody else has signed",
            issuer.signer.sign(&issuer.foreign, &message(&issuer.header())),
            BAD,
        ),
    ]
}

fn es256(issuer: &Issuer) -> Vec<Value> {
    let token = issuer.with_claims(&json!({}));
    let (message, raw) = split(&token);
    let (r, s) = raw.split_at(32);
    let (zero, one) = ([0; 32], [[0; 31].as_slice(), &[1]].concat());
    let changed_claims = base64url(changed(&claims(), &json!({"roles": ["admin"]})).to_string());
    let (header, _) = message.split_once('.').unwrap();
    let mut flipped = raw.clone();
    flipped[0] ^= 1;
    let encoded = base64url(&raw);
    let (head, last) = encoded.split_at(encoded.len() - 1);
    let mut cases =
        vec![refused("changed claims under a good signature", format!("{header}.{changed_claims}.{encoded}"), BAD)];
    let forms = [
        ("none", String::new()),
        ("with another bit", base64url(&flipped)),
        ("of zeros: r = s = 0 (CVE-2022-21449)", base64url([zero, zero].concat())),
        ("with r = 0", base64url([zero.as_slice(), s].concat())),
        ("with s = 0", base64url([r, zero.as_slice()].concat())),
        ("with r = s = 1", base64url([one.clone(), one].concat())),
        ("with r = the order", base64url([P256_ORDER.as_slice(), s].concat())),
        ("with s = the order", base64url([r, P256_ORDER.as_slice()].concat())),
        ("with r and s exchanged", base64url([s, r].concat())),
        ("in DER", base64url(der(&[r, s]))),
        ("that lacks a byte", base64url(&raw[..63])),
        ("with a byte more", base64url([raw.as_slice(), &[0]].concat())),
        ("with a zero before each half", base64url([&[0], r, &[0], s].concat())),
        ("twice", base64url([raw.as_slice(), raw.as_slice()].concat())),
        ("with padding", URL_SAFE.encode(&raw)),
        ("in the standard alphabet", standard(&raw)),
        ("with a character that is not in the alphabet", format!("{encoded}!")),
        ("with a bit that belongs to no byte", format!("{head}{}", char::from(last.as_bytes()[0] + 1))),
        ("with a line break", format!("{}\n{}", &encoded[..40], &encoded[40..])),
        ("with a comma behind it", format!("{encoded},")),
        ("with a NUL behind it", format!("{encoded}\u{0}")),
    ];
    cases.extend(
        forms.map(|(name, form)| refused(&format!("an ES256 signature {name}"), format!("{message}.{form}"), BAD)),
    );
    cases
}

/// With one character that base64url does not have.
fn standard(raw: &[u8]) -> String {
    let encoded = STANDARD.encode(raw).replace('=', "");
    if encoded.contains(['+', '/']) { encoded } else { format!("+{}", &encoded[1..]) }
}

fn ed25519(issuer: &Issuer) -> Vec<Value> {
    let token = issuer.signer.sign(&issuer.ed25519, &message(&header_of(&issuer.ed25519.jwk())));
    let (message, raw) = split(&token);
    let (r, s) = raw.split_at(32);
    let forms = [
        ("none", Vec::new()),
        ("of zeros", vec![0; 64]),
        ("of the neutral element and zero", [[1].as_slice(), &[0; 63]].concat()),
        ("with s + the order", [r, &plus_order(s)].concat()),
        ("that lacks a byte", raw[..63].to_vec()),
        ("with a byte more", [raw.as_slice(), &[0]].concat()),
    ];
    forms
        .map(|(name, form)| {
            refused(&format!("an EdDSA signature {name}"), format!("{message}.{}", base64url(form)), BAD)
        })
        .into()
}

/// The same number modulo the order; only the smaller one is valid (RFC 8032 section 5.1.7).
fn plus_order(s: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let add = |(a, b): (&u8, u8)| {
        let sum = u16::from(*a) + u16::from(b) + carry;
        carry = sum >> 8;
        sum.to_le_bytes()[0]
    };
    s.iter().zip(ED25519_ORDER).map(add).collect()
}

fn rs256(issuer: &Issuer) -> Vec<Value> {
    let token = issuer.signer.sign_rs256(&message(&header_of(&issuer.signer.rsa_jwk())));
    let (message, raw) = split(&token);
    let modulus = URL_SAFE_NO_PAD.decode(issuer.signer.rsa_jwk()["n"].as_str().unwrap()).unwrap();
    let forms = [
        ("none", Vec::new()),
        ("of zeros", vec![0; 256]),
        ("of one", [[0; 255].as_slice(), &[1]].concat()),
        ("that is the modulus", modulus),
        ("that lacks a byte", raw.iter().take(255).copied().collect()),
        ("with a zero before it", [[0].as_slice(), &raw].concat()),
        ("with a byte more", [raw.as_slice(), &[0]].concat()),
    ];
    forms
        .map(|(name, form)| {
            refused(&format!("an RS256 signature {name}"), format!("{message}.{}", base64url(form)), BAD)
        })
        .into()
}

/// A sequence of positive integers (X.690).
fn der(integers: &[&[u8]]) -> Vec<u8> {
    let integer = |bytes: &&[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - 1);
        let mut digits = bytes[start..].to_vec();
        if digits[0] >= 0x80 {
            digits.insert(0, 0);
        }
        [&[2, u8::try_from(digits.len()).unwrap()], digits.as_slice()].concat()
    };
    let content: Vec<u8> = integers.iter().flat_map(integer).collect();
    [&[0x30, u8::try_from(content.len()).unwrap()], content.as_slice()].concat()
}
