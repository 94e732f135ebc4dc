//! Requests that another site has a browser send: which are refused, by what the browser says of them.

use serde_json::{Value, json};

use crate::cookies::signed_in;
use crate::support::{Answer, Browser, Engine, PASSWORD, TestApp};

both_engines!(
    a_request_that_a_cookie_authenticates_must_come_from_our_own_origin,
    a_request_that_sets_cookies_must_come_from_our_own_origin,
    requests_that_only_read_may_come_from_anywhere,
    a_request_with_a_header_needs_none_of_this,
    an_origin_that_is_named_may_call_whatever_the_browser_says_of_it,
    the_method_that_a_proxy_asks_about_counts,
);

const OURS: &str = "http://127.0.0.1:8080";
const FOREIGN: &str = "https://evil.example";

/// What a browser or another client says of a request, and whether that is believed.
const MATRIX: [(&[(&str, &str)], bool); 18] = [
    (&[("sec-fetch-site", "same-origin")], true),
    (&[("sec-fetch-site", "same-origin"), ("origin", OURS)], true),
    (&[("sec-fetch-site", "same-site")], false),
    (&[("sec-fetch-site", "cross-site")], false),
    (&[("sec-fetch-site", "none")], false),
    (&[("sec-fetch-site", "")], false),
    (&[("sec-fetch-site", "same-site"), ("origin", OURS)], false),
    (&[("sec-fetch-site", "cross-site"), ("origin", OURS)], false),
    (&[("sec-fetch-site", "cross-site"), ("x-requested-with", "XMLHttpRequest")], false),
    (&[("sec-fetch-site", "none"), ("x-requested-with", "XMLHttpRequest")], false),
    (&[("origin", OURS)], true),
    (&[("origin", "http://127.0.0.1:8081")], false),
    (&[("origin", "http://127.0.0.1")], false),
    (&[("origin", FOREIGN)], false),
    (&[("origin", "null")], false),
    (&[("x-requested-with", "XMLHttpRequest")], true),
    (&[("x-requested-with", "")], true),
    (&[], false),
];

/// One request of each method that may change something.
fn unsafe_requests() -> [(&'static str, &'static str, Option<Value>); 4] {
    [
        ("POST", "/v1/logout/all", Some(json!({"keep_current": true}))),
        ("PATCH", "/v1/me/profile", Some(json!({"name": "Ada"}))),
        ("DELETE", "/v1/me/applications/x", None),
        ("PUT", "/v1/admin/users/0190f5a8-7b1c-7d7e-8f90-123456789abc/roles", Some(json!({"roles": []}))),
    ]
}

#[track_caller]
fn is_believed(answer: &Answer, expected: bool, what: &dyn std::fmt::Debug) {
    let code = if answer.status == 403 { answer.json()["code"].clone() } else { Value::Null };
    assert_eq!(code != "csrf_refused", expected, "{what:?}: {answer:?}");
}

fn a_request_that_a_cookie_authenticates_must_come_from_our_own_origin(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    for (headers, expected) in MATRIX {
        for (method, path, body) in unsafe_requests() {
            let answer = browser.fetch_with(method, path, headers, body.as_ref());
            is_believed(&answer, expected, &(method, headers));
        }
    }
    // The same without an access token.
    browser.drop_cookie("ts_access");
    for (headers, expected) in MATRIX {
        is_believed(&browser.fetch_with("DELETE", "/v1/me/applications/x", headers, None), expected, &headers);
        browser.drop_cookie("ts_access");
    }
    let name = "select count(*) from users where name is not null";
    assert_eq!(app.number(name), 1);
}

