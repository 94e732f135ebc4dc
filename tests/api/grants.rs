//! What a login granted stays with its session, whatever the settings say later.

use serde::Deserialize;
use serde_json::{Value, json};
use tokensmith::internals::clock::Timestamp;
use tokensmith::internals::model::id::{SessionId, UserId};

use crate::api_tokens::{exchange, make};
use crate::support::oauth::{ALL, Allowed, As, NOTES, Registration};
use crate::support::{Engine, PASSWORD, TestApp};

both_engines!(
    a_session_keeps_the_scopes_of_its_login_when_the_setting_changes,
    a_session_that_an_older_version_opened_takes_the_settings_of_the_day,
    a_session_of_a_registered_application_says_so_in_its_tokens,
    verifiers_of_before_find_what_they_require_in_every_token_of_today,
    a_refresh_goes_on_with_the_audience_of_the_login_until_another_is_asked_for,
);

/// The time of the tests.
const NOW: Timestamp = Timestamp(1_800_000_000);

/// The scopes in a pair's access token.
fn scope(app: &TestApp, pair: &Value) -> String {
    let claims = app.verify(&pair["access_token"]).ok()["claims"].clone();
    assert_eq!(pair["scope"], claims["scope"], "{claims}");
    claims["scope"].as_str().unwrap_or_default().to_owned()
}

fn a_session_keeps_the_scopes_of_its_login_when_the_setting_changes(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SCOPES", "notes:read,notes:write")]);
    let pair = app.logged_in("ada");
    assert_eq!(scope(&app, &pair), "notes:read notes:write");
    let columns = "client_id = 'first-party' and scope = 'notes:read notes:write' and amr = 'pwd' and audience is null";
    assert_eq!(app.number(&format!("select count(*) from sessions where {columns} and acr is null")), 1);

    let changed = app.another_instance(0, &[("SCOPES", "notes:read,notes:delete")]);
    app.advance(20);
    changed.advance(20);
    let next = changed.refresh(&pair["refresh_token"]).ok();
    assert_eq!(scope(&changed, &next), "notes:read notes:write", "the session is older than the setting");
    let proven = changed.ask_as("POST", "/v1/me/reauthenticate", &next, Some(&json!({"password": PASSWORD}))).ok();
    assert_eq!(scope(&changed, &proven), "notes:read notes:write");
    assert_eq!(scope(&changed, &changed.login("ada", PASSWORD).ok()), "notes:delete notes:read");

    let none = app.another_instance(0, &[]);
    none.advance(20);
    let without = none.login("ada", PASSWORD).ok();
    assert_eq!(scope(&none, &without), "");
    assert_eq!(scope(&changed, &changed.refresh(&without["refresh_token"]).ok()), "", "no scopes are a grant too");
}

fn a_session_that_an_older_version_opened_takes_the_settings_of_the_day(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SCOPES", "notes:read")]);
    let pair = app.logged_in("ada");
    app.execute("update sessions set client_id = null, scope = null, audience = null, amr = null, acr = null");
    let changed = app.another_instance(0, &[("SCOPES", "notes:write")]);
    let next = changed.refresh(&pair["refresh_token"]).ok();
    assert_eq!(scope(&changed, &next), "notes:write");
    let claims = changed.verify(&next["access_token"]).ok()["claims"].clone();
    assert_eq!((&claims["client_id"], &claims["amr"]), (&json!("first-party"), &json!(["pwd"])));
    assert_eq!(app.number("select count(*) from sessions where client_id is null"), 1, "a refresh writes none of it");
}

