//! Tokens that are not what they claim to be. Every one is 401 (or 400 for a header that is no token), never 500, on
//! every way in.

use std::fs;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::jwt::{
    DenylistClaims, Document as _, DocumentKind, Expected, KINDS, KeyUse, MAX_CLOCK_SKEW, authentic_payload, verify,
};
use tokensmith::internals::model::names::ADMIN_ROLE;
use tokensmith_verifier::{AccessClaims, TokenError, Verifier, VerifyError};

use crate::support::oauth::{ALL, NOTES};
use crate::support::{Answer, Engine, PASSWORD, TestApp, passkey};

/// A service, one of its pairs, and its private key: with it a test can sign what the service never would.
struct Target {
    app: TestApp,
    /// Of another service.
    verifier: Verifier,
    pair: Value,
    key_der: Vec<u8>,
    header: Value,
    claims: Value,
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

impl Target {
    fn new() -> Self {
        let app = TestApp::start(Engine::Sqlite);
        app.create_user("ada", &[]);
        let pair = app.login("ada", PASSWORD).ok();
        let files = fs::read_dir(app.keys_dir()).unwrap().map(|entry| entry.unwrap().path());
        let file = files.into_iter().find(|path| path.extension().is_some_and(|e| e == "pem")).unwrap();
        let key_der = pem::parse(fs::read(file).unwrap()).unwrap().into_contents();
        let token = pair["access_token"].as_str().unwrap().to_owned();
        let mut parts = token.split('.');
        let (header, claims) = (decoded(parts.next().unwrap()), decoded(parts.next().unwrap()));
        let jwks = app.get("/.well-known/jwks.json").body;
        let url = claims["iss"].as_str().unwrap();
        let verifier = Verifier::from_jwks(&jwks, url, url).clock(app.clock.clone()).build().unwrap();
        Self { app, verifier, pair, key_der, header, claims }
    }

    fn access_token(&self) -> &str {
        self.pair["access_token"].as_str().unwrap()
    }

    fn parts(&self) -> [&str; 3] {
        let parts: Vec<&str> = self.access_token().split('.').collect();
        parts.try_into().unwrap()
    }

    /// Signed with the service's own key.
    fn sign(&self, message: &str) -> String {
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &self.key_der).unwrap();
        let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn signed(&self, header: &Value, claims: &Value) -> String {
        self.sign(&format!("{}.{}", part(header), part(claims)))
    }

    fn with_header(&self, changes: &Value) -> String {
        self.signed(&merged(&self.header, changes), &self.claims)
    }

    fn with_claims(&self, changes: &Value) -> String {
        self.signed(&self.header, &merged(&self.claims, changes))
    }

    /// Tries every way in that takes a token; all must refuse with the same code.
    #[track_caller]
    fn refuses(&self, what: &str, token: &str, code: &str) {
        let refused = |answer: &Answer| {
            assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some(code)), "{what}: {answer:?}");
        };
        refused(&self.app.get_as("/v1/me", token));
        match self.verifier.verify(token) {
            Err(VerifyError::Refused(why)) => assert_eq!(why.code(), code, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
        refused(&self.app.verify(&token.into()));
        assert_eq!(self.app.refresh(&token.into()).status, 401, "{what}");
        assert_eq!(self.app.revoke(&token.into()).status, 204, "{what}");
    }
}

/// `null` removes a member.
fn merged(base: &Value, changes: &Value) -> Value {
    let mut result = base.clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            result.as_object_mut().unwrap().remove(name);
        } else {
            result[name] = value.clone();
        }
    }
    result
}

#[test]
fn tokens_that_these_tests_sign_correctly_are_accepted() {
    let target = Target::new();
    assert_eq!(target.app.get_as("/v1/me", &target.with_claims(&json!({}))).status, 200);
    assert_eq!(target.app.get_as("/v1/me", &target.with_header(&json!({"typ": "Application/AT+JWT"}))).status, 200);
}

