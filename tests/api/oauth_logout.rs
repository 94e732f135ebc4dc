//! `/oauth/logout`: applications send users here who log out
//! ([OpenID Connect RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html)).

use serde_json::{Value, json};

use super::authorize::{allowed, request};
use super::me_applications::tokens;
use crate::support::browser::encoded;
use crate::support::{Browser, Engine, TestApp};

both_engines!(
    oidcc_rp_initiated_logout,
    oidcc_rp_initiated_logout_no_params,
    oidcc_rp_initiated_logout_no_id_token_hint,
    oidcc_rp_initiated_logout_bad_id_token_hint,
    oidcc_rp_initiated_logout_bad_post_logout_redirect_uri,
    oidcc_rp_initiated_logout_no_state,
    an_id_token_of_another_session_has_the_user_asked,
    logging_out_ends_the_grants_of_the_browser_except_those_that_go_on,
    a_logout_by_form_is_sent_on_with_get,
    a_confirmation_of_another_site_is_refused,
    who_is_not_logged_in_is_sent_on,
);

const GOODBYE: &str = "https://app.example/goodbye";

/// A browser that is logged in, and the tokens of a client of its user.
fn started(engine: Engine) -> (TestApp, Browser, Value) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.register("app", &json!({"post_logout_redirect_uris": [GOODBYE]}));
    let browser = allowed(&app, "ada", "app");
    let granted = tokens(&browser, "app", "openid");
    (app, browser, granted)
}

fn logout(params: &[(&str, &str)]) -> String {
    format!("/oauth/logout?{}", encoded(params))
}

fn is_logged_in(browser: &Browser) -> bool {
    browser.open(&request("app", &[])).answer.header("location").starts_with("https://app.example/cb?code=")
}

fn oidcc_rp_initiated_logout(engine: Engine) {
    let (app, browser, granted) = started(engine);
    let id_token = granted["id_token"].as_str().unwrap();
    let params = [("id_token_hint", id_token), ("post_logout_redirect_uri", GOODBYE), ("state", "x y")];
    let page = browser.open(&logout(&params));
    assert_eq!((page.answer.status, page.answer.header("location")), (303, "https://app.example/goodbye?state=x+y"));
    assert!(!browser.cookies.borrow().contains_key("ts_refresh"));
    assert!(!is_logged_in(&browser));
    app.verify(&granted["access_token"]).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from audit_events where name = 'logout'"), 1);
}

fn oidcc_rp_initiated_logout_no_params(engine: Engine) {
    let (_app, browser, _) = started(engine);
    let page = browser.open("/oauth/logout");
    page.shows(200, "Log out?");
    assert!(is_logged_in(&browser));
    browser
        .submit(&page, &[("form_token", &page.form_with("form_token").fields[0].1)])
        .shows(200, "You are logged out");
    assert!(!is_logged_in(&browser));
}

fn oidcc_rp_initiated_logout_no_id_token_hint(engine: Engine) {
    let (_app, browser, _) = started(engine);
    let params = [("client_id", "app"), ("post_logout_redirect_uri", GOODBYE), ("state", "s")];
    let page = browser.open(&logout(&params));
    page.shows(200, "Log out?");
    let done = browser.submit(&page, &[("client_id", "app")]);
    assert_eq!(done.answer_to(GOODBYE)["state"], "s");
    assert!(!is_logged_in(&browser));
}

fn oidcc_rp_initiated_logout_bad_id_token_hint(engine: Engine) {
    let (_app, browser, granted) = started(engine);
    for hint in ["x", granted["access_token"].as_str().unwrap()] {
        browser.open(&logout(&[("id_token_hint", hint)])).shows(200, "Log out?");
    }
    assert!(is_logged_in(&browser));
}

