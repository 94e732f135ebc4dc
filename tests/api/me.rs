//! `GET /v1/me` and what every protected route shares: the bearer token.

use crate::support::{Engine, PASSWORD, TestApp};
use serde_json::json;

both_engines!(
    me_is_answered_from_the_token_alone,
    the_profile_is_the_row_as_it_is_now,
    without_a_token_the_challenge_has_no_error,
    a_header_that_is_not_one_bearer_token_is_a_bad_request,
    a_refresh_token_is_not_an_access_token,
    a_token_that_was_accepted_before_is_refused_once_it_is_revoked_or_has_expired,
);

fn me_is_answered_from_the_token_alone(engine: Engine) {
    let app = TestApp::start(engine);
    let user = app.create_user("ada", &["admin"]);
    let pair = app.login("ada", PASSWORD).ok();
    // Without its tables every query would fail.
    app.execute("alter table sessions rename to gone_sessions; alter table users rename to gone_users;");
    let me = app.me(&pair).ok();
    let expected = json!({
        "id": user.id.to_string(),
        "roles": ["admin"],
        "session_id": pair["session_id"],
        "client_id": "first-party",
        "authenticated_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-01-15T08:05:00Z",
    });
    assert_eq!(me, expected);
}

fn the_profile_is_the_row_as_it_is_now(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.execute("update users set email = 'countess@example.com', roles = 'poet'");
    let profile = app.get_as("/v1/me/profile", pair["access_token"].as_str().unwrap()).ok();
    assert_eq!(profile["email"], "countess@example.com");
    assert_eq!(profile["roles"], json!(["poet"]));
    assert_eq!(profile["created_at"], "2027-01-15T08:00:00Z");
    app.execute("delete from users");
    app.get_as("/v1/me/profile", pair["access_token"].as_str().unwrap()).problem(404, "user_unknown");
}

/// RFC 6750 section 3.1: no error code when there was no attempt to authenticate.
fn without_a_token_the_challenge_has_no_error(engine: Engine) {
    let app = TestApp::start(engine);
    for headers in [[].as_slice(), &[("authorization", "Basic YWRhOng=")]] {
        let answer = app.send("GET", "/v1/me", headers, b"");
        answer.problem(401, "access_token_missing");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="tokensmith""#);
    }
}

fn a_header_that_is_not_one_bearer_token_is_a_bad_request(engine: Engine) {
    let app = TestApp::start(engine);
    let malformed: [&[(&str, &str)]; 4] = [
        &[("authorization", "Bearer")],
        &[("authorization", "Bearer a b")],
        &[("authorization", "Bearer a,b")],
        &[("authorization", "Bearer a"), ("authorization", "Bearer b")],
    ];
    for headers in malformed {
        let answer = app.send("GET", "/v1/me", headers, b"");
        answer.problem(400, "invalid_request");
        assert!(answer.header("www-authenticate").contains(r#"error="invalid_request""#), "{answer:?}");
    }
    let pair = app.logged_in("ada");
    let header = format!("bEaReR  {}", pair["access_token"].as_str().unwrap());
    assert_eq!(app.send("GET", "/v1/me", &[("authorization", &header)], b"").status, 200, "the scheme has no case");
}

fn a_refresh_token_is_not_an_access_token(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let answer = app.get_as("/v1/me", pair["refresh_token"].as_str().unwrap());
    answer.problem(401, "token_wrong_type");
    assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#), "{answer:?}");
}

/// Everything except its signature is checked again.
fn a_token_that_was_accepted_before_is_refused_once_it_is_revoked_or_has_expired(engine: Engine) {
    let app = TestApp::start(engine);
    let [revoked, expired] = [app.logged_in("ada"), app.login("ada", PASSWORD).ok()];
    for _ in 0..3 {
        assert_eq!((app.me(&revoked).status, app.me(&expired).status), (200, 200));
    }
    app.revoke(&revoked["access_token"]);
    app.me(&revoked).problem(401, "token_revoked");
    app.advance(299);
    assert_eq!(app.me(&expired).status, 200);
    app.advance(1);
    app.me(&expired).problem(401, "token_expired");
    app.advance(-600);
    app.me(&expired).problem(401, "token_not_yet_valid");
}
