//! `POST /v1/tokens/verify`.

use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    verifying_an_active_token_returns_its_kind_and_claims,
    a_token_that_is_not_active_is_refused_with_the_reason,
    asking_about_a_replaced_refresh_token_ends_nothing,
);

fn verifying_an_active_token_returns_its_kind_and_claims(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let access = app.verify(&pair["access_token"]).ok();
    assert_eq!(access["kind"], "access_token");
    assert_eq!(access["expires_at"], "2027-01-15T08:05:00Z");
    let claims = access["claims"].as_object().unwrap();
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    // RFC 9068 section 2.2, and what ours add.
    let expected = ["amr", "aud", "auth_time", "client_id", "exp", "iat", "iss", "jti", "sid", "sub"];
    assert_eq!(names, expected);
    assert_eq!(claims["iat"], 1_800_000_000);
    assert_eq!(claims["exp"], 1_800_000_300);
    let refresh = app.verify(&pair["refresh_token"]).ok();
    assert_eq!(refresh["kind"], "refresh_token");
    assert_eq!(refresh["claims"]["gen"], 1);
    assert_eq!(refresh["claims"]["aud"], refresh["claims"]["iss"]);
    for around in [["", "\n"], [" ", ""], ["\r\n\t", " \t"]] {
        for token in [&pair["access_token"], &pair["refresh_token"]] {
            app.verify(&around.join(token.as_str().unwrap()).into()).ok();
        }
    }
}

fn a_token_that_is_not_active_is_refused_with_the_reason(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let other = app.login("ada", PASSWORD).ok();
    assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    app.verify(&pair["access_token"]).problem(401, "token_revoked");
    assert_eq!(app.verify(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "logout");
    app.verify(&"garbage".into()).problem(401, "token_malformed");
    app.advance(300);
    app.verify(&other["access_token"]).problem(401, "token_expired");
    app.verify(&other["refresh_token"]).ok();
}

fn asking_about_a_replaced_refresh_token_ends_nothing(engine: Engine) {
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    let second = app.refresh(&first["refresh_token"]).ok();
    app.verify(&first["refresh_token"]).ok();
    app.advance(100);
    app.verify(&first["refresh_token"]).problem(401, "token_revoked");
    app.refresh(&second["refresh_token"]).ok();
}
