//! Browser apps of other origins.

use serde_json::json;

use crate::support::process::Tokensmith;
use crate::support::{Answer, Client, Engine, PASSWORD, TestApp};

const APP: &str = "https://app.example.com";
const FOREIGN: &str = "https://evil.example";

fn preflight(client: &Client, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,content-type"),
    ];
    client.send("OPTIONS", path, &headers, b"")
}

fn allowed_origin(answer: &Answer) -> &str {
    answer.header("access-control-allow-origin")
}

#[test]
fn configured_origins_may_call_and_others_are_told_so_by_a_problem() {
    let app = TestApp::start_with(Engine::Sqlite, &[("CORS_ORIGINS", "https://app.example.com, https://two.example")]);
    for origin in [APP, "https://two.example"] {
        let allowed = preflight(&app, "/v1/tokens", origin);
        assert_eq!(
            (allowed.status, allowed_origin(&allowed), allowed.header("vary")),
            (200, origin, "origin"),
            "{allowed:?}"
        );
        assert_eq!(allowed.header("access-control-allow-credentials"), "true");
        assert_eq!(allowed.header("x-request-id").len(), 16);
        let methods = allowed.header("access-control-allow-methods");
        assert!(["GET", "POST", "PUT", "PATCH", "DELETE"].iter().all(|method| methods.contains(method)), "{methods}");
        let headers = allowed.header("access-control-allow-headers");
        assert!(["authorization", "content-type"].iter().all(|header| headers.contains(header)), "{headers}");
        // Without a preflight a page of another origin cannot send it, so it is a proof (see `csrf`).
        assert!(!headers.contains("x-requested-with") && !headers.contains('*'), "{headers}");
    }
    for origin in [FOREIGN, "null", "https://app.example.com.evil.example", "https://app.example.com:8443", "*", "x"] {
        for path in ["/v1/tokens", "/v1/nothing", "/docs", "/"] {
            let refused = preflight(&app, path, origin);
            let problem = refused.problem(403, "origin_not_allowed");
            assert!(problem["detail"].as_str().unwrap().contains(origin), "{problem}");
            assert_eq!((allowed_origin(&refused), refused.header("vary")), ("", "origin"));
        }
    }
}

#[test]
fn an_error_can_be_read_by_the_app_that_it_is_for() {
    let app = TestApp::start_with(Engine::Sqlite, &[("CORS_ORIGINS", APP)]);
    let refused = app.send("GET", "/v1/me", &[("origin", APP)], b"");
    refused.problem(401, "access_token_missing");
    assert_eq!((allowed_origin(&refused), refused.header("vary")), (APP, "origin"));
    let exposed = refused.header("access-control-expose-headers");
    for header in ["retry-after", "www-authenticate", "x-request-id"] {
        assert!(exposed.contains(header), "{exposed}");
    }
    // A cache must not give one app's response to another app, or to a request without an origin.
    assert_eq!(app.get("/v1/me").header("vary"), "origin");
}

/// The page at `/docs` calls its own service, and a browser then sends an origin with it; curl may send any.
#[test]
fn a_request_without_a_preflight_is_answered_whatever_its_origin() {
    for origins in ["", APP] {
        let app = TestApp::start_with(Engine::Sqlite, &[("CORS_ORIGINS", origins)]);
        app.create_user("ada", &[]);
        let body = json!({"username": "ada", "password": PASSWORD}).to_string();
        for origin in [app.base().as_str(), FOREIGN, "null", ""] {
            let headers = [("origin", origin), ("content-type", "application/json")];
            let answer = app.send("POST", "/v1/tokens", &headers, body.as_bytes());
            assert_eq!((answer.status, allowed_origin(&answer)), (200, ""), "{origin:?}: {answer:?}");
        }
    }
}

