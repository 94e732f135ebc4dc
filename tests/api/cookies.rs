//! Tokens in cookies: how a browser gets them, what they authenticate, and what they leave unchanged.

use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::service::keys;

use crate::api_tokens::{exchange, make};
use crate::authorize::{CALLBACK, allowed, request};
use crate::support::oauth::{ALL, NOTES, claims, header};
use crate::support::postgres::{self, Cluster};
use crate::support::{Answer, Browser, Engine, PASSWORD, TestApp};

both_engines!(
    a_login_puts_both_tokens_into_cookies_and_none_into_the_body,
    without_the_access_cookie_the_access_token_is_in_the_body_and_an_older_cookie_is_cleared,
    with_tls_the_cookies_are_bound_to_the_host,
    a_cookie_of_another_app_does_not_hide_ours,
    a_client_that_asks_for_no_cookies_gets_none,
    access_cookie_alone_is_refused,
    a_cookie_authenticates_as_a_header_does,
    a_header_always_wins_even_a_bad_one,
    only_an_access_token_of_a_user_is_accepted_in_the_access_cookie,
    without_an_access_token_the_refresh_token_is_judged_without_writing,
    an_access_token_that_was_signed_without_writing_is_for_the_audience_of_its_session,
    an_error_brings_the_new_access_token_too,
    an_access_token_that_was_signed_without_writing_is_denied_for_as_long_as_it_lives,
    a_session_of_an_earlier_version_is_known_by_its_cookie,
    a_cookie_that_another_instance_signed_with_a_new_key_is_known,
    a_session_is_not_left_for_a_cookie_with_a_key_that_is_new_here,
    garbage_in_cookies_costs_no_query,
    a_refresh_takes_its_token_from_the_cookie_and_puts_the_next_one_there,
    a_lost_answer_is_repeated_by_cookie,
    a_refresh_token_moves_from_the_body_into_cookies,
    without_a_cookie_there_is_nothing_to_refresh,
    a_password_that_is_given_again_is_answered_in_cookies,
    where_the_cookies_belong_to_different_sessions_the_refresh_token_decides,
    an_access_token_that_is_too_large_for_a_cookie_is_not_set,
    the_pages_and_the_api_share_the_session,
    with_cookies_off_they_are_neither_set_nor_read,
    where_any_origin_may_call_cookies_are_off,
);

/// A browser with the cookies of a login.
pub fn signed_in(app: &TestApp, username: &str) -> (Browser, Value) {
    app.create_user(username, &[]);
    let browser = app.browser();
    let pair = browser.log_in_with_cookies(username);
    (browser, pair)
}

/// The cookies that a response sets, as browsers read them.
pub fn set_cookies(answer: &Answer) -> Vec<String> {
    answer.headers.get_all("set-cookie").iter().map(|header| header.to_str().unwrap().to_owned()).collect()
}

/// What a session's row says about its rotation.
pub fn mark(app: &TestApp) -> [i64; 4] {
    ["denied_through", "rotated_at", "refresh_expires_at", "access_expires_by"]
        .map(|column| app.number(&format!("select {column} from sessions")))
}

fn a_login_puts_both_tokens_into_cookies_and_none_into_the_body(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let body = json!({"username": "ada", "password": PASSWORD, "cookies": true});
    let answer = app.browser().fetch("POST", "/v1/tokens", Some(&body));
    let pair = answer.ok();
    for token in ["access_token", "token_type", "refresh_token"] {
        assert_eq!(pair.get(token), None, "{pair}");
    }
    assert_eq!((&pair["expires_in"], &pair["refresh_expires_in"]), (&json!(300), &json!(1_209_600)));
    assert_eq!((&pair["refresh_generation"], &pair["user"]["username"]), (&json!(1), &json!("ada")));
    assert!(pair["refresh_after"].is_i64() && pair["session_id"].is_string(), "{pair}");
    let cookies = set_cookies(&answer);
    let expected = [("ts_refresh=eyJ", "1209600"), ("ts_access=eyJ", "300")];
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    for (cookie, (begins, max_age)) in cookies.iter().zip(expected) {
        let attributes = format!("; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax");
        assert!(cookie.starts_with(begins) && cookie.ends_with(&attributes), "{cookie}");
    }
    assert_eq!(answer.header("cache-control"), "no-store");
}

