//! `/account/passkeys`: users add, name and remove their passkeys, and use one instead of the password for what is sensitive.

use serde_json::{Value, json};

use crate::account_pages::{at_home, form, later, press};
use crate::support::passkey::{ES256, ISSUER, PRESENT, Passkey, SYNCED, VERIFIED, encoded, log_in, request_options};
use crate::support::totp::{Enrolled, code, enrolled};
use crate::support::{Browser, Engine, PASSWORD, Page, TestApp};

both_engines!(
    a_passkey_is_added_and_its_recovery_codes_are_shown_once,
    a_passkey_is_renamed_and_removed,
    what_is_wrong_with_a_passkey_is_told_in_words,
    what_is_sensitive_asks_for_a_passkey_instead_of_the_password,
    the_passkey_of_somebody_else_proves_nothing,
    what_was_shown_counts_although_the_action_fails,
    a_passkey_is_offered_for_as_long_as_the_password_is_recent,
    where_browsers_have_no_passkeys_there_is_no_such_page,
    after_a_login_by_password_and_code_the_browser_may_make_a_passkey_by_itself,
);

const PAGE: &str = "/account/passkeys";

fn started(engine: Engine) -> TestApp {
    let app = TestApp::start_with(engine, &[ISSUER]);
    app.create_user("ada", &[]);
    app
}

/// What the page gives to the script.
fn options(page: &Page) -> Value {
    page.shows(200, "Add a passkey");
    let text = page.text();
    let options = text.split("data-create=\"").nth(1).unwrap().split("\" hidden").next().unwrap();
    json!({"publicKey": serde_json::from_str::<Value>(options).unwrap()})
}

/// Adds a passkey; returns it, and the page after that.
fn add(browser: &Browser, name: &str) -> (Passkey, Page) {
    let page = press(browser, &browser.open(PAGE), "add", &[]);
    let options = options(&page);
    let passkey = Passkey::make(ES256, &options);
    let credential = passkey.registration(&options).to_string();
    let page = browser.submit(&page, &[("credential", &credential), ("name", name)]);
    (passkey, page)
}

fn count(app: &TestApp) -> i64 {
    app.number("select count(*) from passkeys")
}

fn a_passkey_is_added_and_its_recovery_codes_are_shown_once(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let (first, page) = add(&browser, "my laptop");
    page.shows(200, "Keep these recovery codes");
    assert_eq!(page.answer.body.matches("<li><code>").count(), 10);
    app.advance(1);
    let (second, page) = add(&browser, "my phone");
    page.shows(200, "Your passkeys");
    assert!(page.text().contains("The passkey is added."), "{page:?}");
    for name in ["my laptop", "my phone"] {
        assert!(page.text().contains(&format!("<bdi>{name}</bdi>")) || page.text().contains(name), "{page:?}");
    }
    // The browser is told which ones there are.
    let accepted = format!("data-accepted=\"{} {}\"", encoded(&second.id), encoded(&first.id));
    assert!(page.answer.body.contains(&accepted) && page.answer.body.contains("data-rp=\"localhost\""), "{page:?}");
    let policy = page.answer.header("content-security-policy");
    assert!(policy.contains("script-src 'self'"), "{policy}");
    log_in(&app, &first).ok();
    log_in(&app, &second).ok();
    let page = browser.open("/account/second-factors");
    assert!(page.text().contains("Your passkeys are your second factor."), "{page:?}");
    assert!(page.text().contains("Recovery codes that you can still use: 10"), "{page:?}");
}