#[test]
fn cookies_are_for_origins_that_are_named_and_for_our_own_api_only() {
    let credentials = |settings: &[(&str, &str)], path: &str, origin: &str| {
        let app = TestApp::start_with(Engine::Sqlite, settings);
        let headers = [("origin", origin)];
        app.send("GET", path, &headers, b"").header("access-control-allow-credentials").to_owned()
    };
    let named = [("CORS_ORIGINS", APP)];
    assert_eq!(credentials(&named, "/v1/me", APP), "true");
    assert_eq!(credentials(&named, "/v1/me", FOREIGN), "");
    assert_eq!(credentials(&named, "/.well-known/jwks.json", APP), "");
    assert_eq!(credentials(&named, "/oauth/userinfo", APP), "");
    assert_eq!(credentials(&[("CORS_ORIGINS", APP), ("SESSION_COOKIES", "off")], "/v1/me", APP), "");
    assert_eq!(credentials(&[], "/v1/me", APP), "");
}

#[test]
fn without_configured_origins_no_browser_app_may_call() {
    let app = TestApp::start(Engine::Sqlite);
    preflight(&app, "/v1/tokens", APP).problem(403, "origin_not_allowed");
    assert_eq!(app.get("/v1/me").header("vary"), "");
}

#[test]
fn any_origin_may_call_when_the_settings_say_so() {
    let app = TestApp::start_with(Engine::Sqlite, &[("CORS_ORIGINS", "*")]);
    for origin in [APP, "null", "capacitor://localhost"] {
        let allowed = preflight(&app, "/v1/tokens", origin);
        assert_eq!((allowed.status, allowed_origin(&allowed)), (200, "*"), "{origin}");
    }
}

#[test]
fn documents_for_verifiers_are_open_to_every_origin() {
    for origins in ["", APP] {
        let app = TestApp::start_with(Engine::Sqlite, &[("CORS_ORIGINS", origins)]);
        for path in ["/.well-known/jwks.json", "/.well-known/denylist", "/.well-known/oauth-authorization-server"] {
            let answer = app.send("GET", path, &[("origin", FOREIGN)], b"");
            assert_eq!((answer.status, allowed_origin(&answer)), (200, "*"), "{path}");
            // It does not vary with the origin. That of the denylist varies with the verifier.
            assert!(["", "User-Agent"].contains(&answer.header("vary")), "{path}: {answer:?}");
            assert!(answer.header("access-control-expose-headers").contains("etag"), "{path}");
            assert_eq!(allowed_origin(&app.get(path)), "*", "{path}");
            // A conditional request has a preflight.
            let headers = [
                ("origin", FOREIGN),
                ("access-control-request-method", "GET"),
                ("access-control-request-headers", "if-none-match"),
            ];
            let allowed = app.send("OPTIONS", path, &headers, b"");
            assert_eq!((allowed.status, allowed_origin(&allowed)), (200, "*"), "{path}");
            assert_eq!(allowed.header("access-control-allow-headers"), "*", "{path}");
        }
    }
}

#[test]
fn what_is_no_preflight_is_a_method_that_is_not_there() {
    let app = TestApp::start_with(Engine::Sqlite, &[("CORS_ORIGINS", APP)]);
    for headers in [vec![], vec![("origin", APP)], vec![("access-control-request-method", "POST")]] {
        app.send("OPTIONS", "/v1/tokens", &headers, b"").problem(405, "method_not_allowed");
    }
}

#[test]
fn the_log_names_the_origin_that_was_refused() {
    let command = Tokensmith::new().env("CORS_ORIGINS", APP);
    let serving = command.serve();
    let refused = |origin: &str| {
        let id = preflight(&serving.client(), "/v1/tokens", origin).header("x-request-id").to_owned();
        let line = serving.wait_for_log("refused a request from a web page: its origin is not in CORS_ORIGINS");
        assert_eq!((&line["level"], &line["request_id"]), (&json!("warn"), &json!(id)), "{line}");
        line["origin"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused(FOREIGN), FOREIGN);
    assert_eq!(refused("https://a b\tc"), r"https://a b\tc");
    assert_eq!(refused(&"x".repeat(5_000)).len(), 300);
}
