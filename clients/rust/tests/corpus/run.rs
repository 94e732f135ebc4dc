//! Runs the corpus with this crate, through its public functions.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, Route, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokensmith_verifier::issuing::{
    AccessKeys, ApiTokens, Authenticated, DeniedSet, DeniedSubject, Inside, KeySource, verification_keys_of_jwks,
};
use tokensmith_verifier::testing::TestIssuer;
use tokensmith_verifier::{
    Bearer, BearerErrorKind, Builder, LoggedIn, ManualClock, Role, Scope, Timestamp, Verifier, VerifyError, WithRole,
    WithScope,
};

use crate::cases;

/// The largest time that the tokens of the corpus have.
const NEVER: Timestamp = Timestamp(i64::MAX);

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|item| text(item).to_owned()).collect()
}

/// A text, or pieces of one that may be repeated.
fn token(value: &Value) -> String {
    let piece = |piece: &Value| match piece {
        Value::Array(repeated) => text(&repeated[0]).repeat(usize::try_from(repeated[1].as_u64().unwrap()).unwrap()),
        piece => text(piece).to_owned(),
    };
    value.as_array().map_or_else(|| text(value).to_owned(), |pieces| pieces.iter().map(piece).collect())
}

fn clock(case: &Value) -> ManualClock {
    ManualClock::new(Timestamp(case["now"].as_i64().unwrap()))
}

/// A verifier as a backend service would set it up.
fn builder(case: &Value) -> Builder {
    let audiences = texts(&case["audiences"]);
    let (first, others) = audiences.split_first().unwrap();
    let builder = Verifier::from_jwks(&case["jwks"].to_string(), text(&case["issuer"]), first).clock(clock(case));
    let builder = builder.leeway(Duration::from_secs(case["leeway"].as_u64().unwrap_or(0)));
    others.iter().fold(builder, |builder, audience| builder.also_for(audience))
}

struct Keys(Arc<AccessKeys>);

impl KeySource for Keys {
    fn keys(&self) -> Option<Arc<AccessKeys>> {
        Some(Arc::clone(&self.0))
    }
}

struct NoApiTokens;

impl ApiTokens for NoApiTokens {
    fn is_meant(&self, _text: &str) -> bool {
        false
    }

    fn authenticate<'a>(&'a self, _text: &'a str) -> Authenticated<'a> {
        unreachable!("no text is one")
    }
}

/// A verifier with the denials of the case, as the issuer has one.
fn with_denials(case: &Value) -> Verifier {
    let denied = DeniedSet::default();
    for sid in texts(&case["denied"]["sid"]) {
        denied.insert(DeniedSubject::Session(sid.parse().unwrap()), NEVER);
    }
    for jti in case["denied"]["jti"].as_array().into_iter().flatten() {
        denied.insert(DeniedSubject::AccessToken(serde_json::from_value(jti.clone()).unwrap()), NEVER);
    }
    for kind in case["denied"]["kinds"].as_array().into_iter().flatten() {
        let (id, before) = (Arc::from(text(&kind["id"])), Timestamp(kind["before"].as_i64().unwrap()));
        let subject = match text(&kind["kind"]) {
            "client" => DeniedSubject::Client(id, before),
            "user" => DeniedSubject::User(id, before),
            other => DeniedSubject::Unknown { kind: other.into(), subject: id, issued_before: before },
        };
        denied.insert(subject, NEVER);
    }
    let keys = verification_keys_of_jwks(&case["jwks"].to_string()).unwrap();
    Verifier::inside(Inside {
        keys: Arc::new(Keys(Arc::new(AccessKeys::new(keys, 0)))),
        denied: Arc::new(denied),
        api_tokens: Arc::new(NoApiTokens),
        issuer: text(&case["issuer"]),
        audiences: &texts(&case["audiences"]),
        clock: Arc::new(clock(case)),
    })
}

/// The claims, or the code of the refusal.
fn verified(verifier: &Verifier, token: &str) -> Result<Value, &'static str> {
    match verifier.verify(token) {
        Ok(claims) => {
            assert_eq!(verifier.verify_as::<Value>(token).unwrap()["jti"], serde_json::to_value(claims.jti).unwrap());
            Ok(verifier.verify_as(token).unwrap())
        }
        Err(VerifyError::Refused(why)) => Err(why.code()),
        Err(other) => panic!("{other}"),
    }
}

/// Every case that differs, so that one run tells all.
fn compare<T: PartialEq + std::fmt::Debug>(differing: &mut Vec<String>, case: &Value, got: &T, expected: &T) {
    if got != expected {
        differing.push(format!("{}: {got:?}, not {expected:?}", case["name"]));
    }
}

