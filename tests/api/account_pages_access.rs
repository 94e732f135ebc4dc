//! `/account`: second factors, sessions, API tokens and applications, as their user sees and changes them.

use serde_json::json;
use tokensmith::internals::clock::Clock as _;

use crate::account_pages::{SECTIONS, at_home, filled, form, later, press};
use crate::authorize::allowed;
use crate::me_applications::tokens;
use crate::support::totp::{Enrolled, code, enrolled};
use crate::support::{Browser, Engine, PASSWORD, Page, TestApp};

both_engines!(
    an_app_is_set_up_and_its_recovery_codes_are_shown_once,
    a_wrong_first_code_changes_nothing_and_the_key_is_not_shown_again,
    changing_second_factors_asks_for_both_after_a_while,
    who_must_have_a_second_factor_is_led_to_it,
    a_user_sees_their_sessions_and_ends_them,
    why_a_session_ended_is_told_in_words,
    older_sessions_are_on_the_next_page,
    what_is_on_another_page_is_ended_and_a_page_without_sessions_says_so,
    an_api_token_is_shown_once_and_works_until_it_is_revoked,
    what_was_typed_for_an_api_token_goes_through_the_question,
    what_is_wrong_with_an_api_token_is_told_in_words,
    an_application_is_listed_and_loses_its_access,
    what_belongs_to_somebody_else_is_not_found,
    what_no_form_posts_is_refused,
);

fn started(engine: Engine) -> TestApp {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).map(|rest| rest.split(after).next().unwrap()).collect()
}

/// The secret that a page shows, which is then confirmed.
fn set_up(app: &TestApp, browser: &Browser) -> (String, Page) {
    let page = press(browser, &browser.open("/account/second-factors"), "set_up", &[]);
    page.shows(200, "Set up an authenticator app");
    let text = page.text();
    let secret = between(&text, "Key: <code>", "</code>")[0].to_owned();
    let page = press(browser, &page, "confirm", &[("code", &code(app, &secret))]);
    (secret, page)
}

fn an_app_is_set_up_and_its_recovery_codes_are_shown_once(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let page = browser.open("/account/second-factors");
    assert!(page.text().contains("Your login is a single step."), "{page:?}");
    let (secret, page) = set_up(&app, &browser);
    page.shows(200, "Keep these recovery codes");
    assert_eq!(page.answer.header("cache-control"), "no-store");
    let text = page.text();
    let codes = between(&text, "<li><code>", "</code>");
    assert_eq!(codes.len(), 10);
    assert_eq!(app.number("select count(*) from recovery_codes"), 10);
    let page = browser.open("/account/second-factors");
    page.shows(200, "Second factor");
    assert!(page.text().contains("It was set up on 2027-01-15 08:00 UTC."), "{page:?}");
    assert!(page.text().contains("Recovery codes that you can still use: 10"), "{page:?}");
    assert!(!page.text().contains(codes[0]) && !page.text().contains(&secret));
    // New ones are in their place.
    let page = press(&browser, &page, "new_codes", &[]);
    page.shows(200, "Keep these recovery codes");
    assert!(!page.text().contains(codes[0]));
    assert_eq!(app.number("select count(*) from recovery_codes"), 10);
    assert_eq!(app.number("select count(*) from audit_events where name = 'recovery_codes_made'"), 2);
    app.advance(60);
    app.login("ada", PASSWORD).problem(401, "second_factor_required");
    let page = press(&browser, &browser.open("/account/second-factors"), "remove", &[]);
    page.shows(200, "Second factor");
    assert!(page.text().contains("The app is removed."), "{page:?}");
    assert_eq!(app.number("select count(*) from totp_factors") + app.number("select count(*) from recovery_codes"), 0);
    app.login("ada", PASSWORD).ok();
    // A page of before does not make an error of the service.
    press(&browser, &page, "set_up", &[]).shows(200, "Set up an authenticator app");
}

