//! Logins in two steps: after the password a code is needed, each of which is accepted once.

use serde_json::{Value, json};

use crate::support::browser::Browser;
use crate::support::totp::{Enrolled, challenge, code, code_at, enrol, enrolled, go_on, login};
use crate::support::{Engine, PASSWORD, TestApp};
use tokensmith::internals::clock::Clock as _;

both_engines!(
    a_login_with_a_second_factor_takes_two_steps,
    a_login_by_http_basic_takes_the_same_two_steps,
    what_the_login_asked_for_is_kept_for_the_second_step,
    the_tokens_say_that_two_factors_were_shown,
    each_code_is_accepted_once_also_the_one_that_confirmed_the_app,
    a_code_is_accepted_one_step_early_or_late_and_no_more,
    each_challenge_is_accepted_once,
    a_challenge_is_over_after_five_minutes,
    a_changed_password_voids_challenges,
    a_user_who_was_disabled_between_the_steps_gets_no_session,
    a_challenge_of_a_deleted_user_is_over,
    the_code_of_another_user_is_wrong,
    a_challenge_is_no_token,
    a_recovery_code_stands_for_a_code_once,
    giving_the_password_again_needs_the_second_factor_as_well,
    a_changed_password_is_no_second_factor,
    tokens_say_what_was_shown_when_their_user_last_authenticated,
    a_session_of_before_needs_the_code_for_all_that_is_sensitive,
    of_two_instances_that_get_one_code_one_accepts_it,
    two_steps_in_cookies_are_delivered_as_one_step_is,
    who_authenticates_again_by_a_cookie_gets_the_pair_in_cookies,
    a_body_must_have_one_code,
);

fn number_of_sessions(app: &TestApp) -> i64 {
    app.number("select count(*) from sessions")
}

/// What an access token says, by itself.
fn claims(app: &TestApp, pair: &Value) -> Value {
    app.verify(&pair["access_token"]).ok()["claims"].clone()
}

fn recover(app: &TestApp, challenge: &str, recovery_code: &str) -> crate::support::Answer {
    app.post("/v1/tokens/continue", &json!({"challenge": challenge, "recovery_code": recovery_code}))
}

fn a_login_with_a_second_factor_takes_two_steps(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let before = number_of_sessions(&app);
    let refused = app.login("ada", PASSWORD);
    let problem = refused.problem(401, "second_factor_required");
    assert_eq!(problem["methods"], json!(["otp", "recovery_code"]));
    assert!(problem["challenge"].as_str().unwrap().len() >= 43);
    assert!(refused.header("www-authenticate").starts_with("Bearer"));
    assert_eq!(number_of_sessions(&app), before, "the password alone opens nothing");
    app.login("ada", "not the password").problem(401, "bad_credentials");
    let challenge = problem["challenge"].as_str().unwrap();
    go_on(&app, challenge, "000000").problem(401, "wrong_otp");
    assert_eq!(app.number("select count(*) from audit_events where name = 'second_factor_failed'"), 1);
    let asked = "select count(*) from audit_events where name = 'second_factor_asked' and user_id is not null";
    assert_eq!(app.number(asked), 1, "a right password leaves a trace");
    // A wrong code leaves the challenge as it is.
    let pair = go_on(&app, challenge, &code(&app, &secret)).ok();
    assert_eq!(number_of_sessions(&app), before + 1);
    assert_eq!(app.me(&pair).status, 200);
    assert_eq!(app.refresh(&pair["refresh_token"]).status, 200);
}

fn a_login_by_http_basic_takes_the_same_two_steps(engine: Engine) {
    let app = TestApp::start_with(engine, &[("BASIC_AUTH", "on")]);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    // ada:correct horse battery staple
    let basic = "Basic YWRhOmNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU=";
    let problem = app.ask("POST", "/v1/tokens", basic, None).problem(401, "second_factor_required");
    go_on(&app, problem["challenge"].as_str().unwrap(), &code(&app, &secret)).ok();
}

