//! `POST /oauth/token` with a refresh token: the rotation of every session, for its client alone.

use std::sync::{Arc, Barrier};

use serde_json::{Value, json};

use crate::support::oauth::{ALL, Allowed, As, NOTES, Registration, SPA, claims};
use crate::support::{Answer, Client, Engine, TestApp};

both_engines!(
    oidcc_refresh_token,
    fapi2_security_profile_final_refresh_token,
    a_burst_gets_the_same_token_without_a_rotation,
    rfc9700_4_14_2_a_token_that_was_replaced_and_invalidated_ends_the_grant,
    sixty_four_parallel_refreshes_are_one_rotation,
    rfc6749_6_the_refresh_token_is_bound_to_its_client,
    a_refresh_token_is_good_at_its_own_endpoint_alone_and_elsewhere_it_is_no_reuse,
    rfc6749_6_the_scope_may_become_narrower_and_never_wider,
    a_scope_or_resource_that_was_not_granted_does_not_spend_the_token,
    a_change_of_roles_arrives_with_the_next_refresh,
    what_has_ended_is_not_refreshed,
    a_client_that_may_not_refresh_any_more_is_told_so,
    a_grant_goes_on_when_its_client_no_longer_skips_consent,
    a_scope_that_is_taken_from_the_client_is_in_no_further_token,
    a_grant_whose_audience_is_gone_waits_and_gets_no_token_for_another,
    late_retries_mark_a_public_client_and_none_that_authenticates,
);

/// A service with a grant of [`NOTES`], and the browser in which it was allowed.
fn start(engine: Engine) -> (TestApp, Value, Value) {
    let app = TestApp::start(engine);
    app.insert_client(&NOTES);
    app.insert_client(&SPA);
    let browser = app.logged_in("ada");
    let tokens = app.granted(&browser, &Allowed { nonce: Some("n-1"), ..ALL });
    (app, browser, tokens)
}

fn mark(app: &TestApp) -> i64 {
    app.number("select denied_through from sessions where client_id = 'notes'")
}

fn refresh_with(client: &Client, tokens: &Value, more: &[(&str, &str)]) -> Answer {
    let token = tokens["refresh_token"].as_str().unwrap();
    client.token(As("notes"), &[&[("grant_type", "refresh_token"), ("refresh_token", token)], more].concat())
}

fn refresh(client: &Client, tokens: &Value) -> Answer {
    refresh_with(client, tokens, &[])
}

fn oidcc_refresh_token(engine: Engine) {
    let (app, browser, first) = start(engine);
    app.advance(100);
    let answer = refresh(&app, &first);
    let second = answer.ok();
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    for name in ["access_token", "refresh_token", "id_token"] {
        assert_ne!(first[name], second[name], "{name}");
    }
    assert_eq!((&second["scope"], &second["token_type"]), (&first["scope"], &json!("Bearer")));
    let [before, after] = [&first, &second].map(|tokens| claims(&tokens["access_token"]));
    assert_eq!((&before["sid"], &before["aud"], &before["sub"]), (&after["sid"], &after["aud"], &after["sub"]));
    assert_ne!(before["jti"], after["jti"]);
    // OpenID Connect Core section 12.2.
    let [before, after] = [&first, &second].map(|tokens| claims(&tokens["id_token"]));
    for same in ["iss", "sub", "aud", "azp", "auth_time", "sid", "amr"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!((&before["nonce"], &after["nonce"]), (&json!("n-1"), &Value::Null));
    assert_eq!(after["iat"], json!(before["iat"].as_i64().unwrap() + 100));
    assert_eq!(after["sid"], browser["session_id"]);
    app.advance(100);
    refresh(&app, &second).ok();
    assert_eq!(mark(&app), 2);
}

fn fapi2_security_profile_final_refresh_token(engine: Engine) {
    let (app, _, first) = start(engine);
    let second = refresh(&app, &first).ok();
    app.advance(30);
    let again = refresh(&app, &first).ok();
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    app.advance(30);
    refresh(&app, &second).ok();
}

fn a_burst_gets_the_same_token_without_a_rotation(engine: Engine) {
    let (app, _, first) = start(engine);
    let second = refresh(&app, &first).ok();
    app.advance(9);
    for presented in [&first, &second] {
        let answer = refresh(&app, presented).ok();
        assert_eq!(answer["refresh_token"], second["refresh_token"], "byte for byte");
        assert_ne!(answer["access_token"], second["access_token"]);
    }
    assert_eq!(mark(&app), 1);
}

fn rfc9700_4_14_2_a_token_that_was_replaced_and_invalidated_ends_the_grant(engine: Engine) {
    let (app, browser, stolen) = start(engine);
    let other = app.granted(&browser, &ALL);
    let second = refresh(&app, &stolen).ok();
    app.advance(90);
    refresh(&app, &stolen).oauth_error(400, "invalid_grant");
    refresh(&app, &second).oauth_error(400, "invalid_grant");
    app.verify(&second["access_token"]).problem(401, "token_revoked");
    let events = "select count(*) from audit_events where name = 'refresh_token_reused'";
    assert_eq!(app.number(events), 1);
    // One grant alone.
    refresh(&app, &other).ok();
    assert_eq!(app.me(&browser).status, 200);
}

fn sixty_four_parallel_refreshes_are_one_rotation(engine: Engine) {
    let (app, _, tokens) = start(engine);
    app.advance(200);
    let begin = Arc::new(Barrier::new(64));
    let asking: Vec<_> = (0..64)
        .map(|_| {
            let (client, tokens, begin) = (app.another_client(), tokens.clone(), Arc::clone(&begin));
            std::thread::spawn(move || {
                begin.wait();
                refresh(&client, &tokens).ok()
            })
        })
        .collect();
    let answers: Vec<Value> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer["refresh_token"] == answers[0]["refresh_token"]));
    assert_eq!(mark(&app), 1);
    assert_eq!(app.number("select count(*) from sessions where client_id = 'notes' and ended_at is null"), 1);
}

