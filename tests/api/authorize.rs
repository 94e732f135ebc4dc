//! `/oauth/authorize`: which requests are answered at once, and how. Names follow the OpenID conformance suite where it has a
//! module for the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::me_applications::tokens;
use crate::support::browser::encoded;
use crate::support::postgres::{self, Cluster};
use crate::support::{Browser, Engine, PASSWORD, Page, TestApp};

both_engines!(
    oidcc_server,
    oidcc_response_type_missing,
    oidcc_ensure_redirect_uri_in_authorization_request,
    oidcc_prompt_none_not_logged_in,
    oidcc_prompt_none_logged_in,
    oidcc_prompt_login,
    oidcc_max_age_1_and_max_age_10000,
    oidcc_ensure_post_request_succeeds,
    oidcc_id_token_hint,
    a_hint_whose_key_is_gone_has_the_user_log_in,
    a_hint_of_another_user_lets_nobody_else_go_on,
    oidcc_unsigned_request_object_is_refused,
    fapi2_state_is_returned_and_iss_is_in_every_answer,
    rfc6749_4_1_2_1_an_unknown_client_or_redirect_uri_is_never_redirected,
    rfc6749_4_1_2_1_each_mistake_goes_to_the_client_with_its_code,
    rfc6749_4_1_2_a_code_is_kept_as_a_digest_and_lives_for_a_minute,
    rfc9700_4_12_the_answer_is_a_303_or_after_a_form_a_page,
    a_form_post_answer_is_a_form_that_posts_itself,
    pages_have_headers_that_let_nothing_else_in,
);

pub const CALLBACK: &str = "https://app.example/cb";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The path of a good request, with parameters of its own.
pub fn request(client: &str, own: &[(&str, &str)]) -> String {
    let usual = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "s t&a"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let is_own = |name: &str| own.iter().any(|(other, _)| *other == name);
    let usual = usual.into_iter().filter(|(name, _)| !is_own(name));
    let all: Vec<_> = usual.chain(own.iter().copied()).filter(|(_, value)| !value.is_empty()).collect();
    format!("/oauth/authorize?{}", encoded(&all))
}

/// A browser in which somebody has logged in for this client, and has allowed what it asks for.
pub fn allowed(app: &TestApp, username: &str, client: &str) -> Browser {
    let browser = app.browser();
    let page = browser.log_in(&browser.open(&request(client, &[])), username, PASSWORD);
    page.shows(200, "Allow access?");
    browser.submit(&page, &[("decision", "allow")]).answer_to(CALLBACK);
    browser
}

fn started(engine: Engine) -> TestApp {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.register("app", &json!({}));
    app
}

fn error_of(page: &Page) -> String {
    let answer = page.answer_to(CALLBACK);
    assert!(!answer.contains_key("code"), "{answer:?}");
    answer["error"].clone()
}

fn oidcc_server(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let page = browser.open(&request("app", &[("nonce", "n"), ("scope", "openid notes:read")]));
    page.shows(200, "Log in");
    assert!(page.text().contains("to continue to The app app"), "{page:?}");
    let page = browser.log_in(&page, "ada", PASSWORD);
    page.shows(200, "Allow access?");
    for text in [
        "The app app asks for permission to:",
        "<li>Know who you are</li>\n<li><code>notes:read</code></li>",
        "After this you will be taken to app.example.",
        "What you allow is remembered.",
    ] {
        assert!(page.text().contains(text), "{text}: {page:?}");
    }
    let done = browser.submit(&page, &[("decision", "allow")]);
    assert_eq!(done.answer.status, 200);
    let answer = done.answer_to(CALLBACK);
    assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("s t&a", "http://127.0.0.1:8080"));
    let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &*answer["code"]),
        ("redirect_uri", CALLBACK),
        ("code_verifier", verifier),
    ];
    let tokens = browser.post_from("cross-site", "/oauth/token", &fields).ok();
    assert_eq!(tokens["scope"], "notes:read openid");
    assert!(tokens["id_token"].is_string() && tokens["access_token"].is_string(), "{tokens}");
}

fn oidcc_response_type_missing(engine: Engine) {
    let app = started(engine);
    assert_eq!(error_of(&app.browser().open(&request("app", &[("response_type", "")]))), "invalid_request");
}

fn oidcc_ensure_redirect_uri_in_authorization_request(engine: Engine) {
    let app = started(engine);
    app.browser().open(&request("app", &[("redirect_uri", "")])).shows(400, "Something went wrong");
}