fn a_wrong_first_code_changes_nothing_and_the_key_is_not_shown_again(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let page = press(&browser, &browser.open("/account/second-factors"), "set_up", &[]);
    let text = page.text();
    let secret = between(&text, "Key: <code>", "</code>")[0].to_owned();
    let page = press(&browser, &page, "confirm", &[("code", "000000")]);
    page.shows(403, "Set up an authenticator app");
    assert!(page.text().contains("The code is wrong") && !page.text().contains(&secret), "{page:?}");
    assert_eq!(app.number("select count(*) from totp_factors where secret is not null"), 0);
    let (secret, _) = set_up(&app, &browser);
    // Another app takes its place only when its first code was shown.
    let page = press(&browser, &browser.open("/account/second-factors"), "set_up", &[]);
    page.shows(200, "Set up an authenticator app");
    app.advance(60);
    let page = app.browser();
    let asked = page.log_in(&page.open("/login"), "ada", PASSWORD);
    page.submit(&asked, &[("otp", &code(&app, &secret))]).shows(200, "Profile");
}

fn changing_second_factors_asks_for_both_after_a_while(engine: Engine) {
    let app = TestApp::start(engine);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let browser = app.browser();
    let page = browser.log_in(&browser.open("/login"), "ada", PASSWORD);
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    for what in ["new_codes", "set_up", "remove"] {
        later(&app);
        let page = press(&browser, &browser.open("/account/second-factors"), what, &[]);
        page.shows(200, "Confirm that it is you");
        let page = browser.submit(&page, &[("password", PASSWORD)]);
        page.shows(200, "Confirm that it is you");
        let done = browser.submit(&page, &[("otp", &code(&app, &secret))]);
        match what {
            "new_codes" => done.shows(200, "Keep these recovery codes"),
            "set_up" => done.shows(200, "Set up an authenticator app"),
            _ => assert!(done.text().contains("The app is removed."), "{done:?}"),
        }
    }
    assert_eq!(app.number("select count(*) from audit_events where name = 'factor_removed'"), 1);
}

fn who_must_have_a_second_factor_is_led_to_it(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    // Switched on while the session is open.
    let strict = app.another_instance(0, &[("REQUIRE_SECOND_FACTOR", "all")]);
    let there = strict.browser();
    browser.cookies.borrow().iter().for_each(|(name, value)| there.set_cookie(name, value));
    let page = there.submit(&there.open("/account"), &[("username", "countess")]);
    page.shows(200, "Second factor");
    assert!(page.text().contains("Your account needs a second factor."), "{page:?}");
    assert_eq!(app.number("select count(*) from users where username = 'countess'"), 0);
    let (_, page) = set_up(&app, &there);
    page.shows(200, "Keep these recovery codes");
    there.submit(&there.open("/account"), &[("username", "countess")]).shows(200, "Profile");
    assert_eq!(app.number("select count(*) from users where username = 'countess'"), 1);
}

fn a_user_sees_their_sessions_and_ends_them(engine: Engine) {
    let app = started(engine);
    let labelled = json!({"username": "ada", "password": PASSWORD, "label": "my <b>laptop</b>"});
    let laptop = app.post("/v1/tokens", &labelled).ok();
    let other = app.logged_in("grace");
    app.advance(90);
    let browser = at_home(&app, "ada");
    let phone = app.login("ada", PASSWORD).ok();
    let page = browser.open("/account/sessions");
    assert!(page.answer.body.contains("my &#60;b&#62;laptop&#60;/b&#62;"), "{page:?}");
    assert_eq!(page.text().matches("This is the session that you are using.").count(), 1);
    assert_eq!(page.text().matches("From:</dt><dd>127.0.0.1").count(), 3);
    assert!(
        page.text().contains(">2027-01-15 08:00 UTC</time>") && page.text().contains(">2027-01-15 08:01 UTC</time>")
    );
    assert_eq!(page.answer.body.matches("value=\"end\"").count(), 2, "not the one that asks: {page:?}");

    // The newest is first.
    let page = press(&browser, &page, "end", &[]);
    assert!(page.text().contains("The session has ended."), "{page:?}");
    app.me(&phone).problem(401, "token_revoked");
    app.me(&laptop).ok();
    let page = press(&browser, &page, "end_others", &[]);
    assert!(page.text().contains("All other sessions have ended."), "{page:?}");
    app.me(&laptop).problem(401, "token_revoked");
    app.me(&other).ok();
    browser.fetch("GET", "/v1/me", None).ok();
    assert!(!page.answer.body.contains("value=\"end"), "there is no other: {page:?}");
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 2);
    // Its own, as a form could have it.
    let own = browser.fetch("GET", "/v1/me", None).ok()["session_id"].as_str().unwrap().to_owned();
    let token = page.form_with("form_token").fields[0].1.clone();
    let token = form_token(&browser).unwrap_or(token);
    let page = browser.post("/account/sessions", &[("form_token", &token), ("do", "end"), ("id", &own)]);
    page.shows(200, "Log in");
    assert_eq!(browser.cookies.borrow().len(), 0);
}

