//! Claims under a good signature: of another type, missing, of others, and times.

use serde_json::{Value, json};

use super::{accepted, refused};
use crate::issuer::{AUDIENCE, ISSUER, Issuer, NOW, SESSION, claims, hs256};
use crate::keys::base64url;
use crate::merged;

const MALFORMED: &str = "token_malformed";

pub(super) fn cases(issuer: &Issuer) -> Vec<Value> {
    let mut cases: Vec<Value> = ["iss", "sub", "aud", "iat", "exp", "jti", "client_id"]
        .map(|name| refused(&format!("no {name}"), issuer.with_claims(&json!({ name: null })), MALFORMED))
        .into();
    cases.extend(types(issuer));
    cases.extend(meanings(issuer));
    cases.extend(order(issuer));
    cases
}

/// Claims of another type than theirs.
fn types(issuer: &Issuer) -> Vec<Value> {
    let nulls = ["sub", "nbf", "sid", "auth_time", "amr", "roles", "scope", "acr", "idp", "credential", "cnf", "act"]
        .map(|name| {
            let token =
                issuer.signed(issuer.header().to_string(), merged(&claims(), &json!({ name: null })).to_string());
            refused(&format!("{name} null"), token, MALFORMED)
        });
    let others = [
        json!({"iss": 7}),
        json!({"iss": [ISSUER]}),
        json!({"sub": 7}),
        json!({"sub": ["admin"]}),
        json!({"sub": {"id": 1}}),
        json!({"aud": 7}),
        json!({"aud": {"a": 1}}),
        json!({"aud": [AUDIENCE, 7]}),
        json!({"aud": [[AUDIENCE]]}),
        json!({"jti": "short"}),
        json!({"jti": 7}),
        json!({"jti": "AAECAwQFBgcICQoLDA0ODxA"}),
        json!({"jti": "AAECAwQFBgcICQoLDA0ODw=="}),
        json!({"jti": "AAECAwQFBgcICQoLDA0OD+"}),
        json!({"jti": "AAECAwQFBgcICQoLDA0ODx"}),
        json!({"sid": 7}),
        json!({"sid": ""}),
        json!({"sid": "a session"}),
        json!({"sid": [SESSION]}),
        json!({"client_id": 7}),
        json!({"client_id": ["first-party"]}),
        json!({"auth_time": "now"}),
        json!({"auth_time": 1.5}),
        json!({"amr": "pwd"}),
        json!({"amr": [1]}),
        json!({"roles": "admin"}),
        json!({"roles": {"admin": true}}),
        json!({"roles": ["editor", 7]}),
        json!({"scope": ["notes:read"]}),
        json!({"scope": 7}),
        json!({"acr": 2}),
        json!({"idp": 7}),
        json!({"idp": ["google"]}),
        json!({"credential": 7}),
        json!({"credential": ["login"]}),
        json!({"cnf": "AAAA"}),
        json!({"cnf": ["AAAA"]}),
        json!({"act": "somebody"}),
        json!({"act": [{"sub": "somebody"}]}),
    ]
    .map(|changes| refused(&format!("claims with {changes}"), issuer.with_claims(&changes), MALFORMED));
    [nulls.as_slice(), others.as_slice()].concat()
}