fn rfc6749_6_the_refresh_token_is_bound_to_its_client(engine: Engine) {
    let (app, _, tokens) = start(engine);
    app.insert_client(&Registration { id: "other", ..NOTES });
    app.advance(200);
    let token = tokens["refresh_token"].as_str().unwrap();
    let as_public = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "spa")];
    for refused in
        [app.refresh_of(As("other"), &tokens["refresh_token"]), app.post_form("/oauth/token", None, &as_public)]
    {
        refused.oauth_error(400, "invalid_grant");
    }
    // A confidential client must authenticate, whoever holds the token.
    let unproved = [as_public[0], as_public[1], ("client_id", "notes")];
    app.post_form("/oauth/token", None, &unproved).oauth_error(401, "invalid_client");
    assert_eq!(mark(&app), 0);
    refresh(&app, &tokens).ok();
    // Also one that was invalidated.
    app.advance(200);
    app.refresh_of(As("other"), &tokens["refresh_token"]).oauth_error(400, "invalid_grant");
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 0, "it is no reuse");
}

fn a_refresh_token_is_good_at_its_own_endpoint_alone_and_elsewhere_it_is_no_reuse(engine: Engine) {
    let (app, browser, tokens) = start(engine);
    app.advance(200);
    let second = refresh(&app, &tokens).ok();
    app.advance(200);
    for old_or_new in [&tokens, &second] {
        app.refresh(&old_or_new["refresh_token"]).problem(401, "wrong_client");
        refresh(&app, &browser).oauth_error(400, "invalid_grant");
    }
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 0);
    assert_eq!(app.number("select count(*) from audit_events where name = 'refresh_token_reused'"), 0);
    refresh(&app, &second).ok();
    app.refresh(&browser["refresh_token"]).ok();
}

fn rfc6749_6_the_scope_may_become_narrower_and_never_wider(engine: Engine) {
    let (app, _, first) = start(engine);
    app.advance(200);
    let narrow = refresh_with(&app, &first, &[("scope", "notes:read")]).ok();
    assert_eq!((&narrow["scope"], &narrow["id_token"]), (&json!("notes:read"), &Value::Null));
    let access = claims(&narrow["access_token"]);
    assert_eq!((&access["scope"], &access["roles"]), (&json!("notes:read"), &Value::Null));
    assert!(narrow["refresh_token"].is_string(), "{narrow}");
    // What was granted is as it was.
    app.advance(200);
    let whole = refresh(&app, &narrow).ok();
    assert_eq!(whole["scope"], ALL.scope);
    app.advance(200);
    let reordered = refresh_with(&app, &whole, &[("scope", "openid  notes:write")]).ok();
    assert_eq!(claims(&reordered["access_token"])["scope"], "openid notes:write");
}

fn a_scope_or_resource_that_was_not_granted_does_not_spend_the_token(engine: Engine) {
    let (app, browser, _) = start(engine);
    let tokens = app.granted(&browser, &Allowed { scope: "openid offline_access notes:read", ..ALL });
    app.advance(200);
    for (wanted, error) in [
        (("scope", "notes:read notes:write"), "invalid_scope"),
        (("scope", "admin"), "invalid_scope"),
        (("resource", "https://other.example"), "invalid_target"),
    ] {
        refresh_with(&app, &tokens, &[wanted]).oauth_error(400, error);
    }
    assert_eq!(app.number("select max(denied_through) from sessions"), 0);
    let same = [("resource", "http://127.0.0.1:8080"), ("scope", "notes:read")];
    refresh_with(&app, &tokens, &same).ok();
}

fn a_change_of_roles_arrives_with_the_next_refresh(engine: Engine) {
    let (app, browser, tokens) = start(engine);
    let without = app.granted(&browser, &Allowed { scope: "openid offline_access", ..ALL });
    app.execute("update users set roles = 'editor'");
    app.advance(200);
    assert_eq!(claims(&refresh(&app, &tokens).ok()["access_token"])["roles"], json!(["editor"]));
    assert_eq!(claims(&refresh(&app, &without).ok()["access_token"])["roles"], Value::Null);
}

