//! Cookies of sessions that end, have ended, or were stolen; and what else ends with them.

use serde_json::{Value, json};

use crate::cookies::{mark, set_cookies, signed_in};
use crate::support::oauth::{ALL, Allowed, As, NOTES};
use crate::support::{Browser, Engine, PASSWORD, TestApp};

both_engines!(
    a_logout_ends_the_session_and_clears_both_cookies,
    a_logout_by_header_clears_the_cookies_of_its_own_session_only,
    who_logs_out_after_the_session_is_over_is_logged_out,
    a_logout_with_a_token_that_was_replaced_ends_its_session,
    ending_the_own_session_in_another_way_clears_its_cookies_too,
    a_replaced_token_ends_nothing_where_it_only_says_who_asks,
    a_stolen_cookie_is_found_when_both_have_refreshed,
    each_reason_is_told,
    a_login_ends_the_session_that_the_browser_had,
    a_login_with_the_cookie_that_a_thief_has_replaced_ends_that_session,
    the_grants_that_began_in_a_session_end_with_it_however_it_ends,
);

fn refresh(browser: &Browser) -> crate::support::Answer {
    browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true})))
}

fn ended(app: &TestApp, reason: &str) -> i64 {
    app.number(&format!("select count(*) from sessions where end_reason = '{reason}'"))
}

fn cleared(answer: &crate::support::Answer) -> bool {
    let cookies = set_cookies(answer);
    // The last one is of somebody who was about to register.
    let names = ["ts_refresh", "ts_access", "ts_registering"];
    let is_cleared = |(cookie, name): (&String, &str)| cookie.starts_with(&format!("{name}=; Path=/; Max-Age=0;"));
    cookies.len() == names.len() && cookies.iter().zip(names).all(is_cleared)
}

fn a_logout_ends_the_session_and_clears_both_cookies(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let access = browser.cookie("ts_access");
    let answer = browser.fetch("POST", "/v1/logout", None);
    assert!(answer.status == 204 && cleared(&answer), "{answer:?}");
    assert_eq!((ended(&app, "logout"), browser.cookies.borrow().len()), (1, 0));
    app.verify(&json!(access)).problem(401, "token_revoked");
    browser.fetch("POST", "/v1/logout", None).problem(401, "access_token_missing");
}

fn a_logout_by_header_clears_the_cookies_of_its_own_session_only(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let browser = app.browser();
    let body = json!({"username": "ada", "password": PASSWORD, "cookies": true, "access_cookie": false});
    let pair = browser.fetch("POST", "/v1/tokens", Some(&body)).ok();
    let other = app.login("ada", PASSWORD).ok();
    let logout = |pair: &Value| {
        let bearer = format!("Bearer {}", pair["access_token"].as_str().unwrap());
        browser.fetch_with("POST", "/v1/logout", &[("authorization", &bearer)], None)
    };
    let answer = logout(&other);
    assert_eq!((answer.status, set_cookies(&answer)), (204, vec![]));
    let answer = logout(&pair);
    assert!(answer.status == 204 && cleared(&answer), "{answer:?}");
}

fn who_logs_out_after_the_session_is_over_is_logged_out(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, pair) = signed_in(&app, "ada");
    let cookies = browser.cookies.borrow().clone();
    let logout = |what: &str| {
        browser.cookies.borrow_mut().clone_from(&cookies);
        let answer = browser.fetch("POST", "/v1/logout", None);
        assert!(answer.status == 204 && cleared(&answer), "{what}: {answer:?}");
        browser.cookies.borrow_mut().clone_from(&cookies);
        browser.drop_cookie("ts_access");
        let answer = browser.fetch("POST", "/v1/logout", None);
        assert!(answer.status == 204 && cleared(&answer), "{what}: {answer:?}");
    };
    app.revoke(&json!(cookies["ts_refresh"]));
    logout("ended");
    app.execute("update users set disabled_at = 1");
    logout("disabled");
    app.execute("delete from sessions");
    logout("not stored");
    app.advance(1_209_600);
    logout("expired");
    let events = app.number("select count(*) from audit_events where name = 'logout'");
    assert_eq!(events, 1, "ended once: {pair}");
    // Of another site it still does nothing.
    browser.cookies.borrow_mut().clone_from(&cookies);
    let foreign = [("sec-fetch-site", "cross-site")];
    let refused = browser.fetch_with("POST", "/v1/logout", &foreign, None);
    refused.problem(403, "csrf_refused");
    assert_eq!(set_cookies(&refused), [""; 0]);
}

