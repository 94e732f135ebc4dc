//! `/account`: who sees the pages, profile and password, and what is asked before something sensitive.

use aws_lc_rs::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::service::keys;

use crate::cookies::set_cookies;
use crate::support::browser::Form;
use crate::support::passkey::encoded;
use crate::support::postgres::{self, Cluster};
use crate::support::totp::{Enrolled, challenge, code, enrolled};
use crate::support::{Answer, Browser, Engine, PASSWORD, Page, TestApp};

both_engines!(
    who_is_not_logged_in_is_sent_to_the_login_page_and_back,
    who_is_logged_out_elsewhere_or_disabled_is_asked_to_log_in,
    looking_at_the_pages_changes_nothing,
    a_name_is_changed_at_once_and_a_username_after_the_password,
    what_is_wrong_with_a_profile_is_told_in_words_and_nothing_is_changed,
    a_new_password_ends_all_other_sessions,
    a_password_that_is_refused_is_told_in_words,
    with_a_second_factor_what_is_sensitive_asks_for_password_and_code_and_goes_on,
    what_is_wrong_with_the_proof_is_told_and_nothing_is_done,
    a_challenge_of_another_session_or_of_a_login_opens_nothing,
    guesses_at_the_question_are_limited_as_everywhere,
    a_form_of_another_page_does_nothing,
    a_form_that_was_shown_to_somebody_else_does_nothing,
    the_id_of_a_session_does_not_tell_the_token_of_its_forms,
    a_form_of_before_a_rotation_of_the_keys_is_taken,
    the_button_logs_out,
    the_pages_have_the_headers_and_the_languages_of_all_pages,
    below_a_path_the_pages_lead_to_themselves,
    without_cookies_there_are_no_account_pages,
);

pub const SECTIONS: [(&str, &str); 6] = [
    ("/account", "Profile"),
    ("/account/password", "Password"),
    ("/account/second-factors", "Second factor"),
    ("/account/sessions", "Sessions"),
    ("/account/api-tokens", "API tokens"),
    ("/account/applications", "Applications"),
];

/// A browser in which a user has logged in by the page.
pub fn at_home(app: &TestApp, username: &str) -> Browser {
    let browser = app.browser();
    browser.log_in(&browser.open("/login"), username, PASSWORD).shows(200, "Profile");
    browser
}

/// The form that does this.
#[track_caller]
pub fn form(page: &Page, what: &str) -> Form {
    let does = |form: &Form| form.buttons.contains(&("do".to_owned(), what.to_owned()));
    page.forms().into_iter().find(does).unwrap_or_else(|| panic!("nothing does {what}: {page:?}"))
}

/// What a form posts, with these fields filled in. Boxes are only those that are named.
pub fn filled<'a>(form: &'a Form, fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
    all.retain(|(name, _)| !["scope", "role"].contains(name) && !fields.iter().any(|(other, _)| other == name));
    [all, fields.to_vec()].concat()
}

/// Presses the button that does this.
pub fn press(browser: &Browser, page: &Page, what: &str, fields: &[(&str, &str)]) -> Page {
    let form = form(page, what);
    browser.post(&form.action, &filled(&form, &[fields, &[("do", what)]].concat()))
}

/// The time within which a password counts as recent is over.
pub fn later(app: &TestApp) {
    app.advance(1_000);
}

fn started(engine: Engine) -> TestApp {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.create_user("grace", &[]);
    app
}

fn to_login(answer: &Answer) -> bool {
    answer.status == 303 && answer.header("location").starts_with("/login?return_to=%2Faccount")
}

