//! The responses of a backend service that uses the extractors.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};
use actix_web::{App, web};
use serde_json::{Value, json};
use tokensmith_verifier::testing::TestIssuer;
use tokensmith_verifier::{
    Admin, Bearer, BearerError, BearerErrorKind, BearerOrReadOnly, BuildError, Builder, DenylistPolicy, LoggedIn,
    ManualClock, MaybeBearer, Scope, Seconds, Timestamp, Verifier, WithRole, WithScope,
};

const AUDIENCE: &str = "https://api.test";
const USER: &str = "019a0000-0000-7000-8000-000000000001";

struct ReadNotes;
impl Scope for ReadNotes {
    const NAME: &'static str = "notes:read";
}

async fn bearer(_: Bearer) -> &'static str {
    "in"
}

async fn maybe(_: MaybeBearer) -> &'static str {
    "in"
}

async fn read_only(_: BearerOrReadOnly) -> &'static str {
    "in"
}

async fn logged_in(_: LoggedIn) -> &'static str {
    "in"
}

async fn admin(_: WithRole<Admin>) -> &'static str {
    "in"
}

async fn notes(_: WithScope<ReadNotes>) -> &'static str {
    "in"
}

/// A guard that the service's owner has written.
async fn own(verifier: web::Data<Verifier>, Bearer(claims): Bearer) -> Result<&'static str, BearerError> {
    let may = claims.has_role("editor") || claims.has_role("owner");
    if may { Ok("in") } else { Err(verifier.refusal(BearerErrorKind::RoleMissing("editor"))) }
}

const STRONG: &str = "urn:example:two-factors urn:example:smart-card";

async fn step_up(verifier: web::Data<Verifier>, Bearer(claims): Bearer) -> Result<&'static str, BearerError> {
    verifier.require_authentication(&claims, Some(STRONG), Some(60))?;
    Ok("in")
}

fn issuer() -> TestIssuer {
    TestIssuer::new("https://id.test", AUDIENCE).unwrap()
}

/// Body and challenge of the response to a request with this `Authorization`.
async fn refused(verifier: Option<Verifier>, path: &str, authorization: &str) -> (Value, Option<String>) {
    let app = App::new()
        .route("/bearer", web::get().to(bearer))
        .route("/maybe", web::get().to(maybe))
        .route("/read-only", web::post().to(read_only))
        .route("/logged-in", web::get().to(logged_in))
        .route("/admin", web::get().to(admin))
        .route("/notes", web::get().to(notes))
        .route("/own", web::get().to(own))
        .route("/step-up", web::get().to(step_up));
    let app = init_service(if let Some(verifier) = verifier { app.app_data(web::Data::new(verifier)) } else { app });
    let mut request = TestRequest::with_uri(path);
    if path == "/read-only" {
        request = request.method(Method::POST);
    }
    if !authorization.is_empty() {
        request = request.insert_header((AUTHORIZATION, authorization));
    }
    let response = call_service(&app.await, request.to_request()).await;
    let challenge = response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
    let status = response.status();
    let body: Value = read_body_json(response).await;
    assert_eq!(body["status"], status.as_u16());
    (body, challenge)
}

