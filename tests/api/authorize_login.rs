//! `/oauth/interactions/{id}`: the login, and whose browser it is.

use serde_json::json;

use super::authorize::{CALLBACK, allowed, request};
use crate::support::{Browser, Engine, PASSWORD, Page, TestApp};

both_engines!(
    an_interaction_belongs_to_the_browser_that_began_it,
    a_link_that_an_attacker_sends_collects_no_code_of_the_victim,
    two_tabs_at_once_do_not_get_in_each_others_way,
    a_browser_keeps_at_most_eight_interactions,
    a_form_of_another_site_is_refused,
    a_form_that_was_shown_to_another_user_does_nothing,
    an_unknown_form_leads_back_to_what_is_asked,
    an_unknown_user_looks_like_a_wrong_password,
    the_login_form_is_limited_like_the_login_api,
    only_the_right_password_shows_that_an_account_is_disabled,
    a_session_of_a_browser_is_a_session_like_any_other,
    a_login_as_somebody_else_ends_the_session_before,
    a_cookie_that_was_revoked_or_replaced_signs_nobody_in,
    a_login_with_the_cookie_of_a_session_that_a_thief_has_taken_over_ends_that_session,
    a_grant_of_an_application_is_no_session_of_a_browser,
    an_expired_interaction_says_so_and_offers_the_way_back,
    an_interaction_is_answered_once,
    an_application_that_is_disabled_meanwhile_gets_no_code,
    a_redirect_uri_that_is_removed_meanwhile_gets_no_code,
    the_account_chooser_is_shown_only_when_it_is_asked_for,
    a_cancelled_login_goes_back_with_access_denied,
    the_cookies_are_bound_to_the_host_unless_it_is_a_loopback_address,
    pages_speak_the_language_that_is_asked_for,
);

fn started(engine: Engine) -> TestApp {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.create_user("grace", &[]);
    app.register("app", &json!({}));
    app
}

/// A browser at the login page.
fn at_login(app: &TestApp) -> (Browser, Page) {
    let browser = app.browser();
    let page = browser.open(&request("app", &[]));
    page.shows(200, "Log in");
    (browser, page)
}

fn token_of(page: &Page) -> String {
    let form = page.form_with("form_token");
    form.fields.into_iter().find(|(name, _)| name == "form_token").unwrap().1
}

fn an_interaction_belongs_to_the_browser_that_began_it(engine: Engine) {
    let app = started(engine);
    let (_, page) = at_login(&app);
    let another = app.browser();
    another.open(&page.path).shows(403, "Something went wrong");
    let fields = [("username", "ada"), ("password", PASSWORD), ("form_token", &*token_of(&page))];
    another.post(&page.path, &fields).shows(403, "Something went wrong");
    let nothing = "/oauth/interactions/0190f5a8-7b1c-7d7e-8f90-123456789abc";
    another.open(nothing).shows(403, "Something went wrong");
    another.open("/oauth/interactions/1").shows(400, "Something went wrong");
}

fn a_link_that_an_attacker_sends_collects_no_code_of_the_victim(engine: Engine) {
    let app = started(engine);
    let (_, begun_by_attacker) = at_login(&app);
    let victim = allowed(&app, "ada", "app");
    let page = victim.open(&begun_by_attacker.path);
    page.shows(403, "Something went wrong");
    assert!(!page.answer.body.contains("code="), "{page:?}");
    assert_eq!(app.number("select count(*) from authorization_codes"), 1);
}

fn two_tabs_at_once_do_not_get_in_each_others_way(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let one = browser.open(&request("app", &[("state", "one")]));
    let other = browser.open(&request("app", &[("state", "other")]));
    let one = browser.log_in(&one, "ada", PASSWORD);
    // The other tab still shows the login: whoever is signed in meanwhile is not logged in again.
    let other = browser.log_in(&other, "ada", PASSWORD);
    other.shows(200, "Allow access?");
    let other = browser.submit(&other, &[("decision", "allow")]).answer_to(CALLBACK);
    let one = browser.submit(&one, &[("decision", "allow")]).answer_to(CALLBACK);
    assert_eq!((one["state"].as_str(), other["state"].as_str()), ("one", "other"));
    assert_ne!(one["code"], other["code"]);
}

fn a_browser_keeps_at_most_eight_interactions(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let mut pages = Vec::new();
    for _ in 0..10 {
        pages.push(browser.open(&request("app", &[])));
        app.advance(1);
    }
    assert_eq!(browser.cookies.borrow().len(), 8);
    browser.open(&pages[1].path).shows(403, "Something went wrong");
    for page in &pages[2..] {
        browser.open(&page.path).shows(200, "Log in");
    }
}