fn what_the_login_asked_for_is_kept_for_the_second_step(engine: Engine) {
    let app = TestApp::start_with(engine, &[("AUDIENCE", "https://one.example,https://two.example")]);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let body =
        json!({"username": "ada", "password": PASSWORD, "audience": "https://two.example", "label": "my laptop"});
    let problem = app.post("/v1/tokens", &body).problem(401, "second_factor_required");
    let pair = go_on(&app, problem["challenge"].as_str().unwrap(), &code(&app, &secret)).ok();
    assert_eq!(claims(&app, &pair)["aud"], "https://two.example");
    assert_eq!(app.number("select count(*) from sessions where label = 'my laptop'"), 1);
}

fn the_tokens_say_that_two_factors_were_shown(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { pair, secret, recovery_codes } = enrolled(&app, "ada", &[]);
    assert_eq!(claims(&app, &pair)["amr"], json!(["pwd"]));
    let challenge_of_a_code = challenge(&app, "ada");
    app.advance(40);
    let pair = go_on(&app, &challenge_of_a_code, &code(&app, &secret)).ok();
    let claims_of_it = claims(&app, &pair);
    assert_eq!(claims_of_it["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(claims_of_it["auth_time"], app.clock.now().0 - 40, "as old as the oldest proof");
    let next = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(claims(&app, &next)["amr"], json!(["pwd", "otp", "mfa"]));
    let pair = recover(&app, &challenge(&app, "ada"), &recovery_codes[0]).ok();
    assert_eq!(claims(&app, &pair)["amr"], json!(["pwd", "otp", "mfa"]));
}

fn each_code_is_accepted_once_also_the_one_that_confirmed_the_app(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let confirmed_by = code_at(&secret, app.clock.now().0 - 60);
    app.clock.advance(tokensmith::internals::clock::Seconds(-30));
    go_on(&app, &challenge(&app, "ada"), &confirmed_by).problem(401, "wrong_otp");
    let shown = code(&app, &secret);
    go_on(&app, &challenge(&app, "ada"), &shown).ok();
    go_on(&app, &challenge(&app, "ada"), &shown).problem(401, "wrong_otp");
    // Nor one that is older than it.
    app.advance(60);
    go_on(&app, &challenge(&app, "ada"), &code(&app, &secret)).ok();
    let before_it = code_at(&secret, app.clock.now().0 - 30);
    go_on(&app, &challenge(&app, "ada"), &before_it).problem(401, "wrong_otp");
}

fn a_code_is_accepted_one_step_early_or_late_and_no_more(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    for (seconds, is_accepted) in [(-60, false), (60, false), (-30, true), (30, true)] {
        app.advance(120);
        let answer = go_on(&app, &challenge(&app, "ada"), &code_at(&secret, app.clock.now().0 + seconds));
        assert_eq!(answer.status == 200, is_accepted, "{seconds}: {answer:?}");
    }
}

fn each_challenge_is_accepted_once(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, recovery_codes, .. } = enrolled(&app, "ada", &[]);
    let used = challenge(&app, "ada");
    go_on(&app, &used, &code(&app, &secret)).ok();
    app.advance(30);
    go_on(&app, &used, &code(&app, &secret)).problem(401, "bad_challenge");
    recover(&app, &used, &recovery_codes[0]).problem(401, "bad_challenge");
    for unknown in ["", "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg"] {
        go_on(&app, unknown, &code(&app, &secret)).problem(401, "bad_challenge");
    }
    // Neither the code nor the recovery code was used up by that.
    go_on(&app, &challenge(&app, "ada"), &code(&app, &secret)).ok();
    recover(&app, &challenge(&app, "ada"), &recovery_codes[0]).ok();
}

fn a_challenge_is_over_after_five_minutes(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let (first, second) = (challenge(&app, "ada"), challenge(&app, "ada"));
    app.advance(299);
    go_on(&app, &first, &code(&app, &secret)).ok();
    app.advance(1);
    go_on(&app, &second, &code_at(&secret, app.clock.now().0 + 30)).problem(401, "bad_challenge");
    app.advance(3_601);
    tokensmith::internals::service::purge::all(&app.inside).unwrap();
    assert_eq!(app.number("select count(*) from login_challenges"), 0);
}

fn a_changed_password_voids_challenges(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { pair, secret, .. } = enrolled(&app, "ada", &[]);
    let waiting = challenge(&app, "ada");
    let body = json!({"current_password": PASSWORD, "new_password": "a long and unusual sentence"});
    app.ask_as("POST", "/v1/me/password", &pair, Some(&body)).ok();
    go_on(&app, &waiting, &code(&app, &secret)).problem(401, "bad_challenge");
    let problem = app.login("ada", "a long and unusual sentence").problem(401, "second_factor_required");
    go_on(&app, problem["challenge"].as_str().unwrap(), &code(&app, &secret)).ok();
}

fn a_user_who_was_disabled_between_the_steps_gets_no_session(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let (waiting, before) = (challenge(&app, "ada"), number_of_sessions(&app));
    app.execute("update users set disabled_at = 1800000000");
    go_on(&app, &waiting, &code(&app, &secret)).problem(403, "account_disabled");
    assert_eq!(number_of_sessions(&app), before);
    app.execute("update users set disabled_at = null");
    go_on(&app, &waiting, &code(&app, &secret)).ok();
}

fn a_challenge_of_a_deleted_user_is_over(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, pair, .. } = enrolled(&app, "ada", &[]);
    let waiting = challenge(&app, "ada");
    app.create_user("operator", &["admin"]);
    let admin = app.login("operator", PASSWORD).ok();
    let path = format!("/v1/admin/users/{}", pair["user"]["id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &path, &admin, None).status, 204);
    go_on(&app, &waiting, &code(&app, &secret)).problem(401, "bad_challenge");
    for table in ["totp_factors", "recovery_codes", "login_challenges"] {
        assert_eq!(app.number(&format!("select count(*) from {table}")), 0, "{table}");
    }
}

fn the_code_of_another_user_is_wrong(engine: Engine) {
    let app = TestApp::start(engine);
    let (ada, bob) = (enrolled(&app, "ada", &[]), enrolled(&app, "bob", &[]));
    go_on(&app, &challenge(&app, "ada"), &code(&app, &bob.secret)).problem(401, "wrong_otp");
    recover(&app, &challenge(&app, "ada"), &bob.recovery_codes[0]).problem(401, "wrong_recovery_code");
    go_on(&app, &challenge(&app, "bob"), &code(&app, &bob.secret)).ok();
    go_on(&app, &challenge(&app, "ada"), &code(&app, &ada.secret)).ok();
}

fn a_challenge_is_no_token(engine: Engine) {
    let app = TestApp::start(engine);
    enrolled(&app, "ada", &[]);
    let waiting = challenge(&app, "ada");
    app.verify(&json!(waiting)).problem(401, "token_malformed");
    app.get_as("/v1/me", &waiting).problem(401, "token_malformed");
    app.refresh(&json!(waiting)).problem(401, "token_malformed");
    // It does not open enrolment either: there is a factor.
    let body = json!({"challenge": waiting});
    app.post("/v1/me/totp", &body).problem(401, "bad_challenge");
}

fn a_recovery_code_stands_for_a_code_once(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { recovery_codes, .. } = enrolled(&app, "ada", &[]);
    assert_eq!(recovery_codes.len(), 10);
    // However it is typed.
    let typed = format!(" {} ", recovery_codes[0].replace('-', " ").to_uppercase());
    recover(&app, &challenge(&app, "ada"), &typed).ok();
    recover(&app, &challenge(&app, "ada"), &recovery_codes[0]).problem(401, "wrong_recovery_code");
    recover(&app, &challenge(&app, "ada"), "").problem(401, "wrong_recovery_code");
    for code in &recovery_codes[1..] {
        recover(&app, &challenge(&app, "ada"), code).ok();
    }
    assert_eq!(app.number("select count(*) from audit_events where name = 'recovery_code_used'"), 10);
    let problem = app.login("ada", PASSWORD).problem(401, "second_factor_required");
    assert_eq!(problem["methods"], json!(["otp"]), "none is left");
}

fn giving_the_password_again_needs_the_second_factor_as_well(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let pair = login(&app, "ada", &secret);
    let sessions = number_of_sessions(&app);
    app.advance(200);
    let body = json!({"password": PASSWORD});
    let refused = app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&body));
    let problem = refused.problem(401, "second_factor_required");
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthenticated'"), 0);
    let again = go_on(&app, problem["challenge"].as_str().unwrap(), &code(&app, &secret)).ok();
    assert_eq!(again["session_id"], pair["session_id"]);
    assert_eq!(claims(&app, &again)["auth_time"], app.clock.now().0);
    assert_eq!(number_of_sessions(&app), sessions);
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthenticated'"), 1);
    // Of a session that has ended nothing comes back.
    let refused = app.ask_as("POST", "/v1/me/reauthenticate", &pair, Some(&body));
    let waiting = refused.problem(401, "second_factor_required")["challenge"].as_str().unwrap().to_owned();
    assert_eq!(app.ask_as("POST", "/v1/logout", &pair, None).status, 204);
    app.advance(30);
    go_on(&app, &waiting, &code(&app, &secret)).problem(401, "token_revoked");
}