#[actix_web::test]
async fn by_default_the_realm_is_the_audience_and_a_problem_is_its_status() {
    let verifier = issuer().verifier().build().unwrap();
    let (body, challenge) = refused(Some(verifier.clone()), "/bearer", "").await;
    let expected = json!({
        "type": "about:blank", "title": "Unauthorized", "status": 401, "detail": "an access token is needed",
        "code": "access_token_missing",
    });
    assert_eq!(body, expected);
    assert_eq!(challenge.unwrap(), r#"Bearer realm="https://api.test""#);
    let (body, challenge) = refused(Some(verifier), "/bearer", "Bearer garbage").await;
    assert_eq!((&body["type"], &body["code"]), (&json!("about:blank"), &json!("token_malformed")));
    let expected =
        r#"Bearer realm="https://api.test", error="invalid_token", error_description="the token is malformed""#;
    assert_eq!(challenge.unwrap(), expected);
}

#[actix_web::test]
async fn every_extractor_answers_with_the_realm_and_the_types_of_the_service() {
    let issuer = issuer();
    let builder = issuer.verifier().realm("the \"notes\"").problem_types("https://api.test/problems/");
    let verifier = builder.build().unwrap();
    let token = |token: String| format!("Bearer {token}");
    let of_a_script = token(issuer.token(USER).claim("client_id", "api-token").sign().unwrap());
    let garbage = "Bearer garbage".to_owned();
    let scope_missing = r#"insufficient_scope", scope="notes:read"#;
    for (path, authorization, code, error) in [
        ("/bearer", &garbage, "token_malformed", "invalid_token"),
        ("/maybe", &garbage, "token_malformed", "invalid_token"),
        ("/read-only", &"Bearer".to_owned(), "invalid_request", "invalid_request"),
        ("/logged-in", &of_a_script, "session_required", "insufficient_scope"),
        ("/admin", &of_a_script, "role_missing", "insufficient_scope"),
        ("/notes", &of_a_script, "scope_missing", scope_missing),
        ("/own", &of_a_script, "role_missing", "insufficient_scope"),
    ] {
        let (body, challenge) = refused(Some(verifier.clone()), path, authorization).await;
        assert_eq!(body["type"], format!("https://api.test/problems/{code}"), "{path}");
        assert_eq!(body["code"], code, "{path}");
        assert_ne!(body["title"], "Unauthorized", "{path}");
        let expected = format!(r#"Bearer realm="the \"notes\"", error="{error}", error_description=""#);
        assert!(challenge.unwrap().starts_with(&expected), "{path}");
    }
    let (body, challenge) = refused(Some(verifier), "/read-only", "").await;
    assert_eq!(body["code"], "access_token_missing");
    assert_eq!(challenge.unwrap(), r#"Bearer realm="the \"notes\"""#);
}

#[actix_web::test]
async fn a_login_that_is_too_weak_or_too_old_gets_the_challenge_of_rfc_9470() {
    let clock = Arc::new(ManualClock::new(Timestamp(2_000_000_000)));
    let issuer = issuer().with_clock(Arc::clone(&clock));
    let verifier = issuer.verifier().build().unwrap();
    let strong = issuer.token(USER).claim("acr", "urn:example:smart-card").sign().unwrap();
    let enough = |verifier: &Verifier| {
        let claims = verifier.verify(&strong).unwrap();
        verifier.require_authentication(&claims, None, None).unwrap();
        verifier.require_authentication(&claims, Some(STRONG), Some(60)).is_ok()
    };
    assert!(enough(&verifier));
    clock.advance(Seconds(60));
    assert!(enough(&verifier));
    clock.advance(Seconds(1));
    assert!(!enough(&verifier));
    let none = issuer.token(USER).sign().unwrap();
    let weak = issuer.token(USER).claim("acr", "urn:example").sign().unwrap();
    let never = issuer.token(USER).claim("acr", "urn:example:smart-card").without("auth_time").sign().unwrap();
    let expected = format!(
        "Bearer realm=\"https://api.test\", error=\"insufficient_user_authentication\", acr_values=\"{STRONG}\", max_age=\"60\", "
    );
    for token in [&strong, &none, &weak, &never] {
        let (body, challenge) = refused(Some(verifier.clone()), "/step-up", &format!("Bearer {token}")).await;
        assert_eq!((&body["code"], &body["status"]), (&json!("reauthentication_required"), &json!(401)));
        assert!(challenge.unwrap().starts_with(&expected));
    }
}

#[actix_web::test]
async fn a_service_without_a_verifier_lets_nobody_in() {
    for authorization in ["", "Bearer garbage"] {
        let (body, challenge) = refused(None, "/maybe", authorization).await;
        assert_eq!((&body["code"], &body["status"]), (&json!("internal_error"), &json!(500)));
        assert_eq!(challenge, None);
    }
}

#[test]
fn a_realm_or_a_type_that_cannot_be_sent_is_refused() {
    let issuer = issuer();
    let error = |builder: Builder| builder.build().err().unwrap();
    for text in ["", "two\nlines", "\u{e4}"] {
        assert!(matches!(error(issuer.verifier().realm(text)), BuildError::Realm(refused) if refused == text));
        let refused = error(issuer.verifier().problem_types(text));
        assert!(matches!(refused, BuildError::ProblemTypes(refused) if refused == text));
    }
    assert!(issuer.verifier().realm("my notes").problem_types("urn:example:problem:").build().is_ok());
}

#[test]
fn a_resource_or_a_scope_that_cannot_be_one_is_refused() {
    let error = |url: &str, scopes: &[&str]| issuer().verifier().resource(url, scopes).build().err().unwrap();
    assert!(matches!(error("http://api.test", &[]), BuildError::Resource(refused) if refused == "http://api.test"));
    assert!(matches!(error(AUDIENCE, &["a", "a b"]), BuildError::Scope(refused) if refused == "a b"));
}

#[test]
fn a_denylist_is_not_required_of_a_verifier_that_follows_none() {
    let require = DenylistPolicy::Require { within: Duration::from_secs(10) };
    let jwks = r#"{"keys":[]}"#;
    for builder in [
        Verifier::from_jwks(jwks, "https://id.test", AUDIENCE),
        Verifier::from_jwks_url("https://id.test/jwks", "https://id.test", AUDIENCE),
        Verifier::from_pem("", "https://id.test", AUDIENCE),
    ] {
        assert!(matches!(builder.denylist(require).build().err(), Some(BuildError::NoDenylist)));
    }
}
