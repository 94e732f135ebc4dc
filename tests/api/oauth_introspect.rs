//! `POST /oauth/introspect`.

use serde_json::{Value, json};

use crate::api_tokens::make;
use crate::support::oauth::{ALL, As, NOTES, Registration, SPA, claims};
use crate::support::{Engine, TestApp};

both_engines!(
    rfc7662_2_2_a_client_learns_what_its_own_tokens_say,
    rfc7662_2_1_a_public_client_and_who_does_not_authenticate_may_not_ask,
    rfc7662_2_2_a_resource_server_may_ask_about_what_is_for_it,
    rfc7662_2_2_what_is_not_active_or_of_others_is_told_to_be_inactive_and_no_more,
    rfc7662_4_a_token_that_was_revoked_or_has_expired_is_not_active,
    asking_changes_nothing,
    resource_servers_may_ask_about_api_tokens,
);

const API: &str = "https://api.example.com";
const REPORTS: &str = "https://reports.example.com";

/// [`NOTES`], another like it, and a resource server for each audience.
fn start(engine: Engine) -> (TestApp, Value, Value) {
    let app = TestApp::start_with(engine, &[("AUDIENCE", &format!("{API}, {REPORTS}"))]);
    app.insert_client(&NOTES);
    app.insert_client(&SPA);
    app.insert_client(&Registration { id: "other", ..NOTES });
    for (id, resource_servers) in [("api", API), ("reports", REPORTS)] {
        app.insert_client(&Registration {
            id,
            resource_servers,
            grant_types: "",
            redirect_uris: "",
            scopes: "",
            ..NOTES
        });
    }
    let browser = app.logged_in("ada");
    let tokens = app.granted(&browser, &ALL);
    (app, browser, tokens)
}

fn inactive() -> Value {
    json!({"active": false})
}

fn rfc7662_2_2_a_client_learns_what_its_own_tokens_say(engine: Engine) {
    let (app, browser, tokens) = start(engine);
    let token = tokens["access_token"].as_str().unwrap();
    let answer = app.post_form("/oauth/introspect", Some(&As("notes").header()), &[("token", token)]);
    assert_eq!((answer.header("cache-control"), answer.header("content-type")), ("no-store", "application/json"));
    let told = answer.ok();
    assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("Bearer")));
    let said = claims(&tokens["access_token"]);
    for name in ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "sid", "auth_time", "amr"] {
        assert!(!said[name].is_null());
        assert_eq!(told[name], said[name], "{name}");
    }
    let told = app.introspect(As("notes"), &tokens["refresh_token"]);
    assert_eq!((&told["active"], &told["sub"]), (&json!(true), &browser["user"]["id"]));
    assert_eq!((&told["client_id"], &told["token_type"]), (&json!("notes"), &Value::Null));
    let own = app.token(As("notes"), &[("grant_type", "client_credentials")]).ok();
    let told = app.introspect(As("notes"), &own["access_token"]);
    assert_eq!((&told["active"], &told["sub"], &told["scope"]), (&json!(true), &json!("notes"), &own["scope"]));
}

fn rfc7662_2_1_a_public_client_and_who_does_not_authenticate_may_not_ask(engine: Engine) {
    let (app, _, tokens) = start(engine);
    let token = ("token", tokens["access_token"].as_str().unwrap());
    let refused = app.post_form("/oauth/introspect", None, &[token]);
    refused.oauth_error(401, "invalid_client");
    assert!(refused.header("www-authenticate").starts_with("Basic "), "{refused:?}");
    app.post_form("/oauth/introspect", None, &[token, ("client_id", "notes")]).oauth_error(401, "invalid_client");
    app.post_form("/oauth/introspect", None, &[token, ("client_id", "spa")]).oauth_error(400, "unauthorized_client");
    let bearer = format!("Bearer {}", token.1);
    app.post_form("/oauth/introspect", Some(&bearer), &[token]).oauth_error(401, "invalid_client");
    let header = As("notes").header();
    app.post_form("/oauth/introspect", Some(&header), &[]).oauth_error(400, "invalid_request");
    app.post_form("/oauth/introspect", Some(&header), &[token, token]).oauth_error(400, "invalid_request");
    // RFC 7662 section 2.1: a hint is optional, and no more than that.
    let hinted = [token, ("token_type_hint", "refresh_token")];
    assert_eq!(app.post_form("/oauth/introspect", Some(&header), &hinted).ok()["active"], true);
    let path = format!("/oauth/introspect?token={}", token.1);
    assert_eq!(app.send("GET", &path, &[("authorization", &header)], b"").status, 405);
}