fn who_is_not_logged_in_is_sent_to_the_login_page_and_back(engine: Engine) {
    let app = started(engine);
    for (path, title) in SECTIONS {
        let browser = app.browser();
        assert!(to_login(&browser.get(path)), "{path}");
        let page = browser.open(path);
        page.shows(200, "Log in");
        let page = browser.log_in(&page, "ada", PASSWORD);
        page.shows(200, title);
        assert_eq!(page.path, path);
        assert!(page.text().contains("You are logged in as ada."), "{page:?}");
        assert!(
            page.answer.body.contains(&format!("<a href=\"{path}\" aria-current=\"page\">{title}</a>")),
            "{page:?}"
        );
    }
    let browser = at_home(&app, "ada");
    browser.open("/account/passkeys-and-more").shows(404, "Something went wrong");
    browser.set_cookie("ts_refresh", "x");
    assert!(to_login(&browser.get("/account")));
}

fn who_is_logged_out_elsewhere_or_disabled_is_asked_to_log_in(engine: Engine) {
    let app = started(engine);
    let (here, there) = (at_home(&app, "ada"), at_home(&app, "ada"));
    let page = here.open("/account");
    let session = here.fetch("GET", "/v1/me", None).ok()["session_id"].as_str().unwrap().to_owned();
    let mut form = form(&there.open("/account/sessions"), "end");
    form.fields.iter_mut().filter(|(name, _)| name == "id").for_each(|(_, value)| session.clone_into(value));
    there.post(&form.action, &filled(&form, &[("do", "end")])).shows(200, "Sessions");
    assert!(to_login(&here.get("/account")));
    let answer = here.post_from("same-origin", "/account", &filled(&page.form_with("username"), &[("name", "Ada")]));
    assert!(to_login(&answer), "{answer:?}");
    assert_eq!(app.number("select count(*) from users where name is not null"), 0);

    let page = there.open("/account");
    app.execute("update users set disabled_at = 1 where username = 'ada'");
    assert!(to_login(&there.get("/account")));
    let answer = there.post_from("same-origin", "/account", &filled(&page.form_with("username"), &[("name", "Ada")]));
    assert!(to_login(&answer), "{answer:?}");
}

/// A page that is looked at must not cost the session, nor keep it alive.
fn looking_at_the_pages_changes_nothing(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    browser.drop_cookie("ts_access");
    let (sessions, events) = (
        "select sum(denied_through + rotated_at + refresh_expires_at) from sessions",
        "select count(*) from audit_events",
    );
    let before = (app.number(sessions), app.number(events), browser.cookies.borrow().clone());
    for _ in 0..3 {
        app.advance(100);
        for (path, title) in SECTIONS {
            let page = browser.open(path);
            page.shows(200, title);
            assert!(set_cookies(&page.answer).is_empty(), "{page:?}");
        }
    }
    assert_eq!((app.number(sessions), app.number(events), browser.cookies.borrow().clone()), before);
    browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true}))).ok();
}

fn a_name_is_changed_at_once_and_a_username_after_the_password(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    later(&app);
    let page = browser.submit(&browser.open("/account"), &[("name", "Ada <Lovelace>")]);
    page.shows(200, "Profile");
    assert!(
        page.text().contains("Saved.") && page.answer.body.contains("value=\"Ada &#60;Lovelace&#62;\""),
        "{page:?}"
    );
    assert_eq!(app.number("select count(*) from users where name = 'Ada <Lovelace>' and username = 'ada'"), 1);

    let page = browser.submit(&page, &[("username", "countess"), ("name", "Augusta Ada")]);
    page.shows(200, "Confirm that it is you");
    assert_eq!(app.number("select count(*) from users where username = 'countess'"), 0);
    let refresh = browser.cookie("ts_refresh");
    let page = browser.submit(&page, &[("password", PASSWORD)]);
    page.shows(200, "Profile");
    assert!(page.text().contains("Saved.") && page.text().contains("You are logged in as countess."), "{page:?}");
    assert_eq!(app.number("select count(*) from users where username = 'countess' and name = 'Augusta Ada'"), 1);
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthenticated'"), 1);
    // The tokens of the same session, and none of them is replaced.
    assert_eq!(app.number("select max(denied_through) from sessions"), 0);
    assert_ne!(browser.cookie("ts_access"), refresh);
    // Once is enough, also for scripts of the same browser.
    browser.submit(&page, &[("username", "ada")]).shows(200, "Profile");
    browser.fetch("PATCH", "/v1/me/profile", Some(&json!({"username": "ada2"}))).ok();
    // Nothing says so without having done it.
    let link = browser.open("/account?done=saved");
    assert!(!link.text().contains("Saved."), "{link:?}");
}