/// Who has stolen a session and the password cannot get at the second factor.
fn a_changed_password_is_no_second_factor(engine: Engine) {
    let app = TestApp::start_with(engine, &[("ACCESS_TOKEN_LIFETIME", "1h")]);
    app.create_user("ada", &[]);
    let stolen = app.login("ada", PASSWORD).ok();
    let (_secret, _codes) = crate::support::totp::enrol(&app, &app.login("ada", PASSWORD).ok());
    app.advance(700);
    let body = json!({"current_password": PASSWORD, "new_password": "a long and unusual sentence"});
    app.ask_as("POST", "/v1/me/password", &stolen, Some(&body)).ok();
    let next = app.refresh(&stolen["refresh_token"]).ok();
    for (method, path) in [("DELETE", "/v1/me/totp"), ("POST", "/v1/me/recovery-codes"), ("POST", "/v1/me/totp")] {
        app.ask_as(method, path, &next, None).problem(401, "reauthentication_required");
    }
}

fn tokens_say_what_was_shown_when_their_user_last_authenticated(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { pair: before, secret, .. } = enrolled(&app, "ada", &[]);
    let again = |pair: &Value| app.ask_as("POST", "/v1/me/reauthenticate", pair, Some(&json!({"password": PASSWORD})));
    // A session that was opened by the password alone shows the code.
    let problem = again(&before).problem(401, "second_factor_required");
    let stepped_up = go_on(&app, problem["challenge"].as_str().unwrap(), &code(&app, &secret)).ok();
    assert_eq!(claims(&app, &stepped_up)["amr"], json!(["pwd", "otp", "mfa"]));
    app.advance(60);
    // And one that was opened with it gives the password alone, after the factor was taken away.
    let both = login(&app, "ada", &secret);
    assert_eq!(claims(&app, &both)["amr"], json!(["pwd", "otp", "mfa"]));
    app.execute("delete from totp_factors");
    assert_eq!(claims(&app, &again(&both).ok())["amr"], json!(["pwd"]));
    app.advance(200);
    assert_eq!(claims(&app, &app.refresh(&both["refresh_token"]).ok())["amr"], json!(["pwd"]));
}

