//! `/oauth/userinfo`, and what else an application's token opens here: nothing.

use serde_json::{Value, json};

use crate::api_tokens::make;
use crate::support::oauth::{ALL, Allowed, As, NOTES, Registration, claims, form};
use crate::support::{Answer, Engine, PASSWORD, TestApp};

both_engines!(
    oidcc_userinfo_get_and_post_tell_what_the_scopes_are_about,
    oidcc_userinfo_post_body,
    oidc_core_5_3_a_token_for_another_audience_is_taken_if_it_has_openid,
    rfc6750_3_1_each_refusal_has_its_challenge,
    userinfo_is_of_today,
    an_applications_token_opens_no_other_route_of_this_service,
);

fn start_with(engine: Engine, vars: &[(&str, &str)]) -> (TestApp, Value) {
    let app = TestApp::start_with(engine, vars);
    app.insert_client(&NOTES);
    app.create_user("ada", &["admin", "editor"]);
    let browser = app.login("ada", PASSWORD).ok();
    (app, browser)
}

fn start(engine: Engine) -> (TestApp, Value) {
    start_with(engine, &[])
}

fn userinfo(app: &TestApp, method: &str, tokens: &Value) -> Answer {
    let header = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    app.send(method, "/oauth/userinfo", &[("authorization", &header)], b"")
}

/// A refusal by RFC 6750 section 3.
#[track_caller]
fn is_challenged(answer: &Answer, status: u16, parts: &[&str]) {
    assert_eq!(answer.status, status, "{answer:?}");
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer ") && parts.iter().all(|part| challenge.contains(part)), "{challenge}");
}

fn oidcc_userinfo_get_and_post_tell_what_the_scopes_are_about(engine: Engine) {
    let (app, browser) = start(engine);
    app.execute("update users set name = 'Ada Lovelace'");
    let sub = &browser["user"]["id"];
    for (scope, expected) in [
        ("openid", json!({"sub": sub})),
        ("openid profile", json!({"sub": sub, "name": "Ada Lovelace", "preferred_username": "ada"})),
        ("openid email", json!({"sub": sub, "email": "ada@example.com", "email_verified": true})),
        ("openid roles", json!({"sub": sub, "roles": ["admin", "editor"]})),
    ] {
        let tokens = app.granted(&browser, &Allowed { scope, ..ALL });
        for method in ["GET", "POST"] {
            let answer = userinfo(&app, method, &tokens);
            assert_eq!(answer.ok(), expected, "{scope}");
            assert_eq!(
                (answer.header("content-type"), answer.header("cache-control")),
                ("application/json", "no-store")
            );
        }
    }
    app.execute("update users set email_verified_at = null");
    let tokens = app.granted(&browser, &Allowed { scope: "openid email", ..ALL });
    assert_eq!(userinfo(&app, "GET", &tokens).ok()["email_verified"], false);
    app.execute("update users set name = null, email = null");
    let tokens = app.granted(&browser, &ALL);
    let left = json!({"sub": sub, "preferred_username": "ada", "roles": ["admin", "editor"]});
    assert_eq!(userinfo(&app, "GET", &tokens).ok(), left);
}

/// RFC 6750 section 2.2.
fn oidcc_userinfo_post_body(engine: Engine) {
    let (app, browser) = start(engine);
    let tokens = app.granted(&browser, &ALL);
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(app.post_form("/oauth/userinfo", None, &[("access_token", token)]).ok()["sub"], browser["user"]["id"]);
    let both = app.post_form("/oauth/userinfo", Some(&format!("Bearer {token}")), &[("access_token", token)]);
    both.oauth_error(400, "invalid_request");
    // RFC 6750 section 2.3: not in the URI, which is written into logs.
    let in_uri = app.get(&format!("/oauth/userinfo?{}", form(&[("access_token", token)])));
    is_challenged(&in_uri, 401, &[]);
}

