//! `REQUIRE_SECOND_FACTOR`: who has none gets one at the next login, and before anything sensitive.

use serde_json::{Value, json};

use crate::api_tokens::{header, make};
use crate::support::totp::{code, enrol, enrolled, go_on, login};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_login_without_a_second_factor_gets_one_and_goes_on,
    only_administrators_need_one_if_only_they_must,
    a_challenge_for_enrolment_opens_nothing_else_and_not_twice,
    open_sessions_go_on_and_what_is_sensitive_asks_for_enrolment,
    an_api_token_of_an_administrator_goes_on,
);

const ALL: [(&str, &str); 1] = [("REQUIRE_SECOND_FACTOR", "all")];

fn challenge(app: &TestApp, username: &str) -> Value {
    let problem = app.login(username, PASSWORD).problem(401, "second_factor_enrolment_required");
    assert_eq!(problem["methods"], json!(["otp"]));
    problem["challenge"].clone()
}

fn a_login_without_a_second_factor_gets_one_and_goes_on(engine: Engine) {
    let app = TestApp::start_with(engine, &ALL);
    app.create_user("ada", &[]);
    let waiting = challenge(&app, "ada");
    let body = json!({"challenge": waiting, "otp": "123456"});
    app.post("/v1/tokens/continue", &body).problem(401, "second_factor_enrolment_required");
    let begun = app.post("/v1/me/totp", &json!({"challenge": waiting})).ok();
    let secret = begun["secret"].as_str().unwrap();
    let confirm = |code: &str| app.post("/v1/me/totp/confirm", &json!({"challenge": waiting, "code": code}));
    confirm("000000").problem(401, "wrong_otp");
    let shown = code(&app, secret);
    assert_eq!(confirm(&shown).ok()["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(app.number("select count(*) from sessions"), 0);
    // With the next code.
    go_on(&app, waiting.as_str().unwrap(), &shown).problem(401, "wrong_otp");
    app.advance(30);
    let pair = go_on(&app, waiting.as_str().unwrap(), &code(&app, secret)).ok();
    assert_eq!(app.verify(&pair["access_token"]).ok()["claims"]["amr"], json!(["pwd", "otp", "mfa"]));
    app.advance(30);
    login(&app, "ada", secret);
}

fn only_administrators_need_one_if_only_they_must(engine: Engine) {
    let app = TestApp::start_with(engine, &[("REQUIRE_SECOND_FACTOR", "admins")]);
    app.create_user("ada", &[]);
    app.create_user("operator", &["admin"]);
    app.login("ada", PASSWORD).ok();
    challenge(&app, "operator");
}

fn a_challenge_for_enrolment_opens_nothing_else_and_not_twice(engine: Engine) {
    let app = TestApp::start_with(engine, &ALL);
    app.create_user("ada", &[]);
    let (first, second) = (challenge(&app, "ada"), challenge(&app, "ada"));
    app.get_as("/v1/me", first.as_str().unwrap()).problem(401, "token_malformed");
    let begun = app.post("/v1/me/totp", &json!({"challenge": first})).ok();
    let secret = begun["secret"].as_str().unwrap();
    app.post("/v1/me/totp/confirm", &json!({"challenge": first, "code": code(&app, secret)})).ok();
    // Who has the password alone could replace the app.
    for challenge in [&first, &second] {
        app.post("/v1/me/totp", &json!({"challenge": challenge})).problem(401, "bad_challenge");
        let body = json!({"challenge": challenge, "code": "123456"});
        app.post("/v1/me/totp/confirm", &body).problem(401, "bad_challenge");
    }
    app.advance(301);
    app.create_user("bob", &[]);
    let waiting = challenge(&app, "bob");
    app.advance(300);
    app.post("/v1/me/totp", &json!({"challenge": waiting})).problem(401, "bad_challenge");
    app.post("/v1/me/totp", &json!({})).problem(401, "access_token_missing");
}

fn open_sessions_go_on_and_what_is_sensitive_asks_for_enrolment(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let strict = app.another_instance(0, &ALL);
    let next = strict.refresh(&pair["refresh_token"]).ok();
    assert_eq!(strict.me(&next).status, 200);
    let body = json!({"name": "backup"});
    strict.ask_as("POST", "/v1/api-tokens", &next, Some(&body)).problem(401, "second_factor_enrolment_required");
    let email = json!({"email": "ada@example.org"});
    strict.ask_as("PATCH", "/v1/me/profile", &next, Some(&email)).problem(401, "second_factor_enrolment_required");
    // The password may still be given again, since enrolment asks for it.
    strict.ask_as("POST", "/v1/me/reauthenticate", &next, Some(&json!({"password": PASSWORD}))).ok();
    enrol(&strict, &next);
    strict.ask_as("PATCH", "/v1/me/profile", &next, Some(&email)).ok();
}

fn an_api_token_of_an_administrator_goes_on(engine: Engine) {
    let app = TestApp::start(engine);
    let operator = enrolled(&app, "operator", &["admin"]);
    let key = header(&make(&app, &operator.pair, &json!({"name": "backup", "roles": ["admin"]})));
    assert_eq!(app.ask_as("DELETE", "/v1/me/totp", &operator.pair, None).status, 204);
    let strict = app.another_instance(0, &ALL);
    let new = json!({"username": "grace", "password": "a long and unusual sentence"});
    let answer = strict.ask("POST", "/v1/admin/users", &key, Some(&new));
    assert_eq!(answer.status, 201, "{answer:?}");
}
