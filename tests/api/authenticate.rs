//! `GET /v1/authenticate`: what a proxy learns that asks on behalf of an app.

use crate::api_tokens::{exchange, make};
use crate::cookies::{set_cookies, signed_in};
use crate::support::oauth::{ALL, NOTES};
use crate::support::{Answer, Engine, PASSWORD, TestApp};
use serde_json::json;

both_engines!(
    a_proxy_learns_who_it_is_from_a_cookie_or_a_header,
    who_is_not_known_is_401,
    the_token_of_an_application_is_403,
    every_role_and_every_scope_that_is_asked_for_is_needed,
    a_query_that_is_not_understood_lets_nobody_in,
    a_new_access_token_goes_with_the_answer_and_none_without_need,
    what_a_header_cannot_hold_of_a_username_is_escaped,
    a_request_that_may_change_something_must_come_from_our_own_origin,
    a_user_who_was_disabled_or_deleted_is_not_known,
);

const PATH: &str = "/v1/authenticate";

fn told(answer: &Answer) -> [String; 3] {
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    ["x-user-id", "x-username", "x-roles"].map(|name| answer.header(name).to_owned())
}

fn a_proxy_learns_who_it_is_from_a_cookie_or_a_header(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SCOPES", "notes:read")]);
    let user = app.create_user("ada", &["poet", "admin"]);
    let browser = app.browser();
    browser.log_in_with_cookies("ada");
    let expected = [user.id.to_string(), "ada".to_owned(), "admin,poet".to_owned()];
    assert_eq!(told(&browser.get(PATH)), expected);
    assert_eq!(told(&browser.fetch("HEAD", PATH, None)), expected);
    let pair = app.login("ada", PASSWORD).ok();
    assert_eq!(told(&app.get_as(PATH, pair["access_token"].as_str().unwrap())), expected);
    let made = make(&app, &pair, &json!({"name": "backup", "roles": ["poet"]}));
    let key = format!("Token {}", made["key"].as_str().unwrap());
    assert_eq!(told(&app.ask("GET", PATH, &key, None))[1..], ["ada", "poet"]);
    let exchanged = exchange(&app, &made);
    assert_eq!(told(&app.get_as(PATH, exchanged["access_token"].as_str().unwrap()))[1..], ["ada", "poet"]);
    app.create_user("grace", &[]);
    let grace = app.login("grace", PASSWORD).ok();
    assert_eq!(told(&app.get_as(PATH, grace["access_token"].as_str().unwrap()))[1..], ["grace", ""]);
}

fn who_is_not_known_is_401(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    app.get(PATH).problem(401, "access_token_missing");
    app.get_as(PATH, "x").problem(401, "token_malformed");
    browser.fetch_with("GET", PATH, &[("authorization", "Bearer x")], None).problem(401, "token_malformed");
    // A proxy passes on what it got.
    for own in ["x-user-id", "x-username", "x-roles"] {
        let answer = app.send("GET", PATH, &[(own, "ada")], b"");
        answer.problem(401, "access_token_missing");
        assert_eq!(answer.header(own), "");
    }
    app.post(PATH, &json!({})).problem(405, "method_not_allowed");
}

fn the_token_of_an_application_is_403(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    let granted = app.granted(&app.logged_in("ada"), &ALL);
    app.get_as(PATH, granted["access_token"].as_str().unwrap()).problem(403, "application_token");
}

