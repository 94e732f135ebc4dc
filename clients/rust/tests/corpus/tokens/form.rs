//! Texts that do not have the form of a signed JWT, or have it with something more.

use serde_json::{Value, json};

use super::{accepted, refused};
use crate::issuer::{Issuer, changed, claims};
use crate::keys::base64url;

const MALFORMED: &str = "token_malformed";

/// The longest accepted token.
const MAX_BYTES: usize = 16 * 1024;

/// Of ES256, in base64url.
const SIGNATURE_BYTES: usize = 86;

pub(super) fn cases(issuer: &Issuer) -> Vec<Value> {
    let token = issuer.with_claims(&json!({}));
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!() };
    let claims = claims().to_string();
    let mut cases = vec![
        accepted("a token from a login", token.clone()),
        accepted("white space around a token", format!(" \t{token}\r\n")),
    ];
    cases.extend(
        [
            ("nothing", String::new()),
            ("white space", " \t\n".to_owned()),
            ("a word", "garbage".to_owned()),
            ("one dot", ".".to_owned()),
            ("two dots", "..".to_owned()),
            ("three dots", "...".to_owned()),
            ("a token without its signature part", format!("{header}.{payload}")),
            ("a token with a fourth part", format!("{token}.{signature}")),
            ("a token with a dot at its end", format!("{token}.")),
            ("a token with a dot at its start", format!(".{token}")),
            ("two tokens", format!("{token} {token}")),
            ("two tokens with a comma", format!("{token},{token}")),
            ("an empty header", format!(".{payload}.{signature}")),
            ("a signed token with a fourth part", issuer.sign(&format!("{header}.{payload}.{payload}"))),
            ("a signed empty payload", issuer.sign(&format!("{header}."))),
            ("padding in the header", issuer.sign(&format!("{header}=.{payload}"))),
            ("padding in the payload", issuer.sign(&format!("{header}.{payload}="))),
            ("a space before the payload", issuer.sign(&format!("{header}. {payload}"))),
            ("a line break in the payload", issuer.sign(&format!("{header}.{}\n{}", &payload[..76], &payload[76..]))),
            ("a character more in the header", issuer.sign(&format!("{header}A.{payload}"))),
            ("a character more in the payload", issuer.sign(&format!("{header}.{payload}A"))),
            (
                "the standard alphabet in the payload",
                issuer.sign(&format!("{header}.{}", base64url(&claims[..20]) + "+/")),
            ),
            (
                "bits in the payload that belong to no byte",
                issuer.sign(&format!("{header}.{}", with_spare_bits(&claims))),
            ),
            ("a payload that is no JSON", issuer.signed(issuer.header().to_string(), "garbage")),
            ("a payload that is an array", issuer.signed(issuer.header().to_string(), "[]")),
            ("a payload that is an array of all claims", of_values(issuer)),
            ("a payload that is a text", issuer.signed(issuer.header().to_string(), "\"x\"")),
            ("a payload that is null", issuer.signed(issuer.header().to_string(), "null")),
            ("a payload without any claim", issuer.signed(issuer.header().to_string(), "{}")),
            ("a payload that ends early", issuer.signed(issuer.header().to_string(), &claims[..claims.len() - 1])),
            (
                "a payload with a second object behind it",
                issuer.signed(issuer.header().to_string(), format!("{claims}{{}}")),
            ),
            ("a payload with text behind it", issuer.signed(issuer.header().to_string(), format!("{claims}x"))),
            ("a payload with a comma too many", issuer.signed(issuer.header().to_string(), claims.replace('}', ",}"))),
            ("a payload with a comment", issuer.signed(issuer.header().to_string(), claims.replace('}', "/**/}"))),
            (
                "a payload with a byte order mark",
                issuer.signed(issuer.header().to_string(), format!("\u{feff}{claims}")),
            ),
            ("a payload in UTF-16", issuer.signed(issuer.header().to_string(), utf_16(&claims))),
            ("a compact JWE", format!("{}.AAAA.AAAA.{payload}.AAAA", base64url(r#"{"alg":"dir","enc":"A256GCM"}"#))),
            ("a JWS in JSON", json!({"payload": payload, "protected": header, "signature": signature}).to_string()),
        ]
        .map(|(name, token)| refused(name, token, MALFORMED)),
    );
    cases.extend(members(issuer));
    cases.extend(sizes(issuer));
    cases
}

/// Members that are there twice or are no Unicode.
fn members(issuer: &Issuer) -> Vec<Value> {
    let claims = claims().to_string();
    let with = |member: &[u8]| {
        let payload = [b"{", member, b",", &claims.as_bytes()[1..]].concat();
        issuer.signed(issuer.header().to_string(), payload)
    };
    let mut cases: Vec<Value> = [
        ("exp twice", &br#""exp":9999999999"#[..]),
        ("sub twice", br#""sub":"admin""#),
        ("sub twice, once with an escape", br#""\u0073ub":"admin""#),
        ("an unknown claim twice", br#""x":1,"x":1"#),
        ("a member of a claim's value twice", br#""x":{"y":1,"y":2}"#),
        ("a member in a list twice", br#""x":[{"y":1,"y":2}]"#),
        ("a text that is not UTF-8", b"\"x\":\"\xff\""),
        ("a name that is not UTF-8", b"\"\xff\":1"),
        ("a surrogate in UTF-8", b"\"x\":[\"\xed\xa0\x80\"]"),
        ("an overlong form in UTF-8", b"\"x\":\"\xc0\xaf\""),
        ("half a surrogate pair by an escape", br#""x":"\ud800""#),
        ("half a surrogate pair in a name", br#""\udfff":1"#),
        ("a raw control character in a text", b"\"x\":\"a\x00b\""),
        ("a raw line break in a text", b"\"x\":\"a\nb\""),
        ("a number that is too large for anything", br#""x":1e999"#),
        ("NaN", br#""x":NaN"#),
        ("Infinity", br#""x":-Infinity"#),
        ("a number with a leading zero", br#""x":01"#),
        ("a hexadecimal number", br#""x":0x1"#),
        ("a text in single quotes", br#""x":'y'"#),
    ]
    .map(|(name, member)| refused(name, with(member), MALFORMED))
    .into();
    let spaced = claims.replace(',', " ,\r\n\t").replace("\":", "\" : ");
    cases.extend([
        accepted("white space within the payload", issuer.signed(issuer.header().to_string(), spaced)),
        accepted("members with one name in different objects", with(br#""x":{"sub":1},"y":{"sub":1}"#)),
        accepted(
            "texts beyond ASCII",
            with("\"x\":\"\u{e9}\u{2028}\u{1f600}\",\"\u{e9}\":\"\\ud83d\\ude00\"".as_bytes()),
        ),
        accepted("a NUL by an escape", with(br#""x":"a\u0000b""#)),
        accepted(
            "names that mean something to some languages",
            with(br#""__proto__":{"roles":["admin"]},"constructor":1"#),
        ),
    ]);
    cases
}

fn sizes(issuer: &Issuer) -> Vec<Value> {
    let nested = |depth: usize| {
        let value = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let payload = claims().to_string().replacen('{', &format!(r#"{{"x":{value},"#), 1);
        issuer.signed(issuer.header().to_string(), payload)
    };
    let fitting = |bytes: usize| {
        // Not every length can be had with longer claims alone.
        let message = |(in_header, in_claims): (usize, usize)| {
            let header = changed(&issuer.header(), &json!({"x": "x".repeat(in_header)}));
            let payload = changed(&claims(), &json!({"x": "x".repeat(in_claims)}));
            format!("{}.{}", base64url(header.to_string()), base64url(payload.to_string()))
        };
        let sizes = (0..3).flat_map(|in_header| (11_000..12_000).map(move |in_claims| (in_header, in_claims)));
        let fits = |message: &String| message.len() + ".".len() + SIGNATURE_BYTES == bytes;
        issuer.sign(&sizes.map(message).find(fits).unwrap())
    };
    vec![
        accepted("a claim that is nested 100 times", nested(100)),
        refused("a claim that is nested 5,000 times", nested(5_000), MALFORMED),
        accepted("the longest accepted token", fitting(MAX_BYTES)),
        refused("a token that is too long by one byte", fitting(MAX_BYTES + 1), MALFORMED),
        refused("a megabyte", json!([["A", 1_000_000]]), MALFORMED),
        refused("a megabyte of dots", json!([[".", 1_000_000]]), MALFORMED),
        refused("a megabyte of payload", json!(["e30.", ["eHh4", 250_000], ".AAAA"]), MALFORMED),
        refused("a megabyte of brackets", json!(["W1tb", ["W1tb", 250_000], ".e30.AAAA"]), MALFORMED),
    ]
}

/// The values of the claims without their names.
fn of_values(issuer: &Issuer) -> String {
    let claims = changed(&claims(), &json!({}));
    let values: Vec<&Value> = claims.as_object().unwrap().values().collect();
    issuer.signed(issuer.header().to_string(), json!(values).to_string())
}

/// Base64url whose last character has a bit that must be zero.
fn with_spare_bits(claims: &str) -> String {
    // So that the length leaves spare bits.
    let claims = if claims.len().is_multiple_of(3) { claims.replacen('{', "{ ", 1) } else { claims.to_owned() };
    let text = base64url(claims);
    let (head, last) = text.split_at(text.len() - 1);
    format!("{head}{}", char::from(last.as_bytes()[0] + 1))
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}
