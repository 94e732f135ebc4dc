//! Client authentication at the token endpoint
//! ([RFC 6749 section 2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3),
//! [RFC 7523](https://www.rfc-editor.org/rfc/rfc7523)).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::service::purge;

use crate::admin_users::administrator;
use crate::clients::{ask, create};
use crate::support::cluster::Cluster;
use crate::support::oauth::{basic, claims};
use crate::support::{Answer, Client, Engine, TestApp, postgres};

both_engines!(
    rfc6749_2_3_1_a_client_proves_who_it_is_by_a_secret_in_the_header_or_in_the_body,
    rfc9700_2_5_a_client_authenticates_by_the_method_that_it_is_registered_with_and_no_other,
    rfc6749_2_3_a_client_must_not_use_more_than_one_method_in_a_request,
    rfc6749_5_2_unknown_clients_and_wrong_secrets_get_the_same_answer,
    two_secrets_are_valid_while_one_is_replaced_and_a_third_is_not,
    a_secret_that_is_ended_at_once_is_refused_at_once,
    a_disabled_client_is_refused_until_it_is_enabled_and_a_deleted_one_for_ever,
    what_one_instance_changes_of_a_client_holds_on_the_other_after_a_round,
    rfc7523_2_2_a_client_authenticates_by_a_jwt_that_it_has_signed_with_each_algorithm,
    rfc7523_3_an_assertion_must_say_what_it_must,
    rfc7515_an_assertion_must_be_a_jws_that_a_registered_key_has_signed,
    rfc7523_3_a_jti_is_accepted_once_on_all_instances,
    of_many_requests_with_one_assertion_one_is_answered,
    a_jti_of_one_client_is_nothing_to_another,
    keys_that_a_client_publishes_are_fetched_and_remembered,
    keys_that_cannot_be_fetched_prove_nothing,
);

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const ISSUER: &str = "https://id.example.com/tenant";
const SETTINGS: [(&str, &str); 1] = [("ISSUER", ISSUER)];
const CREDENTIALS: (&str, &str) = ("grant_type", "client_credentials");

/// A client that acts for itself, and its secret.
fn script(app: &TestApp, root: &Value, id: &str, method: &str) -> String {
    let body = json!({
        "client_id": id, "client_name": id, "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": method,
    });
    create(app, root, &body)["client_secret"].as_str().unwrap().to_owned()
}

fn by_header(client: &Client, id: &str, secret: &str) -> Answer {
    client.post_form("/oauth/token", Some(&basic(id, secret)), &[CREDENTIALS])
}

fn in_body(client: &Client, id: &str, secret: &str) -> Answer {
    client.post_form("/oauth/token", None, &[CREDENTIALS, ("client_id", id), ("client_secret", secret)])
}

