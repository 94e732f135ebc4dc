//! Two instances on one database whose clocks differ by up to the documented minute: no client notices.

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::jwt::{DenylistClaims, Expected, MAX_CLOCK_SKEW, verify};

use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    what_one_instance_issues_the_other_accepts,
    what_one_instance_denies_the_other_refuses,
    what_is_sensitive_takes_a_password_that_was_given_in_the_future,
    what_an_api_token_is_exchanged_for_at_one_instance_the_other_takes,
    a_session_does_not_lapse_earlier_at_an_instance_that_is_ahead,
    beyond_the_minute_an_access_token_is_not_valid_yet_and_no_session_ends,
);

const URL: &str = "http://127.0.0.1:8080";

/// Calls `check` with two instances, the clock of the second ahead by so many seconds, and again the other way round.
fn both_ways(engine: Engine, check: impl Fn(&TestApp, &TestApp)) {
    for ahead in [2, 15, 60] {
        let app = TestApp::start(engine);
        app.create_user("ada", &[]);
        let other = app.another_instance(ahead, &[]);
        check(&app, &other);
        check(&other, &app);
    }
}

fn login(app: &TestApp) -> Value {
    app.login("ada", PASSWORD).ok()
}

fn what_one_instance_issues_the_other_accepts(engine: Engine) {
    both_ways(engine, |one, other| {
        let pair = login(one);
        assert_eq!(other.me(&pair).status, 200);
        assert_eq!(other.verify(&pair["access_token"]).ok()["kind"], "access_token");
        assert_eq!(other.verify(&pair["refresh_token"]).ok()["kind"], "refresh_token");
        let next = other.refresh(&pair["refresh_token"]).ok();
        assert_eq!(next["refresh_generation"], 2);
        assert_eq!(one.me(&next).status, 200);
        // A retry after a lost response, and the next rotation.
        assert_eq!(one.refresh(&pair["refresh_token"]).ok()["refresh_token"], next["refresh_token"]);
        assert_eq!(one.refresh(&next["refresh_token"]).ok()["session_id"], pair["session_id"]);
        assert_eq!(other.ask_as("GET", "/v1/sessions", &next, None).ok()["sessions"][0]["ended_at"], Value::Null);
    });
}

fn what_one_instance_denies_the_other_refuses(engine: Engine) {
    both_ways(engine, |one, other| {
        let revoked = |deny: &dyn Fn(&Value)| {
            let pair = login(one);
            deny(&pair);
            one.follow_denylist();
            one.me(&pair).problem(401, "token_revoked");
            pair
        };
        revoked(&|pair| assert_eq!(other.revoke(&pair["access_token"]).status, 204));
        revoked(&|pair| assert_eq!(other.revoke(&pair["refresh_token"]).status, 204));
        let pair = revoked(&|pair| assert_eq!(other.ask_as("POST", "/v1/logout", pair, None).status, 204));
        assert_eq!(one.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "logout");
        // The other one's feed is accepted at this one's time.
        let told = other.get("/.well-known/denylist").body;
        let expected = Expected { issuer: URL, audiences: &[], leeway: MAX_CLOCK_SKEW };
        let ring = one.inside.keys.ring();
        let claims: DenylistClaims = verify(&told, ring.keys(), expected, one.clock.now()).unwrap();
        assert!(claims.denied.len() >= 3, "{claims:?}");
    });
}

fn what_is_sensitive_takes_a_password_that_was_given_in_the_future(engine: Engine) {
    both_ways(engine, |one, other| {
        let pair = login(one);
        let again = one.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&json!({"password": PASSWORD}))).ok();
        for pair in [&pair, &again] {
            let made = other.ask_as("POST", "/v1/api-tokens", pair, Some(&json!({"name": "x"})));
            assert_eq!(made.status, 201, "{made:?}");
        }
        let again = other.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&json!({"password": PASSWORD}))).ok();
        assert_eq!(one.me(&again).status, 200);
    });
}

fn what_an_api_token_is_exchanged_for_at_one_instance_the_other_takes(engine: Engine) {
    both_ways(engine, |one, other| {
        let made = one.ask_as("POST", "/v1/api-tokens", &login(one), Some(&json!({"name": "x"}))).json();
        let key = made["key"].as_str().unwrap();
        let exchange = |app: &TestApp| app.ask("POST", "/v1/api-tokens/exchange", &format!("Token {key}"), None).ok();
        let exchanged = [exchange(one), exchange(other)];
        for (app, pair) in [(other, &exchanged[0]), (one, &exchanged[1])] {
            assert_eq!(app.me(pair).status, 200);
            assert_eq!(app.verify(&key.into()).ok()["kind"], "api_token");
        }
        assert_eq!(other.revoke(&key.into()).status, 204);
        one.follow_denylist();
        for pair in &exchanged {
            one.me(pair).problem(401, "token_revoked");
            other.me(pair).problem(401, "token_revoked");
        }
    });
}

fn a_session_does_not_lapse_earlier_at_an_instance_that_is_ahead(engine: Engine) {
    let idle = 14 * 86_400;
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let ahead = app.another_instance(60, &[]);
    let [kept, lapsed] = [login(&app), login(&app)];
    app.advance(idle - 1);
    ahead.advance(idle - 1);
    ahead.verify(&kept["refresh_token"]).ok();
    let next = ahead.refresh(&kept["refresh_token"]).ok();
    assert!(next["refresh_expires_in"].as_i64().unwrap() > 0, "{next}");
    app.refresh(&next["refresh_token"]).ok();
    // And no longer than that minute by any clock.
    app.advance(61);
    app.refresh(&lapsed["refresh_token"]).problem(401, "token_expired");
    ahead.advance(1);
    ahead.refresh(&lapsed["refresh_token"]).problem(401, "token_expired");
    ahead.verify(&lapsed["refresh_token"]).problem(401, "token_expired");
}

fn beyond_the_minute_an_access_token_is_not_valid_yet_and_no_session_ends(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let ahead = app.another_instance(61, &[]);
    let pair = login(&ahead);
    app.me(&pair).problem(401, "token_not_yet_valid");
    app.verify(&pair["access_token"]).problem(401, "token_not_yet_valid");
    // As after a clock that was an hour ahead and was set right: the row decides.
    ahead.advance(3_600);
    let pair = login(&ahead);
    let next = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(next["refresh_generation"], 2);
    assert_eq!(app.me(&next).status, 200);
}