fn a_session_of_a_registered_application_says_so_in_its_tokens(engine: Engine) {
    let app = TestApp::start(engine);
    app.insert_client(&Registration { id: "notes-app", ..NOTES });
    let pair = app.logged_in("ada");
    let allowed = Allowed { client: "notes-app", scope: "notes:read offline_access", acr: Some("gold"), ..ALL };
    let code = app.allow(&pair, &allowed);
    app.execute("update authorization_codes set amr = 'pwd otp'");
    let refresh_token = app.redeem(As("notes-app"), &code).ok()["refresh_token"].clone();
    app.refresh(&refresh_token).problem(401, "wrong_client");
    let next = app.refresh_of(As("notes-app"), &refresh_token).ok();
    let claims = app.verify(&next["access_token"]).ok()["claims"].clone();
    let told = ["client_id", "credential", "scope", "amr", "acr"].map(|name| claims[name].clone());
    let expected =
        [json!("notes-app"), json!("application"), json!(allowed.scope), json!(["pwd", "otp"]), json!("gold")];
    assert_eq!(told, expected, "{claims}");
    assert_eq!(app.verify(&next["refresh_token"]).ok()["claims"]["client_id"], "notes-app");
}

/// The claims that they required.
#[derive(Deserialize)]
struct Before {
    sub: UserId,
    sid: SessionId,
    auth_time: Timestamp,
    amr: Vec<String>,
    client_id: String,
}

fn verifiers_of_before_find_what_they_require_in_every_token_of_today(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let script = make(&app, &pair, &json!({"name": "backup"}));
    let tokens = [&pair, &app.refresh(&pair["refresh_token"]).ok(), &exchange(&app, &script)]
        .map(|answer| app.verify(&answer["access_token"]).ok()["claims"].clone());
    for (claims, client_id, methods) in
        [(&tokens[0], "first-party", 1), (&tokens[1], "first-party", 1), (&tokens[2], "api-token", 0)]
    {
        let before: Before = serde_json::from_value(claims.clone()).unwrap();
        assert_eq!((before.client_id.as_str(), before.amr.len()), (client_id, methods), "{claims}");
        assert_eq!((before.sub.to_string(), before.auth_time), (pair["user"]["id"].as_str().unwrap().to_owned(), NOW));
        assert_eq!(before.sid.to_string() == pair["session_id"].as_str().unwrap(), methods == 1, "{claims}");
    }
    let names: Vec<_> = tokens[0].as_object().unwrap().keys().map(String::as_str).collect();
    let of_before = ["amr", "aud", "auth_time", "client_id", "exp", "iat", "iss", "jti", "sid", "sub"];
    assert_eq!(names, of_before, "a login's token is as it was");
}

fn a_refresh_goes_on_with_the_audience_of_the_login_until_another_is_asked_for(engine: Engine) {
    let [api, reports] = ["https://api.example.com", "https://reports.example.com"];
    let app = TestApp::start_with(engine, &[("AUDIENCE", &format!("{api}, {reports}"))]);
    app.create_user("ada", &[]);
    let login = json!({"username": "ada", "password": PASSWORD, "audience": reports});
    let pair = app.post("/v1/tokens", &login).ok();
    let audience = |app: &TestApp, pair: &Value| app.verify(&pair["access_token"]).ok()["claims"]["aud"].clone();
    assert_eq!(audience(&app, &pair), reports);
    assert_eq!(audience(&app, &app.refresh(&pair["refresh_token"]).ok()), reports);
    let asked = json!({"refresh_token": pair["refresh_token"], "audience": api});
    let asked = app.post("/v1/tokens/refresh", &asked).ok();
    assert_eq!(audience(&app, &asked), api);
    assert_eq!(
        audience(&app, &app.refresh(&asked["refresh_token"]).ok()),
        reports,
        "the session's own has not changed"
    );
    // The next calls are to this service and need a token for it.
    let proven = app.ask_as("POST", "/v1/me/reauthenticate", &asked, Some(&json!({"password": PASSWORD}))).ok();
    assert_eq!(audience(&app, &proven), api);

    let without = app.another_instance(0, &[("AUDIENCE", api)]);
    assert_eq!(audience(&without, &without.refresh(&asked["refresh_token"]).ok()), api, "the other is served no more");
}