fn without_the_access_cookie_the_access_token_is_in_the_body_and_an_older_cookie_is_cleared(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let body = json!({"username": "ada", "password": PASSWORD, "cookies": true, "access_cookie": false});
    let pair = browser.fetch("POST", "/v1/tokens", Some(&body)).ok();
    assert_eq!((&pair["token_type"], pair.get("refresh_token")), (&json!("Bearer"), None));
    app.me(&pair).ok();
    assert_eq!(browser.cookies.borrow().keys().collect::<Vec<_>>(), ["ts_refresh"]);
    app.advance(20);
    let next =
        browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true, "access_cookie": false}))).ok();
    assert_eq!((next["session_id"].clone(), next.get("refresh_token")), (pair["session_id"].clone(), None));
    app.me(&next).ok();
    assert_eq!(browser.cookies.borrow().keys().collect::<Vec<_>>(), ["ts_refresh"]);
}

fn with_tls_the_cookies_are_bound_to_the_host(engine: Engine) {
    let app = TestApp::start_with(engine, &[("ISSUER", "https://id.example.com/tenant")]);
    let (browser, _) = signed_in(&app, "ada");
    assert_eq!(browser.cookies.borrow().keys().collect::<Vec<_>>(), ["__Host-ts_access", "__Host-ts_refresh"]);
    let body = json!({"username": "ada", "password": PASSWORD, "cookies": true});
    for cookie in set_cookies(&browser.fetch("POST", "/v1/tokens", Some(&body))) {
        assert!(
            cookie.ends_with("; Path=/; Max-Age=300; HttpOnly; SameSite=Lax; Secure")
                || cookie.ends_with("; Path=/; Max-Age=1209600; HttpOnly; SameSite=Lax; Secure"),
            "{cookie}"
        );
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    browser.fetch("GET", "/v1/me", None).ok();
    // Another host of the domain can set a cookie without the prefix.
    let token = browser.cookie("__Host-ts_access");
    for name in ["ts_access", "ts_refresh", "__Secure-ts_access", "__host-ts_access"] {
        let cookie = format!("{name}={token}");
        app.send("GET", "/v1/me", &[("cookie", &cookie)], b"").problem(401, "access_token_missing");
    }
}

fn a_cookie_of_another_app_does_not_hide_ours(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let ours = format!("ts_access={}", browser.cookie("ts_access"));
    for other in ["name=Zoë", "Zoë=1", "x", "=", "", "a=\"b", "a=b=c", "ts_access\u{2000}=x", "\u{2000}ts_access=x"] {
        for cookies in [format!("{other}; {ours}"), format!("{ours}; {other}"), format!("{other};{ours};")] {
            app.send("GET", "/v1/me", &[("cookie", &cookies)], b"").ok();
        }
    }
    // A browser lets any host of the domain set this one: it does not begin with the prefix for it.
    let disguised = format!("\u{2000}{ours}");
    app.send("GET", "/v1/me", &[("cookie", &disguised)], b"").problem(401, "access_token_missing");
}

fn a_client_that_asks_for_no_cookies_gets_none(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    for own in [json!({}), json!({"cookies": false})] {
        let mut body = json!({"username": "ada", "password": PASSWORD});
        body.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        let answer = app.post("/v1/tokens", &body);
        assert_eq!(set_cookies(&answer), [""; 0]);
        let answer = app.refresh(&answer.ok()["refresh_token"]);
        assert!(answer.ok()["access_token"].is_string());
        assert_eq!(set_cookies(&answer), [""; 0]);
    }
}

fn access_cookie_alone_is_refused(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    for body in [json!({"access_cookie": false}), json!({"access_cookie": true, "cookies": false})] {
        for path in ["/v1/tokens", "/v1/tokens/refresh"] {
            let mut body = body.clone();
            match path {
                "/v1/tokens" => (body["username"], body["password"]) = (json!("ada"), json!(PASSWORD)),
                _ => body["refresh_token"] = pair["refresh_token"].clone(),
            }
            let problem = app.post(path, &body).problem(400, "invalid_fields");
            assert_eq!(problem["errors"][0]["field"], "access_cookie");
        }
    }
    app.post("/v1/tokens/refresh", &json!({})).problem(400, "malformed_json");
}

fn a_cookie_authenticates_as_a_header_does(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, pair) = signed_in(&app, "ada");
    let me = browser.fetch("GET", "/v1/me", None).ok();
    assert_eq!((&me["id"], &me["session_id"]), (&pair["user"]["id"], &pair["session_id"]));
    assert_eq!(browser.fetch("GET", "/v1/me/profile", None).ok()["username"], "ada");
    let sessions = browser.fetch("GET", "/v1/sessions", None).ok();
    assert_eq!(sessions["sessions"][0]["current"], true);
    let made = browser.fetch("POST", "/v1/api-tokens", Some(&json!({"name": "backup"})));
    assert_eq!(made.status, 201, "the password was given just now: {made:?}");
    app.advance(601);
    browser.fetch("POST", "/v1/api-tokens", Some(&json!({"name": "x"}))).problem(401, "reauthentication_required");
    browser.fetch("GET", "/v1/admin/users", None).problem(403, "role_missing");
    // The endpoints of applications know no cookies.
    assert_eq!(browser.fetch("GET", "/oauth/userinfo", None).status, 401);
}

