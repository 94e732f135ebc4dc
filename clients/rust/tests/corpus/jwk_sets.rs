//! `jwks.json`: JWK Sets, and the keys that a verifier takes from them.

use serde_json::{Value, json};

use crate::issuer::{AUDIENCE, ISSUER, Issuer, NOW, changed, claims, header_of};
use crate::keys::base64url;
use crate::merged;

pub(crate) fn file(issuer: &Issuer) -> Value {
    let cases = [documents(issuer), members(issuer), parameters(issuer), sets(issuer)].concat();
    json!({
        "description": "JWK Sets, and the keys that a verifier takes from them.",
        "issuer": ISSUER, "audiences": [AUDIENCE], "now": NOW, "cases": cases,
    })
}

/// A set with these keys.
fn case(name: &str, keys: &Value, usable: &[&Value]) -> Value {
    of_text(name, &json!({ "keys": keys }).to_string(), usable)
}

fn of_text(name: &str, document: &str, usable: &[&Value]) -> Value {
    let expected = if usable.is_empty() { "refused" } else { "ok" };
    let kids: Vec<&Value> = usable.iter().map(|key| &key["kid"]).collect();
    json!({"name": name, "document": document, "expected": expected, "usable": kids})
}

fn documents(issuer: &Issuer) -> Vec<Value> {
    let key = issuer.es256.jwk();
    let mut cases: Vec<Value> = [
        ("an empty document", ""),
        ("no JSON", "garbage"),
        ("HTML", "<!doctype html><title>502</title>"),
        ("null", "null"),
        ("a text", r#""keys""#),
        ("a list", "[]"),
        ("an object without keys", "{}"),
        ("no keys", r#"{"keys":[]}"#),
        ("keys null", r#"{"keys":null}"#),
        ("keys that are an object", r#"{"keys":{}}"#),
        ("Keys in another case", r#"{"Keys":[]}"#),
    ]
    .map(|(name, document)| of_text(name, document, &[]))
    .into();
    let set = json!({"keys": [key]}).to_string();
    cases.extend([
        of_text("one key that is no set", &key.to_string(), &[]),
        of_text("a list of keys that is no set", &json!([key]).to_string(), &[]),
        of_text("a list with a list of keys", &json!([[key]]).to_string(), &[]),
        of_text("keys that are one key", &json!({"keys": key}).to_string(), &[]),
        of_text("a set that ends early", &set[..set.len() - 1], &[]),
        of_text("a set with text behind it", &format!("{set}x"), &[]),
        of_text("a set with a second one behind it", &format!("{set}{set}"), &[]),
        of_text("a set with white space around it", &format!("\r\n {set}\n"), &[&key]),
        of_text("a set with other members", &json!({"keys": [key], "issuer": 7, "crv": null}).to_string(), &[&key]),
        of_text("keys twice: the last counts", &format!(r#"{{"keys":[],{}"#, &set[1..]), &[&key]),
        of_text("keys twice, the last empty", &format!(r#"{},"keys":[]}}"#, &set[..set.len() - 1]), &[]),
        of_text(
            "a member of a key twice: the last counts",
            &set.replace(r#""alg":"#, r#""alg":"HS256","alg":"#),
            &[&key],
        ),
    ]);
    cases
}

/// Members that agree with the key's algorithm, or do not. RFC 7517 sections 4 and 5.
fn members(issuer: &Issuer) -> Vec<Value> {
    let keys = issuer.jwks()["keys"].clone();
    let (es256, ed25519) = (issuer.es256.jwk(), issuer.ed25519.jwk());
    let with = |changes: &Value| changed(&es256, changes);
    let mut cases = vec![case("a key of each algorithm", &keys, &keys.as_array().unwrap().iter().collect::<Vec<_>>())];
    for changes in [
        json!({"use": null}),
        json!({"use": null, "key_ops": ["verify"]}),
        json!({"use": null, "key_ops": ["verify", "encrypt"]}),
        json!({"key_ops": ["sign", "verify"]}),
        json!({"x5c": 7, "x5t": [], "nbf": [], "anything": {"d": 1}, "D": "AA"}),
        json!({"kid": "another name"}),
    ] {
        let key = with(&changes);
        cases.push(case(&format!("a usable key with {changes}"), &json!([key]), &[&key]));
    }
    let of_rfc_9864 = changed(&ed25519, &json!({"alg": "Ed25519"}));
    cases.push(case("a key that says Ed25519 (RFC 9864)", &json!([of_rfc_9864]), &[&of_rfc_9864]));
    for changes in [
        json!({"kid": null}),
        json!({"kid": 7}),
        json!({"kid": ["a"]}),
        json!({"alg": null}),
        json!({"alg": ["ES256"]}),
        json!({"alg": "HS256"}),
        json!({"alg": "none"}),
        json!({"alg": "ES384"}),
        json!({"alg": "es256"}),
        json!({"alg": "EdDSA"}),
        json!({"alg": "RS256"}),
        json!({"kty": null}),
        json!({"kty": "oct"}),
        json!({"kty": "ec"}),
        json!({"kty": "AKP"}),
        json!({"kty": 1}),
        json!({"use": "enc"}),
        json!({"use": "SIG"}),
        json!({"use": ["sig"]}),
        json!({"key_ops": []}),
        json!({"key_ops": "verify"}),
        json!({"key_ops": ["sign"]}),
        json!({"key_ops": ["verify", "verify"]}),
        json!({"key_ops": ["verify", 7]}),
        json!({"key_ops": ["verify", "encrypt"]}),
        json!({"d": "AA"}),
        json!({"d": ""}),
        json!({"k": "AA"}),
        json!({"p": "AA", "q": "AA"}),
    ] {
        // Beside one that is usable: a bad key affects no other.
        cases.push(case(&format!("a key with {changes} is left out"), &json!([with(&changes), ed25519]), &[&ed25519]));
        if changes.get("kid").is_none() {
            cases.push(case(&format!("no key but one with {changes}"), &json!([with(&changes)]), &[]));
        }
    }
    for (name, other) in [
        ("null", json!(null)),
        ("a list", json!([])),
        ("a text", json!("key")),
        ("an empty object", json!({})),
        ("a symmetric key", json!({"kty": "oct", "kid": "a", "alg": "HS256", "k": "AAECAwQFBgcICQoLDA0ODw"})),
        ("a post-quantum key", json!({"kty": "AKP", "kid": "a", "alg": "ML-DSA-44", "pub": "AAAA"})),
    ] {
        cases.push(case(&format!("{name} beside a key"), &json!([other, es256]), &[&es256]));
        cases.push(case(&format!("nothing but {name}"), &json!([other]), &[]));
    }
    cases
}

/// RFC 7518 section 6, RFC 8037 section 2.
fn parameters(issuer: &Issuer) -> Vec<Value> {
    let (es256, ed25519, rsa) = (issuer.es256.jwk(), issuer.ed25519.jwk(), issuer.signer.rsa_jwk());
    let coordinate = es256["x"].as_str().unwrap();
    let mut unusable: Vec<(String, Value)> = Vec::new();
    let mut add = |of: &str, key: &Value, changes: Value| {
        unusable.push((format!("{of} key with {changes}"), changed(key, &changes)));
    };
    for crv in ["P-384", "P-521", "secp256k1", "Ed25519", ""] {
        add("an ES256", &es256, json!({ "crv": crv }));
    }
    for crv in ["Ed448", "X25519", "P-256", ""] {
        add("an EdDSA", &ed25519, json!({ "crv": crv }));
    }
    for (of, key) in [("an ES256", &es256), ("an EdDSA", &ed25519)] {
        add(of, key, json!({"crv": null}));
        for x in [
            json!(null),
            json!(7),
            json!(""),
            json!("A"),
            json!("+/+/"),
            json!(base64url([3; 31])),
            json!(base64url([3; 33])),
        ] {
            add(of, key, json!({ "x": x }));
        }
    }
    for y in [json!(null), json!(""), json!(base64url([3; 31]))] {
        add("an ES256", &es256, json!({ "y": y }));
    }
    add("an ES256", &es256, json!({"x": format!("{coordinate}=")}));
    add("an ES256", &es256, json!({"x": base64url([0; 32]), "y": base64url([0; 32])}));
    add("an ES256", &es256, json!({"x": base64url([0xff; 32])}));
    // Beside the curve.
    add("an ES256", &es256, json!({"y": coordinate}));
    for e in [json!(null), json!(""), json!("AQ"), json!("AAEAAQ"), json!("AQAA"), json!("A"), json!(65_537)] {
        add("an RS256", &rsa, json!({ "e": e }));
    }
    for n in [json!(null), json!(""), json!("A"), json!(7)] {
        add("an RS256", &rsa, json!({ "n": n }));
    }
    let mut cases: Vec<Value> =
        unusable.iter().map(|(name, key)| case(name, &json!([key, es256_of(issuer)]), &[&es256_of(issuer)])).collect();
    for (name, modulus) in [
        ("of 1024 bits", vec![0xff; 128]),
        ("of 2040 bits", vec![0xff; 255]),
        ("of 8200 bits", vec![0xff; 1_025]),
        ("with a leading zero", [[0].as_slice(), &[0xff; 256]].concat()),
        ("that is even", [[0xff; 255].as_slice(), &[0xfe]].concat()),
    ] {
        let key = changed(&rsa, &json!({"n": base64url(modulus)}));
        cases.push(case(&format!("an RSA modulus {name}"), &json!([key, es256_of(issuer)]), &[&es256_of(issuer)]));
    }
    cases
}

/// A good key with another name.
fn es256_of(issuer: &Issuer) -> Value {
    changed(&issuer.es256.jwk(), &json!({"kid": "good"}))
}

/// Several keys, and which of them verifies a token.
fn sets(issuer: &Issuer) -> Vec<Value> {
    let [ours, foreign] = [&issuer.es256, &issuer.foreign].map(|key| changed(&key.jwk(), &json!({"kid": "same"})));
    let ed25519 = changed(&issuer.ed25519.jwk(), &json!({"kid": "same"}));
    let message =
        |jwk: &Value| format!("{}.{}", base64url(header_of(jwk).to_string()), base64url(claims().to_string()));
    let by_us = issuer.sign(&message(&ours));
    let by_ed25519 = issuer.signer.sign(&issuer.ed25519, &message(&ed25519));
    let without_use = changed(&issuer.es256.jwk(), &json!({"use": "enc"}));
    let token = |token: &str, expected: &str| json!({"token": token, "expected": expected});
    [
        (
            "two keys of one name and algorithm: the first counts",
            case("", &json!([ours, foreign]), &[&ours]),
            vec![token(&by_us, "ok")],
        ),
        (
            "two keys of one name and algorithm: not the second",
            case("", &json!([foreign, ours]), &[&ours]),
            vec![token(&by_us, "token_bad_signature")],
        ),
        (
            "two keys of one name and different algorithms: both count",
            case("", &json!([ours, ed25519]), &[&ours]),
            vec![token(&by_us, "ok"), token(&by_ed25519, "ok")],
        ),
        (
            "a key that is for encryption does not stand in the way of another of its name",
            case("", &json!([changed(&ours, &json!({"use": "enc"})), ours]), &[&ours]),
            vec![token(&by_us, "ok")],
        ),
        (
            "a key of the right name and algorithm that is for encryption",
            case("", &json!([without_use, es256_of(issuer)]), &[&es256_of(issuer)]),
            vec![token(&issuer.with_claims(&json!({})), "token_unknown_key")],
        ),
        (
            "a private key is published: nothing that it signs is accepted",
            case(
                "",
                &json!([changed(&issuer.es256.jwk(), &json!({"d": base64url([1; 32])})), es256_of(issuer)]),
                &[&es256_of(issuer)],
            ),
            vec![token(&issuer.with_claims(&json!({})), "token_unknown_key")],
        ),
    ]
    .map(|(name, case, tokens)| merged(&case, &json!({"name": name, "tokens": tokens})))
    .into()
}
