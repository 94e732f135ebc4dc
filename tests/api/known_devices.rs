//! Browsers in which a user has shown a second factor: they have codes of their own when guessers have used up the others.

use serde_json::json;

use crate::support::browser::Browser;
use crate::support::totp::{Enrolled, challenge, code, enrolled, go_on_from};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_browser_is_known_after_a_second_factor_and_not_after_a_password,
    a_known_browser_gets_in_while_guessers_use_up_all_other_codes,
    a_known_browser_has_five_codes_of_its_own,
    the_cookie_of_a_device_is_no_second_factor_and_no_credential,
    a_cookie_that_somebody_else_has_put_there_makes_no_browser_known,
    a_cookie_is_replaced_whenever_its_browser_is_seen,
    a_browser_is_known_for_each_of_its_users_by_one_cookie,
    a_user_is_known_in_the_twenty_browsers_that_were_seen_last,
    a_changed_password_and_a_factor_that_is_gone_make_browsers_unknown,
    a_client_without_cookies_gets_none,
);

const COOKIE: &str = "ts_device";
const PROXY: [(&str, &str); 1] = [("TRUSTED_PROXIES", "127.0.0.1")];
const AWAY: &str = "203.0.113.9";

fn devices(app: &TestApp) -> i64 {
    app.number("select count(*) from known_devices")
}

/// The second step of a script whose tokens are in cookies, from an address.
fn step_from(browser: &Browser, ip: &str, challenge: &str, otp: &str) -> Answer {
    let headers = [("sec-fetch-site", "same-origin"), ("x-forwarded-for", ip)];
    let body = json!({"challenge": challenge, "otp": otp, "cookies": true});
    browser.fetch_with("POST", "/v1/tokens/continue", &headers, Some(&body))
}

/// A browser that logs in with both factors.
fn known(app: &TestApp, username: &str, secret: &str) -> Browser {
    let browser = Browser::new(app.another_client());
    step_from(&browser, "192.0.2.7", &challenge(app, username), &code(app, secret)).ok();
    app.advance(30);
    browser
}

/// Uses up what an account has for all unknown devices together, and what the network of [`AWAY`] has.
fn use_up(app: &TestApp, username: &str) {
    let waiting = challenge(app, username);
    for _ in 0..5 {
        go_on_from(app, AWAY, &waiting, "12345").problem(401, "wrong_otp");
    }
    go_on_from(app, AWAY, &waiting, "12345").problem(429, "too_many_failures");
}

fn a_browser_is_known_after_a_second_factor_and_not_after_a_password(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    app.create_user("bob", &[]);
    let browser = Browser::new(app.another_client());
    browser.log_in_with_cookies("bob");
    assert!(!browser.cookies.borrow().contains_key(COOKIE));
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let browser = Browser::new(app.another_client());
    let waiting = challenge(&app, "ada");
    assert_eq!(step_from(&browser, AWAY, &waiting, "12345").headers.get("set-cookie"), None);
    assert_eq!(devices(&app), 0);
    let answer = step_from(&browser, AWAY, &waiting, &code(&app, &secret));
    answer.ok();
    let header = answer.headers.get_all("set-cookie").iter().filter_map(|header| header.to_str().ok());
    let header = header.filter(|header| header.starts_with(COOKIE)).collect::<Vec<_>>();
    let text = browser.cookie(COOKIE);
    assert_eq!(text.len(), 43);
    assert_eq!(header, [format!("{COOKIE}={text}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax")]);
    assert_eq!(devices(&app), 1);
    // On the page, too.
    app.advance(30);
    let browser = app.browser();
    let page = browser.log_in(&browser.open("/login"), "ada", PASSWORD);
    browser.submit(&page, &[("otp", &code(&app, &secret))]);
    assert_eq!(browser.cookie(COOKIE).len(), 43);
    assert_eq!(devices(&app), 2);
}