fn oidcc_rp_initiated_logout_bad_post_logout_redirect_uri(engine: Engine) {
    let (app, browser, granted) = started(engine);
    app.register("other", &json!({}));
    let id_token = granted["id_token"].as_str().unwrap();
    for params in [
        &[("id_token_hint", id_token), ("post_logout_redirect_uri", "https://evil.example/")][..],
        &[("id_token_hint", id_token), ("post_logout_redirect_uri", "https://app.example/cb")],
        &[("id_token_hint", id_token), ("client_id", "other")],
        &[("client_id", "other"), ("post_logout_redirect_uri", GOODBYE)],
        &[("client_id", "nobody"), ("post_logout_redirect_uri", GOODBYE)],
        &[("post_logout_redirect_uri", GOODBYE)],
        &[("client_id", "app"), ("client_id", "app")],
        &[("client_id", "app"), ("post_logout_redirect_uri", GOODBYE), ("state", &"x".repeat(2_049))],
    ] {
        browser.open(&logout(params)).shows(400, "Something went wrong");
    }
    assert!(is_logged_in(&browser));
}

fn oidcc_rp_initiated_logout_no_state(engine: Engine) {
    let (_app, browser, granted) = started(engine);
    let id_token = granted["id_token"].as_str().unwrap();
    let page = browser.open(&logout(&[("id_token_hint", id_token), ("post_logout_redirect_uri", GOODBYE)]));
    assert_eq!(page.answer.header("location"), GOODBYE);
}

fn an_id_token_of_another_session_has_the_user_asked(engine: Engine) {
    let (app, browser, _) = started(engine);
    let elsewhere = tokens(&allowed_again(&app), "app", "openid");
    let id_token = elsewhere["id_token"].as_str().unwrap();
    browser.open(&logout(&[("id_token_hint", id_token)])).shows(200, "Log out?");
    assert!(is_logged_in(&browser));
}

/// The same user in another browser: what was allowed is remembered.
fn allowed_again(app: &TestApp) -> Browser {
    let browser = app.browser();
    let page = browser.log_in(&browser.open(&request("app", &[])), "ada", crate::support::PASSWORD);
    page.answer_to("https://app.example/cb");
    browser
}

fn logging_out_ends_the_grants_of_the_browser_except_those_that_go_on(engine: Engine) {
    let (app, browser, granted) = started(engine);
    let goes_on = tokens(&browser, "app", "openid offline_access");
    let of_another = tokens(&allowed_again(&app), "app", "openid");
    let id_token = granted["id_token"].as_str().unwrap();
    browser.open(&logout(&[("id_token_hint", id_token)])).shows(200, "You are logged out");
    app.verify(&granted["access_token"]).problem(401, "token_revoked");
    for lives in [goes_on, of_another] {
        app.verify(&lives["access_token"]).ok();
    }
}

fn a_logout_by_form_is_sent_on_with_get(engine: Engine) {
    let (_app, browser, granted) = started(engine);
    let id_token = granted["id_token"].as_str().unwrap();
    let answer = browser.post_from("cross-site", "/oauth/logout", &[("id_token_hint", id_token)]);
    assert_eq!(answer.status, 303);
    assert!(is_logged_in(&browser));
    browser.open(answer.header("location")).shows(200, "You are logged out");
}

fn a_confirmation_of_another_site_is_refused(engine: Engine) {
    let (_app, browser, _) = started(engine);
    assert_eq!(browser.post_from("cross-site", "/oauth/logout/confirm", &[("client_id", "app")]).status, 403);
    // Without its token the question is asked again.
    browser.post("/oauth/logout/confirm", &[("client_id", "app"), ("form_token", "x")]).shows(200, "Log out?");
    assert!(is_logged_in(&browser));
}

fn who_is_not_logged_in_is_sent_on(engine: Engine) {
    let (app, _, _) = started(engine);
    let browser = app.browser();
    browser.open("/oauth/logout").shows(200, "You are logged out");
    let page = browser.open(&logout(&[("client_id", "app"), ("post_logout_redirect_uri", GOODBYE)]));
    assert_eq!(page.answer.header("location"), GOODBYE);
}