fn oidcc_prompt_none_not_logged_in(engine: Engine) {
    let app = started(engine);
    assert_eq!(error_of(&app.browser().open(&request("app", &[("prompt", "none")]))), "login_required");
    assert_eq!(app.number("select count(*) from interactions"), 0);
}

fn oidcc_prompt_none_logged_in(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let before = app.number("select sum(denied_through) from sessions");
    let page = browser.open(&request("app", &[("prompt", "none")]));
    assert_eq!(page.answer.status, 303);
    assert!(page.answer_to(CALLBACK).contains_key("code"));
    assert_eq!(
        error_of(&browser.open(&request("app", &[("prompt", "none"), ("scope", "profile")]))),
        "consent_required"
    );
    let other = [("prompt", "none"), ("login_hint", "grace")];
    assert_eq!(error_of(&browser.open(&request("app", &other))), "account_selection_required");
    // Whoever only looks does not move the session's mark.
    assert_eq!(app.number("select sum(denied_through) from sessions"), before);
}

fn oidcc_prompt_login(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let before = browser.cookies.borrow()["ts_refresh"].clone();
    // In the second of the login before it, too.
    browser.open(&request("app", &[("prompt", "login")])).shows(200, "Log in");
    app.advance(30);
    let page = browser.open(&request("app", &[("prompt", "login")]));
    page.shows(200, "Log in");
    assert_eq!(page.form_with("username").fields.iter().find(|(name, _)| name == "username").unwrap().1, "ada");
    // What goes on from the account chooser stands for no login.
    let form = page.form_with("username");
    let token = &form.fields.iter().find(|(name, _)| name == "form_token").unwrap().1;
    browser.post(&form.action, &[("form_token", token), ("account", "continue")]).shows(200, "Log in");
    app.advance(5);
    let done = browser.log_in(&page, "ada", PASSWORD);
    assert!(done.answer_to(CALLBACK).contains_key("code"));
    assert_eq!(app.number("select max(auth_time) - min(auth_time) from authorization_codes"), 35);
    // The session goes on, with another token.
    let of_ada = "user_id = (select id from users where username = 'ada')";
    assert_eq!(app.number(&format!("select count(*) from sessions where {of_ada}")), 1);
    assert_eq!(app.number(&format!("select denied_through from sessions where {of_ada}")), 1);
    assert_ne!(browser.cookies.borrow()["ts_refresh"], before);
}

fn oidcc_max_age_1_and_max_age_10000(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    app.advance(2);
    browser.open(&request("app", &[("max_age", "1")])).shows(200, "Log in");
    assert_eq!(error_of(&browser.open(&request("app", &[("max_age", "1"), ("prompt", "none")]))), "login_required");
    for most in ["2", "10000"] {
        assert!(browser.open(&request("app", &[("max_age", most)])).answer_to(CALLBACK).contains_key("code"));
    }
    // As old as the request is always young enough.
    let page = browser.open(&request("app", &[("max_age", "0")]));
    app.advance(5);
    assert!(browser.log_in(&page, "ada", PASSWORD).answer_to(CALLBACK).contains_key("code"));
}

fn oidcc_ensure_post_request_succeeds(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let path = request("app", &[]);
    let query = path.split_once('?').unwrap().1;
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "cross-site")];
    let answer = app.send("POST", "/oauth/authorize", &headers, query.as_bytes());
    assert_eq!(answer.status, 303, "{answer:?}");
    assert!(answer.header("location").starts_with("/oauth/authorize?"), "{answer:?}");
    assert!(browser.open(answer.header("location")).answer_to(CALLBACK).contains_key("code"));
    let answer = app.send("POST", "/oauth/authorize", &[("content-type", "text/plain")], query.as_bytes());
    assert_eq!(answer.status, 400);
}

fn oidcc_id_token_hint(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let id_token = tokens(&browser, "app", "openid")["id_token"].as_str().unwrap().to_owned();
    // Also when it has expired: it only says who is meant.
    app.advance(10_000);
    let params = [("prompt", "none"), ("id_token_hint", &*id_token)];
    assert!(browser.open(&request("app", &params)).answer_to(CALLBACK).contains_key("code"));
    for bad in ["x", &*format!("{id_token}x")] {
        assert_eq!(error_of(&browser.open(&request("app", &[("id_token_hint", bad)]))), "invalid_request");
    }
}