fn a_known_browser_gets_in_while_guessers_use_up_all_other_codes(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let browser = known(&app, "ada", &secret);
    let stranger = Browser::new(app.another_client());
    use_up(&app, "ada");
    // From the same address as the guesser.
    let (waiting, right) = (challenge(&app, "ada"), code(&app, &secret));
    step_from(&stranger, AWAY, &waiting, &right).problem(429, "too_many_failures");
    step_from(&stranger, "203.0.113.10", &waiting, &right).problem(429, "too_many_failures");
    step_from(&browser, AWAY, &waiting, &right).ok();
    // After a hundred wrong codes in a row, too.
    app.advance(400);
    app.execute("update totp_factors set failures = 100");
    let waiting = challenge(&app, "ada");
    step_from(&stranger, "203.0.113.11", &waiting, &code(&app, &secret)).problem(401, "otp_locked");
    step_from(&browser, AWAY, &waiting, &code(&app, &secret)).ok();
}

fn a_known_browser_has_five_codes_of_its_own(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let (one, two) = (known(&app, "ada", &secret), known(&app, "ada", &secret));
    let waiting = challenge(&app, "ada");
    for at in 0..5 {
        step_from(&one, &format!("203.0.113.{at}"), &waiting, "12345").problem(401, "wrong_otp");
    }
    step_from(&one, "203.0.113.77", &waiting, &code(&app, &secret)).problem(429, "too_many_failures");
    step_from(&two, AWAY, &waiting, &code(&app, &secret)).ok();
    // They are not taken from the others.
    use_up(&app, "ada");
}

fn the_cookie_of_a_device_is_no_second_factor_and_no_credential(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let browser = known(&app, "ada", &secret);
    browser.cookies.borrow_mut().retain(|name, _| name == COOKIE);
    let body = json!({"username": "ada", "password": PASSWORD, "cookies": true});
    browser.fetch("POST", "/v1/tokens", Some(&body)).problem(401, "second_factor_required");
    assert_eq!(browser.fetch("GET", "/v1/me", None).status, 401);
    let text = browser.cookie(COOKIE);
    assert_eq!(app.number("select count(*) from known_devices where length(digest) = 32"), 1);
    let stolen = app.ask_as("GET", "/v1/me", &json!({"access_token": text}), None);
    assert_eq!(stolen.status, 401);
}

fn a_cookie_that_somebody_else_has_put_there_makes_no_browser_known(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let of_mallory = enrolled(&app, "mallory", &[]);
    let invented = "A".repeat(43);
    let own = known(&app, "mallory", &of_mallory.secret).cookie(COOKIE);
    for planted in [&invented, &own] {
        let browser = Browser::new(app.another_client());
        browser.set_cookie(COOKIE, planted);
        step_from(&browser, "192.0.2.7", &challenge(&app, "ada"), &code(&app, &secret)).ok();
        app.advance(30);
        assert_ne!(browser.cookie(COOKIE), *planted);
        // A client that keeps no cookies sends one all the same.
        let body = json!({"challenge": challenge(&app, "ada"), "otp": code(&app, &secret)});
        let headers = [("cookie", &*format!("{COOKIE}={planted}")), ("content-type", "application/json")];
        let answer = app.send("POST", "/v1/tokens/continue", &headers, body.to_string().as_bytes());
        assert_eq!((answer.status, answer.headers.get("set-cookie")), (200, None), "{answer:?}");
        app.advance(600);
        use_up(&app, "ada");
        let thief = Browser::new(app.another_client());
        thief.set_cookie(COOKIE, planted);
        let (waiting, right) = (challenge(&app, "ada"), code(&app, &secret));
        step_from(&thief, "203.0.113.10", &waiting, &right).problem(429, "too_many_failures");
        // From elsewhere, since that makes the address known.
        step_from(&browser, "198.51.100.9", &waiting, &right).ok();
        app.advance(1_800);
    }
}

