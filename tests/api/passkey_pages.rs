//! Passkeys on the pages: what their forms post, and what they offer. What the script does is tried in a browser.

use serde_json::{Value, json};

use crate::authorize::{CALLBACK, request};
use crate::support::oauth::claims;
use crate::support::passkey::{ES256, ISSUER, PRESENT, Passkey, encoded, owner, request_options};
use crate::support::totp::{code, enrol};
use crate::support::{Browser, Engine, PASSWORD, Page, TestApp};

both_engines!(
    the_login_page_logs_in_by_a_passkey_and_leads_back,
    an_application_gets_its_code_after_a_passkey,
    a_passkey_that_is_refused_is_told_on_the_form,
    a_passkey_is_the_second_step_where_the_account_has_one,
    a_browser_that_is_signed_in_keeps_its_own_session_and_leaves_that_of_others,
    a_passkey_from_another_page_signs_nobody_in,
    where_browsers_have_no_passkeys_the_pages_have_no_script,
    who_must_have_a_second_factor_makes_a_passkey_on_the_way,
    a_new_passkey_that_is_refused_is_told_and_the_app_remains,
);

fn start(engine: Engine) -> TestApp {
    TestApp::start_with(engine, &[ISSUER])
}

/// Posts what a passkey has signed by the form for it.
fn use_passkey(app: &TestApp, browser: &Browser, page: &Page, passkey: &Passkey) -> Page {
    let form = page.form_with("assertion");
    let challenge = form.fields.iter().find(|(name, _)| name == "challenge").map(|(_, value)| json!(value));
    let options = app.post("/v1/tokens/passkey/options", &json!({"challenge": challenge})).ok();
    browser.submit(page, &[("assertion", &passkey.assertion(&options).to_string())])
}

fn the_login_page_logs_in_by_a_passkey_and_leads_back(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    let browser = app.browser();
    let page = browser.open("/login?return_to=/notes");
    assert!(page.answer.body.contains("autocomplete=\"username webauthn\""));
    assert!(page.answer.body.contains("data-passkey=\"/v1/tokens/passkey/options\" hidden"), "{page:?}");
    let policy = page.answer.header("content-security-policy");
    assert!(policy.contains("; script-src 'self'; connect-src 'self'"), "{policy}");
    let script = page.answer.body.split("<script type=\"module\" src=\"").nth(1).unwrap().split('"').next().unwrap();
    let script = app.get(script);
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    let page = use_passkey(&app, &browser, &page, &passkey);
    assert_eq!(page.path, "/notes");
    browser.fetch("GET", "/v1/me", None).ok();
    assert_eq!(claims(&json!(browser.cookie("ts_access")))["amr"], json!(["swk", "mfa"]));
}

fn an_application_gets_its_code_after_a_passkey(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "ada");
    app.register("app", &json!({}));
    let browser = app.browser();
    let page = browser.open(&request("app", &[]));
    let page = use_passkey(&app, &browser, &page, &passkey);
    page.shows(200, "Allow access?");
    let page = browser.submit(&page, &[("decision", "allow")]);
    assert!(page.answer_to(CALLBACK).contains_key("code"));
    assert_eq!(app.number("select count(*) from authorization_codes where amr = 'swk mfa'"), 1);
}

fn a_passkey_that_is_refused_is_told_on_the_form(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, added) = owner(&app, "ada");
    let browser = app.browser();
    let login = browser.open("/login?return_to=/notes");
    let unverified = Passkey { flags: PRESENT, ..passkey.clone() };
    let page = use_passkey(&app, &browser, &login, &unverified);
    page.shows(403, "Log in");
    assert!(page.text().contains("This passkey is not accepted here."), "{page:?}");
    assert!(!page.answer.body.contains("data-unknown"), "{page:?}");
    let assertion = passkey.assertion(&request_options(&app)).to_string();
    app.advance(301);
    let page = browser.submit(&login, &[("assertion", &assertion)]);
    page.shows(403, "Log in");
    assert!(page.text().contains("It took too long."), "{page:?}");
    browser.submit(&login, &[("assertion", "{}")]).shows(400, "Something went wrong");
    let path = format!("/v1/me/passkeys/{}", added["id"].as_str().unwrap());
    let pair = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(app.ask_as("DELETE", &path, &pair, None).status, 204);
    let page = use_passkey(&app, &browser, &login, &passkey);
    page.shows(403, "Log in");
    let told = format!("data-unknown=\"{}\" data-rp=\"localhost\"", encoded(&passkey.id));
    assert!(page.answer.body.contains(&told), "{page:?}");
    assert_eq!(app.number("select count(*) from audit_events where name = 'login_failed'"), 3);
    assert_eq!(app.number("select count(*) from sessions"), 1);
}