fn a_header_always_wins_even_a_bad_one(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let grace = app.logged_in("grace");
    let bearer = format!("Bearer {}", grace["access_token"].as_str().unwrap());
    let ask = |value: &str| browser.fetch_with("GET", "/v1/me", &[("authorization", value)], None);
    assert_eq!(ask(&bearer).ok()["id"], grace["user"]["id"]);
    ask("Bearer x").problem(401, "token_malformed");
    ask("Bearer ").problem(400, "invalid_request");
    ask("Basic YWRhOng=").problem(401, "access_token_missing");
    ask("").problem(401, "access_token_missing");
    let made = make(&app, &grace, &json!({"name": "backup"}));
    assert_eq!(ask(&format!("Token {}", made["key"].as_str().unwrap())).ok()["client_id"], "api-token");
}

fn only_an_access_token_of_a_user_is_accepted_in_the_access_cookie(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    let pair = app.logged_in("ada");
    let granted = app.granted(&pair, &ALL);
    let made = make(&app, &pair, &json!({"name": "backup"}));
    let browser = app.browser();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for (token, status, code) in [
        (text(&made["key"]), 401, "token_malformed"),
        (text(&pair["refresh_token"]), 401, "token_wrong_type"),
        (text(&granted["id_token"]), 401, "token_wrong_type"),
        (text(&granted["access_token"]), 403, "application_token"),
        (String::new(), 401, "token_malformed"),
    ] {
        browser.set_cookie("ts_access", &token);
        browser.fetch("GET", "/v1/me", None).problem(status, code);
    }
    browser.drop_cookie("ts_access");
    for (token, code) in [
        (text(&granted["refresh_token"]), "wrong_client"),
        (text(&pair["access_token"]), "token_wrong_type"),
        (text(&made["key"]), "token_malformed"),
        (String::new(), "token_malformed"),
    ] {
        browser.set_cookie("ts_refresh", &token);
        browser.fetch("GET", "/v1/me", None).problem(401, code);
    }
    let exchanged = exchange(&app, &made);
    browser.drop_cookie("ts_refresh");
    browser.set_cookie("ts_access", exchanged["access_token"].as_str().unwrap());
    browser.fetch("GET", "/v1/sessions", None).problem(403, "session_required");
}

