//! Logins by a passkey: alone, after a password, and to authenticate again.

use serde_json::{Value, json};
use tokensmith::internals::clock::Clock as _;

use crate::support::passkey::{ISSUER, PRESENT, Passkey, encoded, go_on, log_in, owner, request_options};
use crate::support::totp::{challenge, enrol};
use crate::support::{Browser, Engine, TestApp};

both_engines!(
    a_passkey_logs_in_without_a_username_and_shows_two_factors,
    what_the_login_asks_for_is_as_with_a_password,
    tokens_of_a_login_by_passkey_go_into_cookies,
    a_passkey_is_the_second_step_after_a_password,
    a_second_step_needs_no_more_than_a_touch,
    an_account_with_an_app_needs_no_code_after_its_passkey,
    a_passkey_authenticates_its_owner_again,
    what_a_browser_needs_names_the_passkeys_of_a_second_step_only,
    a_counter_goes_up_and_is_stored,
    any_instance_checks_what_another_has_asked_and_one_accepts_it,
    an_issuer_at_an_address_has_no_passkeys,
    password_managers_find_the_pages,
);

fn start(engine: Engine) -> TestApp {
    TestApp::start_with(engine, &[ISSUER])
}

fn claims(app: &TestApp, pair: &Value) -> Value {
    app.verify(&pair["access_token"]).ok()["claims"].clone()
}

fn a_passkey_logs_in_without_a_username_and_shows_two_factors(engine: Engine) {
    let app = start(engine);
    let (passkey, first, _) = owner(&app, "ada");
    app.advance(700);
    let pair = log_in(&app, &passkey).ok();
    let claims = claims(&app, &pair);
    assert_eq!(claims["amr"], json!(["swk", "mfa"]));
    assert_eq!(claims["auth_time"], app.clock.now().0);
    assert_eq!(pair["user"], first["user"]);
    assert_ne!(pair["session_id"], first["session_id"]);
    assert_eq!(app.refresh(&pair["refresh_token"]).status, 200);
    // It may do what is sensitive.
    app.ask_as("POST", "/v1/me/totp", &pair, Some(&json!({}))).ok();
    let event = "select count(*) from audit_events where name = 'login'";
    assert_eq!(app.number(event), 2);
}

fn what_the_login_asks_for_is_as_with_a_password(engine: Engine) {
    let app = TestApp::start_with(engine, &[ISSUER, ("AUDIENCE", "https://one.example,https://two.example")]);
    let (passkey, ..) = owner(&app, "ada");
    let assertion = passkey.assertion(&request_options(&app));
    let with = |audience: &str| json!({"assertion": assertion, "audience": audience, "label": "my laptop"});
    app.post("/v1/tokens/passkey", &with("https://three.example")).problem(400, "invalid_fields");
    let pair = app.post("/v1/tokens/passkey", &with("https://two.example")).ok();
    assert_eq!(claims(&app, &pair)["aud"], "https://two.example");
    assert_eq!(app.number("select count(*) from sessions where label = 'my laptop'"), 1);
}

fn tokens_of_a_login_by_passkey_go_into_cookies(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let browser: Browser = app.browser();
    let body = json!({"assertion": passkey.assertion(&request_options(&app)), "cookies": true});
    let answer = browser.fetch("POST", "/v1/tokens/passkey", Some(&body)).ok();
    assert!(answer.get("refresh_token").is_none() && answer.get("access_token").is_none(), "{answer}");
    assert_eq!(browser.fetch("GET", "/v1/me", None).status, 200);
    // A page of another site cannot log its visitor in as somebody else.
    let body = json!({"assertion": passkey.assertion(&request_options(&app)), "cookies": true});
    app.post("/v1/tokens/passkey", &body).problem(403, "csrf_refused");
}

fn a_passkey_is_the_second_step_after_a_password(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let waiting = challenge(&app, "ada");
    let pair = go_on(&app, &waiting, &passkey).ok();
    assert_eq!(claims(&app, &pair)["amr"], json!(["pwd", "swk", "mfa"]));
    app.post("/v1/tokens/passkey/options", &json!({"challenge": waiting})).problem(401, "bad_challenge");
    // The codes of an account without an app are all wrong.
    let body = json!({"challenge": challenge(&app, "ada"), "otp": "123456"});
    app.post("/v1/tokens/continue", &body).problem(401, "wrong_otp");
    let both = json!({"challenge": "x", "otp": "123456", "assertion": passkey.assertion(&request_options(&app))});
    app.post("/v1/tokens/continue", &both).problem(400, "invalid_fields");
}

fn a_second_step_needs_no_more_than_a_touch(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let touched = Passkey { flags: PRESENT, user_handle: None, ..passkey.clone() };
    let pair = go_on(&app, &challenge(&app, "ada"), &touched).ok();
    assert_eq!(claims(&app, &pair)["amr"], json!(["pwd", "swk", "mfa"]));
    let untouched = Passkey { flags: 0, ..passkey };
    go_on(&app, &challenge(&app, "ada"), &untouched).problem(401, "passkey_not_verified");
    assert_eq!(app.number("select count(*) from audit_events where name = 'second_factor_failed'"), 1);
    log_in(&app, &touched).problem(401, "passkey_refused");
}