fn a_logout_with_a_token_that_was_replaced_ends_its_session(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let old = browser.cookie("ts_refresh");
    app.advance(60);
    refresh(&browser).ok();
    let access = browser.cookie("ts_access");
    app.advance(91);
    let late = app.browser();
    late.set_cookie("ts_refresh", &old);
    let answer = late.fetch("POST", "/v1/logout", None);
    assert!(answer.status == 204 && cleared(&answer), "{answer:?}");
    assert_eq!(ended(&app, "logout"), 1);
    app.verify(&json!(access)).problem(401, "token_revoked");
}

fn ending_the_own_session_in_another_way_clears_its_cookies_too(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, pair) = signed_in(&app, "ada");
    let other = app.login("ada", PASSWORD).ok();
    let path = |pair: &Value| format!("/v1/sessions/{}", pair["session_id"].as_str().unwrap());
    let answer = browser.fetch("DELETE", &path(&other), None);
    assert_eq!((answer.status, set_cookies(&answer)), (204, vec![]));
    let another = app.login("ada", PASSWORD).ok();
    let refresh = browser.cookie("ts_refresh");
    for held in [None, Some("x")] {
        browser.drop_cookie("ts_refresh");
        held.inspect(|held| browser.set_cookie("ts_refresh", held));
        let answer = browser.fetch("DELETE", &path(&another), None);
        assert_eq!((answer.status, set_cookies(&answer)), (204, vec![]), "{held:?}");
    }
    browser.set_cookie("ts_refresh", &refresh);
    let answer = browser.fetch("POST", "/v1/logout/all", Some(&json!({"keep_current": true})));
    assert_eq!((answer.status, set_cookies(&answer)), (200, vec![]));
    let answer = browser.fetch("DELETE", &path(&pair), None);
    assert!(answer.status == 204 && cleared(&answer), "{answer:?}");
    browser.log_in_with_cookies("ada");
    let answer = browser.fetch("POST", "/v1/logout/all", None);
    assert!(answer.status == 200 && cleared(&answer), "{answer:?}");
}

fn a_replaced_token_ends_nothing_where_it_only_says_who_asks(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let old = browser.cookie("ts_refresh");
    app.advance(60);
    refresh(&browser).ok();
    app.advance(91);
    let stolen = app.browser();
    stolen.set_cookie("ts_refresh", &old);
    let before = mark(&app);
    for (method, path) in [("GET", "/v1/me"), ("PATCH", "/v1/me/profile"), ("DELETE", "/v1/me/applications/x")] {
        let body = (method == "PATCH").then(|| json!({"name": "Mallory"}));
        let problem = stolen.fetch(method, path, body.as_ref()).problem(401, "refresh_token_reused");
        assert!(!problem["detail"].as_str().unwrap().contains("ended"), "{problem}");
    }
    assert_eq!((mark(&app), ended(&app, "reuse")), (before, 0));
    browser.drop_cookie("ts_access");
    browser.get("/v1/me").ok();
    // A refresh with it ends the session.
    refresh(&stolen).problem(401, "refresh_token_reused");
    assert_eq!(ended(&app, "reuse"), 1);
    browser.drop_cookie("ts_access");
    assert_eq!(browser.get("/v1/me").problem(401, "session_ended")["reason"], "reuse");
    assert_eq!(refresh(&browser).problem(401, "session_ended")["reason"], "reuse");
}

fn a_stolen_cookie_is_found_when_both_have_refreshed(engine: Engine) {
    let app = TestApp::start(engine);
    let (owner, _) = signed_in(&app, "ada");
    let thief = app.browser();
    thief.cookies.borrow_mut().clone_from(&owner.cookies.borrow());
    let access = owner.cookie("ts_access");
    app.advance(200);
    refresh(&thief).ok();
    app.advance(91);
    refresh(&owner).problem(401, "refresh_token_reused");
    for browser in [&owner, &thief] {
        browser.fetch("GET", "/v1/me", None).problem(401, "session_ended");
        refresh(browser).problem(401, "session_ended");
    }
    app.verify(&json!(access)).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from audit_events where name = 'refresh_token_reused'"), 1);
}