fn a_passkey_is_the_second_step_where_the_account_has_one(engine: Engine) {
    let app = start(engine);
    let (passkey, pair, _) = owner(&app, "ada");
    let log_in = |browser: &Browser| {
        let page = browser.open("/login?return_to=/notes");
        let page = browser.log_in(&page, "ada", PASSWORD);
        page.shows(200, "Confirm that it is you");
        page
    };
    let browser = app.browser();
    let page = log_in(&browser);
    assert!(page.text().contains("Use the passkey of your account."), "{page:?}");
    assert!(!page.answer.body.contains("name=\"otp\"") && !page.text().contains("Use the authenticator app"));
    let touched = Passkey { flags: PRESENT, ..passkey.clone() };
    let untouched = Passkey { flags: 0, ..passkey.clone() };
    let refused = use_passkey(&app, &browser, &page, &untouched);
    refused.shows(403, "Confirm that it is you");
    assert_eq!(use_passkey(&app, &browser, &refused, &touched).path, "/notes");
    assert_eq!(claims(&json!(browser.cookie("ts_access")))["amr"], json!(["pwd", "swk", "mfa"]));

    let browser = app.browser();
    let page = browser.submit(&log_in(&browser), &[("by", "recovery_code")]);
    let page = browser.submit(&page, &[("recovery_code", "wrong")]);
    page.shows(403, "Confirm that it is you");
    assert_eq!(use_passkey(&app, &browser, &page, &touched).path, "/notes");

    enrol(&app, &pair);
    let browser = app.browser();
    let page = log_in(&browser);
    page.form_with("otp");
    assert_eq!(use_passkey(&app, &browser, &page, &touched).path, "/notes");
}

fn a_browser_that_is_signed_in_keeps_its_own_session_and_leaves_that_of_others(engine: Engine) {
    let app = start(engine);
    let (of_ada, ..) = owner(&app, "ada");
    let (of_bob, ..) = owner(&app, "bob");
    app.register("app", &json!({}));
    let browser = app.browser();
    let again = |passkey: &Passkey| {
        let page = browser.open(&request("app", &[("prompt", "login")]));
        use_passkey(&app, &browser, &page, passkey).shows(200, "Allow access?");
        let live = "select count(*) from sessions where ended_at is null";
        (app.number("select count(*) from sessions"), app.number(live))
    };
    let ended_of =
        "select count(*) from sessions join users on users.id = user_id where ended_at is not null and username";
    assert_eq!(again(&of_ada), (4, 4));
    assert_eq!(again(&of_ada), (4, 4));
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthenticated'"), 1);
    assert_eq!(again(&of_bob), (5, 4));
    assert_eq!(app.number(&format!("{ended_of} = 'ada'")), 1);
}

/// An attacker's own passkey in the browser of a victim would sign the victim in as the attacker.
fn a_passkey_from_another_page_signs_nobody_in(engine: Engine) {
    let app = start(engine);
    let (passkey, ..) = owner(&app, "mallory");
    app.register("app", &json!({}));
    let victim = app.browser();
    let page = victim.open(&request("app", &[]));
    for (path, site) in [("/login", "cross-site"), (&*page.path, "cross-site"), (&*page.path, "same-origin")] {
        let assertion = passkey.assertion(&request_options(&app)).to_string();
        let answer = victim.post_from(site, path, &[("assertion", &assertion)]);
        assert_eq!(answer.headers.get("set-cookie"), None, "{path} {site}: {answer:?}");
    }
    let of_mallory = "select count(*) from sessions join users on users.id = user_id where username = 'mallory'";
    assert_eq!(app.number(of_mallory), 1);
}