fn what_has_ended_is_not_refreshed(engine: Engine) {
    let (app, browser, by_user) = start(engine);
    let by_disabling = app.granted(&browser, &ALL);
    let idle = app.granted(&browser, &ALL);
    app.advance(200);
    let path = format!("/v1/sessions/{}", claims(&by_user["access_token"])["sid"].as_str().unwrap());
    let pair = app.refresh(&browser["refresh_token"]).ok();
    assert_eq!(app.ask_as("DELETE", &path, &pair, None).status, 204);
    refresh(&app, &by_user).oauth_error(400, "invalid_grant");
    app.verify(&by_user["access_token"]).problem(401, "token_revoked");
    app.execute("update users set disabled_at = 1");
    refresh(&app, &by_disabling).oauth_error(400, "invalid_grant");
    app.execute("update users set disabled_at = null");
    let going_on = refresh(&app, &by_disabling).ok();
    app.advance(14 * 86_400 + 100);
    for expired in [&idle, &going_on] {
        refresh(&app, expired).oauth_error(400, "invalid_grant");
    }
}

fn a_client_that_may_not_refresh_any_more_is_told_so(engine: Engine) {
    let (app, _, tokens) = start(engine);
    app.execute("update clients set grant_types = 'authorization_code' where id = 'notes'");
    app.follow_clients();
    app.advance(200);
    refresh(&app, &tokens).oauth_error(400, "unauthorized_client");
    assert_eq!(mark(&app), 0);
}

fn a_grant_goes_on_when_its_client_no_longer_skips_consent(engine: Engine) {
    let (app, browser, _) = start(engine);
    app.insert_client(&Registration { id: "own", skip_consent: true, ..NOTES });
    let tokens = app.granted(&browser, &Allowed { client: "own", scope: "openid", ..ALL });
    app.execute("update clients set skip_consent = false where id = 'own'");
    app.follow_clients();
    let mut token = tokens["refresh_token"].clone();
    for _ in 0..2 {
        app.advance(200);
        let next = app.refresh_of(As("own"), &token).ok()["refresh_token"].clone();
        assert!(next.is_string() && next != token, "{next}");
        token = next;
    }
}

fn a_grant_whose_audience_is_gone_waits_and_gets_no_token_for_another(engine: Engine) {
    let (app, _, tokens) = start(engine);
    let was = claims(&tokens["access_token"])["aud"].as_str().unwrap().to_owned();
    app.execute("update sessions set audience = 'https://gone.example' where client_id = 'notes'");
    app.execute("update clients set audiences = 'https://gone.example' where id = 'notes'");
    app.follow_clients();
    app.advance(200);
    refresh(&app, &tokens).oauth_error(400, "invalid_target");
    assert_eq!(mark(&app), 0, "the token is not spent");
    app.execute(&format!("update sessions set audience = '{was}' where client_id = 'notes'"));
    refresh(&app, &tokens).oauth_error(400, "invalid_target");
    app.execute("update clients set audiences = '', updated_at = updated_at + 1 where id = 'notes'");
    app.follow_clients();
    assert_eq!(claims(&refresh(&app, &tokens).ok()["access_token"])["aud"], was.as_str());
}

fn a_scope_that_is_taken_from_the_client_is_in_no_further_token(engine: Engine) {
    let (app, _, first) = start(engine);
    let set = |scopes: &str| {
        app.advance(200);
        let changed = format!("scopes = '{scopes}', updated_at = updated_at + 200");
        app.execute(&format!("update clients set {changed} where id = 'notes'"));
        app.follow_clients();
    };
    set("openid offline_access notes:read");
    refresh_with(&app, &first, &[("scope", "notes:write")]).oauth_error(400, "invalid_scope");
    assert_eq!(mark(&app), 0);
    let second = refresh(&app, &first).ok();
    assert_eq!(second["scope"], "openid offline_access notes:read");
    let access = claims(&second["access_token"]);
    assert_eq!((&access["scope"], &access["roles"]), (&second["scope"], &Value::Null));
    // What was granted is as it was.
    set(NOTES.scopes);
    assert_eq!(refresh(&app, &second).ok()["scope"], ALL.scope);
}

fn late_retries_mark_a_public_client_and_none_that_authenticates(engine: Engine) {
    let (app, browser, of_notes) = start(engine);
    let code = app.allow(&browser, &Allowed { client: "spa", ..ALL });
    let asked = crate::support::oauth::redemption(&code);
    let of_spa = app.post_form("/oauth/token", None, &[asked.as_slice(), &[("client_id", "spa")]].concat()).ok();
    let token = of_spa["refresh_token"].as_str().unwrap();
    let refresh_spa = || {
        let asked = [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", "spa")];
        app.post_form("/oauth/token", None, &asked).ok()
    };
    app.advance(200);
    refresh(&app, &of_notes).ok();
    refresh_spa();
    app.advance(30);
    refresh(&app, &of_notes).ok();
    refresh_spa();
    let marked =
        |client: &str| app.number(&format!("select coalesce(max(mark), 0) from sessions where client_id = '{client}'"));
    assert_eq!(marked("notes"), 0, "without the client's secret the token is of no use to a thief");
    assert_ne!(marked("spa"), 0);
}
