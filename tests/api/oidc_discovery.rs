//! `/.well-known/oauth-authorization-server` and `/.well-known/openid-configuration`: what exists.

use serde_json::{Value, json};

use crate::support::oauth::{As, NOTES, Registration, SPA};
use crate::support::{Answer, Client, Engine, TestApp};

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

#[test]
fn oidcc_discovery_endpoint_verification() {
    let app = TestApp::start_with(Engine::Sqlite, &[("SCOPES", "openid notes:read")]);
    let metadata = app.get(OPENID).ok();
    let expected = json!({
        "issuer": "http://127.0.0.1:8080",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "scopes_supported": ["openid", "profile", "email", "roles", "offline_access", "notes:read"],
        "authorization_response_iss_parameter_supported": true,
        "request_uri_parameter_supported": false,
        "request_parameter_supported": false,
        "claims_parameter_supported": false,
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(metadata[name], *value, "{name}");
    }
    let claims = metadata["claims_supported"].as_array().unwrap();
    assert!(claims.contains(&json!("amr")) && !claims.contains(&json!("acr")), "none is ever issued: {claims:?}");
    let methods = |name: &str| metadata[name].as_array().unwrap().clone();
    assert!(methods("token_endpoint_auth_methods_supported").contains(&json!("none")));
    assert!(methods("revocation_endpoint_auth_methods_supported").contains(&json!("none")));
    assert!(!methods("introspection_endpoint_auth_methods_supported").contains(&json!("none")));
    assert_eq!(app.get(OAUTH).ok(), metadata);
    let cached = app.get(OPENID);
    assert!(cached.header("cache-control").starts_with("public"), "{cached:?}");
}

#[test]
fn rfc8414_2_what_is_listed_exists() {
    let app = TestApp::start(Engine::Sqlite);
    let metadata = app.get(OPENID).ok();
    let urls =
        metadata.as_object().unwrap().iter().filter(|(name, _)| name.ends_with("_endpoint") || name.ends_with("_uri"));
    let mut found = 0;
    for (name, url) in urls {
        let path = url.as_str().unwrap().strip_prefix("http://127.0.0.1:8080").unwrap();
        let answer = app.get(path);
        assert_ne!(answer.status, 404, "{name}: {answer:?}");
        found += 1;
    }
    assert!(found >= 8, "{metadata}");
}

#[test]
fn an_issuer_with_a_path_is_found_by_both_rules() {
    let app = TestApp::start_with(Engine::Sqlite, &[("ISSUER", "https://example.com/auth")]);
    let metadata = app.get(OPENID).ok();
    assert_eq!(metadata["issuer"], "https://example.com/auth");
    assert_eq!(metadata["token_endpoint"], "https://example.com/auth/oauth/token");
    // RFC 8414 section 3.1 and section 5. A proxy takes the path away where OpenID Connect Discovery section 4 has it.
    for path in [format!("{OAUTH}/auth"), format!("{OPENID}/auth"), OAUTH.to_owned()] {
        assert_eq!(app.get(&path).ok(), metadata, "{path}");
        assert_eq!(app.send("HEAD", &path, &[], b"").status, 200, "{path}");
    }
    for path in [format!("{OPENID}/other"), format!("{OPENID}/auth/"), format!("{OPENID}/")] {
        app.get(&path).problem(404, "not_found");
    }
    let root = TestApp::start_with(Engine::Sqlite, &[("ISSUER", "https://example.com")]);
    root.get(&format!("{OPENID}/auth")).problem(404, "not_found");
}

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

const APP: &str = "https://app.example.com";

#[test]
fn pages_of_public_clients_may_call_token_revoke_and_userinfo_and_no_others_may() {
    for configured in ["", "*", "https://other.example"] {
        let app = TestApp::start_with(Engine::Sqlite, &[("CORS_ORIGINS", configured)]);
        app.insert_client(&Registration { id: "server", redirect_uris: "https://server.example/cb", ..NOTES });
        app.insert_client(&Registration {
            redirect_uris: "https://app.example.com/callback http://127.0.0.1/cb http://localhost:3000/cb \
                            com.example.app:/callback",
            ..SPA
        });
        for path in ["/oauth/token", "/oauth/revoke", "/oauth/userinfo"] {
            for origin in [APP, "http://127.0.0.1:5173", "http://127.0.0.1", "http://localhost:3000"] {
                let allowed = preflight(&app, path, origin);
                assert_eq!((allowed.status, allowed_origin(&allowed)), (200, origin), "{path}");
                let headers = allowed.header("access-control-allow-headers");
                assert!(headers.contains("authorization") && headers.contains("content-type"), "{headers}");
                assert_eq!(allowed.header("access-control-allow-credentials"), "");
                assert_eq!(allowed.header("vary"), "origin");
                let called = app.send("POST", path, &[("origin", origin)], b"");
                assert_eq!((allowed_origin(&called), called.header("vary")), (origin, "origin"), "{path}: {called:?}");
            }
            for origin in [
                "https://server.example",
                "https://other.example",
                "http://localhost:3001",
                "null",
                "https://app.example.com.evil.example",
            ] {
                let refused = preflight(&app, path, origin);
                refused.oauth_error(403, "invalid_request");
                assert_eq!(allowed_origin(&refused), "", "{path} {origin}");
                let called = app.send("POST", path, &[("origin", origin)], b"");
                assert_eq!(allowed_origin(&called), "", "{path} {origin}");
            }
        }
        for path in ["/oauth/introspect", "/oauth/authorize", "/oauth/logout"] {
            assert_eq!(allowed_origin(&preflight(&app, path, APP)), "", "{path}");
            let called = app.send("POST", path, &[("origin", APP)], b"");
            assert_eq!(allowed_origin(&called), "", "{path}: {called:?}");
        }
        for path in [OAUTH, OPENID, "/.well-known/jwks.json"] {
            let answer = app.send("GET", path, &[("origin", "https://anybody.example")], b"");
            assert_eq!((answer.status, allowed_origin(&answer)), (200, "*"), "{path}");
        }
        // As other instances see it, too: what is gone is gone after a round.
        app.execute("delete from clients where id = 'spa'");
        app.follow_clients();
        assert_eq!(allowed_origin(&preflight(&app, "/oauth/token", APP)), "");
    }
}

#[test]
fn a_page_can_read_why_it_is_refused() {
    let app = TestApp::start(Engine::Sqlite);
    app.insert_client(&SPA);
    let headers = [("origin", APP), ("content-type", "application/x-www-form-urlencoded")];
    let refused = app.send("POST", "/oauth/token", &headers, b"grant_type=password&client_id=spa");
    refused.oauth_error(400, "unsupported_grant_type");
    assert_eq!(allowed_origin(&refused), APP);
    assert!(refused.header("access-control-expose-headers").contains("www-authenticate"));
    app.token(As("spa"), &[]).oauth_error(401, "invalid_client");
    let _: Value = app.get(OAUTH).ok();
}
