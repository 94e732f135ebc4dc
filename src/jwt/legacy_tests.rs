//! Tokens as `PyJWT` makes them, and what else could be presented as one.

use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000);
const SECRET: &[u8] = b"django-insecure-0123456789abcdefghijklmnopqrstuvwxyz0123456789";

/// Made by `tests/vectors/legacy_rs256.py`.
const PUBLIC_PEM: &[u8] = include_bytes!("../../tests/vectors/legacy_rs256.pem");

/// Of an RSA key with 1024 bits.
const WEAK_PEM: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+6TiAC0M/iUYhxvsRh28KRq1l
jdDHNHFHbsxBMYOwmNdawDEln4WRCTSQtOMyxyfSUShvzwEjo/SrfC1DZxbwRLhH
ihhlH2zqFYlg6Kb1ON/DIUOCtabMgBbFb0tot3nI3VbruFtAfGHiStxBko4ASFvc
xQBl2zZ5GHoln+i3bwIDAQAB
-----END PUBLIC KEY-----
";

fn issuer(key: &[u8]) -> LegacyIssuer {
    LegacyIssuer { until: NOW + crate::clock::Seconds(3_600), ..LegacyIssuer::new(key).unwrap() }
}

fn signed(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

fn hs256() -> Value {
    json!({"alg": "HS256", "typ": "JWT"})
}

/// As simplejwt 5.5 makes them, with other values for some claims; null: without the claim.
fn claims(others: &Value) -> Value {
    let mut claims = json!({
        "token_type": "refresh", "exp": NOW.0 + 1_000, "iat": NOW.0 - 10, "jti": "5b7584e94d92470d9887390935da8417",
        "user_id": "42",
    });
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    claims
}

fn verified(others: &Value) -> Result<LegacyClaims, TokenError> {
    issuer(SECRET).verify(&signed(&hs256(), &claims(others), SECRET), NOW)
}

#[test]
fn a_token_of_simplejwt_is_read() {
    let expected = LegacyClaims {
        jti: "5b7584e94d92470d9887390935da8417".to_owned(),
        is_refresh: true,
        user: "42".to_owned(),
        issued_at: Some(NOW - crate::clock::Seconds(10)),
        expires_at: NOW + crate::clock::Seconds(1_000),
    };
    assert_eq!(verified(&json!({})), Ok(expected.clone()));
    // As earlier versions and other settings have them.
    assert_eq!(verified(&json!({"user_id": 42})), Ok(expected.clone()));
    assert_eq!(verified(&json!({"exp": 1_800_001_000.9})), Ok(expected.clone()));
    assert_eq!(verified(&json!({"iss": "x", "aud": ["y"], "name": "Ada", "iat": NOW.0 - 10})), Ok(expected));
    assert_eq!(verified(&json!({"iat": null})).unwrap().issued_at, None);
    assert!(!verified(&json!({"token_type": "access"})).unwrap().is_refresh);
}

#[test]
fn a_claim_that_is_missing_or_of_another_kind_is_refused() {
    let year_10000 = 253_402_300_800_i64;
    for bad in [
        json!({"exp": null}),
        json!({"exp": "1800001000"}),
        json!({"exp": -1}),
        json!({"exp": 1e300}),
        json!({"exp": year_10000}),
        json!({"jti": null}),
        json!({"jti": ""}),
        json!({"jti": 5}),
        json!({"jti": "a\u{0}b"}),
        json!({"jti": "x".repeat(256)}),
        json!({"user_id": null}),
        json!({"user_id": ""}),
        json!({"user_id": 1.5}),
        json!({"user_id": true}),
        json!({"user_id": ["42"]}),
        json!({"token_type": null}),
        json!({"iat": "now"}),
        json!({"nbf": []}),
    ] {
        assert_eq!(verified(&bad), Err(TokenError::Malformed), "{bad}");
    }
    for other in ["sliding", "untyped", "Refresh", ""] {
        assert_eq!(verified(&json!({"token_type": other})), Err(TokenError::WrongType), "{other}");
    }
}

#[test]
fn times_are_checked_to_the_second_and_only_the_start_may_be_ahead() {
    assert_eq!(verified(&json!({"exp": NOW.0})), Err(TokenError::Expired));
    assert!(verified(&json!({"exp": NOW.0 + 1})).is_ok());
    for start in ["iat", "nbf"] {
        assert!(verified(&json!({start: NOW.0 + 60})).is_ok(), "{start}");
        assert_eq!(verified(&json!({start: NOW.0 + 61})), Err(TokenError::NotYetValid), "{start}");
    }
    let over = LegacyIssuer { until: NOW, ..issuer(SECRET) };
    assert_eq!(over.verify(&signed(&hs256(), &claims(&json!({})), SECRET), NOW), Err(TokenError::Expired));
}

#[test]
fn issuer_and_audience_are_checked_where_they_are_set() {
    let strict = LegacyIssuer { issuer: Some("me".to_owned()), audience: Some("you".to_owned()), ..issuer(SECRET) };
    let verify = |others: Value| strict.verify(&signed(&hs256(), &claims(&others), SECRET), NOW).map(|_| ());
    assert_eq!(verify(json!({"iss": "me", "aud": "you"})), Ok(()));
    assert_eq!(verify(json!({"iss": "me", "aud": ["them", "you"]})), Ok(()));
    assert_eq!(verify(json!({"aud": "you"})), Err(TokenError::WrongIssuer));
    assert_eq!(verify(json!({"iss": "other", "aud": "you"})), Err(TokenError::WrongIssuer));
    assert_eq!(verify(json!({"iss": "me"})), Err(TokenError::WrongAudience));
    assert_eq!(verify(json!({"iss": "me", "aud": "them"})), Err(TokenError::WrongAudience));
    let renamed = LegacyIssuer { user_claim: "sub".to_owned(), ..issuer(SECRET) };
    let token = signed(&hs256(), &claims(&json!({"sub": "ada", "user_id": null})), SECRET);
    assert_eq!(renamed.verify(&token, NOW).unwrap().user, "ada");
}

#[test]
fn the_key_decides_the_algorithm() {
    let all = claims(&json!({}));
    for alg in ["none", "None", "", "hs256", "HS384", "HS512", "RS256", "ES256"] {
        let token = signed(&json!({"alg": alg, "typ": "JWT"}), &all, SECRET);
        assert_eq!(issuer(SECRET).verify(&token, NOW), Err(TokenError::WrongAlgorithm), "{alg}");
    }
    // The public key as the secret of HS256: its owner publishes it.
    let confused = signed(&hs256(), &all, PUBLIC_PEM);
    assert_eq!(issuer(PUBLIC_PEM).verify(&confused, NOW), Err(TokenError::WrongAlgorithm));
    let renamed = signed(&json!({"alg": "RS256"}), &all, PUBLIC_PEM);
    assert_eq!(issuer(PUBLIC_PEM).verify(&renamed, NOW), Err(TokenError::BadSignature));
    let unsigned = signed(&hs256(), &all, SECRET).rsplit_once('.').unwrap().0.to_owned();
    for token in [format!("{unsigned}."), format!("{unsigned}.AAAA"), signed(&hs256(), &all, b"another")] {
        assert_eq!(issuer(SECRET).verify(&token, NOW), Err(TokenError::BadSignature), "{token}");
    }
    let of_ours = signed(&json!({"alg": "HS256", "typ": "at+jwt"}), &all, SECRET);
    assert_eq!(issuer(SECRET).verify(&of_ours, NOW), Err(TokenError::WrongType));
    for odd in [json!({"alg": "HS256", "crit": ["b64"]}), json!({"alg": "HS256", "b64": false})] {
        assert_eq!(issuer(SECRET).verify(&signed(&odd, &all, SECRET), NOW), Err(TokenError::Malformed), "{odd}");
    }
    for text in ["", ".", "..", "a.b", "a.b.c.d", &"a".repeat(20_000)] {
        assert_eq!(issuer(SECRET).verify(text, NOW), Err(TokenError::Malformed), "{text}");
    }
}

#[test]
fn a_member_that_is_there_twice_is_refused() {
    let payload = format!(r#"{{"user_id":"1",{}"#, claims(&json!({})).to_string().strip_prefix('{').unwrap());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(hs256().to_string()), URL_SAFE_NO_PAD.encode(payload));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message.as_bytes());
    let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag));
    assert_eq!(issuer(SECRET).verify(&token, NOW), Err(TokenError::Malformed));
}

