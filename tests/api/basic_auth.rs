//! `POST /v1/tokens` with HTTP Basic, for scripts that want a pair.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::secret::Secret;
use tokensmith::internals::service::users::{self, NewUser};

use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    basic_is_off_unless_it_is_turned_on,
    name_and_password_in_the_header_give_a_pair,
    the_first_colon_separates_and_the_text_is_utf_8,
    a_wrong_password_in_the_header_is_one_like_any_other,
    a_header_that_is_not_basic_is_a_bad_request_and_tells_nothing,
    credentials_in_the_body_come_first_and_are_not_mixed_with_the_header,
    basic_is_accepted_only_at_login,
);

const ON: (&str, &str) = ("BASIC_AUTH", "on");

fn basic(credentials: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

fn login(app: &TestApp, authorization: &str, body: Option<&Value>) -> Answer {
    app.ask("POST", "/v1/tokens", authorization, body)
}

fn basic_is_off_unless_it_is_turned_on(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let right = basic(format!("ada:{PASSWORD}"));
    let in_the_body = json!({"username": "ada", "password": PASSWORD});
    for authorization in [right.as_str(), &basic("ada:wrong"), "Basic !", "bAsIc"] {
        login(&app, authorization, None).problem(400, "basic_auth_off");
    }
    assert_eq!(app.number("select count(*) from sessions"), 0);
    // Meant for a proxy; the service must ignore it.
    login(&app, &basic("proxy:secret"), Some(&in_the_body)).ok();
}

fn name_and_password_in_the_header_give_a_pair(engine: Engine) {
    let app = TestApp::start_with(engine, &[ON]);
    let user = app.create_user("ada", &["editor"]);
    let right = basic(format!("ada:{PASSWORD}"));
    for (authorization, body) in [
        (right.clone(), None),
        (right.replace("Basic", "bASIC "), None),
        (right.clone(), Some(json!({}))),
        (right, Some(json!({"label": "nightly backup"}))),
    ] {
        let answer = login(&app, &authorization, body.as_ref());
        let pair = answer.ok();
        assert_eq!((answer.header("cache-control"), &pair["user"]["id"]), ("no-store", &json!(user.id.to_string())));
        assert_eq!(app.me(&pair).ok()["client_id"], "first-party");
        app.refresh(&pair["refresh_token"]).ok();
    }
    assert_eq!(app.number("select count(*) from sessions"), 4);
    assert_eq!(app.number("select count(*) from sessions where label = 'nightly backup'"), 1);
    app.login("ada", PASSWORD).ok();
}

/// RFC 7617 section 2, and section 2.1 for the charset.
fn the_first_colon_separates_and_the_text_is_utf_8(engine: Engine) {
    let app = TestApp::start_with(engine, &[ON]);
    for (username, password) in [("ada", "correct: horse:battery:"), ("åsa", "un mot de passe très été £ 🔑")] {
        let secret = Secret::new(password.to_owned());
        let new = NewUser { username, email: None, name: None, roles: &[], password: &secret };
        users::create(&app.inside, &new, &Origin::default()).unwrap();
        assert_eq!(login(&app, &basic(format!("{username}:{password}")), None).ok()["user"]["username"], username);
        login(&app, &basic(format!("{username}:{password}:")), None).problem(401, "bad_credentials");
    }
    login(&app, &basic("ada:correct"), None).problem(401, "bad_credentials");
}

fn a_wrong_password_in_the_header_is_one_like_any_other(engine: Engine) {
    let app = TestApp::start_with(engine, &[ON]);
    app.create_user("ada", &[]);
    for credentials in ["ada:not her password", "nobody:not her password", "ada:", ":", &format!(":{PASSWORD}")] {
        let answer = login(&app, &basic(credentials), None);
        answer.problem(401, "bad_credentials");
        assert_ne!(answer.header("www-authenticate"), "", "RFC 9110 section 15.5.2");
    }
    let problem = login(&app, &basic(format!("ada:{}", "x".repeat(1_025))), None).problem(400, "invalid_fields");
    assert_eq!(problem["errors"][0]["code"], "password_too_long");
    // Failures count, wherever the credentials are.
    for _ in 0..10 {
        login(&app, &basic("eve:guess"), None);
    }
    login(&app, &basic("eve:guess"), None).problem(429, "too_many_failures");
    app.login("eve", "guess").problem(429, "too_many_failures");
}

fn a_header_that_is_not_basic_is_a_bad_request_and_tells_nothing(engine: Engine) {
    let app = TestApp::start_with(engine, &[ON]);
    app.create_user("ada", &[]);
    let right = basic(format!("ada:{PASSWORD}"));
    for authorization in [
        "Basic",
        "Basic ",
        "Basic !!!!",
        &format!("{right}="),
        &format!("{right} {right}"),
        &basic("no colon"),
        &basic(b"ada:\xff\xfe"),
    ] {
        let answer = login(&app, authorization, None);
        answer.problem(400, "invalid_request");
        assert!(!answer.body.contains("colon\"") && !answer.body.contains("no colon"), "{answer:?}");
    }
    assert_eq!(app.number("select count(*) from sessions"), 0);
}

fn credentials_in_the_body_come_first_and_are_not_mixed_with_the_header(engine: Engine) {
    let app = TestApp::start_with(engine, &[ON]);
    app.create_user("ada", &[]);
    let right = basic(format!("ada:{PASSWORD}"));
    for body in [json!({"username": "ada"}), json!({"password": PASSWORD})] {
        login(&app, &right, Some(&body)).problem(400, "malformed_json");
    }
    let wrong = json!({"username": "ada", "password": "not her password"});
    login(&app, &right, Some(&wrong)).problem(401, "bad_credentials");
    // Without a header the body is not optional.
    app.send("POST", "/v1/tokens", &[], b"").problem(400, "malformed_json");
    app.post("/v1/tokens", &json!({"label": "nightly backup"})).problem(400, "malformed_json");
    let other = app.logged_in("bob");
    app.ask_as("POST", "/v1/tokens", &other, None).problem(400, "malformed_json");
    assert_eq!(app.number("select count(*) from sessions"), 1, "bob's");
}

fn basic_is_accepted_only_at_login(engine: Engine) {
    let app = TestApp::start_with(engine, &[ON]);
    app.create_user("ada", &["admin"]);
    let right = basic(format!("ada:{PASSWORD}"));
    for (method, path) in [
        ("GET", "/v1/me"),
        ("GET", "/v1/me/profile"),
        ("GET", "/v1/sessions"),
        ("GET", "/v1/api-tokens"),
        ("GET", "/v1/admin/users"),
        ("POST", "/v1/logout"),
        ("POST", "/v1/api-tokens/exchange"),
    ] {
        let answer = app.ask(method, path, &right, None);
        answer.problem(401, "access_token_missing");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer realm="tokensmith""#);
    }
    app.ask("POST", "/v1/tokens/refresh", &right, Some(&json!({}))).problem(400, "malformed_json");
}
