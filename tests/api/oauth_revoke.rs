//! `POST /oauth/revoke`.

use serde_json::{Value, json};

use crate::api_tokens::make;
use crate::support::oauth::{ALL, Allowed, As, NOTES, Registration, SPA, claims, redemption};
use crate::support::{Engine, TestApp};

both_engines!(
    rfc7009_2_1_any_generation_of_a_refresh_token_ends_the_grant,
    rfc7009_2_1_an_access_token_is_revoked_alone,
    rfc7009_2_1_the_client_authenticates,
    rfc7009_2_1_a_token_of_another_client_is_refused_and_stays_as_it_is,
    rfc7009_2_2_a_token_that_is_not_valid_is_no_error,
    an_api_token_is_revoked_by_whoever_has_found_it,
    a_public_client_revokes_its_own,
);

fn start(engine: Engine) -> (TestApp, Value, Value) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    app.insert_client(&SPA);
    let browser = app.logged_in("ada");
    let tokens = app.granted(&browser, &ALL);
    (app, browser, tokens)
}

fn is_ended(app: &TestApp, tokens: &Value) {
    app.refresh_of(As("notes"), &tokens["refresh_token"]).oauth_error(400, "invalid_grant");
    app.verify(&tokens["access_token"]).problem(401, "token_revoked");
}

fn rfc7009_2_1_any_generation_of_a_refresh_token_ends_the_grant(engine: Engine) {
    let (app, browser, first) = start(engine);
    let other = app.granted(&browser, &ALL);
    let mut newest = first.clone();
    for _ in 0..3 {
        app.advance(200);
        newest = app.refresh_of(As("notes"), &newest["refresh_token"]).ok();
    }
    // The first of four; at the token endpoint it would be reuse.
    let answer = app.revoke_of(As("notes"), &first["refresh_token"]);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{answer:?}");
    is_ended(&app, &newest);
    assert_eq!(app.number("select count(*) from sessions where client_id = 'notes' and end_reason = 'logout'"), 1);
    app.refresh_of(As("notes"), &other["refresh_token"]).ok();
    app.refresh(&browser["refresh_token"]).ok();
}

fn rfc7009_2_1_an_access_token_is_revoked_alone(engine: Engine) {
    let (app, _, tokens) = start(engine);
    assert_eq!(app.revoke_of(As("notes"), &tokens["access_token"]).status, 200);
    app.verify(&tokens["access_token"]).problem(401, "token_revoked");
    let next = app.refresh_of(As("notes"), &tokens["refresh_token"]).ok();
    app.verify(&next["access_token"]).ok();
    let own = app.token(As("notes"), &[("grant_type", "client_credentials")]).ok();
    assert_eq!(app.revoke_of(As("notes"), &own["access_token"]).status, 200);
    app.verify(&own["access_token"]).problem(401, "token_revoked");
}

fn rfc7009_2_1_the_client_authenticates(engine: Engine) {
    let (app, _, tokens) = start(engine);
    let token = ("token", tokens["refresh_token"].as_str().unwrap());
    let refused = app.post_form("/oauth/revoke", None, &[token]);
    refused.oauth_error(401, "invalid_client");
    assert!(refused.header("www-authenticate").starts_with("Basic "), "{refused:?}");
    app.post_form("/oauth/revoke", None, &[token, ("client_id", "notes")]).oauth_error(401, "invalid_client");
    let header = As("notes").header();
    app.post_form("/oauth/revoke", Some(&header), &[]).oauth_error(400, "invalid_request");
    app.post_form("/oauth/revoke", Some(&header), &[token, token]).oauth_error(400, "invalid_request");
    let json = [("authorization", header.as_str()), ("content-type", "application/json")];
    app.send("POST", "/oauth/revoke", &json, json!({"token": token.1}).to_string().as_bytes())
        .oauth_error(400, "invalid_request");
    assert_eq!(app.get("/oauth/revoke").status, 405);
    app.refresh_of(As("notes"), &tokens["refresh_token"]).ok();
}

fn rfc7009_2_1_a_token_of_another_client_is_refused_and_stays_as_it_is(engine: Engine) {
    let (app, browser, tokens) = start(engine);
    app.insert_client(&Registration { id: "other", ..NOTES });
    for token in
        [&tokens["refresh_token"], &tokens["access_token"], &browser["refresh_token"], &browser["access_token"]]
    {
        app.revoke_of(As("other"), token).oauth_error(400, "unauthorized_client");
    }
    app.verify(&tokens["access_token"]).ok();
    app.refresh_of(As("notes"), &tokens["refresh_token"]).ok();
    app.refresh(&browser["refresh_token"]).ok();
}

fn rfc7009_2_2_a_token_that_is_not_valid_is_no_error(engine: Engine) {
    let (app, _, tokens) = start(engine);
    let header = As("notes").header();
    for garbage in ["x", "eyJhbGciOiJub25lIn0.e30.", "tks_unknown", tokens["id_token"].as_str().unwrap()] {
        assert_eq!(app.revoke_of(As("notes"), &json!(garbage)).status, 200, "{garbage}");
    }
    for hint in ["access_token", "refresh_token", "pumpkin"] {
        let asked = [("token", tokens["refresh_token"].as_str().unwrap()), ("token_type_hint", hint)];
        assert_eq!(app.post_form("/oauth/revoke", Some(&header), &asked).status, 200, "{hint}: the second time too");
    }
    is_ended(&app, &tokens);
    app.advance(400);
    assert_eq!(app.revoke_of(As("notes"), &tokens["access_token"]).status, 200, "it has expired");
    assert_eq!(app.number("select count(*) from denylist where kind = 'jti'"), 0);
}

fn an_api_token_is_revoked_by_whoever_has_found_it(engine: Engine) {
    let (app, browser, _) = start(engine);
    let made = make(&app, &browser, &json!({"name": "backup"}));
    assert_eq!(app.revoke_of(As("notes"), &made["key"]).status, 200);
    app.ask("GET", "/v1/me", &format!("Token {}", made["key"].as_str().unwrap()), None)
        .problem(401, "api_token_revoked");
}

fn a_public_client_revokes_its_own(engine: Engine) {
    let (app, browser, of_notes) = start(engine);
    let code = app.allow(&browser, &Allowed { client: "spa", ..ALL });
    let spa = ("client_id", "spa");
    let of_spa = app.post_form("/oauth/token", None, &[redemption(&code).as_slice(), &[spa]].concat()).ok();
    let revoke = |token: &Value| app.post_form("/oauth/revoke", None, &[("token", token.as_str().unwrap()), spa]);
    revoke(&of_notes["refresh_token"]).oauth_error(400, "unauthorized_client");
    assert_eq!(revoke(&of_spa["refresh_token"]).status, 200);
    app.verify(&of_spa["access_token"]).problem(401, "token_revoked");
    assert_eq!(claims(&of_spa["access_token"])["client_id"], "spa");
    app.verify(&of_notes["access_token"]).ok();
}