fn every_role_and_every_scope_that_is_asked_for_is_needed(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SCOPES", "notes:read,notes:write")]);
    app.create_user("ada", &["poet", "editor"]);
    let browser = app.browser();
    browser.log_in_with_cookies("ada");
    let ask = |query: &str| browser.get(&format!("{PATH}?{query}"));
    for query in
        ["role=poet", "role=poet&role=editor", "scope=notes:read&role=poet&scope=notes%3Awrite", "role=poet&role=poet"]
    {
        told(&ask(query));
    }
    for (query, code, named) in [
        ("role=admin", "role_missing", "error_description=\"the role 'admin' is needed\""),
        ("role=poet&role=admin", "role_missing", "'admin'"),
        ("role=admin&role=poet", "role_missing", "'admin'"),
        ("role=poe", "role_missing", "'poe'"),
        ("role=POET", "role_missing", "'POET'"),
        ("scope=notes:delete", "scope_missing", "scope=\"notes:delete\""),
        ("scope=notes", "scope_missing", "scope=\"notes\""),
        ("role=poet&scope=notes:read&scope=poet", "scope_missing", "scope=\"poet\""),
        ("role=notes:read", "role_missing", "'notes:read'"),
    ] {
        let answer = ask(query);
        answer.problem(403, code);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains(named), "{challenge}");
        assert_eq!(answer.header("x-user-id"), "");
    }
}

/// An empty variable of a proxy, or a mistake in its configuration, must not be a gap.
fn a_query_that_is_not_understood_lets_nobody_in(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    for query in ["role=", "role", "scope=", "roles=admin", "role=a,b", "role=a+b", "Role=admin", "x", "role=%22"] {
        browser.get(&format!("{PATH}?{query}")).problem(400, "invalid_fields");
    }
}

fn a_new_access_token_goes_with_the_answer_and_none_without_need(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    assert_eq!(set_cookies(&browser.get(PATH)), [""; 0]);
    app.advance(301);
    let answer = browser.get(PATH);
    told(&answer);
    assert_eq!(set_cookies(&answer).len(), 1);
    assert_eq!(set_cookies(&browser.get(PATH)), [""; 0]);
}

fn what_a_header_cannot_hold_of_a_username_is_escaped(engine: Engine) {
    let app = TestApp::start(engine);
    for (username, expected) in [
        ("ada@example.com", "ada@example.com"),
        ("zoë", "zo%C3%AB"),
        ("李", "%E6%9D%8E"),
        ("100%", "100%25"),
        ("a,b", "a,b"),
    ] {
        app.create_user(&username.replace("ë", "e\u{308}"), &[]);
        let browser = app.browser();
        browser.log_in_with_cookies(username);
        assert_eq!(told(&browser.get(PATH))[1], expected);
    }
}

fn a_request_that_may_change_something_must_come_from_our_own_origin(engine: Engine) {
    for settings in [&[][..], &[("TRUSTED_PROXIES", "127.0.0.0/8")]] {
        let app = TestApp::start_with(engine, settings);
        let (browser, _) = signed_in(&app, "ada");
        let bearer = format!("Bearer {}", app.login("ada", PASSWORD).ok()["access_token"].as_str().unwrap());
        let forwarded = ("x-forwarded-for", "192.0.2.7");
        for name in ["x-original-method", "x-forwarded-method"] {
            for (method, site, status) in [
                ("GET", "cross-site", 200),
                ("HEAD", "cross-site", 200),
                ("POST", "same-origin", 200),
                ("POST", "cross-site", 403),
                ("POST", "same-site", 403),
                ("DELETE", "none", 403),
            ] {
                let headers = [(name, method), ("sec-fetch-site", site), forwarded];
                let answer = browser.fetch_with("GET", PATH, &headers, None);
                assert_eq!(answer.status, status, "{headers:?}");
                if status == 403 {
                    answer.problem(403, "csrf_refused");
                }
                let headers = [&headers[..], &[("authorization", &*bearer)]].concat();
                assert_eq!(browser.fetch_with("GET", PATH, &headers, None).status, 200, "{headers:?}");
            }
        }
    }
}

fn a_user_who_was_disabled_or_deleted_is_not_known(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    // Another instance has just done it: this one reads the user anyway, and need not wait for the denylist.
    app.execute("update users set disabled_at = 1");
    browser.get(PATH).problem(401, "token_revoked");
    app.execute("delete from sessions; delete from users");
    browser.get(PATH).problem(401, "token_revoked");
    browser.drop_cookie("ts_access");
    browser.get(PATH).problem(401, "session_unknown");
}
