//! `/v1/me/applications`: what users see and take back of what they have allowed.

use serde_json::json;

use super::authorize::{CALLBACK, allowed, request};
use crate::support::{Browser, Engine, PASSWORD, TestApp};

both_engines!(
    a_user_sees_the_applications_that_have_access,
    an_application_that_is_taken_back_loses_its_grants_and_asks_again,
    an_application_may_not_manage_applications,
);

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn started(engine: Engine) -> TestApp {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    app.register("app", &json!({}));
    app.register("own", &json!({"skip_consent": true}));
    app
}

/// The tokens that a client gets for the user of a browser.
pub fn tokens(browser: &Browser, client: &str, scope: &str) -> serde_json::Value {
    let mut page = browser.open(&request(client, &[("scope", scope)]));
    if page.text().contains("<h1>Allow access?</h1>") {
        page = browser.submit(&page, &[("decision", "allow")]);
    }
    let code = page.answer_to(CALLBACK)["code"].clone();
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    browser.post_from("cross-site", "/oauth/token", &fields).ok()
}

fn a_user_sees_the_applications_that_have_access(engine: Engine) {
    let app = started(engine);
    let pair = app.login("ada", PASSWORD).ok();
    assert_eq!(app.ask_as("GET", "/v1/me/applications", &pair, None).ok()["applications"], json!([]));
    let browser = allowed(&app, "ada", "app");
    tokens(&browser, "app", "openid offline_access");
    tokens(&browser, "own", "openid profile");
    let listed = app.ask_as("GET", "/v1/me/applications", &pair, None).ok();
    assert_eq!(
        listed["applications"],
        json!([
            {
                "client_id": "app", "name": "The app app", "scopes": ["offline_access", "openid"],
                "allowed_at": "2027-01-15T08:00:00Z", "grants": 1,
            },
            {"client_id": "own", "name": "The own app", "scopes": ["openid", "profile"], "allowed_at": null, "grants": 1},
        ])
    );
}

fn an_application_that_is_taken_back_loses_its_grants_and_asks_again(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let granted = tokens(&browser, "app", "openid offline_access");
    let code = browser.open(&request("app", &[])).answer_to(CALLBACK)["code"].clone();
    let pair = app.login("ada", PASSWORD).ok();
    for _ in 0..2 {
        assert_eq!(app.ask_as("DELETE", "/v1/me/applications/app", &pair, None).status, 204);
    }
    app.verify(&granted["access_token"]).problem(401, "token_revoked");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("client_id", "app"),
        ("refresh_token", granted["refresh_token"].as_str().unwrap()),
    ];
    assert_eq!(browser.post_from("cross-site", "/oauth/token", &refresh).json()["error"], "invalid_grant");
    // Also a code that was on its way.
    let redeem = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(browser.post_from("cross-site", "/oauth/token", &redeem).json()["error"], "invalid_grant");
    browser.open(&request("app", &[])).shows(200, "Allow access?");
    assert_eq!(app.number("select count(*) from audit_events where name = 'consent_revoked'"), 1);
    assert_eq!(app.ask_as("GET", "/v1/me/applications", &pair, None).ok()["applications"], json!([]));
    assert_eq!(app.ask_as("DELETE", "/v1/me/applications/no%20such", &pair, None).status, 204);
}

fn an_application_may_not_manage_applications(engine: Engine) {
    let app = started(engine);
    let browser = allowed(&app, "ada", "app");
    let granted = tokens(&browser, "app", "openid");
    for (method, path) in [("GET", "/v1/me/applications"), ("DELETE", "/v1/me/applications/app")] {
        assert_eq!(app.ask_as(method, path, &granted, None).status, 403);
    }
    assert_eq!(app.number("select count(*) from consents"), 1);
}