fn a_form_of_another_site_is_refused(engine: Engine) {
    let app = started(engine);
    let (browser, page) = at_login(&app);
    let token = token_of(&page);
    let fields = [("username", "ada"), ("password", PASSWORD), ("form_token", &*token)];
    for site in ["cross-site", "same-site", "none"] {
        assert_eq!(browser.post_from(site, &page.path, &fields).status, 403, "{site}");
    }
    let form = ("content-type", "application/x-www-form-urlencoded");
    for headers in [&[form][..], &[form, ("origin", "https://evil.example")], &[form, ("origin", "null")]] {
        assert_eq!(app.send("POST", &page.path, headers, b"username=ada").status, 403, "{headers:?}");
    }
    // Of a browser without fetch metadata its origin tells the same; it is another one that has not begun this.
    let headers = [form, ("origin", "http://127.0.0.1:8080")];
    let answer = app.send("POST", &page.path, &headers, b"username=ada");
    assert!(answer.body.contains("belongs to another browser"), "{answer:?}");
    assert_eq!(
        app.number("select count(*) from sessions where user_id = (select id from users where username = 'ada')"),
        0
    );
}

fn a_form_that_was_shown_to_another_user_does_nothing(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let consent = browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD);
    consent.shows(200, "Allow access?");
    // In another tab, somebody else logs in.
    let page = browser.open(&request("app", &[("prompt", "login")]));
    app.advance(1);
    browser.submit(&browser.open(&page.path), &[("decision", "deny")]);
    let page = browser.open(&request("app", &[("prompt", "login"), ("login_hint", "grace")]));
    browser.log_in(&page, "grace", PASSWORD).shows(200, "Allow access?");
    let again = browser.submit(&consent, &[("decision", "allow")]);
    again.shows(200, "Allow access?");
    assert!(again.text().contains("You are logged in as grace."), "{again:?}");
    assert_eq!(app.number("select count(*) from consents"), 0);
}

fn an_unknown_form_leads_back_to_what_is_asked(engine: Engine) {
    let app = started(engine);
    let (browser, login) = at_login(&app);
    let consent = browser.log_in(&login, "ada", PASSWORD);
    let fields = [("form_token", &*token_of(&consent)), ("decision", "perhaps")];
    assert_eq!(browser.post_from("same-origin", &consent.path, &fields).status, 303);
    browser.post(&consent.path, &fields).shows(200, "Allow access?");
}

fn an_unknown_user_looks_like_a_wrong_password(engine: Engine) {
    let app = started(engine);
    let (browser, page) = at_login(&app);
    let shown = |username: &str| {
        let page = browser.log_in(&page, username, "wrong password");
        page.shows(403, "Log in");
        assert!(page.text().contains("Username or password is wrong."), "{page:?}");
        page.text().replace(username, "NAME")
    };
    assert_eq!(shown("ada"), shown("nobody"));
    assert_eq!(shown("ada"), shown("no name at all"));
    let failed = "select count(*) from audit_events where name = 'login_failed'";
    assert_eq!(app.number(failed), 4);
    assert_eq!(browser.submit(&page, &[("username", "ada"), ("password", "")]).answer.status, 403);
}

fn the_login_form_is_limited_like_the_login_api(engine: Engine) {
    let app = started(engine);
    let (browser, page) = at_login(&app);
    let limited = (0..40).find_map(|_| {
        let page = browser.log_in(&page, "ada", "wrong password");
        (page.answer.status == 429).then_some(page)
    });
    let limited = limited.expect("it is limited");
    assert!(limited.text().contains("Too many wrong passwords."), "{limited:?}");
    assert!(limited.answer.header("retry-after").parse::<u32>().unwrap() > 0);
    app.login("ada", PASSWORD).problem(429, "too_many_failures");
}

fn only_the_right_password_shows_that_an_account_is_disabled(engine: Engine) {
    let app = started(engine);
    let (browser, page) = at_login(&app);
    app.execute("update users set disabled_at = 1 where username = 'ada'");
    let told = browser.log_in(&page, "ada", PASSWORD);
    told.shows(403, "Log in");
    assert!(told.text().contains("This account is disabled."), "{told:?}");
    assert!(browser.log_in(&page, "ada", "wrong").text().contains("Username or password is wrong."));
}

