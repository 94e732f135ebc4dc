//! The endpoints of simplejwt and web pages of other sites: a page can send a form without asking, so its visitors would pay for
//! the tries of its scripts.

use serde_json::json;

use crate::support::simplejwt::SIMPLEJWT;
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    a_form_of_another_site_is_refused_before_anything_is_counted,
    a_form_of_a_page_that_may_call_is_taken,
    a_client_that_is_no_page_is_taken_as_before,
);

const FORM: &str = "application/x-www-form-urlencoded";
const APP: &str = "https://app.example.com";
const FOREIGN: &str = "https://evil.example";
const ISSUER: &str = "http://127.0.0.1:8080";

fn start(engine: Engine, origins: &str) -> TestApp {
    let app = TestApp::start_with(engine, &[SIMPLEJWT, ("CORS_ORIGINS", origins)]);
    app.create_user("ada", &[]);
    app
}

fn send(app: &TestApp, endpoint: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    app.send("POST", &format!("/api/token/{endpoint}"), headers, body.as_bytes())
}

fn log_in(app: &TestApp, content_type: &str, headers: &[(&str, &str)]) -> Answer {
    let body = if content_type == FORM {
        format!("username=ada&password={}", PASSWORD.replace(' ', "+"))
    } else {
        json!({"username": "ada", "password": PASSWORD}).to_string()
    };
    send(app, "", &[&[("content-type", content_type)], headers].concat(), &body)
}

fn a_form_of_another_site_is_refused_before_anything_is_counted(engine: Engine) {
    let app = start(engine, APP);
    let pair = app.simplejwt("", &json!({"username": "ada", "password": PASSWORD})).ok();
    let refresh = pair["refresh"].as_str().unwrap();
    app.advance(60);
    let counts = || ["allowances", "audit_events"].map(|table| app.number(&format!("select count(*) from {table}")));
    let before = counts();
    for says in [
        &[("origin", FOREIGN)][..],
        &[("origin", "null")],
        &[("origin", "http://127.0.0.1:8081")],
        &[("origin", FOREIGN), ("sec-fetch-site", "cross-site")],
        &[("origin", FOREIGN), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
    ] {
        for (endpoint, body) in [
            ("", "username=ada&password=wrong".to_owned()),
            ("refresh/", format!("refresh={refresh}")),
            ("verify/", format!("token={refresh}")),
            ("blacklist/", format!("refresh={refresh}")),
        ] {
            for content_type in [Some(FORM), Some("multipart/form-data; boundary=x"), Some("text/plain"), None] {
                let mut headers = says.to_vec();
                headers.extend(content_type.map(|content_type| ("content-type", content_type)));
                let refused = send(&app, endpoint, &headers, &body);
                assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("origin_not_allowed")), "{says:?}");
                assert_eq!(refused.header("access-control-allow-origin"), "");
            }
        }
    }
    assert_eq!(counts(), before);
    assert_eq!(app.number("select count(*) from sessions where ended_at is null and denied_through = 0"), 1);
    log_in(&app, FORM, &[]).ok();
}

fn a_form_of_a_page_that_may_call_is_taken(engine: Engine) {
    let app = start(engine, APP);
    for says in [
        &[("origin", APP)][..],
        &[("origin", APP), ("sec-fetch-site", "cross-site")],
        &[("origin", ISSUER)],
        &[("origin", ISSUER), ("sec-fetch-site", "same-origin")],
        // A proxy on the page's own origin.
        &[("origin", FOREIGN), ("sec-fetch-site", "same-origin")],
        &[("sec-fetch-site", "none")],
    ] {
        let answer = log_in(&app, FORM, says);
        assert_eq!(answer.status, 200, "{says:?}: {answer:?}");
    }
    let open = start(engine, "*");
    log_in(&open, FORM, &[("origin", FOREIGN), ("sec-fetch-site", "cross-site")]).ok();
}

/// A browser asks before it sends JSON, and the answer is that of the preflight.
fn a_client_that_is_no_page_is_taken_as_before(engine: Engine) {
    let app = start(engine, APP);
    log_in(&app, FORM, &[]).ok();
    log_in(&app, "application/json", &[]).ok();
    log_in(&app, "application/json", &[("origin", FOREIGN)]).ok();
    assert_eq!(send(&app, "", &[("content-type", "text/plain")], "x").status, 415);
}