fn what_is_wrong_with_a_profile_is_told_in_words_and_nothing_is_changed(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let page = browser.open("/account");
    for (username, name, status, expected) in [
        ("grace", "Ada", 409, "This username is taken."),
        ("gr\u{430}ce", "Ada", 409, "This username looks like one that is taken."),
        ("two words", "Ada", 400, "A username has 1 to 128 characters"),
        ("", "Ada", 400, "A username has 1 to 128 characters"),
        ("ada", "\u{1}", 400, "A name has 1 to 100 readable characters."),
    ] {
        let page = browser.submit(&page, &[("username", username), ("name", name)]);
        page.shows(status, "Profile");
        assert!(page.text().contains(expected), "{page:?}");
        assert!(page.text().contains(&format!("value=\"{username}\"")), "what was typed is still there: {page:?}");
    }
    assert_eq!(app.number("select count(*) from users where name is not null"), 0);
    assert_eq!(app.number("select count(*) from audit_events where name = 'profile_changed'"), 0);
}

fn a_new_password_ends_all_other_sessions(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let elsewhere = app.login("ada", PASSWORD).ok();
    let page = browser.open("/account/password");
    for kind in ["current-password", "new-password", "username"] {
        assert!(page.answer.body.contains(&format!("autocomplete=\"{kind}\"")), "{page:?}");
    }
    let new = "seven swans a-swimming";
    let fields = [("current_password", PASSWORD), ("new_password", new), ("new_password_again", new)];
    let page = browser.submit(&page, &fields);
    page.shows(200, "Password");
    assert!(page.text().contains("Your password is changed, and all other sessions have ended."), "{page:?}");
    app.me(&elsewhere).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from sessions where ended_at is null"), 1);
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'password_changed'"), 1);
    app.login("ada", PASSWORD).problem(401, "bad_credentials");
    app.login("ada", new).ok();
    let ended = browser.open("/account/sessions");
    assert!(ended.text().contains("The password was changed."), "{ended:?}");
}

fn a_password_that_is_refused_is_told_in_words(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let elsewhere = app.login("ada", PASSWORD).ok();
    let page = browser.open("/account/password");
    let long = "x".repeat(1_025);
    for (current, new, again, status, expected) in [
        (PASSWORD, "short", "short", 400, "The new password has fewer than 8 characters."),
        (PASSWORD, &long, &long, 400, "The new password has more than 1024 characters."),
        (PASSWORD, "password1", "password1", 400, "The new password is too easy to guess."),
        (PASSWORD, PASSWORD, PASSWORD, 400, "The new password is the current one."),
        (PASSWORD, "seven swans a-swimming", "seven swans", 400, "The two new passwords are not the same."),
        ("wrong", "seven swans a-swimming", "seven swans a-swimming", 403, "The password is wrong."),
        (&long, "seven swans a-swimming", "seven swans a-swimming", 403, "The password is wrong."),
    ] {
        let fields = [("current_password", current), ("new_password", new), ("new_password_again", again)];
        let page = browser.submit(&page, &fields);
        page.shows(status, "Password");
        assert!(page.text().contains(expected), "{expected}: {page:?}");
        assert!(!page.answer.body.contains(new) || new.len() < 9, "it is not shown again: {page:?}");
    }
    app.me(&elsewhere).ok();
    app.login("ada", PASSWORD).ok();
}