/// The token of the forms of a section.
fn form_token(browser: &Browser) -> Option<String> {
    let fields = browser.open("/account").form_with("username").fields;
    fields.into_iter().find(|(name, _)| name == "form_token").map(|(_, value)| value)
}

fn why_a_session_ended_is_told_in_words(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let reasons = [
        ("logout", "You logged out."),
        ("revoked", "You ended it from another session."),
        ("admin", "An administrator ended it."),
        ("password_changed", "The password was changed."),
        ("user_disabled", "The account was disabled."),
        ("reuse", "A token of it was used twice"),
        ("shared", "It was used from too many places at once."),
        ("idle", "It was not used for too long."),
        ("absolute_end", "It had reached its longest time."),
    ];
    assert!(!browser.open("/account/sessions").text().contains("Why was I logged out?"));
    for (reason, words) in reasons {
        let pair = app.login("ada", PASSWORD).ok();
        let own = app.me(&pair).ok()["session_id"].as_str().unwrap().to_owned();
        app.revoke(&pair["refresh_token"]);
        app.execute(&format!("update sessions set end_reason = '{reason}' where end_reason = 'logout'"));
        let page = browser.open("/account/sessions");
        assert!(page.text().contains("<h2>Why was I logged out?</h2>"), "{own}: {page:?}");
        assert!(page.text().contains(&format!("Why:</dt><dd>{words}")), "{reason}: {page:?}");
    }
}

fn older_sessions_are_on_the_next_page(engine: Engine) {
    let app = started(engine);
    for _ in 0..50 {
        app.login("ada", PASSWORD).ok();
    }
    app.advance(1);
    let browser = at_home(&app, "ada");
    let page = browser.open("/account/sessions");
    assert_eq!(page.answer.body.matches("<li>\n<p><strong>").count(), 50);
    let next = between(&page.answer.body, "<a class=\"secondary\" href=\"", "\"")[0].to_owned();
    let page = browser.open(&next);
    page.shows(200, "Sessions");
    assert_eq!(page.answer.body.matches("<li>\n<p><strong>").count(), 1);
    assert!(!page.text().contains("Older sessions"));
    browser.open("/account/sessions?cursor=x").shows(400, "Something went wrong");
}

fn what_is_on_another_page_is_ended_and_a_page_without_sessions_says_so(engine: Engine) {
    let app = started(engine);
    let old = app.login("ada", PASSWORD).ok();
    let oldest = app.me(&old).ok()["session_id"].as_str().unwrap().to_owned();
    app.advance(1);
    for _ in 0..50 {
        app.login("ada", PASSWORD).ok();
    }
    app.execute(&format!(
        "update sessions set ended_at = {0}, end_reason = 'logout' where created_at = {0}",
        now(&app)
    ));
    let browser = at_home(&app, "ada");
    let page = browser.open("/account/sessions");
    assert!(!page.answer.body.contains("value=\"end\""), "the live one is on the next page: {page:?}");
    let empty = browser.open(&format!("/account/sessions?cursor={oldest}"));
    empty.shows(200, "Sessions");
    assert!(empty.text().contains("There are no older sessions."), "{empty:?}");
    assert!(empty.answer.body.contains("href=\"/account/sessions\">To the newest sessions</a>"), "{empty:?}");
    press(&browser, &page, "end_others", &[]);
    app.me(&old).problem(401, "token_revoked");
    assert!(!browser.open("/account/sessions").answer.body.contains("value=\"end_others\""));
}