#[track_caller]
fn is_refused(answer: &Answer) -> String {
    assert_eq!(answer.header("www-authenticate"), r#"Basic realm="tokensmith""#);
    answer.oauth_error(401, "invalid_client")
}

fn rfc6749_2_3_1_a_client_proves_who_it_is_by_a_secret_in_the_header_or_in_the_body(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let secret = script(&app, &root, "a~b", "client_secret_basic");
    let token = by_header(&app, "a~b", &secret).ok()["access_token"].clone();
    assert_eq!((&claims(&token)["sub"], &claims(&token)["client_id"]), (&json!("a~b"), &json!("a~b")));
    // Many libraries do not encode what is in the header.
    let plain = format!("basic {}", STANDARD.encode(format!("a~b:{secret}")));
    app.post_form("/oauth/token", Some(&plain), &[CREDENTIALS]).ok();
    app.post_form("/oauth/token", Some(&plain), &[CREDENTIALS, ("client_id", "a~b")]).ok();
    let secret = script(&app, &root, "post", "client_secret_post");
    in_body(&app, "post", &secret).ok();
}

fn rfc9700_2_5_a_client_authenticates_by_the_method_that_it_is_registered_with_and_no_other(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let header = script(&app, &root, "header", "client_secret_basic");
    let body = script(&app, &root, "body", "client_secret_post");
    let spa = json!({
        "client_id": "spa", "client_name": "SPA", "redirect_uris": ["https://app.example.com/"],
        "token_endpoint_auth_method": "none",
    });
    create(&app, &root, &spa);
    is_refused(&in_body(&app, "header", &header));
    is_refused(&by_header(&app, "body", &body));
    for id in ["header", "body"] {
        is_refused(&app.post_form("/oauth/token", None, &[CREDENTIALS, ("client_id", id)]));
        is_refused(&by_header(&app, id, ""));
    }
    is_refused(&by_header(&app, "spa", ""));
    is_refused(&in_body(&app, "spa", "anything"));
    let public = app.post_form("/oauth/token", None, &[CREDENTIALS, ("client_id", "spa")]);
    public.oauth_error(400, "unauthorized_client");
    let is_changed = ask(&app, &root, "PATCH", "/header", &json!({"token_endpoint_auth_method": "client_secret_post"}));
    assert_eq!(is_changed.status, 200);
    is_refused(&by_header(&app, "header", &header));
    in_body(&app, "header", &header).ok();
}

fn rfc6749_2_3_a_client_must_not_use_more_than_one_method_in_a_request(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let secret = script(&app, &root, "notes", "client_secret_basic");
    let header = basic("notes", &secret);
    for more in [
        [("client_secret", secret.as_str())].as_slice(),
        &[("client_assertion_type", JWT_BEARER), ("client_assertion", "x.y.z")],
        &[("client_id", "other")],
        &[("client_assertion_type", JWT_BEARER)],
        &[("client_assertion", "x.y.z")],
    ] {
        let parameters = [&[CREDENTIALS], more].concat();
        app.post_form("/oauth/token", Some(&header), &parameters).oauth_error(400, "invalid_request");
    }
}

fn rfc6749_5_2_unknown_clients_and_wrong_secrets_get_the_same_answer(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let secret = script(&app, &root, "notes", "client_secret_basic");
    let wrong = format!("{}a", &secret[..secret.len() - 1]);
    let known = is_refused(&by_header(&app, "notes", &wrong));
    for (id, secret) in
        [("nothing", secret.as_str()), ("nothing", ""), ("notes", ""), ("no id", "x"), ("first-party", "x")]
    {
        assert_eq!(is_refused(&by_header(&app, id, secret)), known, "{id}");
        if !secret.is_empty() {
            assert_eq!(is_refused(&in_body(&app, id, secret)), known, "{id}");
        }
    }
    // The digest is no secret, and no client's secret is empty.
    app.execute("update clients set secret_digest = null");
    ask(&app, &root, "PATCH", "/notes", &json!({"client_name": "N"})).ok();
    is_refused(&by_header(&app, "notes", ""));
    is_refused(&by_header(&app, "notes", &secret));
    for header in ["Basic", "Basic x y", "Bearer abc", "Basic ====", "Negotiate x"] {
        is_refused(&app.post_form("/oauth/token", Some(header), &[CREDENTIALS]));
    }
    is_refused(&app.post_form("/oauth/token", None, &[CREDENTIALS]));
}

fn rotated(app: &TestApp, root: &Value, id: &str, body: &Value) -> String {
    let rotated = ask(app, root, "POST", &format!("/{id}/rotate-secret"), body).ok();
    rotated["client_secret"].as_str().unwrap().to_owned()
}

fn two_secrets_are_valid_while_one_is_replaced_and_a_third_is_not(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let first = script(&app, &root, "notes", "client_secret_basic");
    let second = rotated(&app, &root, "notes", &Value::Null);
    for secret in [&first, &second] {
        by_header(&app, "notes", secret).ok();
    }
    let third = rotated(&app, &root, "notes", &Value::Null);
    is_refused(&by_header(&app, "notes", &first));
    for secret in [&second, &third] {
        by_header(&app, "notes", secret).ok();
    }
    app.advance(86_399);
    app.follow_clients();
    by_header(&app, "notes", &second).ok();
    app.advance(1);
    is_refused(&by_header(&app, "notes", &second));
    by_header(&app, "notes", &third).ok();
}

fn a_secret_that_is_ended_at_once_is_refused_at_once(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let first = script(&app, &root, "notes", "client_secret_basic");
    by_header(&app, "notes", &first).ok();
    let second = rotated(&app, &root, "notes", &json!({"end_old_secret": true}));
    is_refused(&by_header(&app, "notes", &first));
    by_header(&app, "notes", &second).ok();
}

fn a_disabled_client_is_refused_until_it_is_enabled_and_a_deleted_one_for_ever(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let secret = script(&app, &root, "notes", "client_secret_basic");
    let token = by_header(&app, "notes", &secret).ok()["access_token"].clone();
    app.verify(&token).ok();
    ask(&app, &root, "POST", "/notes/disable", &Value::Null);
    app.verify(&token).problem(401, "token_revoked");
    assert_eq!(is_refused(&by_header(&app, "notes", &secret)), "this client is disabled");
    assert_ne!(is_refused(&by_header(&app, "notes", "wrong")), "this client is disabled", "told only to the client");
    ask(&app, &root, "POST", "/notes/enable", &Value::Null);
    app.advance(61);
    let token = by_header(&app, "notes", &secret).ok()["access_token"].clone();
    app.verify(&token).ok();
    ask(&app, &root, "DELETE", "/notes", &Value::Null).ok();
    app.verify(&token).problem(401, "token_revoked");
    is_refused(&by_header(&app, "notes", &secret));
}

fn what_one_instance_changes_of_a_client_holds_on_the_other_after_a_round(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let secret = script(&app, &root, "notes", "client_secret_basic");
    let other = app.another_instance(0, &SETTINGS);
    let follow = || {
        app.follow_clients();
        other.follow_clients();
    };
    follow();
    by_header(&other, "notes", &secret).ok();
    for (path, is_good) in [("/notes/disable", false), ("/notes/enable", true)] {
        ask(&app, &root, "POST", path, &Value::Null);
        follow();
        assert_eq!(by_header(&other, "notes", &secret).status == 200, is_good, "{path}");
    }
    let next = rotated(&app, &root, "notes", &json!({"end_old_secret": true}));
    // Its new secret is not known there yet, and the one before is.
    follow();
    is_refused(&by_header(&other, "notes", &secret));
    by_header(&other, "notes", &next).ok();
    let added = script(&app, &root, "new", "client_secret_basic");
    by_header(&other, "new", &added).ok();
    ask(&app, &root, "DELETE", "/notes", &Value::Null).ok();
    follow();
    is_refused(&by_header(&other, "notes", &next));
}

/// The private key of a client.
enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl Key {
    fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    fn rs256() -> Self {
        Self::Rs256(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
        }
    }

    /// Without a name, as most libraries export it.
    fn jwk(&self) -> Value {
        let key = match self {
            Self::Es256(key) => DecodingKey::from_ec_der(key.public_key().as_ref()),
            Self::EdDsa(key) => DecodingKey::from_ed_der(key.public_key().as_ref()),
            Self::Rs256(key) => DecodingKey::from_rsa_der(key.public_key().as_ref()),
        };
        let jwk = serde_json::to_value(Jwk::from_decoding_key(&key, None).unwrap()).unwrap();
        let members: BTreeMap<_, _> = jwk.as_object().unwrap().iter().filter(|(_, value)| !value.is_null()).collect();
        json!(members)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let random = SystemRandom::new();
        let signature = match self {
            Self::Es256(key) => key.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message.as_bytes()).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// An assertion that is in order, but for what is changed; null takes a claim away.
    fn assertion(&self, app: &TestApp, id: &str, change: &Value) -> String {
        let now = app.clock.now().0;
        let mut claims = json!({
            "iss": id, "sub": id, "aud": ISSUER, "exp": now + 60, "jti": "1", "iat": now,
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        self.sign(&json!({"alg": self.alg()}), &claims)
    }
}

/// A client with these keys.
fn signing(app: &TestApp, root: &Value, id: &str, keys: &[Value]) {
    let body = json!({
        "client_id": id, "client_name": id, "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": keys},
    });
    assert!(create(app, root, &body).get("client_secret").is_none());
}

fn assert_as(client: &Client, assertion: &str) -> Answer {
    let parameters = [CREDENTIALS, ("client_assertion_type", JWT_BEARER), ("client_assertion", assertion)];
    client.post_form("/oauth/token", None, &parameters)
}

fn rfc7523_2_2_a_client_authenticates_by_a_jwt_that_it_has_signed_with_each_algorithm(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let keys = [Key::es256(), Key::eddsa(), Key::rs256()];
    signing(&app, &root, "notes", &keys.each_ref().map(Key::jwk));
    for (number, key) in keys.iter().enumerate() {
        let answer = assert_as(&app, &key.assertion(&app, "notes", &json!({"jti": number.to_string()})));
        assert_eq!(claims(&answer.ok()["access_token"])["sub"], "notes", "{}", key.alg());
    }
    // RFC 7521 section 4.2: a client_id may be there, and must be the same.
    let named = |id: &str, jti: &str| {
        let assertion = keys[0].assertion(&app, "notes", &json!({"jti": jti}));
        let parameters =
            [CREDENTIALS, ("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion), ("client_id", id)];
        app.post_form("/oauth/token", None, &parameters)
    };
    named("notes", "named").ok();
    is_refused(&named("mail", "other"));
    // Its keys may be replaced, and one that has a name is found by it.
    let (before, mut after) = (&keys[0], Key::es256().jwk());
    after["kid"] = json!("after");
    let mut kept = before.jwk();
    kept["kid"] = json!("before");
    ask(&app, &root, "PATCH", "/notes", &json!({"jwks": {"keys": [after, kept]}})).ok();
    let with_kid = |kid: &str, jti: &str| {
        let now = app.clock.now().0;
        let claims = json!({
            "iss": "notes", "sub": "notes", "aud": ISSUER, "exp": now + 60, "jti": jti,
        });
        assert_as(&app, &before.sign(&json!({"alg": "ES256", "kid": kid, "typ": "JWT"}), &claims))
    };
    with_kid("before", "kid 1").ok();
    is_refused(&with_kid("after", "kid 2"));
    is_refused(&with_kid("other", "kid 3"));
    assert_as(&app, &before.assertion(&app, "notes", &json!({"jti": "no kid"}))).ok();
    is_refused(&assert_as(&app, &keys[1].assertion(&app, "notes", &json!({"jti": "not registered any more"}))));
}

fn rfc7523_3_an_assertion_must_say_what_it_must(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let key = Key::es256();
    signing(&app, &root, "notes", &[key.jwk()]);
    signing(&app, &root, "mail", &[Key::es256().jwk()]);
    let now = app.clock.now().0;
    let issuer = ISSUER;
    for (number, change) in [
        json!({}),
        json!({"aud": format!("{issuer}/oauth/token")}),
        json!({"aud": [issuer]}),
        json!({"exp": now + 300}),
        json!({"exp": now + 300, "iat": null}),
        json!({"exp": now + 310, "iat": now + 10}),
        json!({"exp": now - 9, "iat": now - 60}),
        json!({"nbf": now, "anything": {"else": 1}}),
    ]
    .into_iter()
    .enumerate()
    {
        let mut change = change;
        change["jti"] = json!(format!("good {number}"));
        assert_eq!(assert_as(&app, &key.assertion(&app, "notes", &change)).status, 200, "{change}");
    }
    for (change, why) in [
        (json!({"iss": "mail"}), "iss and sub"),
        (json!({"sub": "mail"}), "not valid"),
        (json!({"sub": "nothing"}), "unknown client"),
        (json!({"aud": "https://id.example.com"}), "the issuer as aud"),
        (json!({"aud": format!("{issuer}/")}), "the issuer as aud"),
        (json!({"aud": format!("{issuer}/oauth/introspect")}), "the issuer as aud"),
        (json!({"aud": [issuer, "https://other.example.com"]}), "one string as aud"),
        (json!({"aud": [issuer, format!("{issuer}/oauth/token")]}), "one string as aud"),
        (json!({"aud": []}), "one string as aud"),
        (json!({"exp": now - 10, "iat": now - 60}), "has expired"),
        (json!({"exp": now + 311, "iat": null}), "5 minutes"),
        (json!({"exp": now + 301}), "5 minutes"),
        (json!({"exp": i64::MAX}), "5 minutes"),
        (json!({"exp": i64::MIN}), "has expired"),
        (json!({"exp": now + 200, "iat": now + 61}), "not valid yet"),
        (json!({"nbf": now + 61}), "not valid yet"),
        (json!({"jti": ""}), "a jti"),
        (json!({"jti": null}), "lacks a claim"),
        (json!({"exp": null}), "lacks a claim"),
        (json!({"aud": null}), "lacks a claim"),
        (json!({"iss": null}), "lacks a claim"),
        (json!({"sub": null}), "lacks a claim"),
        (json!({"exp": "soon"}), "lacks a claim"),
        (json!({"exp": 1.5}), "lacks a claim"),
    ] {
        let said = is_refused(&assert_as(&app, &key.assertion(&app, "notes", &change)));
        assert!(said.contains(why), "{change}: {said}");
    }
    assert_eq!(app.number("select count(*) from client_assertions"), 8, "what is refused is not on record");
}

fn rfc7515_an_assertion_must_be_a_jws_that_a_registered_key_has_signed(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let (key, other) = (Key::es256(), Key::es256());
    signing(&app, &root, "notes", &[key.jwk()]);
    let secret = script(&app, &root, "secret", "client_secret_basic");
    let good = key.assertion(&app, "notes", &json!({}));
    let claims = good.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let with = |header: Value| key.sign(&header, &claims);
    let unsigned = format!("{}.", with(json!({"alg": "none"})).rsplit_once('.').unwrap().0);
    let mut tampered = good.clone().into_bytes();
    let last = tampered.len() - 2;
    tampered[last] = if tampered[last] == b'A' { b'B' } else { b'A' };
    for bad in [
        other.assertion(&app, "notes", &json!({})),
        unsigned,
        with(json!({"alg": "HS256"})),
        with(json!({"alg": "ES384"})),
        with(json!({"alg": "RS256"})),
        with(json!({"alg": "ES256", "crit": ["exp"]})),
        with(json!({"alg": "ES256", "b64": false})),
        with(json!({"alg": "ES256", "typ": "at+jwt"})),
        other.sign(&json!({"alg": "ES256", "jwk": other.jwk()}), &claims),
        other.sign(&json!({"alg": "ES256", "jku": "https://evil.example/"}), &claims),
        String::from_utf8(tampered).unwrap(),
        good[..good.len() - 4].to_owned(),
        format!("{good}.x"),
        "x".repeat(20_000),
        "x.y.z".to_owned(),
        "x".to_owned(),
        key.assertion(&app, "secret", &json!({})),
    ] {
        is_refused(&assert_as(&app, &bad));
    }
    // A client with keys has no secret, and one with a secret has no keys.
    is_refused(&by_header(&app, "notes", &secret));
    assert_as(&app, &good).ok();
}

fn rfc7523_3_a_jti_is_accepted_once_on_all_instances(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let key = Key::es256();
    signing(&app, &root, "notes", &[key.jwk()]);
    let other = app.another_instance(0, &SETTINGS);
    let same = |exp: i64| key.assertion(&app, "notes", &json!({"exp": app.clock.now().0 + exp, "aud": ISSUER}));
    assert_as(&app, &same(60)).ok();
    for server in [&app, &other] {
        assert!(is_refused(&assert_as(server, &same(60))).contains("used before"));
        assert!(is_refused(&assert_as(server, &same(61))).contains("used before"), "the jti decides");
    }
    // It is remembered for as long as it could be used, and not for ever.
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from client_assertions"), 1);
    app.advance(86_400);
    purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from client_assertions"), 0);
}

fn of_many_requests_with_one_assertion_one_is_answered(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let key = Key::es256();
    signing(&app, &root, "notes", &[key.jwk()]);
    let (assertion, barrier) = (key.assertion(&app, "notes", &json!({})), Arc::new(Barrier::new(16)));
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (client, assertion, barrier) = (app.another_client(), assertion.clone(), Arc::clone(&barrier));
            std::thread::spawn(move || {
                barrier.wait();
                assert_as(&client, &assertion).status
            })
        })
        .collect();
    let mut statuses: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [&[200][..], &[401; 15]].concat());
}

fn a_jti_of_one_client_is_nothing_to_another(engine: Engine) {
    let app = TestApp::start_with(engine, &SETTINGS);
    let root = administrator(&app);
    let key = Key::es256();
    for id in ["notes", "mail"] {
        signing(&app, &root, id, &[key.jwk()]);
        assert_as(&app, &key.assertion(&app, id, &json!({}))).ok();
    }
}

/// Where a client publishes its keys.
struct Published {
    uri: String,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Published {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let (answer, asked) = (Arc::<Mutex<String>>::default(), Arc::<AtomicUsize>::default());
        let (current, count) = (Arc::clone(&answer), Arc::clone(&asked));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                BufReader::new(&stream)
                    .lines()
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .for_each(drop);
                let _gone = stream.write_all(current.lock().unwrap().as_bytes());
            }
        });
        Self { uri, answer, asked }
    }

    fn says(&self, status: u16, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    }

    fn has(&self, keys: &[Value]) {
        self.says(200, &json!({"keys": keys}).to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A client that publishes its keys there; each assertion has a `jti` of its own.
fn publishing(app: &TestApp, uri: &str) -> impl Fn(&Key) -> Answer {
    let body = json!({
        "client_id": "notes", "client_name": "N", "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": uri,
    });
    create(app, &administrator(app), &body);
    let number = AtomicUsize::new(0);
    move |key| {
        let jti = number.fetch_add(1, Ordering::SeqCst).to_string();
        assert_as(app, &key.assertion(app, "notes", &json!({"jti": jti})))
    }
}

fn keys_that_a_client_publishes_are_fetched_and_remembered(engine: Engine) {
    let app = TestApp::start_with(engine, &[SETTINGS[0], ("OUTBOUND_ALLOW", "127.0.0.1")]);
    let (first, second, server) = (Key::es256(), Key::es256(), Published::new());
    let unusable = json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"});
    server.has(&[unusable, first.jwk()]);
    let ask = publishing(&app, &server.uri);
    for _ in 0..3 {
        ask(&first).ok();
    }
    assert_eq!(server.asked(), 1);
    // Whoever makes up assertions does not make this service call as often as they like.
    for _ in 0..3 {
        is_refused(&ask(&second));
    }
    assert_eq!(server.asked(), 1);
    app.advance(60);
    is_refused(&ask(&second));
    is_refused(&ask(&second));
    assert_eq!(server.asked(), 2);
    server.has(&[second.jwk()]);
    app.advance(60);
    ask(&second).ok();
    is_refused(&ask(&first));
    assert_eq!(server.asked(), 3);
    // What it publishes no more is taken for five minutes at most.
    server.has(&[first.jwk()]);
    app.advance(299);
    ask(&second).ok();
    app.advance(1);
    is_refused(&ask(&second));
    assert_eq!(server.asked(), 4);
}

fn keys_that_cannot_be_fetched_prove_nothing(engine: Engine) {
    let app = TestApp::start_with(engine, &[SETTINGS[0], ("OUTBOUND_ALLOW", "127.0.0.1")]);
    let (key, server) = (Key::es256(), Published::new());
    let ask = publishing(&app, &server.uri);
    let mut asked = 0;
    for (status, body) in [(500, "{}"), (404, ""), (302, ""), (200, &*"x".repeat(65_537))] {
        server.says(status, body);
        assert_eq!(is_refused(&ask(&key)), "the keys at jwks_uri cannot be fetched");
        is_refused(&ask(&key));
        asked += 1;
        assert_eq!(server.asked(), asked, "{status}");
        app.advance(60);
    }
    for body in ["", "no JSON", "{}", r#"{"keys":[]}"#, r#"{"keys":[1]}"#] {
        server.says(200, body);
        assert!(is_refused(&ask(&key)).contains("not registered"), "{body}");
        app.advance(300);
    }
    server.has(&[key.jwk()]);
    ask(&key).ok();
    // While they are out of reach, those of before are good for an hour.
    server.says(500, "");
    app.advance(3_599);
    ask(&key).ok();
    app.advance(1);
    is_refused(&ask(&key));
    // A private address is called only where the settings allow it.
    let closed = TestApp::start_with(engine, &SETTINGS);
    let asked = server.asked();
    is_refused(&publishing(&closed, &server.uri)(&key));
    assert_eq!(server.asked(), asked);
}

#[test]
fn a_database_that_is_down_is_no_wrong_secret() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &SETTINGS);
    let root = administrator(&app);
    let secret = script(&app, &root, "notes", "client_secret_basic");
    let key = Key::es256();
    signing(&app, &root, "mail", &[key.jwk()]);
    let assertion = key.assertion(&app, "mail", &json!({}));
    cluster.tell("stop", "stopped");
    for answer in [by_header(&app, "notes", &secret), by_header(&app, "nothing", "x"), assert_as(&app, &assertion)] {
        answer.oauth_error(503, "temporarily_unavailable");
        assert_eq!(answer.header("retry-after"), "5");
    }
    cluster.tell("start", "started");
    by_header(&app, "notes", &secret).ok();
    assert_as(&app, &assertion).ok();
}
