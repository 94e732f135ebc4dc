//! What holds for every route: methods, paths, bodies, ids, origins.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;
use tokensmith::internals::http::ROUTES;

use crate::support::{Engine, TestApp};
use crate::upstream::configure_as;

/// What users and applications see.
const PAGES: [&str; 7] =
    ["/oauth/", "/login", "/account", "/password-reset", "/email-verification", "/registration", "/invitation"];

/// Pages whose GET may issue a code, or end a session.
const ACTING: [&str; 4] = ["/oauth/authorize", "/oauth/interactions/", "/oauth/logout", "/login/callback/"];

#[test]
fn every_route_of_the_table_exists_and_other_methods_are_told_what_is_allowed() {
    // Without mail and registration there is nothing at some of the paths.
    let settings = [
        ("ISSUER", "https://id.example.com/auth"),
        ("CHANGE_PASSWORD_URL", "https://id.example.com/password"),
        ("MAIL_URL", "log:"),
        ("MAIL_FROM", "id@example.com"),
        ("REGISTRATION", "open"),
    ];
    let app = TestApp::start_with(Engine::Sqlite, &settings);
    configure_as(&app, "github", "github", "https://github.com", &[]);
    for route in ROUTES.iter() {
        let path = route
            .path
            .replace("{file}", "index.html")
            .replace("{issuer_path}", "auth")
            .replace("{provider}", "github")
            .replace("{section}", "password");
        let answer = app.send(route.method, &path, &[], b"");
        assert!(![404, 405].contains(&answer.status), "{} {}: {answer:?}", route.method, route.path);
        let wrong = app.send("OPTIONS", &path, &[], b"");
        // Applications and users are told so in their own way.
        if PAGES.iter().any(|page| path.starts_with(page)) {
            assert_eq!(wrong.status, 405, "{}", route.path);
        } else {
            wrong.problem(405, "method_not_allowed");
        }
        let methods = ROUTES.iter().filter(|other| other.path == route.path).map(|other| match other.method {
            "GET" if ACTING.iter().any(|page| path.starts_with(page)) => "GET",
            "GET" => "GET, HEAD",
            method => method,
        });
        assert_eq!(wrong.header("allow"), methods.collect::<Vec<_>>().join(", "), "{}", route.path);
    }
}

#[test]
fn a_head_is_answered_like_a_get_without_the_body() {
    let app = TestApp::start(Engine::Sqlite);
    let head = app.send("HEAD", "/.well-known/jwks.json", &[], b"");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("etag"), app.get("/.well-known/jwks.json").header("etag"));
}

#[test]
fn an_unknown_path_is_a_problem_too() {
    let app = TestApp::start(Engine::Sqlite);
    for path in ["/v1", "/v1/tokens/", "/v2/tokens", "/v1/me/..", "/%2e%2e/etc/passwd"] {
        app.get(path).problem(404, "not_found");
    }
}

#[test]
fn a_body_that_is_not_declared_as_json_is_415() {
    let app = TestApp::start(Engine::Sqlite);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""] {
        let answer = app.send("POST", "/v1/tokens", &[("content-type", content_type)], b"{}");
        answer.problem(415, "unsupported_media_type");
    }
    let answer = app.send("POST", "/v1/tokens", &[("content-type", "Application/JSON; charset=utf-8")], b"{}");
    answer.problem(400, "malformed_json");
}

#[test]
fn broken_json_is_400_and_says_where_but_never_repeats_a_secret() {
    let app = TestApp::start(Engine::Sqlite);
    let cases = [
        ("", "line 1 column 0"),
        ("{\"username\":\"ada\",\n\"password\":}", "line 2 column 12"),
        (r#"{"username":"ada"}"#, "missing field `password`"),
        (r#"{"username":"ada","password":"hunter2","pasword":"x"}"#, "unknown field `pasword`"),
        (r#"{"username":"ada","username":"ada","password":"hunter2"}"#, "duplicate field `username`"),
        (r#"{"username":"ada","password":["hunter2"]}"#, "wrong type at line 1 column"),
        (r#"{"username":"ada","password":{"hunter2":1}}"#, "wrong type"),
        (r#"{"username":"ada","password":"hunter2"} {}"#, "trailing characters"),
        (r#"[{"username":"ada","password":"hunter2"}]"#, "expected an object"),
        (r#"["ada","hunter2",null]"#, "expected an object"),
        (r#""{\"username\":\"ada\",\"password\":\"hunter2\"}""#, "expected an object"),
    ];
    for (body, expected) in cases {
        let answer = app.send("POST", "/v1/tokens", &[("content-type", "application/json")], body.as_bytes());
        let detail = answer.problem(400, "malformed_json")["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(expected), "{body:?}: {detail}");
        assert!(!answer.body.contains("hunter2"), "{answer:?}");
    }
    let invalid_utf8 = b"{\"username\":\"\xff\",\"password\":\"x\"}";
    app.send("POST", "/v1/tokens", &[("content-type", "application/json")], invalid_utf8)
        .problem(400, "malformed_json");
}

#[test]
fn a_body_over_the_limit_is_413() {
    let app = TestApp::start(Engine::Sqlite);
    let body = json!({"username": "ada", "password": "x".repeat(65_536)});
    app.post("/v1/tokens", &body).problem(413, "body_too_large");
    app.login("ada", &"x".repeat(60_000)).problem(400, "invalid_fields");
}

#[test]
fn a_client_that_does_not_finish_its_body_gets_408() {
    let app = TestApp::start_with(Engine::Sqlite, &[("REQUEST_TIMEOUT", "1s")]);
    let mut stream = TcpStream::connect(app.base().trim_start_matches("http://")).unwrap();
    let head = "POST /v1/tokens HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}

#[test]
fn a_request_keeps_a_harmless_id_and_gets_a_new_one_for_any_other() {
    let app = TestApp::start(Engine::Sqlite);
    let id_for =
        |given: &str| app.send("GET", "/healthz", &[("x-request-id", given)], b"").header("x-request-id").to_owned();
    assert_eq!(id_for("req-1.a_B"), "req-1.a_B");
    for harmful in ["a b", "a\"b", &"x".repeat(65), ""] {
        assert_eq!(id_for(harmful).len(), 16, "{harmful:?}");
    }
}

#[test]
fn configured_origins_may_call_and_others_may_not() {
    let origins = "https://app.example.com, HTTPS://Two.Example:443, capacitor://localhost, moz-extension://2c127fa4";
    let app = TestApp::start_with(Engine::Sqlite, &[("CORS_ORIGINS", origins)]);
    let preflight = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        app.send("OPTIONS", "/v1/tokens", &headers, b"")
    };
    for origin in
        ["https://app.example.com", "https://two.example", "capacitor://localhost", "moz-extension://2c127fa4"]
    {
        let allowed = preflight(origin);
        assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, origin), "{allowed:?}");
        assert_eq!(allowed.header("access-control-allow-credentials"), "true");
        assert_eq!(allowed.header("x-request-id").len(), 16);
    }
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), "");
    // An error carries the headers too, or the app could not read it.
    let refused = app.send("GET", "/v1/me", &[("origin", "https://app.example.com")], b"");
    refused.problem(401, "access_token_missing");
    assert_eq!(refused.header("access-control-allow-origin"), "https://app.example.com");
}
