//! Runs the corpus with this crate, through its public functions.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokensmith_verifier::issuing::{
    AccessKeys, ApiTokens, Authenticated, DeniedSet, DeniedSubject, Inside, KeySource, verification_keys_of_jwks,
};
use tokensmith_verifier::{Builder, ManualClock, Timestamp, Verifier, VerifyError};

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
fn compare<T: PartialEq + std::fmt::Debug>(differing: &mut Vec<String>, case: &Value, got: T, expected: T) {
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
                compare(&mut differing, &case, verified(&verifier, &token), expected);
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}