fn a_passkey_is_renamed_and_removed(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let (passkey, _) = add(&browser, "my laptop");
    let page = press(&browser, &browser.open(PAGE), "rename", &[("name", "old laptop")]);
    page.shows(200, "Your passkeys");
    assert!(page.text().contains("Saved.") && page.text().contains("old laptop"), "{page:?}");
    let refused = press(&browser, &page, "rename", &[("name", " ")]);
    refused.shows(400, "Your passkeys");
    assert!(refused.text().contains("A name has 1 to 100 readable characters."), "{refused:?}");
    assert_eq!(refused.answer.body.matches("<details open>").count(), 1, "{refused:?}");
    assert!(refused.answer.body.contains("type=\"text\" value=\" \""), "what was typed: {refused:?}");
    // Whose button it is.
    let id = form(&page, "rename").fields.iter().find(|(name, _)| name == "id").unwrap().1.clone();
    assert!(page.answer.body.contains(&format!("<bdi id=\"item-{id}\">old laptop</bdi>")), "{page:?}");
    assert_eq!(page.answer.body.matches(&format!("aria-describedby=\"item-{id}\"")).count(), 4, "{page:?}");
    assert_eq!(app.number("select count(*) from passkeys where name = 'old laptop'"), 1);
    let gone = press(&browser, &page, "remove", &[]);
    gone.shows(200, "Your passkeys");
    assert!(gone.text().contains("The passkey is removed."), "{gone:?}");
    assert!(gone.answer.body.contains("data-accepted=\"\""), "{gone:?}");
    assert_eq!(count(&app) + app.number("select count(*) from recovery_codes"), 0);
    log_in(&app, &passkey).problem(401, "passkey_unknown");
    app.login("ada", PASSWORD).ok();
    // A page of before.
    let again = press(&browser, &page, "rename", &[("name", "x")]);
    again.shows(404, "Your passkeys");
    assert!(again.text().contains("This passkey is not there any more."), "{again:?}");
}

fn what_is_wrong_with_a_passkey_is_told_in_words(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let page = press(&browser, &browser.open(PAGE), "add", &[]);
    let asked = options(&page);
    let made = |change: fn(Passkey) -> Passkey| change(Passkey::make(ES256, &asked)).registration(&asked).to_string();
    let submit = |credential: &str| browser.submit(&page, &[("credential", credential), ("name", "x")]);
    let elsewhere = made(|passkey| Passkey { origin: "https://evil.example".to_owned(), ..passkey });
    let refused = submit(&elsewhere);
    refused.shows(403, "Add a passkey");
    assert!(refused.text().contains("This passkey is not accepted here."), "{refused:?}");
    submit("{}").shows(400, "Something went wrong");
    app.advance(301);
    let late = submit(&made(|passkey| passkey));
    late.shows(403, "Add a passkey");
    assert!(late.text().contains("It took too long. Try again."), "{late:?}");
    assert_eq!(count(&app), 0);
}

fn what_is_sensitive_asks_for_a_passkey_instead_of_the_password(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let (passkey, _) = add(&browser, "my laptop");
    later(&app);
    let question = press(&browser, &browser.open(PAGE), "remove", &[]);
    question.shows(200, "Confirm that it is you");
    assert_eq!(count(&app), 1);
    let answer = |passkey: &Passkey| {
        let assertion = passkey.assertion(&request_options(&app)).to_string();
        browser.submit(&question, &[("assertion", &assertion)])
    };
    let refused = answer(&Passkey { flags: 1, ..passkey.clone() });
    refused.shows(403, "Confirm that it is you");
    assert!(refused.text().contains("This passkey is not accepted here."), "{refused:?}");
    let page = answer(&passkey);
    page.shows(200, "Your passkeys");
    assert_eq!(count(&app), 0);
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthenticated'"), 1);
    // Without a passkey there is only the password.
    later(&app);
    let question = press(&browser, &browser.open(PAGE), "add", &[]);
    question.shows(200, "Confirm that it is you");
    assert!(!question.answer.body.contains("assertion"), "{question:?}");
    options(&browser.submit(&question, &[("password", PASSWORD)]));
}

fn the_passkey_of_somebody_else_proves_nothing(engine: Engine) {
    let app = started(engine);
    app.create_user("mallory", &[]);
    let mallory = at_home(&app, "mallory");
    let (of_mallory, _) = add(&mallory, "mine");
    let browser = at_home(&app, "ada");
    add(&browser, "my laptop");
    let page = browser.open(PAGE);
    // A user cannot remove the passkey of another.
    let theirs = form(&page, "remove").fields.iter().find(|(name, _)| name == "id").unwrap().1.clone();
    let answer = press(&mallory, &mallory.open(PAGE), "remove", &[("id", &theirs)]);
    answer.shows(404, "Your passkeys");
    assert_eq!(count(&app), 2);
    later(&app);
    let question = press(&browser, &page, "remove", &[]);
    let assertion = of_mallory.assertion(&request_options(&app)).to_string();
    browser.submit(&question, &[("assertion", &assertion)]).shows(403, "Confirm that it is you");
    assert_eq!(count(&app), 2);
}