/// Issuers, audiences, and values that are only texts.
fn meanings(issuer: &Issuer) -> Vec<Value> {
    let other_case = ISSUER.to_uppercase();
    let mut cases: Vec<Value> = [
        "https://id.example.com/",
        "https://evil.example",
        "http://id.example.com",
        "https://id.example.com.evil.example",
        "https://id.example.com:443",
        " https://id.example.com",
        "https://id.example.com\u{0}",
        "",
        &other_case,
    ]
    .map(|iss| {
        refused(&format!("the issuer {iss:?}"), issuer.with_claims(&json!({ "iss": iss })), "token_wrong_issuer")
    })
    .into();
    let with_slash = format!("{ISSUER}/");
    cases.push(merged(
        &refused("an issuer without the slash that is expected", issuer.with_claims(&json!({})), "token_wrong_issuer"),
        &json!({"issuer": with_slash}),
    ));
    let of_slash =
        accepted("an issuer with the slash that is expected", issuer.with_claims(&json!({"iss": with_slash})));
    cases.push(merged(&of_slash, &json!({"issuer": with_slash})));
    for aud in [
        json!("https://evil.example"),
        json!(""),
        json!([]),
        json!(["a", "b"]),
        json!("https://api.example.com/"),
        json!("https://api.example.com https://evil.example"),
        json!("https://api.example"),
        json!("HTTPS://API.EXAMPLE.COM"),
        json!(ISSUER),
        json!(format!("{ISSUER}/.well-known/denylist")),
    ] {
        cases.push(refused(
            &format!("the audience {aud}"),
            issuer.with_claims(&json!({ "aud": aud })),
            "token_wrong_audience",
        ));
    }
    cases.push(accepted("our audience in a list", issuer.with_claims(&json!({"aud": [AUDIENCE]}))));
    cases.push(accepted("our audience among others", issuer.with_claims(&json!({"aud": ["a", AUDIENCE]}))));
    let both = json!({"audiences": ["https://old.example.com", "https://new.example.com"]});
    for aud in ["https://old.example.com", "https://new.example.com"] {
        let case = accepted(
            &format!("the audience {aud} of two that are accepted"),
            issuer.with_claims(&json!({ "aud": aud })),
        );
        cases.push(merged(&case, &both));
    }
    let case = refused(
        "the audience of none of two that are accepted",
        issuer.with_claims(&json!({})),
        "token_wrong_audience",
    );
    cases.push(merged(&case, &both));
    for (name, changes) in [
        ("an empty subject", json!({"sub": ""})),
        ("a subject that is a path", json!({"sub": "../../etc/passwd"})),
        ("a subject with NUL", json!({"sub": "admin\u{0}"})),
        ("a subject with SQL", json!({"sub": "' or '1'='1"})),
        ("a subject beyond ASCII", json!({"sub": "\u{e4}\u{1f600}\u{202e}"})),
        ("no roles and no scopes", json!({"roles": [], "scope": ""})),
        ("roles and scopes", json!({"roles": ["editor", "admin"], "scope": "notes:read notes:write"})),
        ("unknown claims", json!({"name": "Ada", "address": {"city": [1, null, true, 1.5]}})),
        ("no amr, no auth_time and no sid", json!({"amr": null, "auth_time": null, "sid": null})),
        ("an empty amr", json!({"amr": []})),
        ("a login at a provider", json!({"amr": [], "idp": "google"})),
        ("a session in upper case", json!({"sid": SESSION.to_uppercase()})),
    ] {
        cases.push(accepted(name, issuer.with_claims(&changes)));
    }
    cases
}