#[test]
fn a_token_without_a_signature_is_refused() {
    let target = Target::new();
    let [_, payload, _] = target.parts();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = part(&merged(&target.header, &json!({"alg": alg})));
        target.refuses(alg, &format!("{header}.{payload}."), "token_wrong_algorithm");
    }
    let [header, payload, _] = target.parts();
    target.refuses("empty signature", &format!("{header}.{payload}."), "token_bad_signature");
    target.refuses("two parts", &format!("{header}.{payload}"), "token_malformed");
}

/// CVE-2016-10555 and similar: the public key must not be accepted as an HMAC secret.
#[test]
fn the_public_key_is_not_accepted_as_an_hmac_secret() {
    let target = Target::new();
    let jwk = target.app.get("/.well-known/jwks.json").json()["keys"][0].clone();
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    for secret in [point, jwk.to_string().into_bytes(), vec![], target.header["kid"].as_str().unwrap().into()] {
        let message = format!("{}.{}", part(&merged(&target.header, &json!({"alg": "HS256"}))), target.parts()[1]);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), message.as_bytes());
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()));
        target.refuses("HS256 with public material", &token, "token_wrong_algorithm");
    }
}

#[test]
fn a_key_in_the_header_is_not_used() {
    let target = Target::new();
    let foreign = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let jwk = target.app.get("/.well-known/jwks.json").json()["keys"][0].clone();
    for header in [
        json!({"jwk": jwk}),
        json!({"jku": "http://127.0.0.1:1/jwks.json"}),
        json!({"x5u": "http://127.0.0.1:1/cert.pem"}),
        json!({"x5c": ["AAAA"]}),
    ] {
        let message = format!("{}.{}", part(&merged(&target.header, &header)), target.parts()[1]);
        let signature = foreign.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
        target.refuses(&header.to_string(), &token, "token_bad_signature");
    }
}

#[test]
fn a_kid_that_is_not_ours_is_unknown_whatever_it_spells() {
    let target = Target::new();
    let long = "x".repeat(5_000);
    for kid in ["", "other", "../../etc/passwd", "' or '1'='1", "\u{0}", "%00", &long] {
        target.refuses(kid, &target.with_header(&json!({"kid": kid})), "token_unknown_key");
    }
    target.refuses("no kid", &target.with_header(&json!({"kid": null})), "token_unknown_key");
}

#[test]
fn extensions_compression_and_nesting_are_refused() {
    let target = Target::new();
    for header in [
        json!({"crit": ["exp"]}),
        json!({"crit": []}),
        json!({"b64": false, "crit": ["b64"]}),
        json!({"b64": false}),
        json!({"zip": "DEF"}),
        json!({"enc": "A128GCM"}),
        json!({"cty": "JWT"}),
        json!({"alg": ["ES256"]}),
        json!({"alg": null}),
    ] {
        target.refuses(&header.to_string(), &target.with_header(&header), "token_malformed");
    }
}