fn what_was_shown_counts_although_the_action_fails(engine: Engine) {
    let app = started(engine);
    let Enrolled { secret, .. } = enrolled(&app, "grace", &[]);
    let browser = app.browser();
    let page = browser.log_in(&browser.open("/login"), "grace", PASSWORD);
    browser.submit(&page, &[("otp", &code(&app, &secret))]).shows(200, "Profile");
    add(&browser, "my laptop");
    let page = browser.open(PAGE);
    app.execute("delete from passkeys");
    later(&app);
    browser.drop_cookie("ts_device");
    let question = press(&browser, &page, "remove", &[]);
    let page = browser.submit(&question, &[("password", PASSWORD)]);
    browser.drop_cookie("ts_access");
    let page = browser.submit(&page, &[("otp", &code(&app, &secret))]);
    page.shows(404, "Your passkeys");
    assert!(page.text().contains("What you chose is not there any more."), "{page:?}");
    browser.cookie("ts_device");
    browser.cookie("ts_access");
    // It is not asked for again.
    options(&press(&browser, &page, "add", &[]));
}

fn a_passkey_is_offered_for_as_long_as_the_password_is_recent(engine: Engine) {
    let app = TestApp::start_with(engine, &[ISSUER, ("REAUTHENTICATION_PERIOD", "1m")]);
    let Enrolled { secret, .. } = enrolled(&app, "grace", &[]);
    let browser = app.browser();
    let page = browser.log_in(&browser.open("/login"), "grace", PASSWORD);
    let page = browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert!(page.answer.body.contains("data-upgrade"), "{page:?}");
    app.advance(61);
    assert!(!browser.open("/account").answer.body.contains("data-upgrade"));
}

fn where_browsers_have_no_passkeys_there_is_no_such_page(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let browser = at_home(&app, "ada");
    assert!(!browser.open("/account").answer.body.contains("passkeys"));
    browser.open(PAGE).shows(404, "Something went wrong");
}

fn after_a_login_by_password_and_code_the_browser_may_make_a_passkey_by_itself(engine: Engine) {
    let app = started(engine);
    // Who has no second factor would need the passkey from then on, and has not asked for that.
    assert!(!at_home(&app, "ada").open("/account").answer.body.contains("data-upgrade"));
    let Enrolled { secret, .. } = enrolled(&app, "grace", &[]);
    let browser = app.browser();
    let page = browser.log_in(&browser.open("/login"), "grace", PASSWORD);
    let page = browser.submit(&page, &[("otp", &code(&app, &secret))]);
    page.shows(200, "Profile");
    let text = page.text();
    let offered = text.split("data-upgrade=\"").nth(1).unwrap().split("\" hidden").next().unwrap();
    let options = json!({"publicKey": serde_json::from_str::<Value>(offered).unwrap()});
    let passkey = Passkey { flags: SYNCED, ..Passkey::make(ES256, &options) };
    let credential = passkey.registration(&options).to_string();
    let page = browser.submit(&page, &[("credential", &credential)]);
    page.shows(200, "Your passkeys");
    assert!(page.text().contains("The passkey is added."), "{page:?}");
    log_in(&app, &Passkey { flags: SYNCED | PRESENT | VERIFIED, ..passkey }).ok();
    assert!(!browser.open("/account").answer.body.contains("data-upgrade"), "there is one");
    // Only right after the login.
    app.execute("delete from passkeys");
    assert!(browser.open("/account").answer.body.contains("data-upgrade"));
    app.advance(301);
    assert!(!browser.open("/account").answer.body.contains("data-upgrade"));
}
