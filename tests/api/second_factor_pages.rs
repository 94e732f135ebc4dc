//! The second step on the pages: codes, recovery codes and setting up an app, without a script and in three languages.

use serde_json::json;

use crate::authorize::{CALLBACK, request};
use crate::support::oauth::claims;
use crate::support::totp::{Enrolled, challenge, code, enrolled};
use crate::support::{Browser, Engine, PASSWORD, Page, TestApp};

both_engines!(
    the_login_page_asks_for_a_code_and_leads_back,
    a_recovery_code_may_be_typed_instead,
    what_goes_wrong_in_the_second_step_is_told_there,
    who_must_have_an_app_sets_one_up_on_the_way,
    an_application_gets_its_code_after_both_steps,
    a_form_of_another_page_signs_nobody_in,
    a_browser_that_is_signed_in_shows_both_factors_again,
);

fn log_in(app: &TestApp) -> (Browser, Page) {
    let browser = app.browser();
    let page = browser.open("/login?return_to=/notes");
    let page = browser.log_in(&page, "ada", PASSWORD);
    (browser, page)
}

fn the_login_page_asks_for_a_code_and_leads_back(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let (browser, page) = log_in(&app);
    page.shows(200, "Confirm that it is you");
    let form = page.form_with("otp");
    assert!(form.action.starts_with("/login?return_to=%2Fnotes"), "{form:?}");
    assert!(
        page.answer.body.contains("autocomplete=\"one-time-code\"")
            && page.answer.body.contains("inputmode=\"numeric\"")
    );
    assert!(!page.answer.body.contains("<script"));
    let policy = page.answer.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'self'"), "{policy}");
    let fields: Vec<_> = form.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let shown = code(&app, &secret);
    let fields: Vec<_> =
        fields.into_iter().filter(|(name, _)| *name != "otp").chain([("otp", shown.as_str())]).collect();
    let answer = browser.post_from("same-origin", &form.action, &fields);
    assert_eq!((answer.status, answer.header("location")), (303, "/notes"), "{answer:?}");
    browser.fetch("GET", "/v1/me", None).ok();
}

fn a_recovery_code_may_be_typed_instead(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { recovery_codes, .. } = enrolled(&app, "ada", &[]);
    let (browser, page) = log_in(&app);
    let other = page.forms().into_iter().find(|form| !form.fields.iter().any(|(name, _)| name == "otp")).unwrap();
    let challenge = other.fields.iter().find(|(name, _)| name.as_str() == "challenge").unwrap().1.clone();
    let page = browser.post(&other.action, &[("challenge", &challenge), ("by", "recovery_code")]);
    page.shows(200, "Confirm that it is you");
    let page = browser.submit(&page, &[("recovery_code", "wrong")]);
    page.shows(403, "Confirm that it is you");
    assert!(page.text().contains("The recovery code is wrong"), "{page:?}");
    let form = page.form_with("recovery_code");
    let answer = browser.post_from(
        "same-origin",
        &form.action,
        &[("challenge", &challenge), ("recovery_code", &recovery_codes[0])],
    );
    assert_eq!(answer.status, 303, "{answer:?}");
}

fn what_goes_wrong_in_the_second_step_is_told_there(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let (browser, mut page) = log_in(&app);
    for _ in 0..5 {
        page = browser.submit(&page, &[("otp", "000000")]);
        page.shows(403, "Confirm that it is you");
        assert!(page.text().contains("The code is wrong"), "{page:?}");
    }
    page = browser.submit(&page, &[("otp", "000000")]);
    page.shows(429, "Confirm that it is you");
    assert!(page.text().contains("Too many wrong codes."), "{page:?}");
    assert_ne!(page.answer.header("retry-after"), "");
    app.advance(300);
    page = browser.submit(&page, &[("otp", &code(&app, &secret))]);
    page.shows(403, "Log in");
    assert!(page.text().contains("It took too long."), "{page:?}");
}