fn a_hint_whose_key_is_gone_has_the_user_log_in(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let id_token = tokens(&browser, "app", "openid")["id_token"].as_str().unwrap().to_owned();
    let (header, rest) = id_token.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["kid"] = "removed".into();
    let old = format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let silent = [("prompt", "none"), ("id_token_hint", &*old)];
    assert_eq!(error_of(&browser.open(&request("app", &silent))), "login_required");
    let page = browser.open(&request("app", &[("id_token_hint", &*old)]));
    page.shows(200, "Log in");
    assert!(browser.log_in(&page, "ada", PASSWORD).answer_to(CALLBACK).contains_key("code"));
}

fn a_hint_of_another_user_lets_nobody_else_go_on(engine: Engine) {
    let app = started(engine);
    app.create_user("grace", &[]);
    let browser = allowed(&app, "ada", "app");
    let id_token = tokens(&browser, "app", "openid")["id_token"].as_str().unwrap().to_owned();
    let browser = allowed(&app, "grace", "app");
    let silent = [("prompt", "none"), ("id_token_hint", &*id_token)];
    assert_eq!(error_of(&browser.open(&request("app", &silent))), "login_required");
    let asks = || browser.open(&request("app", &[("id_token_hint", &*id_token)]));
    let page = asks();
    page.shows(200, "Log in");
    assert_eq!(error_of(&browser.log_in(&page, "grace", PASSWORD)), "login_required");
    assert!(browser.log_in(&asks(), "ada", PASSWORD).answer_to(CALLBACK).contains_key("code"));
}

fn oidcc_unsigned_request_object_is_refused(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    for (name, code) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ] {
        assert_eq!(error_of(&browser.open(&request("app", &[(name, "x")]))), code);
    }
}

fn fapi2_state_is_returned_and_iss_is_in_every_answer(engine: Engine) {
    let app = started(engine);
    let answer = app.browser().open(&request("app", &[("scope", "mail:read")])).answer_to(CALLBACK);
    let told = (answer["error"].as_str(), answer["state"].as_str(), answer["iss"].as_str());
    assert_eq!(told, ("invalid_scope", "s t&a", "http://127.0.0.1:8080"));
}

fn rfc6749_4_1_2_1_an_unknown_client_or_redirect_uri_is_never_redirected(engine: Engine) {
    let app = started(engine);
    app.register("other", &json!({"redirect_uris": ["https://other.example/cb"]}));
    app.execute("update clients set disabled_at = 1 where id = 'other'");
    let browser = app.browser();
    for path in [
        request("", &[]),
        request("nobody", &[]),
        request("n\u{e9}\0", &[]),
        request("other", &[("redirect_uri", "https://other.example/cb")]),
        request("app", &[("redirect_uri", "https://evil.example/cb")]),
        request("app", &[("redirect_uri", "https://app.example/cb/../evil")]),
        request("app", &[("redirect_uri", "https://app.example/cb?x=1")]),
        request("app", &[("redirect_uri", "javascript:alert(1)")]),
        format!("{}&client_id=app", request("app", &[])),
        format!("{}&redirect_uri=https://app.example/cb", request("app", &[])),
    ] {
        let page = browser.open(&path);
        page.shows(400, "Something went wrong");
        assert!(page.answer.header("location").is_empty() && !page.text().contains("evil.example"), "{page:?}");
    }
}

fn rfc6749_4_1_2_1_each_mistake_goes_to_the_client_with_its_code(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let long = "x".repeat(2_049);
    for (own, code) in [
        (&[("response_type", "token")][..], "unsupported_response_type"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("code_challenge", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("scope", "openid mail:read")], "invalid_scope"),
        (&[("resource", "https://notes.example")], "invalid_target"),
        (&[("state", &long)], "invalid_request"),
        (&[("nonce", "a\0b")], "invalid_request"),
    ] {
        assert_eq!(error_of(&browser.open(&request("app", own))), code, "{own:?}");
    }
    let twice = browser.open(&format!("{}&scope=openid", request("app", &[])));
    assert_eq!(error_of(&twice), "invalid_request");
    app.register("script", &json!({
        "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_basic", "scopes": ["notes:read"],
    }));
    assert_eq!(error_of(&browser.open(&request("script", &[]))), "unauthorized_client");
}

fn rfc6749_4_1_2_a_code_is_kept_as_a_digest_and_lives_for_a_minute(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let code = browser.open(&request("app", &[])).answer_to(CALLBACK)["code"].clone();
    assert_eq!(code.len(), 43);
    assert_eq!(app.number("select count(*) from authorization_codes where length(digest) = 32"), 2);
    assert_eq!(app.number("select min(expires_at) - 1800000000 from authorization_codes"), 60);
}