fn without_an_access_token_the_refresh_token_is_judged_without_writing(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, pair) = signed_in(&app, "ada");
    app.advance(20);
    browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true}))).ok();
    let (before, refresh) = (mark(&app), browser.cookie("ts_refresh"));
    assert_eq!(before[0], 1);
    app.advance(1_000);
    app.execute("update users set roles = 'poet'");
    // It has expired, is there no more, or is not one.
    for access in [Some(browser.cookie("ts_access")), None, Some("x".to_owned())] {
        browser.drop_cookie("ts_access");
        if let Some(access) = &access {
            browser.set_cookie("ts_access", access);
        }
        let answer = browser.get("/v1/me");
        let me = answer.ok();
        assert_eq!((&me["session_id"], &me["roles"]), (&pair["session_id"], &json!(["poet"])));
        assert_eq!(me["authenticated_at"], "2027-01-15T08:00:00Z");
        let cookies = set_cookies(&answer);
        assert!(cookies.len() == 1 && cookies[0].starts_with("ts_access=eyJ"), "{cookies:?}");
        assert!(cookies[0].contains("; Max-Age=300; "), "{cookies:?}");
        assert_eq!((mark(&app), browser.cookie("ts_refresh")), (before, refresh.clone()));
        assert_eq!(browser.fetch("HEAD", "/v1/me", None).status, 200);
    }
    assert_eq!(app.number("select count(*) from audit_events where name not in ('login', 'user_created')"), 0);
    // The new access token is enough: it needs no database.
    app.execute("alter table sessions rename to gone_sessions");
    let answer = browser.get("/v1/me");
    assert_eq!((answer.status, set_cookies(&answer)), (200, vec![]));
    app.execute("alter table gone_sessions rename to sessions");
    // Its idle lifetime was not extended.
    app.advance(1_209_600 - 1_000 - 100);
    let last = browser.get("/v1/me");
    last.ok();
    assert!(set_cookies(&last)[0].contains("; Max-Age=100; "), "no longer than its session: {last:?}");
    app.advance(100);
    browser.get("/v1/me").problem(401, "token_expired");
}

fn an_access_token_that_was_signed_without_writing_is_for_the_audience_of_its_session(engine: Engine) {
    let app = TestApp::start_with(engine, &[("AUDIENCE", "http://127.0.0.1:8080, https://web.example.com")]);
    app.create_user("ada", &[]);
    let browser = app.browser();
    let aud = || claims(&browser.cookie("ts_access").into())["aud"].clone();
    let body = json!({"username": "ada", "password": PASSWORD, "cookies": true, "audience": "https://web.example.com"});
    browser.fetch("POST", "/v1/tokens", Some(&body)).ok();
    assert_eq!(aud(), "https://web.example.com");
    let login = browser.cookie("ts_access");
    app.advance(1);
    // The token of the login is not for this service, and the one that takes its place is none for it either.
    for _ in 0..2 {
        browser.fetch("GET", "/v1/me", None).ok();
        assert_eq!(aud(), "https://web.example.com");
        browser.drop_cookie("ts_access");
    }
    browser.fetch("GET", "/v1/me", None).ok();
    assert_ne!(browser.cookie("ts_access"), login);
    assert_eq!(aud(), "https://web.example.com");
    assert_eq!(mark(&app)[0], 0);
}

fn an_error_brings_the_new_access_token_too(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    browser.drop_cookie("ts_access");
    let refused = browser.fetch("GET", "/v1/admin/users", None);
    refused.problem(403, "role_missing");
    assert_eq!(set_cookies(&refused).len(), 1, "{refused:?}");
    browser.cookie("ts_access");
}