fn a_session_of_a_browser_is_a_session_like_any_other(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let pair = app.login("ada", PASSWORD).ok();
    let sessions = app.ask_as("GET", "/v1/sessions", &pair, None).ok();
    let all = sessions["sessions"].as_array().unwrap();
    assert_eq!(all.len(), 2, "{sessions}");
    let own = all.iter().find(|one| one["id"] != pair["session_id"]).unwrap();
    let path = format!("/v1/sessions/{}", own["id"].as_str().unwrap());
    assert_eq!(app.ask_as("DELETE", &path, &pair, None).status, 204);
    browser.open(&request("app", &[])).shows(200, "Log in");
}

fn a_login_as_somebody_else_ends_the_session_before(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let page = browser.open(&request("app", &[("prompt", "select_account")]));
    let page = browser.submit(&page, &[("account", "other")]);
    browser.log_in(&page, "grace", PASSWORD).shows(200, "Allow access?");
    let of = |name: &str, end: &str| {
        let user = format!("user_id = (select id from users where username = '{name}')");
        app.number(&format!("select count(*) from sessions where {user} and end_reason {end}"))
    };
    assert_eq!((of("ada", "= 'logout'"), of("grace", "is null")), (1, 1));
}

fn a_login_with_the_cookie_of_a_session_that_a_thief_has_taken_over_ends_that_session(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let cookie = browser.cookies.borrow()["ts_refresh"].clone();
    let stolen = app.refresh(&json!(cookie)).ok();
    app.advance(100);
    let page = browser.open(&request("app", &[]));
    page.shows(200, "Log in");
    app.verify(&stolen["access_token"]).ok();
    let after = browser.log_in(&page, "ada", PASSWORD);
    assert!(after.answer_to(CALLBACK).contains_key("code"));
    app.verify(&stolen["access_token"]).problem(401, "token_revoked");
    app.refresh(&stolen["refresh_token"]).problem(401, "session_ended");
    assert_eq!(app.number("select count(*) from audit_events where name = 'refresh_token_reused'"), 1);
    assert!(browser.open(&request("app", &[])).answer_to(CALLBACK).contains_key("code"), "the new session goes on");
}

fn a_cookie_that_was_revoked_or_replaced_signs_nobody_in(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let old = browser.cookies.borrow()["ts_refresh"].clone();
    for _ in 0..2 {
        app.advance(100);
        let cookie = browser.cookies.borrow()["ts_refresh"].clone();
        let pair = app.refresh(&json!(cookie)).ok();
        let next = pair["refresh_token"].as_str().unwrap().to_owned();
        browser.cookies.borrow_mut().insert("ts_refresh".to_owned(), next);
    }
    assert!(browser.open(&request("app", &[])).answer_to(CALLBACK).contains_key("code"));
    let current = browser.cookies.borrow_mut().insert("ts_refresh".to_owned(), old).unwrap();
    browser.open(&request("app", &[])).shows(200, "Log in");
    // It was only looked at: the session goes on.
    browser.cookies.borrow_mut().insert("ts_refresh".to_owned(), current.clone());
    assert!(browser.open(&request("app", &[])).answer_to(CALLBACK).contains_key("code"));
    assert_eq!(app.revoke(&json!(current)).status, 204);
    browser.open(&request("app", &[])).shows(200, "Log in");
    for bad in ["", "x", "eyJhbGciOiJub25lIn0.e30."] {
        browser.cookies.borrow_mut().insert("ts_refresh".to_owned(), bad.to_owned());
        browser.open(&request("app", &[])).shows(200, "Log in");
    }
}

fn a_grant_of_an_application_is_no_session_of_a_browser(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    app.execute("update sessions set client_id = 'app' where user_id = (select id from users where username = 'ada')");
    browser.open(&request("app", &[])).shows(200, "Log in");
}

fn an_expired_interaction_says_so_and_offers_the_way_back(engine: Engine) {
    let app = started(engine);
    let (browser, page) = at_login(&app);
    app.advance(599);
    browser.open(&page.path).shows(200, "Log in");
    app.advance(1);
    for expired in [browser.open(&page.path), browser.log_in(&page, "ada", PASSWORD)] {
        expired.shows(400, "This has expired");
        let back = format!("<a href=\"{CALLBACK}?error=access_denied&");
        assert!(expired.text().contains(&back) && expired.text().contains("Back to The app app"), "{expired:?}");
    }
    assert_eq!(app.number("select count(*) from authorization_codes"), 0);
}