/// Which of two reasons is told.
fn order(issuer: &Issuer) -> Vec<Value> {
    let foreign = |claims: &Value| {
        let message = format!("{}.{}", base64url(issuer.header().to_string()), base64url(claims.to_string()));
        issuer.signer.sign(&issuer.foreign, &message)
    };
    let other_type = json!({"alg": "none", "kid": "other", "typ": "JWT"}).to_string();
    let unknown = json!({"alg": "none", "kid": "other", "typ": "at+jwt"}).to_string();
    let expired = json!({"iss": "https://evil.example", "aud": "a", "iat": NOW + 1_000, "exp": 1});
    vec![
        refused("crit before the type", issuer.signed(r#"{"alg":"ES256","crit":["x"]}"#, "garbage"), MALFORMED),
        refused("the type before kid and algorithm", issuer.signed(other_type, "garbage"), "token_wrong_type"),
        refused("the kid before the algorithm", issuer.signed(unknown, "garbage"), "token_unknown_key"),
        refused("the algorithm before the signature", hs256(&claims_as_hs256(issuer), b"x"), "token_wrong_algorithm"),
        refused("the signature before the claims", foreign(&json!({"exp": "x"})), "token_bad_signature"),
        refused(
            "the signature before the times",
            foreign(&merged(&claims(), &json!({"exp": 1}))),
            "token_bad_signature",
        ),
        refused(
            "the types of claims before the issuer",
            issuer.with_claims(&merged(&expired, &json!({"sub": 7}))),
            MALFORMED,
        ),
        refused("the issuer before audience and times", issuer.with_claims(&expired), "token_wrong_issuer"),
        refused(
            "the audience before the times",
            issuer.with_claims(&merged(&expired, &json!({"iss": ISSUER}))),
            "token_wrong_audience",
        ),
        refused(
            "the beginning before the end",
            issuer.with_claims(&merged(&expired, &json!({"iss": ISSUER, "aud": AUDIENCE}))),
            "token_not_yet_valid",
        ),
    ]
}

fn claims_as_hs256(issuer: &Issuer) -> String {
    let header = merged(&issuer.header(), &json!({"alg": "HS256"}));
    format!("{}.{}", base64url(header.to_string()), base64url("garbage"))
}

pub(super) fn times(issuer: &Issuer) -> Vec<Value> {
    let mut cases = Vec::new();
    // CVE-2026-25537: a time that is no number must not count as missing.
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!("1800000240"),
            json!(""),
            json!("now"),
            json!(1.5),
            json!(1e30),
            json!(-1e30),
            json!([NOW]),
            json!({}),
            json!(true),
            json!(u64::MAX),
        ] {
            let token = issuer.with_claims(&json!({ name: value }));
            cases.push(refused(&format!("{name} that is {value}"), token, MALFORMED));
        }
    }
    let largest = 9_007_199_254_740_991_i64;
    for (name, changes, code) in [
        ("exp in a second", json!({"exp": NOW + 1}), "ok"),
        ("exp now", json!({"exp": NOW}), "token_expired"),
        ("exp a second ago", json!({"exp": NOW - 1}), "token_expired"),
        ("exp 0", json!({"exp": 0}), "token_expired"),
        ("exp negative", json!({"exp": -1}), "token_expired"),
        ("exp that is the smallest whole number everywhere", json!({"exp": -largest}), "token_expired"),
        ("exp that is the largest whole number everywhere", json!({"exp": largest}), "ok"),
        ("exp before iat", json!({"iat": NOW + 30, "exp": NOW + 20}), "ok"),
        ("exp in milliseconds", json!({"exp": NOW * 1_000}), "ok"),
        ("iat 0", json!({"iat": 0}), "ok"),
        ("iat negative", json!({"iat": -1}), "ok"),
        ("iat a minute ahead", json!({"iat": NOW + 60}), "ok"),
        ("iat more than a minute ahead", json!({"iat": NOW + 61}), "token_not_yet_valid"),
        ("iat that is the largest whole number everywhere", json!({"iat": largest}), "token_not_yet_valid"),
        ("iat in milliseconds", json!({"iat": NOW * 1_000}), "token_not_yet_valid"),
        ("nbf now", json!({"nbf": NOW}), "ok"),
        ("nbf negative", json!({"nbf": -1}), "ok"),
        ("nbf a minute ahead", json!({"nbf": NOW + 60}), "ok"),
        ("nbf more than a minute ahead", json!({"nbf": NOW + 61}), "token_not_yet_valid"),
        ("nbf before an iat that is ahead", json!({"nbf": NOW, "iat": NOW + 61}), "token_not_yet_valid"),
        ("auth_time ahead", json!({"auth_time": NOW + 1_000}), "ok"),
    ] {
        let token = issuer.with_claims(&changes);
        cases.push(if code == "ok" { accepted(name, token) } else { refused(name, token, code) });
    }
    let token = issuer.with_claims(&json!({}));
    for (name, now, leeway, code) in [
        ("the last second", NOW + 239, 0, "ok"),
        ("the first second after the end", NOW + 240, 0, "token_expired"),
        ("the last second of the leeway", NOW + 269, 30, "ok"),
        ("the first second after the leeway", NOW + 270, 30, "token_expired"),
        ("a minute before the beginning", NOW - 120, 0, "ok"),
        ("more than a minute before the beginning", NOW - 121, 0, "token_not_yet_valid"),
        ("more than a minute before the beginning, with leeway", NOW - 121, 60, "token_not_yet_valid"),
    ] {
        let case = if code == "ok" { accepted(name, token.clone()) } else { refused(name, token.as_str(), code) };
        cases.push(merged(&case, &json!({"now": now, "leeway": leeway})));
    }
    cases
}