fn a_session_of_before_needs_the_code_for_all_that_is_sensitive(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &["admin"]);
    // Of somebody else who knows the password.
    let other = app.login("ada", PASSWORD).ok();
    let (secret, _) = enrol(&app, &app.login("ada", PASSWORD).ok());
    let id = claims(&app, &other)["sub"].as_str().unwrap().to_owned();
    let refused = [
        ("DELETE", "/v1/me/totp".to_owned(), None),
        ("DELETE", format!("/v1/admin/users/{id}/totp"), None),
        ("POST", "/v1/api-tokens".to_owned(), Some(json!({"name": "kept"}))),
        ("PATCH", "/v1/me/profile".to_owned(), Some(json!({"email": "other@example.com"}))),
    ];
    for (method, path, body) in &refused {
        app.ask_as(method, path, &other, body.as_ref()).problem(401, "reauthentication_required");
    }
    assert_eq!(app.number("select count(*) from totp_factors where secret is not null"), 1);
    app.advance(60);
    let pair = login(&app, "ada", &secret);
    let made = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "kept"})));
    assert_eq!(made.status, 201, "{made:?}");
}

fn of_two_instances_that_get_one_code_one_accepts_it(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let other = app.another_instance(0, &[]);
    for _ in 0..4 {
        app.advance(120);
        other.advance(120);
        let (before, shown) = (number_of_sessions(&app), code(&app, &secret));
        let steps = [&app, &other].map(|instance| {
            let (client, waiting, shown) = (instance.another_client(), challenge(instance, "ada"), shown.clone());
            move || go_on(&client, &waiting, &shown)
        });
        let steps = steps.map(std::thread::spawn);
        let mut statuses = steps.map(|step| step.join().unwrap().status);
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
        assert_eq!(number_of_sessions(&app), before + 1);
    }
}