fn now(app: &TestApp) -> i64 {
    app.clock.now().0
}

fn an_api_token_is_shown_once_and_works_until_it_is_revoked(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SCOPES", "notes:read notes:write")]);
    app.create_user("ada", &["editor", "reviewer"]);
    let browser = at_home(&app, "ada");
    let page = browser.open("/account/api-tokens");
    assert!(page.text().contains("You have no API tokens."), "{page:?}");
    let fields = [("name", "nightly <backup>"), ("scope", "notes:read"), ("role", "editor"), ("days", "30")];
    let page = press(&browser, &page, "create", &fields);
    page.shows(200, "Copy your new API token");
    assert_eq!(page.answer.header("cache-control"), "no-store");
    let key = between(&page.answer.body, "<p class=\"key\"><code>", "</code>")[0].to_owned();
    let me = app.ask("GET", "/v1/me", &format!("Token {key}"), None).ok();
    assert_eq!((&me["scope"], &me["roles"]), (&json!("notes:read"), &json!(["editor"])));
    let page = browser.open("/account/api-tokens");
    assert!(page.answer.body.contains("nightly &#60;backup&#62;") && !page.answer.body.contains(&key), "{page:?}");
    assert!(page.text().contains("<code>notes:read</code>") && page.text().contains(">2027-02-14 08:00 UTC</time>"));
    let page = press(&browser, &page, "create", &[("name", "for ever"), ("days", "")]);
    page.shows(200, "Copy your new API token");
    assert_eq!(app.number("select count(*) from api_tokens where expires_at is null"), 1);
    let page = browser.open("/account/api-tokens");
    // The newest is first.
    let form = page.forms().into_iter().filter(|form| form.buttons.iter().any(|(_, what)| what == "revoke")).nth(1);
    let form = form.unwrap();
    let page = browser.post(&form.action, &filled(&form, &[("do", "revoke")]));
    page.shows(200, "API tokens");
    assert!(page.text().contains("The API token is revoked.") && page.text().contains("It is revoked."), "{page:?}");
    app.ask("GET", "/v1/me", &format!("Token {key}"), None).problem(401, "api_token_revoked");
    assert_eq!(app.number("select count(*) from api_tokens where revoked_at is null"), 1);
}

fn what_was_typed_for_an_api_token_goes_through_the_question(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SCOPES", "notes:read notes:write")]);
    app.create_user("ada", &["editor"]);
    let browser = at_home(&app, "ada");
    later(&app);
    let page = browser.open("/account/api-tokens");
    let fields =
        [("name", "a & b"), ("scope", "notes:read"), ("scope", "notes:write"), ("role", "editor"), ("days", "7")];
    let form = form(&page, "create");
    let page = browser.post(
        &form.action,
        &[filled(&form, &fields[..1]), fields[1..].to_vec(), vec![("do", "create"), ("days", "7")]].concat(),
    );
    page.shows(200, "Confirm that it is you");
    assert_eq!(app.number("select count(*) from api_tokens"), 0);
    let page = browser.submit(&page, &[("password", "wrong")]);
    page.shows(403, "Confirm that it is you");
    assert!(!page.answer.body.contains("value=\"wrong\""), "{page:?}");
    browser.submit(&page, &[("password", PASSWORD)]).shows(200, "Copy your new API token");
    let stored = "name = 'a & b' and scopes = 'notes:read notes:write' and roles = 'editor'";
    assert_eq!(app.number(&format!("select count(*) from api_tokens where {stored}")), 1);
}