fn where_browsers_have_no_passkeys_the_pages_have_no_script(engine: Engine) {
    let elsewhere = [ISSUER, ("PASSKEY_ORIGINS", "http://app.localhost:3000")];
    for settings in [&[][..], &elsewhere] {
        let app = TestApp::start_with(engine, settings);
        let page = app.browser().open("/login?return_to=/notes");
        page.shows(200, "Log in");
        assert!(!page.answer.body.contains("<script") && !page.answer.body.contains("passkey"), "{page:?}");
        let policy = page.answer.header("content-security-policy");
        assert!(!policy.contains("script-src") && !policy.contains("connect-src"), "{policy}");
    }
}

/// At the page that asks for a second factor, and what its script gets.
fn at_enrolment(app: &TestApp) -> (Browser, Page, Value) {
    app.create_user("ada", &[]);
    let browser = app.browser();
    let page = browser.open("/login?return_to=/notes");
    let page = browser.log_in(&page, "ada", PASSWORD);
    page.shows(200, "Set up an authenticator app");
    let policy = page.answer.header("content-security-policy");
    assert!(policy.contains("; script-src 'self'; connect-src 'self'"), "{policy}");
    let offered = page.answer.body.split("data-create=\"").nth(1).unwrap().split("\" hidden").next().unwrap();
    let public_key: Value = serde_json::from_str(&offered.replace("&#34;", "\"")).unwrap();
    (browser, page, json!({"publicKey": public_key}))
}

fn who_must_have_a_second_factor_makes_a_passkey_on_the_way(engine: Engine) {
    let app = TestApp::start_with(engine, &[ISSUER, ("REQUIRE_SECOND_FACTOR", "all")]);
    let (browser, page, options) = at_enrolment(&app);
    let passkey = Passkey::make(ES256, &options);
    let form = page.form_with("credential");
    assert!(form.fields.iter().all(|(name, _)| name != "confirm"), "the app has a form of its own");
    let (offered, credential) = (page, passkey.registration(&options).to_string());
    let made = browser.submit(&offered, &[("credential", &credential)]);
    made.shows(200, "Keep these recovery codes");
    assert_eq!(made.answer.body.matches("<li>").count(), 10);
    assert!(made.text().contains("Then use your new passkey to go on."), "{made:?}");
    assert_eq!(app.number("select count(*) from sessions"), 0, "nobody is signed in yet");
    let page = use_passkey(&app, &browser, &made, &passkey);
    assert_eq!(page.path, "/notes");
    browser.fetch("GET", "/v1/me", None).ok();
    assert_eq!(claims(&json!(browser.cookie("ts_access")))["amr"], json!(["pwd", "swk", "mfa"]));
    // The challenge is used, and opens no second enrolment.
    browser.submit(&offered, &[("credential", &credential)]).shows(403, "Log in");
}

fn a_new_passkey_that_is_refused_is_told_and_the_app_remains(engine: Engine) {
    let app = TestApp::start_with(engine, &[ISSUER, ("REQUIRE_SECOND_FACTOR", "all")]);
    let (browser, page, options) = at_enrolment(&app);
    let unverified = Passkey { flags: PRESENT, ..Passkey::make(ES256, &options) };
    let refused = browser.submit(&page, &[("credential", &unverified.registration(&options).to_string())]);
    refused.shows(403, "Set up an authenticator app");
    assert!(refused.text().contains("This passkey is not accepted here."), "{refused:?}");
    assert_eq!(app.number("select count(*) from passkeys"), 0);
    browser.submit(&page, &[("credential", "{}")]).shows(400, "Something went wrong");
    let text = refused.text();
    let secret = text.split("Key: <code>").nth(1).unwrap().split("</code>").next().unwrap();
    browser.submit(&refused, &[("confirm", &code(&app, secret))]).shows(200, "Keep these recovery codes");
    // The browser may be slow: by then the app is the second factor.
    let late =
        browser.submit(&page, &[("credential", &Passkey::make(ES256, &options).registration(&options).to_string())]);
    late.shows(403, "Log in");
    assert_eq!(app.number("select count(*) from passkeys"), 0);
}