fn each_reason_is_told(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    browser.drop_cookie("ts_access");
    for (change, code) in [
        ("update users set disabled_at = 1", "account_disabled"),
        ("update sessions set ended_at = 1, end_reason = 'admin'", "session_ended"),
        ("delete from sessions", "session_unknown"),
    ] {
        app.execute(change);
        let status = if code == "account_disabled" { 403 } else { 401 };
        let answer = browser.fetch("GET", "/v1/me", None);
        answer.problem(status, code);
        assert_eq!(set_cookies(&answer), [""; 0]);
    }
}

fn a_login_ends_the_session_that_the_browser_had(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    let (browser, pair) = signed_in(&app, "ada");
    let granted = app.granted(&pair, &Allowed { scope: "openid", ..ALL });
    app.create_user("grace", &[]);
    let wrong = json!({"username": "grace", "password": "wrong", "cookies": true});
    browser.fetch("POST", "/v1/tokens", Some(&wrong)).problem(401, "bad_credentials");
    assert_eq!(browser.fetch("GET", "/v1/me", None).ok()["id"], pair["user"]["id"], "nothing has happened");
    // A login whose tokens are in the body overwrites nothing.
    browser.fetch("POST", "/v1/tokens", Some(&json!({"username": "grace", "password": PASSWORD}))).ok();
    assert_eq!(ended(&app, "logout"), 0);
    browser.log_in_with_cookies("grace");
    assert_eq!(ended(&app, "logout"), 2, "the session, and the grant that began in it");
    app.verify(&granted["access_token"]).problem(401, "token_revoked");
    browser.log_in_with_cookies("grace");
    assert_eq!(ended(&app, "logout"), 3);
    assert_eq!(app.number("select count(*) from sessions where ended_at is null"), 2);
}

fn a_login_with_the_cookie_that_a_thief_has_replaced_ends_that_session(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let stolen = app.refresh(&json!(browser.cookie("ts_refresh"))).ok();
    app.advance(100);
    browser.log_in_with_cookies("ada");
    assert_eq!(ended(&app, "reuse"), 1);
    app.verify(&stolen["access_token"]).problem(401, "token_revoked");
    browser.fetch("GET", "/v1/me", None).ok();
    refresh(&browser).ok();
}

fn the_grants_that_began_in_a_session_end_with_it_however_it_ends(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    app.create_user("ada", &[]);
    app.create_user("root", &["admin"]);
    let admin = app.login("root", PASSWORD).ok();
    let (user, other) = (app.login("ada", PASSWORD).ok()["user"]["id"].clone(), app.login("ada", PASSWORD).ok());
    let sessions = |pair: &Value| format!("/v1/sessions/{}", pair["session_id"].as_str().unwrap());
    for way in ["logout", "own", "another", "admin", "revoke"] {
        let pair = app.login("ada", PASSWORD).ok();
        let bound = app.granted(&pair, &Allowed { scope: "openid", ..ALL });
        let offline = app.granted(&pair, &Allowed { scope: "openid offline_access", ..ALL });
        let status = match way {
            "logout" => app.ask_as("POST", "/v1/logout", &pair, None).status,
            "own" => app.ask_as("DELETE", &sessions(&pair), &pair, None).status,
            "another" => app.ask_as("DELETE", &sessions(&pair), &other, None).status,
            "revoke" => app.revoke(&pair["refresh_token"]).status,
            _ => {
                let path = format!("/v1/admin/users/{}{}", user.as_str().unwrap(), &sessions(&pair)["/v1".len()..]);
                app.ask_as("DELETE", &path, &admin, None).status
            }
        };
        assert_eq!(status, 204, "{way}");
        app.verify(&bound["access_token"]).problem(401, "token_revoked");
        app.verify(&offline["access_token"]).ok();
        assert_eq!(app.refresh_of(As("notes"), &offline["refresh_token"]).status, 200, "{way}");
    }
    let noted = "select count(*) from audit_events where detail = '1 grants'";
    assert_eq!(app.number(noted), 5);
    app.me(&other).ok();
}