fn a_request_that_sets_cookies_must_come_from_our_own_origin(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("mallory", &[]);
    let login = json!({"username": "mallory", "password": PASSWORD, "cookies": true});
    for (headers, expected) in MATRIX {
        let browser = app.browser();
        let answer = browser.fetch_with("POST", "/v1/tokens", headers, Some(&login));
        is_believed(&answer, expected, &headers);
        assert_eq!(browser.cookies.borrow().len(), if expected { 2 } else { 0 }, "{headers:?}");
    }
    let pair = app.login("mallory", PASSWORD).ok();
    let refresh = json!({"refresh_token": pair["refresh_token"], "cookies": true});
    for (headers, expected) in MATRIX {
        let browser = app.browser();
        let answer = browser.fetch_with("POST", "/v1/tokens/refresh", headers, Some(&refresh));
        is_believed(&answer, expected, &headers);
        assert_eq!(browser.cookies.borrow().len(), if expected { 2 } else { 0 }, "{headers:?}");
    }
    let (browser, _) = signed_in(&app, "ada");
    let mark = "select sum(denied_through) from sessions where user_id = (select id from users where username = 'ada')";
    app.advance(60);
    for (headers, _) in MATRIX.iter().filter(|(_, expected)| !expected) {
        let answer = browser.fetch_with("POST", "/v1/tokens/refresh", headers, Some(&json!({"cookies": true})));
        is_believed(&answer, false, headers);
        let answer = browser.fetch_with("POST", "/v1/me/reauthenticate", headers, Some(&json!({"password": PASSWORD})));
        is_believed(&answer, false, headers);
    }
    assert_eq!(app.number(mark), 0);
    // A form of another site cannot send JSON.
    let form = [("content-type", "text/plain"), ("sec-fetch-site", "same-origin")];
    app.send("POST", "/v1/tokens", &form, login.to_string().as_bytes()).problem(415, "unsupported_media_type");
}

fn requests_that_only_read_may_come_from_anywhere(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    for (headers, _) in MATRIX {
        for drop in [false, true] {
            if drop {
                browser.drop_cookie("ts_access");
            }
            for method in ["GET", "HEAD"] {
                assert_eq!(browser.fetch_with(method, "/v1/me", headers, None).status, 200, "{headers:?}");
            }
        }
    }
}

fn a_request_with_a_header_needs_none_of_this(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    let bearer = format!("Bearer {}", app.login("ada", PASSWORD).ok()["access_token"].as_str().unwrap());
    let without = app.browser();
    for (headers, _) in MATRIX {
        let headers = [headers, &[("authorization", &*bearer)]].concat();
        for browser in [&browser, &without] {
            for (method, path, body) in unsafe_requests() {
                is_believed(&browser.fetch_with(method, path, &headers, body.as_ref()), true, &(method, &headers));
            }
        }
    }
}

fn an_origin_that_is_named_may_call_whatever_the_browser_says_of_it(engine: Engine) {
    let named = "https://app.example.com";
    let app = TestApp::start_with(engine, &[("CORS_ORIGINS", named)]);
    let (browser, _) = signed_in(&app, "ada");
    let login = json!({"username": "ada", "password": PASSWORD, "cookies": true});
    let tell = |browser: &Browser, headers: &[(&str, &str)], expected: bool| {
        is_believed(&browser.fetch_with("DELETE", "/v1/me/applications/x", headers, None), expected, &headers);
        is_believed(&app.browser().fetch_with("POST", "/v1/tokens", headers, Some(&login)), expected, &headers);
    };
    for site in ["same-site", "cross-site", "same-origin"] {
        tell(&browser, &[("origin", named), ("sec-fetch-site", site)], true);
    }
    tell(&browser, &[("origin", named)], true);
    for other in ["https://app.example.com.evil.example", "https://app.example.com:8443", FOREIGN, "null"] {
        tell(&browser, &[("origin", other), ("sec-fetch-site", "same-site")], false);
        tell(&browser, &[("origin", other)], false);
    }
}

fn the_method_that_a_proxy_asks_about_counts(engine: Engine) {
    let app = TestApp::start(engine);
    let (browser, _) = signed_in(&app, "ada");
    for name in ["x-original-method", "x-forwarded-method"] {
        for (method, is_safe) in [("GET", true), ("HEAD", true), ("OPTIONS", true), ("POST", false), ("DELETE", false)]
        {
            for (headers, believed) in MATRIX {
                let headers = [headers, &[(name, method)]].concat();
                let answer = browser.fetch_with("GET", "/v1/me", &headers, None);
                is_believed(&answer, is_safe || believed, &headers);
            }
        }
        // What no method is may change something; and nothing makes a request safe that is not.
        for method in ["get", "", "G T", "GET, POST", "MOVE", "TRACE"] {
            is_believed(&browser.fetch_with("GET", "/v1/me", &[(name, method)], None), false, &method);
        }
        is_believed(&browser.fetch_with("DELETE", "/v1/me/applications/x", &[(name, "GET")], None), false, &name);
    }
    let both = [("x-original-method", "GET"), ("x-forwarded-method", "POST")];
    is_believed(&browser.fetch_with("GET", "/v1/me", &both, None), false, &both);
}