#[test]
fn a_line_break_at_the_end_of_the_file_may_belong_to_the_secret_or_not() {
    let with = |end: &str| [SECRET, end.as_bytes()].concat();
    let token = |secret: &[u8]| signed(&hs256(), &claims(&json!({})), secret);
    for end in ["\n", "\r\n"] {
        let issuer = issuer(&with(end));
        assert!(issuer.verify(&token(SECRET), NOW).is_ok() && issuer.verify(&token(&with(end)), NOW).is_ok());
        assert_eq!(issuer.verify(&token(&with("x")), NOW), Err(TokenError::BadSignature));
    }
    assert_eq!(issuer(&with(" ")).verify(&token(SECRET), NOW), Err(TokenError::BadSignature), "a space belongs to it");
}

#[test]
fn a_file_without_a_usable_key_is_refused() {
    for bad in ["", "\n", " \r\n"] {
        assert!(LegacyIssuer::new(bad.as_bytes()).is_err(), "{bad:?}");
    }
    let pem = std::str::from_utf8(PUBLIC_PEM).unwrap();
    for bad in
        [pem.replace("PUBLIC KEY", "PRIVATE KEY"), pem.replace("MII", "AAA"), "-----BEGIN PUBLIC KEY-----\n".to_owned()]
    {
        assert!(LegacyIssuer::new(bad.as_bytes()).is_err(), "{bad}");
    }
    let jwk = json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"});
    for public in [
        jwk.to_string().into_bytes(),
        json!({"keys": [jwk]}).to_string().into_bytes(),
        b"ssh-rsa AAAAB3NzaC1yc2E ada@example".to_vec(),
        b"\x30\x82\x01\x22\x30\x0d".to_vec(),
        b"\xff\xfe-\0-\0".to_vec(),
        [&b"\xef\xbb\xbf"[..], SECRET].concat(),
        WEAK_PEM.as_bytes().to_vec(),
    ] {
        assert!(LegacyIssuer::new(&public).is_err(), "{:?}", String::from_utf8_lossy(&public));
    }
    assert!(!format!("{:?}", issuer(SECRET)).contains("insecure"));
}