/// The browser of an enrolled user, whose authentication is not recent any more.
fn enrolled_at_home(app: &TestApp) -> (Browser, Enrolled) {
    let user = enrolled(app, "ada", &[]);
    let browser = app.browser();
    let page = browser.log_in(&browser.open("/login"), "ada", PASSWORD);
    browser.submit(&page, &[("otp", &code(app, &user.secret))]).shows(200, "Profile");
    later(app);
    (browser, user)
}

fn with_a_second_factor_what_is_sensitive_asks_for_password_and_code_and_goes_on(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, Enrolled { secret, recovery_codes, .. }) = enrolled_at_home(&app);
    for (username, by_recovery_code) in [("countess", false), ("lovelace", true)] {
        let page = browser.submit(&browser.open("/account"), &[("username", username)]);
        page.shows(200, "Confirm that it is you");
        let mut page = browser.submit(&page, &[("password", PASSWORD)]);
        page.shows(200, "Confirm that it is you");
        page.form_with("otp");
        assert_eq!(app.number(&format!("select count(*) from users where username = '{username}'")), 0);
        if by_recovery_code {
            page = browser.submit(&page, &[("by", "recovery_code")]);
            page = browser.submit(&page, &[("recovery_code", &recovery_codes[0])]);
        } else {
            page = browser.submit(&page, &[("otp", "000000")]);
            page.shows(403, "Confirm that it is you");
            page = browser.submit(&page, &[("otp", &code(&app, &secret))]);
        }
        page.shows(200, "Profile");
        assert_eq!(app.number(&format!("select count(*) from users where username = '{username}'")), 1);
        later(&app);
    }
    assert_eq!(app.number("select count(*) from sessions where ended_at is null"), 2, "no session was opened");
    let amr = "select count(*) from sessions where amr = 'pwd otp mfa'";
    assert_eq!(app.number(amr), 1);
}

fn what_is_wrong_with_the_proof_is_told_and_nothing_is_done(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, Enrolled { secret, .. }) = enrolled_at_home(&app);
    let asked = browser.submit(&browser.open("/account"), &[("username", "countess"), ("name", "Ada")]);
    let page = browser.submit(&asked, &[("password", "wrong")]);
    page.shows(403, "Confirm that it is you");
    assert!(page.text().contains("The password is wrong."), "{page:?}");
    let page = browser.submit(&page, &[("password", PASSWORD)]);
    app.advance(301);
    let page = browser.submit(&page, &[("otp", &code(&app, &secret))]);
    page.shows(403, "Confirm that it is you");
    assert!(page.text().contains("It took too long."), "{page:?}");
    assert_eq!(app.number("select count(*) from users where username = 'countess'"), 0);
    // What was typed is still there.
    let page = browser.submit(&page, &[("password", PASSWORD)]);
    browser.submit(&page, &[("otp", &code(&app, &secret))]).shows(200, "Profile");
    assert_eq!(app.number("select count(*) from users where username = 'countess' and name = 'Ada'"), 1);
}

fn a_challenge_of_another_session_or_of_a_login_opens_nothing(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, Enrolled { secret, pair, .. }) = enrolled_at_home(&app);
    let of_login = challenge(&app, "ada");
    let again = app.ask_as(
        "POST",
        "/v1/me/reauthenticate",
        &app.refresh(&pair["refresh_token"]).ok(),
        Some(&json!({"password": PASSWORD})),
    );
    let of_another = again.problem(401, "second_factor_required")["challenge"].as_str().unwrap().to_owned();
    let sessions = app.number("select count(*) from sessions");
    let asked = browser.submit(&browser.open("/account"), &[("username", "countess")]);
    let form = asked.form_with("password");
    for challenge in [&of_login, &of_another, "x"] {
        let fields = [("challenge", challenge), ("otp", &*code(&app, &secret))];
        let page = browser.post(&form.action, &filled(&form, &fields));
        page.shows(403, "Confirm that it is you");
    }
    assert_eq!(app.number("select count(*) from users where username = 'countess'"), 0);
    assert_eq!(app.number("select count(*) from sessions"), sessions);
    assert_eq!(app.number("select count(*) from audit_events where name = 'reauthenticated'"), 0);
}