fn an_access_token_that_was_signed_without_writing_is_denied_for_as_long_as_it_lives(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    app.advance(1_000);
    browser.get("/v1/me").ok();
    let (access, refresh) = (browser.cookie("ts_access"), browser.cookie("ts_refresh"));
    assert_eq!(claims(&json!(access))["exp"], 1_800_001_300);
    app.advance(1);
    assert_eq!(browser.fetch("POST", "/v1/logout", None).status, 204);
    app.advance(298);
    app.verify(&json!(access)).problem(401, "token_revoked");
    browser.set_cookie("ts_access", &access);
    browser.fetch("GET", "/v1/me", None).problem(401, "token_revoked");
    browser.set_cookie("ts_refresh", &refresh);
    assert_eq!(browser.fetch("GET", "/v1/me", None).problem(401, "session_ended")["reason"], "logout");
}

fn a_session_of_an_earlier_version_is_known_by_its_cookie(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, pair) = signed_in(&app, "ada");
    app.execute("update sessions set client_id = null, scope = null, audience = null, amr = null, acr = null");
    browser.drop_cookie("ts_access");
    assert_eq!(browser.get("/v1/me").ok()["session_id"], pair["session_id"]);
    app.execute("update sessions set client_id = 'notes', scope = '', amr = 'pwd'");
    browser.drop_cookie("ts_access");
    browser.get("/v1/me").problem(401, "wrong_client");
}

fn a_cookie_that_another_instance_signed_with_a_new_key_is_known(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, pair) = signed_in(&app, "ada");
    let other = app.another_instance(0, &[]);
    let now = other.clock.now();
    let (_, active_from) = keys::rotate(&other.inside.keys, "ES256".parse().unwrap(), now).unwrap();
    for instance in [&app, &other] {
        instance.advance((active_from - now).0);
    }
    let refreshed = other.browser();
    refreshed.cookies.borrow_mut().clone_from(&browser.cookies.borrow());
    refreshed.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true}))).ok();
    let kid = |cookie: String| header(&json!(cookie))["kid"].clone();
    assert_ne!(kid(refreshed.cookie("ts_refresh")), kid(browser.cookie("ts_refresh")));
    browser.cookies.borrow_mut().clone_from(&refreshed.cookies.borrow());
    browser.drop_cookie("ts_access");
    assert_eq!(browser.get("/v1/me").ok()["session_id"], pair["session_id"]);
}

fn a_session_is_not_left_for_a_cookie_with_a_key_that_is_new_here(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, pair) = signed_in(&app, "ada");
    let other = app.another_instance(0, &[]);
    let now = other.clock.now();
    let (_, active_from) = keys::rotate(&other.inside.keys, "ES256".parse().unwrap(), now).unwrap();
    for instance in [&app, &other] {
        instance.advance((active_from - now).0);
    }
    // The access token is signed here, with the old key; the refresh token is of the other instance.
    browser.drop_cookie("ts_access");
    browser.get("/v1/me").ok();
    let refreshed = other.browser();
    refreshed.cookies.borrow_mut().clone_from(&browser.cookies.borrow());
    refreshed.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true}))).ok();
    browser.set_cookie("ts_refresh", &refreshed.cookie("ts_refresh"));
    let again = browser.fetch("POST", "/v1/me/reauthenticate", Some(&json!({"password": PASSWORD})));
    assert_eq!(again.ok()["session_id"], pair["session_id"]);
    assert_eq!(app.number("select count(*) from sessions where ended_at is null"), 1, "it goes on");
    browser.fetch("GET", "/v1/me/profile", None).ok();
}

fn garbage_in_cookies_costs_no_query(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let good = browser.cookie("ts_refresh");
    let flipped = format!("{}{}", &good[..good.len() - 8], if good.ends_with('A') { "BBBBBBBB" } else { "AAAAAAAA" });
    browser.drop_cookie("ts_access");
    app.execute("alter table sessions rename to gone_sessions");
    for (bad, code) in
        [("x", "token_malformed"), ("eyJhbGciOiJub25lIn0.e30.", "token_wrong_type"), (&flipped, "token_bad_signature")]
    {
        browser.set_cookie("ts_refresh", bad);
        browser.fetch("GET", "/v1/me", None).problem(401, code);
        assert_eq!(browser.fetch("POST", "/v1/logout", None).status, 204, "{bad}");
    }
    // Nor does a request of another site, whose cookies are right.
    browser.set_cookie("ts_refresh", &good);
    let foreign = [("sec-fetch-site", "cross-site")];
    browser.fetch_with("POST", "/v1/logout", &foreign, None).problem(403, "csrf_refused");
}

