//! Published test vectors: a signature of RFC 7515, a signature and a thumbprint of RFC 8037, the thumbprint of RFC
//! 7638. Also keys that cannot be used.

use jsonwebtoken::Algorithm;
use serde_json::json;

use super::*;

fn jwk(json: &str) -> Jwk {
    serde_json::from_str(json).unwrap()
}

fn signature_is_good(jwk: &Jwk, alg: Algorithm, jws: &str) -> bool {
    let (message, signature) = jws.rsplit_once('.').unwrap();
    let key = DecodingKey::from_jwk(jwk).unwrap();
    jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, alg).unwrap()
}

/// [RFC 7638 section 3.1](https://www.rfc-editor.org/rfc/rfc7638#section-3.1).
#[test]
fn rfc_7638_section_3_1_thumbprint_of_an_rsa_key() {
    let key = jwk(
        r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#,
    );
    let (kid, _) = published(key, SigningAlg::Rs256).unwrap();
    assert_eq!(kid, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

/// [RFC 8037 appendix A.3](https://www.rfc-editor.org/rfc/rfc8037#appendix-A.3).
#[test]
fn rfc_8037_a_3_thumbprint_of_an_ed25519_key() {
    let key = jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    let (kid, published) = published(key, SigningAlg::EdDsa).unwrap();
    assert_eq!(kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    assert_eq!(published.common.key_id.as_deref(), Some(kid.as_str()));
}

/// [RFC 8037 appendix A.4 and A.5](https://www.rfc-editor.org/rfc/rfc8037#appendix-A.4).
#[test]
fn rfc_8037_a_5_ed25519_signature_verifies_and_a_changed_one_does_not() {
    let key = jwk(r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#);
    let jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert!(signature_is_good(&key, Algorithm::EdDSA, jws));
    assert!(!signature_is_good(&key, Algorithm::EdDSA, &jws.replace(".hgyY", ".hgyZ")));
}

/// [RFC 7515 appendix A.3](https://www.rfc-editor.org/rfc/rfc7515#appendix-A.3): ES256.
#[test]
fn rfc_7515_a_3_es256_signature_verifies_and_a_changed_one_does_not() {
    let key = jwk(
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
    );
    let jws = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    assert!(signature_is_good(&key, Algorithm::ES256, jws));
    assert!(!signature_is_good(&key, Algorithm::ES256, &jws.replace(".DtEh", ".DtEi")));
}

/// Keys of the RFCs above, complete.
fn examples() -> [Value; 3] {
    [
        json!({"kid": "a", "alg": "ES256", "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}),
        json!({"kid": "b", "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        json!({"kid": "c", "alg": "RS256", "kty": "RSA", "e": "AQAB", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}),
    ]
}

/// A copy of a key with members changed, or with "-" taken away.
fn changed(key: &Value, changes: &Value) -> Value {
    let mut key = key.clone();
    for (name, value) in changes.as_object().unwrap() {
        key[name] = value.clone();
    }
    key.as_object_mut().unwrap().retain(|_, value| value.as_str() != Some("-"));
    key
}

fn is_usable(key: &Value) -> bool {
    read_jwk(key).is_ok()
}

#[test]
fn a_key_is_usable_with_members_that_agree_or_are_not_known() {
    for key in examples() {
        for changes in [
            json!({}),
            json!({"use": "sig"}),
            json!({"key_ops": ["verify"]}),
            json!({"key_ops": ["verify", "encrypt"]}),
            json!({"use": "sig", "key_ops": ["sign", "verify"]}),
            json!({"x5c": 7, "x5t": null, "nbf": [], "anything": {"d": 1}}),
        ] {
            assert!(is_usable(&changed(&key, &changes)), "{key} {changes}");
        }
    }
    let [_, ed25519, _] = examples();
    assert!(is_usable(&changed(&ed25519, &json!({"alg": "Ed25519"}))), "RFC 9864");
}

#[test]
fn a_key_that_contradicts_its_algorithm_is_left_out() {
    let [es256, ed25519, rsa] = examples();
    for key in [&es256, &ed25519, &rsa] {
        for changes in [
            json!({"kid": "-"}),
            json!({"kid": null}),
            json!({"kid": 7}),
            json!({"alg": "-"}),
            json!({"alg": null}),
            json!({"alg": ["ES256"]}),
            json!({"alg": "HS256"}),
            json!({"alg": "none"}),
            json!({"alg": "ES384"}),
            json!({"alg": "PS256"}),
            json!({"kty": "-"}),
            json!({"kty": "oct"}),
            json!({"kty": "ec"}),
            json!({"kty": 1}),
            json!({"use": "enc"}),
            json!({"use": "SIG"}),
            json!({"use": null}),
            json!({"use": ["sig"]}),
            json!({"key_ops": []}),
            json!({"key_ops": null}),
            json!({"key_ops": "verify"}),
            json!({"key_ops": ["sign"]}),
            json!({"key_ops": ["encrypt"]}),
            json!({"key_ops": ["verify", "verify"]}),
            json!({"key_ops": ["verify", 7]}),
            json!({"use": "sig", "key_ops": ["verify", "encrypt"]}),
            json!({"d": "AA"}),
            json!({"k": "AA"}),
            json!({"dp": null}),
        ] {
            assert!(!is_usable(&changed(key, &changes)), "{key} {changes}");
        }
    }
    for (key, other) in [(&es256, "EdDSA"), (&es256, "RS256"), (&ed25519, "ES256"), (&rsa, "ES256"), (&rsa, "EdDSA")] {
        assert!(!is_usable(&changed(key, &json!({"alg": other}))), "{other}");
    }
    assert!(!is_usable(&changed(&es256, &json!({"alg": "Ed25519"}))));
}

#[test]
fn a_key_whose_parameters_are_none_is_left_out() {
    let [es256, ed25519, rsa] = examples();
    let short = URL_SAFE_NO_PAD.encode([3; 31]);
    let long = URL_SAFE_NO_PAD.encode([3; 33]);
    for curve in [json!({"crv": "P-384"}), json!({"crv": "P-521"}), json!({"crv": "secp256k1"}), json!({"crv": "-"})] {
        assert!(!is_usable(&changed(&es256, &curve)) && !is_usable(&changed(&ed25519, &curve)), "{curve}");
    }
    for curve in ["Ed448", "X25519", "P-256"] {
        assert!(!is_usable(&changed(&ed25519, &json!({"crv": curve}))), "{curve}");
    }
    for x in [json!("-"), json!(null), json!(7), json!(""), json!("A"), json!("+/+/"), json!(short), json!(long)] {
        for key in [&es256, &ed25519] {
            assert!(!is_usable(&changed(key, &json!({ "x": x }))), "{x}");
        }
        assert!(!is_usable(&changed(&es256, &json!({ "y": x }))), "{x}");
    }
    let padded = format!("{}=", es256["x"].as_str().unwrap());
    assert!(!is_usable(&changed(&es256, &json!({ "x": padded }))));
    assert!(!is_usable(&changed(&es256, &json!({ "x": es256["y"] }))), "beside the curve");
    let weak = URL_SAFE_NO_PAD.encode([0xff; 128]);
    let zeros = URL_SAFE_NO_PAD.encode([&[0][..], &[0xff; 256]].concat());
    for n in [json!("-"), json!(""), json!("A"), json!(7), json!(weak), json!(zeros)] {
        assert!(!is_usable(&changed(&rsa, &json!({ "n": n }))), "{n}");
    }
    for e in ["", "AQ", "AAEAAQ", "AQAA", "A", "="] {
        assert!(!is_usable(&changed(&rsa, &json!({ "e": e }))), "{e}");
    }
}

#[test]
fn each_key_of_a_set_stands_for_itself() {
    let kids = |set: Value| {
        let keys = verification_keys_of_jwks(&set.to_string()).ok()?;
        Some(["a", "b", "c"].map(|kid| keys.algorithms(kid)))
    };
    let [es256, ed25519, rsa] = examples();
    let none = Vec::new;
    let (es, ed) = (vec![Algorithm::ES256], vec![Algorithm::EdDSA]);
    let all = Some([es.clone(), ed.clone(), vec![Algorithm::RS256]]);
    assert_eq!(kids(json!({"keys": [es256, ed25519, rsa]})), all);
    for other in
        [json!(null), json!([]), json!("key"), json!({}), json!({"kty": "AKP"}), changed(&rsa, &json!({"e": 1}))]
    {
        assert_eq!(kids(json!({"keys": [other, es256, other, ed25519]})), Some([es.clone(), ed.clone(), none()]));
        assert_eq!(kids(json!({"keys": [other]})), None, "{other}");
    }
    // RFC 7517 section 4.5: of one name, one key of each algorithm.
    let same = changed(&ed25519, &json!({"kid": "a"}));
    let both = vec![Algorithm::ES256, Algorithm::EdDSA];
    assert_eq!(kids(json!({"keys": [es256, same, es256]})), Some([both, none(), none()]));
    for set in ["", "[]", "{}", "null", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":null}"#, r#"{"Keys":[]}"#] {
        assert!(verification_keys_of_jwks(set).is_err(), "{set}");
    }
}