fn oidc_core_5_3_a_token_for_another_audience_is_taken_if_it_has_openid(engine: Engine) {
    let [api, reports] = ["https://api.example.com", "https://reports.example.com"];
    let (app, browser) = start_with(engine, &[("AUDIENCE", &format!("{api}, {reports}"))]);
    app.insert_client(&Registration { id: "reporter", audiences: reports, ..NOTES });
    let elsewhere = app.granted(&browser, &Allowed { client: "reporter", audience: Some(reports), ..ALL });
    assert_eq!(claims(&elsewhere["access_token"])["aud"], reports);
    assert_eq!(userinfo(&app, "GET", &elsewhere).ok()["sub"], browser["user"]["id"]);
    let without = app.granted(&browser, &Allowed { client: "reporter", scope: "profile", ..ALL });
    is_challenged(&userinfo(&app, "GET", &without), 403, &[r#"error="insufficient_scope""#, r#"scope="openid""#]);
}

fn rfc6750_3_1_each_refusal_has_its_challenge(engine: Engine) {
    let (app, browser) = start(engine);
    let none = app.get("/oauth/userinfo");
    is_challenged(&none, 401, &[]);
    assert!(!none.header("www-authenticate").contains("error"), "nothing was tried: {none:?}");
    let tokens = app.granted(&browser, &ALL);
    let own = app.token(As("notes"), &[("grant_type", "client_credentials")]).ok();
    for without_openid in [&app.granted(&browser, &Allowed { scope: "profile", ..ALL }), &own, &browser] {
        is_challenged(&userinfo(&app, "GET", without_openid), 403, &["insufficient_scope"]);
    }
    let script = make(&app, &browser, &json!({"name": "backup"}));
    let key = script["key"].as_str().unwrap();
    is_challenged(&app.ask("GET", "/oauth/userinfo", &format!("Token {key}"), None), 401, &[]);
    for garbage in ["x", key, tokens["id_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap()] {
        is_challenged(&app.get_as("/oauth/userinfo", garbage), 401, &[r#"error="invalid_token""#]);
    }
    app.revoke_of(As("notes"), &tokens["access_token"]);
    is_challenged(&userinfo(&app, "GET", &tokens), 401, &[r#"error="invalid_token""#]);
    let ended = app.granted(&browser, &ALL);
    app.revoke_of(As("notes"), &ended["refresh_token"]);
    is_challenged(&userinfo(&app, "POST", &ended), 401, &[r#"error="invalid_token""#]);
    let old = app.granted(&browser, &ALL);
    app.advance(300);
    is_challenged(&userinfo(&app, "GET", &old), 401, &[r#"error="invalid_token""#]);
}

fn userinfo_is_of_today(engine: Engine) {
    let (app, browser) = start(engine);
    let tokens = app.granted(&browser, &ALL);
    app.execute("update users set username = 'lovelace', roles = 'editor'");
    let today = userinfo(&app, "GET", &tokens).ok();
    assert_eq!((&today["preferred_username"], &today["roles"]), (&json!("lovelace"), &json!(["editor"])));
    app.execute("update users set disabled_at = 1");
    is_challenged(&userinfo(&app, "GET", &tokens), 401, &[r#"error="invalid_token""#]);
}

fn an_applications_token_opens_no_other_route_of_this_service(engine: Engine) {
    let (app, browser) = start(engine);
    // All scopes, and the roles of an administrator.
    let of_user = app.granted(&browser, &ALL);
    let of_client = app.token(As("notes"), &[("grant_type", "client_credentials")]).ok();
    let user = browser["user"]["id"].as_str().unwrap();
    for tokens in [&of_user, &of_client] {
        for (method, path) in [
            ("GET", "/v1/me"),
            ("GET", "/v1/me/profile"),
            ("PATCH", "/v1/me/profile"),
            ("POST", "/v1/me/password"),
            ("POST", "/v1/me/reauthenticate"),
            ("GET", "/v1/sessions"),
            ("POST", "/v1/logout"),
            ("POST", "/v1/logout/all"),
            ("GET", "/v1/api-tokens"),
            ("POST", "/v1/api-tokens"),
            ("GET", "/v1/admin/users"),
            ("GET", "/v1/admin/audit"),
            ("GET", "/v1/admin/keys"),
            ("POST", "/v1/admin/keys/rotate"),
            ("POST", &format!("/v1/admin/users/{user}/disable")),
        ] {
            let answer = app.ask_as(method, path, tokens, Some(&json!({})));
            answer.problem(403, "application_token");
        }
        // Any token is judged, whoever it is of.
        assert_eq!(app.verify(&tokens["access_token"]).status, 200);
    }
    assert_eq!(app.me(&browser).status, 200);
}