fn a_refresh_takes_its_token_from_the_cookie_and_puts_the_next_one_there(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, first) = signed_in(&app, "ada");
    let before = (browser.cookie("ts_refresh"), browser.cookie("ts_access"));
    app.advance(60);
    let answer = browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true})));
    let next = answer.ok();
    assert_eq!((&next["session_id"], &next["refresh_generation"]), (&first["session_id"], &json!(2)));
    assert_eq!((next.get("access_token"), next.get("refresh_token")), (None, None));
    assert_eq!(set_cookies(&answer).len(), 2);
    assert_ne!(before.0, browser.cookie("ts_refresh"));
    assert_ne!(before.1, browser.cookie("ts_access"));
    assert_eq!(mark(&app)[0], 1);
    // Without "cookies" the cookie is not used.
    browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({}))).problem(400, "malformed_json");
}

fn a_lost_answer_is_repeated_by_cookie(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let old = browser.cookie("ts_refresh");
    let refresh = || browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true})));
    app.advance(60);
    refresh().ok();
    let live = browser.cookie("ts_refresh");
    for _ in 0..2 {
        app.advance(40);
        browser.set_cookie("ts_refresh", &old);
        browser.drop_cookie("ts_access");
        browser.get("/v1/me").ok();
        refresh().ok();
        assert_eq!((browser.cookie("ts_refresh"), mark(&app)[0]), (live.clone(), 1));
    }
}

fn a_refresh_token_moves_from_the_body_into_cookies(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, held) = signed_in(&app, "ada");
    let pair = app.logged_in("grace");
    let body = json!({"cookies": true, "refresh_token": pair["refresh_token"]});
    let moved = browser.fetch("POST", "/v1/tokens/refresh", Some(&body)).ok();
    assert_eq!((&moved["session_id"], moved.get("refresh_token")), (&pair["session_id"], None));
    assert_eq!(browser.fetch("GET", "/v1/me", None).ok()["id"], pair["user"]["id"]);
    let ended = "select count(*) from sessions where end_reason = 'logout'";
    assert_eq!(app.number(ended), 1, "the other session of this browser: {held}");
}

fn without_a_cookie_there_is_nothing_to_refresh(engine: Engine) {
    let app = TestApp::start(engine);
    let browser = app.browser();
    let answer = browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true})));
    answer.problem(401, "refresh_cookie_missing");
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"tokensmith\"");
}

fn a_password_that_is_given_again_is_answered_in_cookies(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, first) = signed_in(&app, "ada");
    app.advance(1_000);
    let make = || browser.fetch("POST", "/v1/api-tokens", Some(&json!({"name": "backup"})));
    make().problem(401, "reauthentication_required");
    // The access token has expired: it is signed anew twice, and the second one is kept.
    browser.drop_cookie("ts_access");
    let answer = browser.fetch("POST", "/v1/me/reauthenticate", Some(&json!({"password": PASSWORD})));
    let pair = answer.ok();
    assert_eq!(
        (&pair["session_id"], pair.get("access_token"), pair.get("refresh_token")),
        (&first["session_id"], None, None)
    );
    assert_eq!(set_cookies(&answer).len(), 2, "{answer:?}");
    assert_eq!(make().status, 201);
    // Its refresh token is the live one.
    app.advance(100);
    let next = browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true}))).ok();
    assert_eq!(next["refresh_generation"], 2);
    let body = json!({"password": PASSWORD, "access_cookie": false});
    let pair = browser.fetch("POST", "/v1/me/reauthenticate", Some(&body)).ok();
    app.me(&pair).ok();
    assert_eq!((pair.get("refresh_token"), browser.cookies.borrow().contains_key("ts_access")), (None, false));
    // By header it is answered in the body, unless cookies are asked for.
    let bearer = format!("Bearer {}", pair["access_token"].as_str().unwrap());
    let ask = |body: &Value| {
        let headers = [("authorization", &*bearer), ("sec-fetch-site", "same-origin")];
        browser.fetch_with("POST", "/v1/me/reauthenticate", &headers, Some(body))
    };
    assert!(ask(&json!({"password": PASSWORD})).ok()["refresh_token"].is_string());
    assert_eq!(ask(&json!({"password": PASSWORD, "cookies": true})).ok().get("refresh_token"), None);
    browser.fetch("POST", "/v1/me/reauthenticate", Some(&json!({"password": "wrong"}))).problem(403, "wrong_password");
}