fn an_interaction_is_answered_once(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let consent = browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD);
    browser.submit(&consent, &[("decision", "allow")]).answer_to(CALLBACK);
    // The back button, and a form that is sent again.
    for again in [browser.open(&consent.path), browser.submit(&consent, &[("decision", "allow")])] {
        again.shows(400, "This is done already");
        assert!(again.text().contains("<a href=\"https://app.example\">"), "{again:?}");
    }
    assert_eq!(app.number("select count(*) from authorization_codes"), 1);
}

fn an_application_that_is_disabled_meanwhile_gets_no_code(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let consent = browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD);
    app.execute("update clients set disabled_at = 1 where id = 'app'");
    browser.submit(&consent, &[("decision", "allow")]).shows(400, "Something went wrong");
    app.execute("delete from clients where id = 'app'");
    browser.submit(&consent, &[("decision", "allow")]).shows(403, "Something went wrong");
    assert_eq!(app.number("select count(*) from authorization_codes"), 0);
}

fn a_redirect_uri_that_is_removed_meanwhile_gets_no_code(engine: Engine) {
    let app = started(engine);
    let browser = app.browser();
    let consent = browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD);
    app.execute("update clients set redirect_uris = 'https://app.example/new' where id = 'app'");
    for decision in ["allow", "deny"] {
        let page = browser.submit(&consent, &[("decision", decision)]);
        page.shows(400, "Something went wrong");
        assert!(!page.answer.body.contains(CALLBACK), "{page:?}");
    }
    browser.open(&consent.path).shows(400, "Something went wrong");
    assert_eq!(app.number("select count(*) from authorization_codes"), 0);
}

fn the_account_chooser_is_shown_only_when_it_is_asked_for(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    for hint in ["ada", "ADA", "ada@example.com"] {
        let page = browser.open(&request("app", &[("login_hint", hint)]));
        assert!(page.answer_to(CALLBACK).contains_key("code"), "{hint}");
    }
    for own in [("prompt", "select_account"), ("login_hint", "grace")] {
        let page = browser.open(&request("app", &[own]));
        page.shows(200, "Choose an account");
        let done = browser.submit(&page, &[("account", "continue")]);
        assert!(done.answer_to(CALLBACK).contains_key("code"), "{own:?}");
    }
    // Who logs in has chosen.
    let page = app.browser();
    let login = page.open(&request("app", &[("prompt", "select_account")]));
    assert!(page.log_in(&login, "ada", PASSWORD).answer_to(CALLBACK).contains_key("code"));
}

fn a_cancelled_login_goes_back_with_access_denied(engine: Engine) {
    let app = started(engine);
    let (browser, page) = at_login(&app);
    let answer = browser.submit(&page, &[("decision", "deny")]).answer_to(CALLBACK);
    assert_eq!((answer["error"].as_str(), answer["state"].as_str()), ("access_denied", "s t&a"));
}

fn the_cookies_are_bound_to_the_host_unless_it_is_a_loopback_address(engine: Engine) {
    let app = TestApp::start_with(engine, &[("ISSUER", "https://id.example.com/tenant")]);
    app.create_user("ada", &[]);
    app.register("app", &json!({}));
    let answer = app.browser().get(&request("app", &[]));
    assert!(answer.header("location").starts_with("/tenant/oauth/interactions/"), "{answer:?}");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-ts_interaction_") && cookie.ends_with("; Secure"), "{cookie}");
    let (binding, path) = (cookie.split(';').next().unwrap(), &answer.header("location")["/tenant".len()..]);
    let page = app.send("GET", path, &[("cookie", binding)], b"");
    assert!(page.body.contains("href=\"/tenant/oauth/assets/pages.css?v="), "{page:?}");
    let page = Page { path: path.to_owned(), answer: page };
    let token = token_of(&page);
    let fields =
        crate::support::browser::encoded(&[("username", "ada"), ("password", PASSWORD), ("form_token", &token)]);
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [form, ("sec-fetch-site", "same-origin"), ("cookie", binding)];
    let answer = app.send("POST", path, &headers, fields.as_bytes());
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-ts_refresh=eyJ") && cookie.ends_with("; SameSite=Lax; Secure"), "{answer:?}");
}

fn pages_speak_the_language_that_is_asked_for(engine: Engine) {
    let app = started(engine);
    let mut browser = app.browser();
    "es-MX,de;q=0.5".clone_into(&mut browser.language);
    browser.open(&request("app", &[])).shows(200, "Iniciar sesión");
    let page = browser.open(&request("app", &[("ui_locales", "fr de-AT")]));
    page.shows(200, "Anmelden");
    assert!(page.answer.body.contains("<html lang=\"de\">"), "{page:?}");
    browser.open("/oauth/interactions/nothing/there").shows(404, "No ha funcionado");
}