#[test]
fn tokens_are_judged_as_the_corpus_says() {
    let mut differing = Vec::new();
    for case in cases("tokens.json") {
        let token = token(&case["token"]);
        let verifiers = if case["denied"].is_null() {
            vec![builder(&case).build().unwrap(), builder(&case).cache_bytes(0).build().unwrap()]
        } else {
            vec![with_denials(&case)]
        };
        for verifier in verifiers {
            // The second time the signature is known.
            for _ in 0..2 {
                let expected = match text(&case["expected"]) {
                    "ok" => Ok(case["claims"].clone()),
                    code => Err(code),
                };
                compare(&mut differing, &case, &verified(&verifier, &token), &expected);
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Whether a verifier with this JWK Set knows a key of this name and algorithm: then it looks at the signature.
fn has_key(verifier: &Verifier, kid: &Value, alg: &Value) -> bool {
    let header = json!({"alg": alg, "kid": kid, "typ": "at+jwt"}).to_string();
    let token = format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode("{}"));
    verified(verifier, &token) == Err("token_bad_signature")
}

#[test]
fn keys_are_taken_from_a_jwk_set_as_the_corpus_says() {
    let mut differing = Vec::new();
    for case in cases("jwks.json") {
        let document = text(&case["document"]);
        let set = Verifier::from_jwks(document, text(&case["issuer"]), text(&case["audiences"][0])).clock(clock(&case));
        let built = set.build();
        let result = if built.is_ok() { "ok" } else { "refused" };
        compare(&mut differing, &case, &result, &text(&case["expected"]));
        let Ok(verifier) = built else { continue };
        let document: Value = serde_json::from_str(document).unwrap();
        let keys = document["keys"].as_array().unwrap().iter().map(|key| (&key["kid"], &key["alg"]));
        let usable: BTreeSet<String> =
            keys.filter(|(kid, alg)| has_key(&verifier, kid, alg)).map(|(kid, _)| text(kid).to_owned()).collect();
        compare(&mut differing, &case, &usable, &texts(&case["usable"]).into_iter().collect());
        for signed in case["tokens"].as_array().into_iter().flatten() {
            let code = verified(&verifier, text(&signed["token"])).err().unwrap_or("ok");
            compare(&mut differing, &case, &code, &text(&signed["expected"]));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

struct Editor;
impl Role for Editor {
    const NAME: &'static str = "editor";
}

struct ReadNotes;
impl Scope for ReadNotes {
    const NAME: &'static str = "notes:read";
}

/// The endpoint that needs what the case says.
fn endpoint(case: &Value) -> Route {
    match (case["role"].as_str(), case["scope"].as_str(), case["login"].as_bool()) {
        (None, None, None) => web::get().to(|_: Bearer| async { "in" }),
        (Some(Editor::NAME), None, None) => web::get().to(|_: WithRole<Editor>| async { "in" }),
        (None, Some(ReadNotes::NAME), None) => web::get().to(|_: WithScope<ReadNotes>| async { "in" }),
        (None, None, Some(true)) => web::get().to(|_: LoggedIn| async { "in" }),
        other => panic!("no endpoint needs {other:?}"),
    }
}

#[actix_web::test]
async fn requests_are_answered_as_the_corpus_says() {
    let mut differing = Vec::new();
    for case in cases("requests.json") {
        let verifier = if case["denied"].is_null() {
            let builder = builder(&case);
            let builder = if let Some(realm) = case["realm"].as_str() { builder.realm(realm) } else { builder };
            let builder =
                if let Some(resource) = case["resource"].as_str() { builder.resource(resource, &[]) } else { builder };
            builder.build().unwrap()
        } else {
            with_denials(&case)
        };
        let app = init_service(App::new().app_data(web::Data::new(verifier)).route("/", endpoint(&case))).await;
        let mut request = TestRequest::get();
        for header in case["headers"].as_array().unwrap() {
            let value = HeaderValue::from_bytes(text(&header[1]).as_bytes()).unwrap();
            request = request.append_header((text(&header[0]), value));
        }
        let response = call_service(&app, request.to_request()).await;
        let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let code = match status {
            200 => Value::Null,
            _ => read_body_json::<Value, _>(response).await["code"].clone(),
        };
        let expected = (case["status"].as_u64(), &case["code"], case["www_authenticate"].as_str());
        compare(&mut differing, &case, &(Some(status.into()), &code, challenge.as_deref()), &expected);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[actix_web::test]
async fn the_metadata_of_a_resource_is_published_as_the_corpus_says() {
    let mut differing = Vec::new();
    let issuer = TestIssuer::new("https://id.example.com", "https://api.example.com").unwrap();
    for case in cases("resource.json") {
        assert_eq!(case["issuer"], "https://id.example.com");
        let scopes = texts(&case["scopes"]);
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let built = issuer.verifier().resource(text(&case["resource"]), &scopes).build();
        let result = if built.is_ok() { "ok" } else { "refused" };
        compare(&mut differing, &case, &result, &text(&case["expected"]));
        let Ok(verifier) = built else { continue };
        let missing = verifier.refusal(BearerErrorKind::Missing).challenge().unwrap();
        let named = missing.split_once("resource_metadata=").unwrap().1;
        compare(&mut differing, &case, &named, &case["metadata_url"].to_string().as_str());
        let app = init_service(App::new().service(verifier.resource_metadata())).await;
        let response = call_service(&app, TestRequest::with_uri(text(&case["path"])).to_request()).await;
        assert_eq!(response.headers().get(CONTENT_TYPE).unwrap(), "application/json");
        compare(&mut differing, &case, &read_body_json(response).await, &case["metadata"]);
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[actix_web::test]
async fn a_service_that_is_no_named_resource_publishes_no_metadata() {
    let verifier = TestIssuer::new("https://id.example.com", "https://api.example.com").unwrap().verifier().build();
    let app = init_service(App::new().service(verifier.unwrap().resource_metadata())).await;
    let request = TestRequest::with_uri("/.well-known/oauth-protected-resource").to_request();
    assert_eq!(call_service(&app, request).await.status(), 404);
}