fn where_the_cookies_belong_to_different_sessions_the_refresh_token_decides(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, ada) = signed_in(&app, "ada");
    let (other, grace) = signed_in(&app, "grace");
    let access = other.cookie("ts_access");
    browser.set_cookie("ts_access", &access);
    let answer = browser.get("/v1/me");
    assert_eq!(answer.ok()["id"], ada["user"]["id"]);
    assert_ne!(browser.cookie("ts_access"), access, "it is replaced: {answer:?}");
    // Even when its session has ended.
    browser.set_cookie("ts_access", &access);
    app.execute("update sessions set ended_at = 1, end_reason = 'admin' where user_id = (select id from users where username = 'ada')");
    browser.get("/v1/me").problem(401, "session_ended");
    // A cookie that is no token of ours belongs to no session.
    browser.set_cookie("ts_refresh", "x");
    assert_eq!(browser.get("/v1/me").ok()["id"], grace["user"]["id"]);
}

fn an_access_token_that_is_too_large_for_a_cookie_is_not_set(engine: Engine) {
    let app = TestApp::start(engine);
    let roles: Vec<String> = (0..64).map(|number| format!("{number:03}{}", "r".repeat(60))).collect();
    app.create_user("ada", &roles.iter().map(String::as_str).collect::<Vec<_>>());
    let browser = app.browser();
    browser.set_cookie("ts_access", "of somebody else");
    browser.log_in_with_cookies("ada");
    assert_eq!(browser.cookies.borrow().keys().collect::<Vec<_>>(), ["ts_refresh"]);
    for _ in 0..2 {
        let answer = browser.get("/v1/me");
        assert_eq!(answer.ok()["roles"].as_array().unwrap().len(), 64);
        assert_eq!(set_cookies(&answer), [""; 0]);
    }
    app.advance(20);
    browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true}))).ok();
    assert_eq!(browser.cookies.borrow().keys().collect::<Vec<_>>(), ["ts_refresh"]);
    app.execute("update users set roles = 'poet'");
    browser.get("/v1/me").ok();
    browser.cookie("ts_access");
}

fn the_pages_and_the_api_share_the_session(engine: Engine) {
    let app = TestApp::start(engine);
    app.register("app", &json!({}));
    app.create_user("ada", &[]);
    app.create_user("grace", &[]);
    // Who has logged in on the page is known to the API.
    let browser = allowed(&app, "ada", "app");
    browser.cookie("ts_access");
    let ada = browser.fetch("GET", "/v1/me", None).ok();
    assert_eq!(browser.fetch("GET", "/v1/sessions", None).ok()["sessions"][0]["current"], true);
    // Who logs in there as somebody else leaves nothing of the former user.
    let page = browser.open(&request("app", &[("prompt", "login")]));
    browser.log_in(&page, "grace", PASSWORD);
    assert_ne!(browser.fetch("GET", "/v1/me", None).ok()["id"], ada["id"]);
    assert_eq!(browser.fetch("GET", "/v1/me/profile", None).ok()["username"], "grace");
    // Who logs in by the API is known to the page.
    browser.log_in_with_cookies("ada");
    assert!(browser.open(&request("app", &[])).answer_to(CALLBACK).contains_key("code"));
    let page = browser.open("/oauth/logout");
    browser
        .submit(&page, &[("form_token", &page.form_with("form_token").fields[0].1)])
        .shows(200, "You are logged out");
    assert_eq!(browser.cookies.borrow().keys().filter(|name| !name.starts_with("ts_interaction")).count(), 0);
    browser.fetch("GET", "/v1/me", None).problem(401, "access_token_missing");
}