fn an_account_with_an_app_needs_no_code_after_its_passkey(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, _) = owner(&app, "ada");
    enrol(&app, &pair);
    app.advance(400);
    let pair = log_in(&app, &passkey).ok();
    assert_eq!(app.ask_as("DELETE", "/v1/me/totp", &pair, None).status, 204);
}

fn a_passkey_authenticates_its_owner_again(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, _) = owner(&app, "ada");
    app.advance(700);
    let pair = app.refresh(&pair["refresh_token"]).ok();
    let again = |passkey: &Passkey| {
        let body = json!({"assertion": passkey.assertion(&request_options(&app))});
        app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&body))
    };
    app.ask_as("POST", "/v1/me/passkeys/options", &pair, None).problem(401, "reauthentication_required");
    let fresh = again(&passkey).ok();
    let claims = claims(&app, &fresh);
    assert_eq!((&claims["amr"], &claims["auth_time"]), (&json!(["swk", "mfa"]), &json!(app.clock.now().0)));
    assert_eq!(fresh["session_id"], pair["session_id"]);
    app.ask_as("POST", "/v1/me/passkeys/options", &fresh, None).ok();
    let (of_bob, ..) = owner(&app, "bob");
    again(&of_bob).problem(401, "passkey_refused");
    again(&Passkey { flags: PRESENT, ..passkey }).problem(401, "passkey_not_verified");
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthentication_failed'"), 2);
    app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&json!({}))).problem(400, "malformed_json");
}

fn what_a_browser_needs_names_the_passkeys_of_a_second_step_only(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let options = request_options(&app)["publicKey"].clone();
    assert_eq!((&options["rpId"], &options["userVerification"]), (&json!("localhost"), &json!("required")));
    assert_eq!(options["allowCredentials"], json!([]));
    let body = json!({"challenge": challenge(&app, "ada")});
    let options = app.post("/v1/tokens/passkey/options", &body).ok()["publicKey"].clone();
    assert_eq!(options["userVerification"], "preferred");
    assert_eq!(options["allowCredentials"][0]["id"], encoded(&passkey.id));
    for wrong in ["", "made up"] {
        let body = json!({"challenge": wrong});
        app.post("/v1/tokens/passkey/options", &body).problem(401, "bad_challenge");
    }
    let pair = app.logged_in("bob");
    enrol(&app, &pair);
    let body = json!({"challenge": challenge(&app, "bob")});
    app.post("/v1/tokens/passkey/options", &body).problem(404, "passkey_not_found");
}

fn a_counter_goes_up_and_is_stored(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    for sign_count in [1, 2, 40, u32::MAX] {
        log_in(&app, &Passkey { sign_count, ..passkey.clone() }).ok();
        assert_eq!(app.number("select sign_count from passkeys"), i64::from(sign_count));
    }
}

fn any_instance_checks_what_another_has_asked_and_one_accepts_it(engine: Engine) {
    let app = start(engine);
    let other = app.another_instance(0, &[ISSUER]);
    let (passkey, ..) = owner(&app, "ada");
    let body = json!({"assertion": passkey.assertion(&request_options(&app))});
    let answers = std::thread::scope(|scope| {
        let ask = |client: &crate::support::Client| client.post("/v1/tokens/passkey", &body);
        let clients = [app.another_client(), other.another_client(), app.another_client(), other.another_client()];
        let asked = clients.map(|client| scope.spawn(move || ask(&client)));
        asked.map(|answer| answer.join().unwrap())
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.problem(401, "passkey_challenge_over");
    }
}

fn an_issuer_at_an_address_has_no_passkeys(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, _) = owner(&app, "ada");
    let body = json!({"assertion": passkey.assertion(&request_options(&app))});
    let elsewhere = app.another_instance(0, &[("ISSUER", "http://127.0.0.1:8080")]);
    elsewhere.post("/v1/tokens/passkey/options", &json!({})).problem(400, "passkeys_off");
    elsewhere.post("/v1/tokens/passkey", &body).problem(400, "passkeys_off");
    elsewhere.get("/.well-known/passkey-endpoints").problem(404, "not_found");
    // Whoever has one needs a recovery code there.
    let problem = elsewhere.login("ada", crate::support::PASSWORD).problem(401, "second_factor_required");
    assert_eq!(problem["methods"], json!(["recovery_code"]));
    drop(pair);
    let bob = elsewhere.logged_in("bob");
    elsewhere.ask_as("POST", "/v1/me/passkeys/options", &bob, None).problem(400, "passkeys_off");
}

fn password_managers_find_the_pages(engine: Engine) {
    let app = start(engine);
    let page = "http://localhost:8080/account/passkeys";
    assert_eq!(app.get("/.well-known/passkey-endpoints").ok(), json!({"enroll": page, "manage": page}));
}