fn guesses_at_the_question_are_limited_as_everywhere(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    later(&app);
    let asked = browser.submit(&browser.open("/account"), &[("username", "countess")]);
    let limited =
        (0..40).map(|_| browser.submit(&asked, &[("password", "wrong")])).find(|page| page.answer.status == 429);
    let limited = limited.expect("it is limited");
    limited.shows(429, "Confirm that it is you");
    assert!(limited.text().contains("Too many wrong passwords."), "{limited:?}");
    assert!(limited.answer.header("retry-after").parse::<u32>().unwrap() > 0);
}

fn a_form_of_another_page_does_nothing(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let elsewhere = app.login("ada", PASSWORD).ok();
    let token = browser.open("/account").form_with("username").fields[0].1.clone();
    let new = "seven swans a-swimming";
    for (path, fields) in [
        ("/account", &[("username", "mallory"), ("name", "M")][..]),
        ("/account/password", &[("current_password", PASSWORD), ("new_password", new), ("new_password_again", new)]),
        ("/account/second-factors", &[("do", "set_up")]),
        ("/account/sessions", &[("do", "end_others")]),
        ("/account/api-tokens", &[("do", "create"), ("name", "x")]),
        ("/account/applications", &[("do", "remove"), ("id", "app")]),
    ] {
        let with_token = [&[("form_token", &*token)], fields].concat();
        for site in ["cross-site", "same-site", "none"] {
            let page = Page { path: path.to_owned(), answer: browser.post_from(site, path, &with_token) };
            page.shows(403, "Something went wrong");
        }
        // Without its token a form is asked for again.
        for token in [None, Some("x")] {
            let fields = [token.map(|token| ("form_token", token)).as_slice(), fields].concat();
            let answer = browser.post_from("same-origin", path, &fields);
            assert_eq!((answer.status, answer.header("location")), (303, path), "{answer:?}");
        }
    }
    app.me(&elsewhere).ok();
    app.login("ada", PASSWORD).ok();
    assert_eq!(app.number("select count(*) from users where name is not null or username = 'mallory'"), 0);
    assert_eq!(app.number("select count(*) from api_tokens") + app.number("select count(*) from totp_factors"), 0);
}

fn a_form_that_was_shown_to_somebody_else_does_nothing(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let shown = browser.open("/account");
    let login = browser.open("/oauth/logout");
    browser.post(&login.forms()[0].action, &filled(&login.forms()[0], &[]));
    browser.log_in(&browser.open("/login"), "grace", PASSWORD).shows(200, "Profile");
    let page = browser.submit(&shown, &[("name", "Ada")]);
    page.shows(200, "Profile");
    assert!(page.text().contains("You are logged in as grace.") && !page.text().contains("Saved."), "{page:?}");
    assert_eq!(app.number("select count(*) from users where name is not null"), 0);
}

/// Whoever sees an access token knows the id of its session.
fn the_id_of_a_session_does_not_tell_the_token_of_its_forms(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let session = browser.fetch("GET", "/v1/me", None).ok()["session_id"].as_str().unwrap().to_owned();
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"account");
    let token = encoded(hmac::sign(&key, format!("form {session}").as_bytes()).as_ref());
    let fields = [("form_token", &*token), ("username", "ada"), ("name", "A")];
    let answer = browser.post_from("same-origin", "/account", &fields);
    assert_eq!((answer.status, answer.header("location")), (303, "/account"));
    assert_eq!(app.number("select count(*) from users where name is not null"), 0);
}