fn rfc9700_4_12_the_answer_is_a_303_or_after_a_form_a_page(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let page = browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD);
    let after_form = browser.submit(&page, &[("decision", "allow")]);
    after_form.shows(200, "Back to the application");
    let location = after_form.text().split("<a href=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(location.starts_with(CALLBACK), "{location}");
    assert_eq!(browser.open(&request("app", &[])).answer.status, 303);
    // Consent is there, a login is not: that began with a form, too.
    let another = app.browser();
    let page = another.log_in(&another.open(&request("app", &[])), "ada", PASSWORD);
    page.shows(200, "Back to the application");
}

fn a_form_post_answer_is_a_form_that_posts_itself(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let page = browser.open(&request("app", &[("response_mode", "form_post")]));
    page.shows(200, "Back to the application");
    let form = page.form_with("code");
    assert_eq!(form.action, CALLBACK);
    let names: Vec<_> = form.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    let policy = page.answer.header("content-security-policy");
    assert!(policy.contains("form-action https://app.example;"), "{policy}");
    assert!(policy.contains("script-src 'sha256-"), "{policy}");
    assert!(page.answer.body.contains("<script>document.forms[0].submit()</script>"));
    let page = browser.open(&request("app", &[("response_mode", "form_post"), ("scope", "mail:read")]));
    assert_eq!(page.form_with("error").fields[0].1, "invalid_scope");
    let page = browser.open(&request("app", &[("response_mode", "form_post"), ("response_type", "token")]));
    assert_eq!(error_of(&page), "unsupported_response_type");
}

fn pages_have_headers_that_let_nothing_else_in(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    for page in [
        browser.open(&request("app", &[])),
        browser.open(&request("nobody", &[])),
        browser.open("/oauth/authorize/nothing"),
        browser.open("/oauth/logout"),
    ] {
        let policy = page.answer.header("content-security-policy");
        for directive in ["default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(directive), "{policy}");
        }
        assert!(policy.contains("form-action 'self'") && !policy.contains("script-src"), "{policy}");
        assert_eq!(page.answer.header("referrer-policy"), "same-origin");
        assert_eq!(page.answer.header("x-content-type-options"), "nosniff");
        assert_eq!(page.answer.header("cache-control"), "no-store");
        assert!(!page.answer.body.contains("<script"), "{page:?}");
    }
    let styles = app.get("/oauth/assets/pages.css");
    assert_eq!((styles.status, styles.header("content-type")), (200, "text/css; charset=utf-8"));
}

#[test]
fn authorizations_of_strangers_leave_connections_to_others() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start_with(Engine::Postgres, &[("DATABASE_POOL_SIZE", "4")]);
    let pair = app.logged_in("ada");
    app.register("app", &json!({}));
    let mut holder = PgConnection::establish(&app.database_url).unwrap();
    holder.batch_execute("begin; lock table interactions in access exclusive mode").unwrap();
    let ask = |_| {
        let client = app.another_client();
        std::thread::spawn(move || client.get(&request("app", &[])).status)
    };
    let asking: Vec<_> = (0..8).map(ask).collect();
    let waiting =
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let mut most = 0;
    while asking.iter().any(|thread| !thread.is_finished()) {
        most = most.max(app.number(waiting));
        app.ask_as("GET", "/v1/sessions", &pair, None).ok();
    }
    // One has a turn, and the server may not have ended yet what another one has given up.
    assert!((1..=2).contains(&most), "{most}");
    assert!(asking.into_iter().all(|thread| thread.join().unwrap() == 503));
}

#[test]
fn without_postgresql_a_page_says_so_and_nothing_is_half_written() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    app.create_user("ada", &[]);
    app.register("app", &json!({}));
    let browser = app.browser();
    let page = browser.open(&request("app", &[]));
    cluster.tell("stop", "stopped");
    let login = || browser.log_in(&page, "ada", PASSWORD);
    for down in [browser.open(&request("app", &[])), browser.open(&page.path), login(), browser.open("/oauth/logout")] {
        if down.path == "/oauth/logout" {
            // No user is signed in; that needs no database.
            down.shows(200, "You are logged out");
            continue;
        }
        down.shows(503, "Something went wrong");
        assert_eq!(down.answer.header("retry-after"), "5");
    }
    cluster.tell("start", "started");
    let page = login();
    page.shows(200, "Allow access?");
    assert!(browser.submit(&page, &[("decision", "allow")]).answer_to(CALLBACK).contains_key("code"));
}