fn with_cookies_off_they_are_neither_set_nor_read(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SESSION_COOKIES", "off")]);
    app.register("app", &json!({}));
    let pair = app.logged_in("ada");
    let browser = app.browser();
    let login = json!({"username": "ada", "password": PASSWORD, "cookies": true});
    browser.fetch("POST", "/v1/tokens", Some(&login)).problem(400, "session_cookies_off");
    browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true}))).problem(400, "session_cookies_off");
    let bearer = format!("Bearer {}", pair["access_token"].as_str().unwrap());
    let body = json!({"password": PASSWORD, "cookies": true});
    let answer = browser.fetch_with("POST", "/v1/me/reauthenticate", &[("authorization", &bearer)], Some(&body));
    answer.problem(400, "session_cookies_off");
    browser.set_cookie("ts_access", pair["access_token"].as_str().unwrap());
    browser.set_cookie("ts_refresh", pair["refresh_token"].as_str().unwrap());
    browser.fetch("GET", "/v1/me", None).problem(401, "access_token_missing");
    let logout = browser.fetch_with("POST", "/v1/logout", &[("authorization", &bearer)], None);
    assert_eq!((logout.status, set_cookies(&logout)), (204, vec![]));
    // The pages have theirs, and clear what the API left before.
    let browser = app.browser();
    browser.set_cookie("ts_access", "x");
    browser.log_in(&browser.open(&request("app", &[])), "ada", PASSWORD).shows(200, "Allow access?");
    browser.cookie("ts_refresh");
    assert!(!browser.cookies.borrow().contains_key("ts_access"));
}

fn where_any_origin_may_call_cookies_are_off(engine: Engine) {
    let app = TestApp::start_with(engine, &[("CORS_ORIGINS", "*")]);
    app.create_user("ada", &[]);
    let login = json!({"username": "ada", "password": PASSWORD, "cookies": true});
    app.browser().fetch("POST", "/v1/tokens", Some(&login)).problem(400, "session_cookies_off");
    let answer = app.send("GET", "/v1/me", &[("origin", "https://app.example.com")], b"");
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[test]
fn without_the_database_only_the_access_token_authenticates() {
    if !postgres::is_available() {
        return;
    }
    let mut cluster = Cluster::start(postgres::NO_FSYNC);
    let app = TestApp::start_on(TempDir::new().unwrap(), cluster.url("postgres"), &[]);
    let (browser, _) = signed_in(&app, "ada");
    cluster.tell("stop", "stopped");
    browser.fetch("GET", "/v1/me", None).ok();
    let access = browser.cookie("ts_access");
    let is_unavailable = |answer: &Answer| {
        answer.problem(503, "database_unavailable");
        assert_eq!((answer.header("retry-after"), set_cookies(answer)), ("5", vec![]));
    };
    browser.drop_cookie("ts_access");
    is_unavailable(&browser.fetch("GET", "/v1/me", None));
    is_unavailable(&browser.fetch("GET", "/v1/authenticate", None));
    browser.open("/login").shows(503, "Something went wrong");
    is_unavailable(&browser.fetch("POST", "/v1/logout", None));
    is_unavailable(&browser.fetch("POST", "/v1/tokens/refresh", Some(&json!({"cookies": true}))));
    browser.set_cookie("ts_access", &access);
    is_unavailable(&browser.fetch("POST", "/v1/logout", None));
    cluster.tell("start", "started");
    assert_eq!(browser.fetch("POST", "/v1/logout", None).status, 204);
}