fn what_is_wrong_with_an_api_token_is_told_in_words(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let page = browser.open("/account/api-tokens");
    for (name, days, expected) in [
        ("", "90", "A name has 1 to 100 readable characters."),
        ("x", "0", "An API token lives for 1 to 3650 days."),
        ("x", "3651", "An API token lives for 1 to 3650 days."),
        ("x", "99999999999999999999", "An API token lives for 1 to 3650 days."),
        ("x", "a week", "An API token lives for 1 to 3650 days."),
    ] {
        let page = press(&browser, &page, "create", &[("name", name), ("days", days)]);
        page.shows(400, "API tokens");
        assert!(page.text().contains(expected), "{page:?}");
        assert!(page.text().contains(&format!("value=\"{days}\"")), "what was typed is still there: {page:?}");
    }
    for field in [("scope", "admin"), ("role", "admin")] {
        press(&browser, &page, "create", &[("name", "x"), field]).shows(400, "API tokens");
    }
    assert_eq!(app.number("select count(*) from api_tokens"), 0);
}

fn an_application_is_listed_and_loses_its_access(engine: Engine) {
    let app = started(engine);
    app.register("app", &json!({}));
    app.register("own", &json!({"skip_consent": true}));
    let home = at_home(&app, "ada");
    assert!(home.open("/account/applications").text().contains("No application has access to your account."));
    let browser = allowed(&app, "ada", "app");
    let granted = tokens(&browser, "app", "openid offline_access");
    tokens(&browser, "own", "openid profile");
    let page = browser.open("/account/applications");
    page.shows(200, "Applications");
    let text = page.text();
    for said in [
        "The app app",
        "Keep this access when you are away, Know who you are",
        "The own app",
        "It belongs to this service",
        ">2027-01-15 08:00 UTC</time>",
    ] {
        assert!(text.contains(said), "{said}: {page:?}");
    }
    assert!(browser.open("/account/sessions").text().contains("Application:</dt><dd><bdi>app</bdi>"));
    let page = press(&browser, &page, "remove", &[("id", "app")]);
    page.shows(200, "Applications");
    assert!(page.text().contains("The application has no access any more.") && !page.text().contains("The app app"));
    app.verify(&granted["access_token"]).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from consents"), 0);
    assert_eq!(app.number("select count(*) from audit_events where name = 'consent_revoked'"), 1);
    press(&browser, &page, "remove", &[("id", "app")]).shows(404, "Applications");
}

fn what_belongs_to_somebody_else_is_not_found(engine: Engine) {
    let app = started(engine);
    let grace = app.logged_in("grace");
    app.register("app", &json!({}));
    tokens(&allowed(&app, "grace", "app"), "app", "openid offline_access");
    let session = app.me(&grace).ok()["session_id"].as_str().unwrap().to_owned();
    let token = app.ask_as("POST", "/v1/api-tokens", &grace, Some(&json!({"name": "x"})));
    let token = token.json()["id"].as_str().unwrap().to_owned();
    let browser = at_home(&app, "ada");
    let own = form_token(&browser).unwrap();
    for (path, what, id) in [
        ("/account/sessions", "end", session.as_str()),
        ("/account/sessions", "end", "x"),
        ("/account/sessions", "end", ""),
        ("/account/api-tokens", "revoke", &token),
        ("/account/api-tokens", "revoke", "x"),
        ("/account/applications", "remove", "app"),
        ("/account/applications", "remove", "no such"),
    ] {
        let page = browser.post(path, &[("form_token", &own), ("do", what), ("id", id)]);
        let title = SECTIONS.iter().find(|(section, _)| *section == path).unwrap().1;
        page.shows(404, title);
        assert!(page.text().contains("What you chose is not there any more."), "{page:?}");
    }
    app.me(&grace).ok();
    assert_eq!(app.number("select count(*) from api_tokens where revoked_at is null"), 1);
    assert_eq!(app.number("select count(*) from consents"), 1);
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 0);
}

fn what_no_form_posts_is_refused(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let token = form_token(&browser).unwrap();
    for path in ["second-factors", "sessions", "api-tokens", "applications"].map(|name| format!("/account/{name}")) {
        for what in ["", "delete"] {
            browser.post(&path, &[("form_token", &token), ("do", what)]).shows(400, "Something went wrong");
        }
    }
}