fn rfc7662_2_2_a_resource_server_may_ask_about_what_is_for_it(engine: Engine) {
    let (app, browser, tokens) = start(engine);
    assert_eq!(app.introspect(As("api"), &tokens["access_token"])["sub"], browser["user"]["id"]);
    assert_eq!(app.introspect(As("reports"), &tokens["access_token"]), inactive());
    assert_eq!(app.introspect(As("api"), &browser["access_token"])["client_id"], "first-party");
    assert_eq!(app.introspect(As("reports"), &browser["access_token"]), inactive());
    for server in ["api", "reports"] {
        assert_eq!(app.introspect(As(server), &tokens["refresh_token"]), inactive(), "it is for nobody else");
    }
}

fn rfc7662_2_2_what_is_not_active_or_of_others_is_told_to_be_inactive_and_no_more(engine: Engine) {
    let (app, browser, tokens) = start(engine);
    for token in
        [&tokens["access_token"], &tokens["refresh_token"], &browser["access_token"], &browser["refresh_token"]]
    {
        assert_eq!(app.introspect(As("other"), token), inactive());
    }
    let denylist = app.get("/.well-known/denylist").body;
    for garbage in ["x", "eyJhbGciOiJub25lIn0.e30.", "tks_unknown", &denylist, tokens["id_token"].as_str().unwrap()] {
        assert_eq!(app.introspect(As("notes"), &json!(garbage)), inactive(), "{garbage}");
    }
}

fn rfc7662_4_a_token_that_was_revoked_or_has_expired_is_not_active(engine: Engine) {
    let (app, browser, first) = start(engine);
    app.revoke_of(As("notes"), &first["access_token"]);
    assert_eq!(app.introspect(As("notes"), &first["access_token"]), inactive());
    assert_eq!(app.introspect(As("notes"), &first["refresh_token"])["active"], true);
    app.revoke_of(As("notes"), &first["refresh_token"]);
    assert_eq!(app.introspect(As("notes"), &first["refresh_token"]), inactive());

    let second = app.granted(&browser, &ALL);
    app.advance(299);
    assert_eq!(app.introspect(As("notes"), &second["access_token"])["active"], true);
    app.advance(1);
    assert_eq!(app.introspect(As("notes"), &second["access_token"]), inactive());
    app.execute("update users set disabled_at = 1");
    assert_eq!(app.introspect(As("notes"), &second["refresh_token"]), inactive());
}

fn asking_changes_nothing(engine: Engine) {
    let (app, _, first) = start(engine);
    app.advance(200);
    let second = app.refresh_of(As("notes"), &first["refresh_token"]).ok();
    app.advance(200);
    // It would be reuse at the token endpoint.
    assert_eq!(app.introspect(As("notes"), &first["refresh_token"]), inactive());
    assert_eq!(app.introspect(As("notes"), &second["refresh_token"])["active"], true);
    app.refresh_of(As("notes"), &second["refresh_token"]).ok();
}

fn resource_servers_may_ask_about_api_tokens(engine: Engine) {
    let (app, browser, _) = start(engine);
    let made = make(&app, &browser, &json!({"name": "backup"}));
    for server in ["api", "reports"] {
        let told = app.introspect(As(server), &made["key"]);
        assert_eq!((&told["active"], &told["sub"]), (&json!(true), &browser["user"]["id"]), "{server}: {told}");
    }
    assert_eq!(app.introspect(As("notes"), &made["key"]), inactive());
    app.revoke_of(As("api"), &made["key"]);
    assert_eq!(app.introspect(As("api"), &made["key"]), inactive());
}