/// A header as bytes: it may have duplicate members and invalid UTF-8.
#[test]
fn a_malformed_header_is_refused_even_with_a_good_signature() {
    let target = Target::new();
    let header = target.header.to_string();
    let with = |member: &[u8]| [b"{", member, b",", &header.as_bytes()[1..]].concat();
    let headers = [
        with(br#""crit":null"#),
        with(br#""crit":"exp""#),
        with(br#""crit":{}"#),
        with(br#""crit":0"#),
        with(br#""b64":null"#),
        with(br#""b64":true"#),
        with(br#""b64":"no""#),
        with(br#""zip":null"#),
        with(br#""enc":null"#),
        with(br#""cty":null"#),
        with(br#""alg":"ES256""#),
        with(br#""x":1,"x":1"#),
        with(br#""x":{"y":1,"y":1}"#),
        with(b"\"x\":\"\xff\""),
        with(b"\"\xff\":1"),
        with(b"\"x\":[\"\xed\xa0\x80\"]"),
        with(br#""x":"\ud800""#),
        header.replace(r#""at+jwt""#, "null").into_bytes(),
        header.replace(r#""at+jwt""#, "7").into_bytes(),
        header.replace(r#""ES256""#, "null").into_bytes(),
        header.replace(target.header["kid"].as_str().unwrap(), "x").replace(r#""x""#, "null").into_bytes(),
        header.replace(target.header["kid"].as_str().unwrap(), "x").replace(r#""x""#, r#"["x"]"#).into_bytes(),
    ];
    for header in headers {
        let what = String::from_utf8_lossy(&header).into_owned();
        let token = target.sign(&format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), target.parts()[1]));
        target.refuses(&what, &token, "token_malformed");
    }
    let unknown = URL_SAFE_NO_PAD.encode(with(br#""x":{"y":"\u00e9"}"#));
    let token = target.sign(&format!("{unknown}.{}", target.parts()[1]));
    assert_eq!(target.app.get_as("/v1/me", &token).status, 200, "what nobody knows is ignored");
}

#[test]
fn malformed_claims_are_refused_even_with_a_good_signature() {
    let target = Target::new();
    let claims = target.claims.to_string();
    let with = |member: &[u8]| [b"{", member, b",", &claims.as_bytes()[1..]].concat();
    let payloads = [
        with(b"\"x\":\"\xff\""),
        with(b"\"x\":{\"\xc3\":1}"),
        with(b"\"x\":[\"\xed\xa0\x80\"]"),
        with(b"\"sub\":\"\xff\""),
        with(br#""x":"\udfff""#),
        with(br#""x":1,"x":1"#),
        with(br#""x":1,"\u0078":2"#),
        with(br#""x":{"y":1,"y":2}"#),
        with(br#""x":1e999"#),
        with(br#""scope":null"#),
        with(br#""roles":null"#),
        [claims.as_bytes(), b"{}"].concat(),
        [b"\xef\xbb\xbf", claims.as_bytes()].concat(),
    ];
    for payload in payloads {
        let what = String::from_utf8_lossy(&payload).into_owned();
        let token = target.sign(&format!("{}.{}", target.parts()[0], URL_SAFE_NO_PAD.encode(&payload)));
        target.refuses(&what, &token, "token_malformed");
    }
}

/// A check of `iss` and `aud` only, as careless use of libraries makes it.
fn is_accepted_carelessly(token: &str, issuer: &str, audience: &str) -> bool {
    let claims = decoded(token.split('.').nth(1).unwrap());
    claims["iss"] == issuer && claims["aud"] == audience
}

#[test]
fn no_kind_of_document_passes_for_another() {
    let target = Target::new();
    let url = target.claims["iss"].as_str().unwrap();
    let refresh = target.pair["refresh_token"].as_str().unwrap();
    let denylist = target.app.get("/.well-known/denylist").body;
    target.app.insert_client(&NOTES);
    let tokens = target.app.granted(&target.pair, &ALL);
    let options = passkey::request_options(&target.app.another_instance(0, &[passkey::ISSUER]));
    let challenge = String::from_utf8(passkey::decoded(&options["publicKey"]["challenge"])).unwrap();
    let documents = [target.access_token(), refresh, &denylist, tokens["id_token"].as_str().unwrap(), &challenge];
    let header = |document: &str| decoded(document.split('.').next().unwrap());
    let is_of = |document: &str, kind: &DocumentKind| header(document)["typ"] == kind.typ;
    let keys = target.app.inside.keys.ring();
    for kind in KINDS {
        assert!(documents.iter().any(|document| is_of(document, kind)), "try one of {} here", kind.typ);
        for document in documents {
            let read = authentic_payload(kind, document, keys.keys()).map(drop);
            let expected = if is_of(document, kind) { Ok(()) } else { Err(TokenError::WrongType) };
            assert_eq!(read, expected, "{document} as {}", kind.typ);
        }
    }
    // The ways in: each takes one kind.
    for document in documents {
        if document != target.access_token() {
            target.app.get_as("/v1/me", document).problem(401, "token_wrong_type");
            let refused = target.verifier.verify(document);
            assert_eq!(refused.map(drop), Err(VerifyError::Refused(TokenError::WrongType)), "{document}");
        }
        if document != refresh {
            target.app.refresh(&document.into()).problem(401, "token_wrong_type");
        }
    }
    target.app.verify(&denylist.as_str().into()).problem(401, "token_wrong_type");
    assert_eq!(target.app.revoke(&denylist.as_str().into()).status, 204);
    let expected = Expected { issuer: url, audiences: &[], leeway: MAX_CLOCK_SKEW };
    let read = |document: &str| verify::<DenylistClaims>(document, keys.keys(), expected, target.app.clock.now());
    assert!(read(&denylist).is_ok());
    assert_eq!([target.access_token(), refresh].map(|other| read(other).map(drop)), [Err(TokenError::WrongType); 2]);
    // Of what the published keys have signed, issuer and audience alone tell the access tokens.
    for document in documents {
        let kind = KINDS.iter().find(|kind| is_of(document, kind)).unwrap();
        if kind.key == KeyUse::Published {
            let is_access_token = *kind == AccessClaims::KIND;
            assert_eq!(is_accepted_carelessly(document, url, url), is_access_token, "{document}");
        } else {
            assert_eq!(header(document)["alg"], "HS256", "no published key verifies it");
        }
    }
    assert_eq!(decoded(denylist.split('.').nth(1).unwrap())["aud"], format!("{url}/.well-known/denylist"));
}

#[test]
fn a_token_without_roles_says_nothing_of_roles() {
    let target = Target::new();
    assert!(target.claims.get("roles").is_none(), "{}", target.claims);
    for required in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert!(target.claims.get(required).is_some(), "RFC 9068 section 2.2: {required}");
    }
    // With and without, as older and newer issuers write them.
    for claims in [json!({"roles": []}), json!({"amr": []}), json!({"amr": null})] {
        let token = target.with_claims(&claims);
        assert!(target.verifier.verify(&token).unwrap().roles.is_empty(), "{claims}");
        assert_eq!(target.app.get_as("/v1/me", &token).ok()["roles"], json!([]), "{claims}");
    }
}

#[test]
fn the_type_must_be_that_of_an_access_token() {
    let target = Target::new();
    for typ in [json!("JWT"), json!("jwt"), json!("dpop+jwt"), json!(""), json!(null), json!("rt+jwt")] {
        let token = target.with_header(&json!({ "typ": typ }));
        assert_eq!(target.app.get_as("/v1/me", &token).json()["code"], "token_wrong_type", "{typ}");
        assert_eq!(target.app.verify(&token.as_str().into()).status, 401);
        assert_eq!(target.app.refresh(&token.as_str().into()).status, 401);
    }
}

#[test]
fn the_algorithm_must_be_exactly_the_one_of_the_key() {
    let target = Target::new();
    for alg in ["ES384", "ES512", "RS256", "EdDSA", "es256", "ES256 ", "PS256"] {
        target.refuses(alg, &target.with_header(&json!({"alg": alg})), "token_wrong_algorithm");
    }
}

#[test]
fn a_signature_in_another_form_is_refused() {
    let target = Target::new();
    let [header, payload, signature] = target.parts();
    let message = format!("{header}.{payload}");
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let der_key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &target.key_der).unwrap();
    let der = der_key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    let forms = [
        // CVE-2022-21449: r = s = 0.
        ("psychic", URL_SAFE_NO_PAD.encode([0; 64])),
        ("DER", URL_SAFE_NO_PAD.encode(der.as_ref())),
        ("truncated", URL_SAFE_NO_PAD.encode(&raw[..63])),
        ("extended", URL_SAFE_NO_PAD.encode([raw.as_slice(), &[0]].concat())),
        ("padded", URL_SAFE.encode(&raw)),
        ("standard alphabet", STANDARD.encode(&raw)),
        ("last character with spare bits set", flip_spare_bits(signature)),
    ];
    for (what, form) in forms {
        let token = format!("{message}.{form}");
        if form != signature {
            target.refuses(what, &token, "token_bad_signature");
        }
    }
}

/// 64 bytes leave four spare bits in the last character, which must be zero.
fn flip_spare_bits(signature: &str) -> String {
    let (head, last) = signature.split_at(signature.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    format!("{head}{next}")
}

#[test]
fn a_token_with_anything_around_or_inside_it_is_refused() {
    let target = Target::new();
    let [header, payload, signature] = target.parts();
    let token = target.access_token();
    for (what, changed) in [
        ("a fourth part", format!("{token}.{signature}")),
        ("a dot at the end", format!("{token}.")),
        ("a dot at the start", format!(".{token}")),
        ("padding in the payload", format!("{header}.{payload}=.{signature}")),
        ("one character more in the payload", format!("{header}.{payload}A.{signature}")),
        ("one character more in the header", format!("{header}A.{payload}.{signature}")),
        ("nothing", ".".to_owned()),
        ("dots", "...".to_owned()),
    ] {
        let answer = target.app.get_as("/v1/me", &changed);
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert_eq!(target.app.verify(&changed.as_str().into()).status, 401, "{what}");
    }
    for (what, changed) in
        [("a space", format!("{header}. {payload}.{signature}")), ("a line", token.replacen('.', "\n.", 1))]
    {
        assert_eq!(target.app.verify(&changed.as_str().into()).status, 401, "{what}");
    }
}

#[test]
fn claims_of_another_shape_are_refused_even_with_a_good_signature() {
    let target = Target::new();
    for claims in [
        // CVE-2026-25537: a time that is not a number must not count as missing.
        json!({"exp": "1800000300"}),
        json!({"exp": 1.5}),
        json!({"exp": 1e30}),
        json!({"exp": [1_800_000_300]}),
        json!({"exp": true}),
        json!({"exp": null}),
        json!({"nbf": "now"}),
        json!({"nbf": {}}),
        json!({"iat": "now"}),
        json!({"iat": null}),
        json!({"sub": null}),
        json!({"sub": 7}),
        json!({"jti": null}),
        json!({"jti": "short"}),
        json!({"sid": 7}),
        json!({"aud": null}),
        json!({"aud": {"a": 1}}),
        json!({"iss": null}),
        json!({"client_id": null}),
        json!({"roles": ADMIN_ROLE}),
    ] {
        target.refuses(&claims.to_string(), &target.with_claims(&claims), "token_malformed");
    }
    let twice = format!("{}{}", r#"{"exp":9999999999,"#, target.claims.to_string().trim_start_matches('{'));
    let message = format!("{}.{}", part(&target.header), URL_SAFE_NO_PAD.encode(twice));
    target.refuses("duplicate exp", &target.sign(&message), "token_malformed");
    let null_nbf = target.claims.to_string().replacen('{', r#"{"nbf":null,"#, 1);
    let message = format!("{}.{}", part(&target.header), URL_SAFE_NO_PAD.encode(null_nbf));
    target.refuses("null nbf", &target.sign(&message), "token_malformed");
    let members: Vec<&Value> = target.claims.as_object().unwrap().values().collect();
    let array = json!(members).to_string();
    for payload in [&array, "", "null", "[]", "{}", "\"x\"", "{", "\u{feff}{}"] {
        let message = format!("{}.{}", part(&target.header), URL_SAFE_NO_PAD.encode(payload));
        target.refuses(payload, &target.sign(&message), "token_malformed");
    }
}

#[test]
fn times_issuers_and_audiences_of_others_are_refused() {
    let target = Target::new();
    let now = 1_800_000_000;
    target.refuses("exp now", &target.with_claims(&json!({"exp": now})), "token_expired");
    target.refuses("exp negative", &target.with_claims(&json!({"exp": -1})), "token_expired");
    target.refuses("exp 0", &target.with_claims(&json!({"exp": 0})), "token_expired");
    let future = target.with_claims(&json!({"iat": now + 61}));
    target.refuses("FAPI 2.0: iat more than 60 s ahead", &future, "token_not_yet_valid");
    let not_before = target.with_claims(&json!({"nbf": now + 61}));
    target.refuses("nbf in the future", &not_before, "token_not_yet_valid");
    // Those above were revoked by their name.
    let jti = "AAAAAAAAAAAAAAAAAAAAAA";
    for claims in
        [json!({"nbf": now, "jti": jti}), json!({"iat": now + 60, "jti": jti}), json!({"nbf": now + 60, "jti": jti})]
    {
        let skewed = target.with_claims(&claims);
        assert_eq!(target.app.get_as("/v1/me", &skewed).status, 200, "{claims}: the clock of another instance");
        assert!(target.verifier.verify(&skewed).is_ok(), "{claims}");
    }
    for iss in ["https://evil.example", "http://127.0.0.1:8080/", "HTTP://127.0.0.1:8080", ""] {
        target.refuses(iss, &target.with_claims(&json!({ "iss": iss })), "token_wrong_issuer");
    }
    for aud in [json!("https://evil.example"), json!([]), json!(["a", "b"]), json!("")] {
        target.refuses(&aud.to_string(), &target.with_claims(&json!({ "aud": aud })), "token_wrong_audience");
    }
    let several = target.with_claims(&json!({"aud": ["a", "http://127.0.0.1:8080"], "jti": "AAAAAAAAAAAAAAAAAAAAAQ"}));
    assert_eq!(target.app.get_as("/v1/me", &several).status, 200);
}

#[test]
fn a_token_of_another_service_is_refused() {
    let (target, other) = (Target::new(), TestApp::start_with(Engine::Sqlite, &[("SIGNING_ALG", "EdDSA")]));
    let pair = other.logged_in("ada");
    target.refuses("its access token", pair["access_token"].as_str().unwrap(), "token_unknown_key");
    assert_eq!(target.app.refresh(&pair["refresh_token"]).problem(401, "token_unknown_key")["status"], 401);
}

#[test]
fn an_access_token_signed_as_a_refresh_token_is_refused() {
    let target = Target::new();
    let claims = merged(&target.claims, &json!({"gen": 1, "jti": "x.1"}));
    let token = target.signed(&merged(&target.header, &json!({"typ": "rt+jwt"})), &claims);
    target.app.refresh(&token.as_str().into()).problem(401, "token_wrong_algorithm");
}

#[test]
fn huge_tokens_are_refused_without_being_read() {
    let target = Target::new();
    let huge = target.with_claims(&json!({"client_id": "x".repeat(20_000)}));
    assert!(huge.len() > 16 * 1024);
    target.refuses("20 KB, well signed", &huge, "token_malformed");
    let dots = ".".repeat(30_000);
    target.refuses("30 KB of dots", &dots, "token_malformed");
    let megabyte = "A".repeat(1_000_000);
    assert_eq!(target.app.verify(&megabyte.as_str().into()).status, 413);
    assert_eq!(target.app.get("/healthz").status, 200);
}

#[test]
fn text_that_attacks_a_database_is_only_text() {
    let target = Target::new();
    for text in ["' or '1'='1", "ada'; drop table users; --", "\u{0}", "ada\u{0}", "\\", "${jndi:ldap://x}"] {
        assert_eq!(target.app.login(text, text).status, 401, "{text:?}");
        let body = json!({"username": "ada", "password": PASSWORD, "label": text});
        assert!([200, 400].contains(&target.app.post("/v1/tokens", &body).status), "{text:?}");
    }
    assert_eq!(target.app.number("select count(*) from users"), 1);
}
