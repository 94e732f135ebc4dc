//! `POST /v1/tokens/revoke`.

use serde_json::Value;

use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_refresh_token_ends_its_session_and_no_other,
    an_access_token_is_denied_alone,
    a_token_that_means_nothing_is_answered_with_204,
    revoking_twice_is_the_same_as_once,
);

fn a_refresh_token_ends_its_session_and_no_other(engine: Engine) {
    let app = TestApp::start(engine);
    let phone = app.logged_in("ada");
    let laptop = app.login("ada", PASSWORD).ok();
    let answer = app.revoke(&phone["refresh_token"]);
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    app.me(&phone).problem(401, "token_revoked");
    assert_eq!(app.refresh(&phone["refresh_token"]).problem(401, "session_ended")["reason"], "logout");
    assert_eq!(app.me(&laptop).status, 200);
    app.refresh(&laptop["refresh_token"]).ok();
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'logout'"), 1);
}

fn an_access_token_is_denied_alone(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    assert_eq!(app.revoke(&pair["access_token"]).status, 204);
    app.me(&pair).problem(401, "token_revoked");
    let next = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(app.me(&next).status, 200, "the session goes on");
    assert_eq!(app.number("select count(*) from denylist where kind = 'jti' and expires_at = 1800000360"), 1);
}

fn a_token_that_means_nothing_is_answered_with_204(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let tampered = format!("{}A", pair["refresh_token"].as_str().unwrap());
    for token in ["", "garbage", "a.b.c", &tampered] {
        assert_eq!(app.revoke(&Value::from(token)).status, 204, "{token:?}");
    }
    app.advance(300);
    assert_eq!(app.revoke(&pair["access_token"]).status, 204, "expired");
    assert_eq!(app.number("select count(*) from denylist"), 0);
    app.refresh(&pair["refresh_token"]).ok();
}

fn revoking_twice_is_the_same_as_once(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    for _ in 0..2 {
        assert_eq!(app.revoke(&pair["access_token"]).status, 204);
        assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    }
    assert_eq!(app.number("select count(*) from denylist"), 2);
}
