//! Tests of the claims of access tokens.

use serde_json::json;

use super::*;
use crate::jwt::credential::FIRST_PARTY;

const USER: &str = "0199abcd-0000-7000-8000-000000000001";

fn required(credential: Credential) -> RequiredClaims {
    let client = if credential == Credential::Login { FIRST_PARTY } else { "an application" };
    RequiredClaims {
        iss: "https://id.example.com".to_owned(),
        sub: Subject::new(USER),
        aud: Audience::One("https://api.example.com".to_owned()),
        exp: Timestamp(300),
        iat: Timestamp(0),
        jti: Jti::from_bytes([0; 16]),
        client_id: client.to_owned(),
        credential,
    }
}

fn read(changes: &Value) -> AccessClaims {
    let mut claims = serde_json::to_value(AccessClaims::new(required(Credential::Login))).unwrap();
    claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(claims).unwrap()
}

#[test]
fn what_is_not_said_is_not_written() {
    let written = serde_json::to_value(AccessClaims::new(required(Credential::Login))).unwrap();
    let names = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"];
    assert_eq!(written.as_object().unwrap().len(), names.len(), "{written}");
    assert!(names.iter().all(|name| written.get(name).is_some()), "{written}");
}

#[test]
fn each_credential_is_read_as_it_was_written() {
    for (credential, is_logged_in, has_user) in [
        (Credential::Login, true, true),
        (Credential::Application, true, true),
        (Credential::Client, false, false),
        (Credential::ApiToken, false, true),
    ] {
        let written = serde_json::to_string(&AccessClaims::new(required(credential))).unwrap();
        let claims: AccessClaims = serde_json::from_str(&written).unwrap();
        assert_eq!(claims.credential(), credential, "{written}");
        assert_eq!((claims.is_logged_in(), claims.user_id().is_some()), (is_logged_in, has_user), "{written}");
    }
}

#[test]
fn a_token_from_before_the_claim_came_from_a_login_or_from_an_api_token() {
    assert_eq!(read(&json!({"client_id": "first-party"})).credential(), Credential::Login);
    assert_eq!(read(&json!({"client_id": "api-token"})).credential(), Credential::ApiToken);
    // No other client had tokens then.
    assert_eq!(read(&json!({"client_id": "notes-app"})).credential(), Credential::Unknown);
}

#[test]
fn a_credential_that_is_not_known_is_no_login() {
    let claims = read(&json!({"client_id": "first-party", "credential": "device"}));
    assert_eq!(claims.credential(), Credential::Unknown);
    assert!(!claims.is_logged_in() && claims.user_id().is_none());
}

#[test]
fn the_claims_of_every_grant_are_read_and_written_again_the_same() {
    let claims = read(&json!({
        "sub": "backup service", "credential": "client", "acr": "urn:example:gold", "amr": ["pwd", "otp"],
        "cnf": {"jkt": "abc"}, "act": {"sub": "support"}, "tenant": {"name": "acme"}, "seats": 3,
    }));
    assert_eq!((claims.sub.as_str(), claims.sid, claims.auth_time), ("backup service", None, None));
    assert_eq!(claims.acr.as_deref(), Some("urn:example:gold"));
    assert_eq!(claims.cnf.as_ref().unwrap()["jkt"], "abc");
    assert_eq!(claims.act.as_ref().unwrap()["sub"], "support");
    assert_eq!(claims.extra.keys().collect::<Vec<_>>(), ["seats", "tenant"]);
    assert_eq!(claims.extra["tenant"]["name"], "acme");
    let written = serde_json::to_string(&claims).unwrap();
    assert_eq!(serde_json::from_str::<AccessClaims>(&written).unwrap(), claims);
}

#[test]
fn an_optional_claim_may_be_missing_but_not_null() {
    for name in ["sid", "auth_time", "amr", "scope", "acr", "credential", "cnf", "act", "nbf"] {
        let mut claims = serde_json::to_value(AccessClaims::new(required(Credential::Login))).unwrap();
        claims.as_object_mut().unwrap().insert(name.to_owned(), Value::Null);
        assert!(serde_json::from_value::<AccessClaims>(claims).is_err(), "{name}");
    }
}

#[test]
fn only_a_users_id_as_it_is_issued_is_one() {
    assert_eq!(read(&json!({})).user_id().unwrap().to_string(), USER);
    for other in ["", "backup", &USER.to_uppercase(), &USER.replace('-', ""), &format!("urn:uuid:{USER}")] {
        assert_eq!(read(&json!({"sub": other})).user_id(), None, "{other:?}");
    }
}