fn two_steps_in_cookies_are_delivered_as_one_step_is(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let waiting = challenge(&app, "ada");
    let body = json!({"challenge": waiting, "otp": code(&app, &secret), "cookies": true}).to_string();
    let json = ("content-type", "application/json");
    let foreign = [json, ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    app.send("POST", "/v1/tokens/continue", &foreign, body.as_bytes()).problem(403, "csrf_refused");
    let own = [json, ("sec-fetch-site", "same-origin")];
    let answer = app.send("POST", "/v1/tokens/continue", &own, body.as_bytes());
    assert_eq!(answer.ok().get("refresh_token"), None);
    assert!(answer.headers.get_all("set-cookie").iter().count() >= 2, "{answer:?}");
}

/// A script that leaves `cookies` out must not get at the tokens that a cookie hides from it.
fn who_authenticates_again_by_a_cookie_gets_the_pair_in_cookies(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let browser = Browser::new(app.another_client());
    let first = browser.fetch("POST", "/v1/tokens", Some(&json!({"username": "ada", "password": PASSWORD})));
    let waiting = first.problem(401, "second_factor_required")["challenge"].clone();
    let body = json!({"challenge": waiting, "otp": code(&app, &secret), "cookies": true});
    browser.fetch("POST", "/v1/tokens/continue", Some(&body)).ok();
    app.advance(30);
    let again = browser.fetch("POST", "/v1/me/reauthenticate", Some(&json!({"password": PASSWORD})));
    let waiting = again.problem(401, "second_factor_required")["challenge"].clone();
    let body = json!({"challenge": waiting, "otp": code(&app, &secret)});
    // Without its cookies, either.
    app.post("/v1/tokens/continue", &body).problem(403, "csrf_refused");
    let answer = browser.fetch("POST", "/v1/tokens/continue", Some(&body));
    let pair = answer.ok();
    assert_eq!((pair.get("refresh_token"), pair.get("access_token")), (None, None), "{pair}");
    assert!(answer.headers.get_all("set-cookie").iter().count() >= 2, "{answer:?}");
}

fn a_body_must_have_one_code(engine: Engine) {
    let app = TestApp::start(engine);
    app.post("/v1/tokens/continue", &json!({"challenge": "x"})).problem(400, "malformed_json");
    app.post("/v1/tokens/continue", &json!({"otp": "123456"})).problem(400, "malformed_json");
    let both = json!({"challenge": "x", "otp": "123456", "recovery_code": "x"});
    app.post("/v1/tokens/continue", &both).problem(400, "invalid_fields");
}