#[test]
fn a_secret_that_is_shorter_than_the_hash_is_noticed() {
    let is_short = |key: &[u8]| LegacyIssuer::new(key).unwrap().has_short_secret;
    assert!(is_short(&SECRET[..31]) && is_short(&[&SECRET[..31], b"\r\n"].concat()));
    assert!(!is_short(&SECRET[..32]) && !is_short(PUBLIC_PEM));
}

#[test]
fn the_expiry_of_a_token_is_read_without_its_key() {
    let of = |claims: &Value| unverified_expiry(&signed(&hs256(), claims, b"another"));
    assert_eq!(of(&claims(&json!({}))), Some(NOW + crate::clock::Seconds(1_000)));
    assert_eq!(of(&claims(&json!({"exp": "soon"}))), None);
    for bad in ["", "x.y.z", "x"] {
        assert_eq!(unverified_expiry(bad), None, "{bad}");
    }
}

/// `tests/vectors/legacy_rs256.py` has made both.
#[test]
fn a_token_that_pyjwt_signed_with_rs256_is_verified() {
    let token = include_str!("../../tests/vectors/legacy_rs256.jwt");
    assert_eq!(issuer(PUBLIC_PEM).verify(token, NOW).unwrap().user, "42");
    let mut tampered = token.trim().to_owned();
    tampered.replace_range(40..41, if tampered.as_bytes()[40] == b'A' { "B" } else { "A" });
    assert_eq!(issuer(PUBLIC_PEM).verify(&tampered, NOW), Err(TokenError::BadSignature));
}