fn who_must_have_an_app_sets_one_up_on_the_way(engine: Engine) {
    let app = TestApp::start_with(engine, &[("REQUIRE_SECOND_FACTOR", "all")]);
    app.create_user("ada", &[]);
    let (browser, page) = log_in(&app);
    page.shows(200, "Set up an authenticator app");
    assert!(page.answer.body.contains("<svg"));
    let text = page.text();
    let secret = text.split("Key: <code>").nth(1).unwrap().split("</code>").next().unwrap().to_owned();
    let page = browser.submit(&page, &[("confirm", "000000")]);
    page.shows(403, "Set up an authenticator app");
    assert!(!page.text().contains(&secret), "it is shown once");
    let page = browser.submit(&page, &[("confirm", &code(&app, &secret))]);
    page.shows(200, "Keep these recovery codes");
    assert_eq!(page.answer.body.matches("<li>").count(), 10);
    app.advance(30);
    let form = page.form_with("otp");
    let challenge = form.fields.iter().find(|(name, _)| name.as_str() == "challenge").unwrap().1.clone();
    let answer =
        browser.post_from("same-origin", &form.action, &[("challenge", &challenge), ("otp", &code(&app, &secret))]);
    assert_eq!((answer.status, answer.header("location")), (303, "/notes"), "{answer:?}");
}

fn an_application_gets_its_code_after_both_steps(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    app.register("app", &json!({}));
    let browser = app.browser();
    let page = browser.open(&request("app", &[]));
    let page = browser.log_in(&page, "ada", PASSWORD);
    page.shows(200, "Confirm that it is you");
    assert_eq!(app.number("select count(*) from authorization_codes"), 0);
    // Reloading leads to the beginning, and nothing is signed in.
    browser.open(&page.path).shows(200, "Log in");
    let page = browser.submit(&page, &[("otp", &code(&app, &secret))]);
    page.shows(200, "Allow access?");
    let page = browser.submit(&page, &[("decision", "allow")]);
    assert!(page.answer_to(CALLBACK).contains_key("code"));
    assert_eq!(claims(&json!(browser.cookie("ts_access")))["amr"], json!(["pwd", "otp", "mfa"]));
    assert_eq!(app.number("select count(*) from authorization_codes where amr = 'pwd otp mfa'"), 1);
}

/// An attacker's own challenge in the browser of a victim would sign the victim in as the attacker.
fn a_form_of_another_page_signs_nobody_in(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "mallory", &[]);
    app.register("app", &json!({}));
    let fields = [("challenge", &*challenge(&app, "mallory")), ("otp", &*code(&app, &secret))];
    let before = app.number("select count(*) from sessions");
    let victim = app.browser();
    let page = victim.open(&request("app", &[]));
    for (path, site) in [("/login", "cross-site"), (&*page.path, "cross-site"), (&*page.path, "same-origin")] {
        let answer = victim.post_from(site, path, &fields);
        assert_eq!(answer.headers.get("set-cookie"), None, "{path} {site}: {answer:?}");
    }
    assert_eq!(app.number("select count(*) from sessions"), before);
}

fn a_browser_that_is_signed_in_shows_both_factors_again(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    app.register("app", &json!({}));
    let browser = app.browser();
    let page = browser.open(&request("app", &[]));
    let page = browser.log_in(&page, "ada", PASSWORD);
    browser.submit(&page, &[("otp", &code(&app, &secret))]).shows(200, "Allow access?");
    let sessions = app.number("select count(*) from sessions");
    app.advance(60);
    let page = browser.open(&request("app", &[("prompt", "login")]));
    page.shows(200, "Log in");
    let page = browser.log_in(&page, "ada", PASSWORD);
    page.shows(200, "Confirm that it is you");
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthenticated'"), 0);
    browser.submit(&page, &[("otp", &code(&app, &secret))]).shows(200, "Allow access?");
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthenticated'"), 1);
    assert_eq!(app.number("select count(*) from sessions"), sessions, "it is the same session");
}