fn a_cookie_is_replaced_whenever_its_browser_is_seen(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let browser = known(&app, "ada", &secret);
    let copy = Browser::new(app.another_client());
    copy.set_cookie(COOKIE, &browser.cookie(COOKIE));
    step_from(&browser, AWAY, &challenge(&app, "ada"), &code(&app, &secret)).ok();
    app.advance(30);
    assert_ne!(browser.cookie(COOKIE), copy.cookie(COOKIE));
    assert_eq!(devices(&app), 1);
    app.execute("delete from sessions");
    use_up(&app, "ada");
    let (waiting, right) = (challenge(&app, "ada"), code(&app, &secret));
    step_from(&copy, "203.0.113.10", &waiting, &right).problem(429, "too_many_failures");
    step_from(&browser, "203.0.113.10", &waiting, &right).ok();
}

fn a_browser_is_known_for_each_of_its_users_by_one_cookie(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let ada = enrolled(&app, "ada", &[]);
    let bob = enrolled(&app, "bob", &[]);
    let browser = known(&app, "ada", &ada.secret);
    let text = browser.cookie(COOKIE);
    use_up(&app, "bob");
    step_from(&browser, AWAY, &challenge(&app, "bob"), &code(&app, &bob.secret)).problem(429, "too_many_failures");
    app.advance(300);
    step_from(&browser, AWAY, &challenge(&app, "bob"), &code(&app, &bob.secret)).ok();
    assert_ne!(browser.cookie(COOKIE), text);
    assert_eq!(devices(&app), 2);
    assert_eq!(app.number("select count(distinct digest) from known_devices"), 1);
    app.advance(30);
    use_up(&app, "ada");
    step_from(&browser, AWAY, &challenge(&app, "ada"), &code(&app, &ada.secret)).ok();
    assert_eq!(devices(&app), 2);
}

fn a_user_is_known_in_the_twenty_browsers_that_were_seen_last(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let first = known(&app, "ada", &secret);
    let second = known(&app, "ada", &secret);
    for _ in 0..18 {
        known(&app, "ada", &secret);
    }
    step_from(&first, "192.0.2.7", &challenge(&app, "ada"), &code(&app, &secret)).ok();
    app.advance(30);
    known(&app, "ada", &secret);
    assert_eq!(devices(&app), 20);
    use_up(&app, "ada");
    let (waiting, right) = (challenge(&app, "ada"), code(&app, &secret));
    step_from(&second, AWAY, &waiting, &right).problem(429, "too_many_failures");
    step_from(&first, AWAY, &waiting, &right).ok();
}

fn a_changed_password_and_a_factor_that_is_gone_make_browsers_unknown(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let browser = known(&app, "ada", &secret);
    assert_eq!(devices(&app), 1);
    let next = "a long and unusual sentence";
    let body = json!({"current_password": PASSWORD, "new_password": next});
    browser.fetch("POST", "/v1/me/password", Some(&body)).ok();
    assert_eq!(devices(&app), 0);
    let admin = app.logged_in("operator");
    app.execute("update users set roles = 'admin' where username = 'operator'");
    let admin = app.refresh(&admin["refresh_token"]).ok();
    let ada = app.verify(&browser.cookie("ts_access").into()).ok()["claims"]["sub"].as_str().unwrap().to_owned();
    let reset = || {
        let path = format!("/v1/admin/users/{ada}/password");
        app.ask_as("POST", &path, &admin, Some(&json!({"password": PASSWORD}))).ok();
    };
    reset();
    known(&app, "ada", &secret);
    assert_eq!(devices(&app), 1);
    reset();
    assert_eq!(devices(&app), 0);
    let browser = known(&app, "ada", &secret);
    assert_eq!(devices(&app), 1);
    assert_eq!(browser.fetch("DELETE", "/v1/me/totp", None).status, 204);
    assert_eq!(devices(&app), 0);
}

fn a_client_without_cookies_gets_none(engine: Engine) {
    let app = TestApp::start_with(engine, &PROXY);
    let Enrolled { secret, .. } = enrolled(&app, "ada", &[]);
    let answer = go_on_from(&app, AWAY, &challenge(&app, "ada"), &code(&app, &secret));
    answer.ok();
    assert_eq!(answer.headers.get("set-cookie"), None);
    assert_eq!(devices(&app), 0);
}