fn a_form_of_before_a_rotation_of_the_keys_is_taken(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let page = browser.open("/account");
    let (_, active_from) = keys::rotate(&app.inside.keys, "ES256".parse().unwrap(), app.clock.now()).unwrap();
    while app.clock.now() < active_from {
        app.advance(60);
    }
    keys::follow(&app.inside).unwrap();
    let after = browser.open("/account");
    assert_ne!(form_token(&after), form_token(&page), "another key signs");
    let done = browser.submit(&page, &[("name", "Ada")]);
    done.shows(200, "Profile");
    assert!(done.text().contains("Saved."), "{done:?}");
}

fn form_token(page: &Page) -> String {
    page.form_with("username").fields.iter().find(|(name, _)| name == "form_token").unwrap().1.clone()
}

fn the_button_logs_out(engine: Engine) {
    let app = started(engine);
    let browser = at_home(&app, "ada");
    let page = browser.open("/account/sessions");
    let form = page.forms().into_iter().find(|form| form.action == "/oauth/logout/confirm").unwrap();
    browser.post(&form.action, &filled(&form, &[])).shows(200, "You are logged out");
    assert_eq!(browser.cookies.borrow().len(), 0);
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'logout'"), 1);
    assert!(to_login(&browser.get("/account")));
}

fn the_pages_have_the_headers_and_the_languages_of_all_pages(engine: Engine) {
    let app = started(engine);
    let mut browser = at_home(&app, "ada");
    for (path, _) in SECTIONS {
        let page = browser.open(path);
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
            ),
        ] {
            assert_eq!(page.answer.header(name), value, "{path}");
        }
        let body = &page.answer.body;
        assert!(!body.contains("<script") && !body.contains("style=") && !body.contains(" on"), "{body}");
    }
    for (language, title) in [("de", "Profil"), ("es", "Perfil")] {
        language.clone_into(&mut browser.language);
        browser.open("/account").shows(200, title);
    }
}

fn below_a_path_the_pages_lead_to_themselves(engine: Engine) {
    let app = TestApp::start_with(engine, &[("ISSUER", "http://127.0.0.1:8080/id")]);
    app.create_user("ada", &[]);
    // The proxy takes the path away.
    let browser = app.browser();
    let answer = browser.get("/account/sessions");
    assert_eq!(answer.header("location"), "/id/login?return_to=%2Fid%2Faccount%2Fsessions");
    browser.log_in_with_cookies("ada");
    let page = browser.open("/account/sessions");
    assert!(page.answer.body.contains("href=\"/id/account/password\""), "{page:?}");
    assert!(page.answer.body.contains("action=\"/id/oauth/logout/confirm\""), "{page:?}");
    let profile = browser.open("/account").form_with("username");
    assert_eq!(profile.action, "/id/account");
    let answer = browser.post_from("same-origin", "/account", &filled(&profile, &[("name", "Ada")]));
    assert!(answer.header("location").starts_with("/id/account?done="), "{answer:?}");
}

fn without_cookies_there_are_no_account_pages(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SESSION_COOKIES", "off")]);
    for (path, _) in SECTIONS {
        app.browser().open(path).shows(404, "Something went wrong");
        let answer = app.browser().post_from("same-origin", path, &[("do", "end_others")]);
        assert_eq!(answer.status, 404);
    }
}

#[test]
fn without_a_database_the_account_pages_say_so() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    app.create_user("ada", &[]);
    let browser = at_home(&app, "ada");
    let form = browser.open("/account").form_with("username");
    cluster.tell("stop", "stopped");
    let unavailable = |page: Page| {
        page.shows(503, "Something went wrong");
        assert_ne!(page.answer.header("retry-after"), "");
    };
    for (path, _) in SECTIONS {
        unavailable(browser.open(path));
    }
    unavailable(browser.post(&form.action, &filled(&form, &[("name", "Ada")])));
    cluster.tell("start", "started");
    assert_eq!(app.get("/readyz").status, 200);
    browser.post(&form.action, &filled(&form, &[("name", "Ada")])).shows(200, "Profile");
    let name: Value = browser.fetch("GET", "/v1/me/profile", None).ok()["name"].clone();
    assert_eq!(name, "Ada");
}
