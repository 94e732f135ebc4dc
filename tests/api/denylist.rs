//! The denylist, and when its entries are deleted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tempfile::TempDir;
use tokensmith::internals::clock::{Clock as _, Seconds};
use tokensmith::internals::model::audit::Origin;
use tokensmith::internals::service::{purge, users};

use crate::support::{Engine, PASSWORD, TestApp};
use crate::verifier::payload;

both_engines!(
    a_denial_outlives_every_token_that_it_denies_and_is_then_deleted,
    an_instance_whose_clock_is_ahead_for_a_while_deletes_nothing_that_others_need,
    a_denial_lasts_as_long_as_the_tokens_were_issued_for_whoever_writes_it,
    a_session_that_lapsed_is_recorded_with_its_reason,
    ended_sessions_are_deleted_after_the_retention_and_live_ones_stay,
    a_purge_of_many_batches_deletes_exactly_what_has_expired,
    a_denial_of_another_instance_is_taken_up_from_the_table,
    a_clock_that_was_ahead_for_a_moment_deletes_no_denial,
    after_a_clock_that_was_ahead_new_readers_of_the_feed_still_learn_every_denial,
    instances_that_deny_the_same_token_agree_on_the_time,
);

fn a_clock_that_was_ahead_for_a_moment_deletes_no_denial(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.revoke(&pair["refresh_token"]);
    // Expired entries are deleted in small steps.
    for _ in 0..100 {
        app.inside.denylist.follow(&app.inside.store, app.clock.now() + Seconds(86_400)).unwrap();
    }
    app.advance(70);
    app.inside.denylist.follow(&app.inside.store, app.clock.now()).unwrap();
    app.me(&pair).problem(401, "token_revoked");
}

fn after_a_clock_that_was_ahead_new_readers_of_the_feed_still_learn_every_denial(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.revoke(&pair["refresh_token"]);
    // In one round only a part of the expired entries is deleted.
    for ahead in [86_400, 0] {
        app.inside.denylist.follow(&app.inside.store, app.clock.now() + Seconds(ahead)).unwrap();
    }
    app.me(&pair).problem(401, "token_revoked");
    assert_eq!(denied(&app, "")[0]["sid"], pair["session_id"]);
}

/// Readers that change the instance go on by time.
fn instances_that_deny_the_same_token_agree_on_the_time(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let other = app.another_instance(3, &[]);
    for instance in [&app, &other] {
        assert_eq!(instance.revoke(&pair["access_token"]).status, 204);
    }
    for (since, count) in [(app.clock.now(), 1), (app.clock.now() + Seconds(1), 0)] {
        let since = format!("?since={:x}", since.0);
        for instance in [&app, &other] {
            assert_eq!(denied(instance, &since).as_array().unwrap().len(), count, "{since}");
        }
    }
    assert_eq!(app.number("select count(*) from audit_events where name = 'access_token_revoked'"), 1);
}

/// What the feed tells.
fn denied(app: &TestApp, query: &str) -> Value {
    payload(&app.get(&format!("/.well-known/denylist{query}")))["denied"].clone()
}

fn a_denial_outlives_every_token_that_it_denies_and_is_then_deleted(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.revoke(&pair["refresh_token"]);
    app.advance(299);
    app.me(&pair).problem(401, "token_revoked");
    app.advance(1);
    app.me(&pair).problem(401, "token_expired");
    // The retry window, in which one more could have been issued, and a margin for clocks and the leeway of verifiers.
    app.advance(90 + 60);
    // And one for a clock that is far ahead.
    app.advance(86_400 - 1);
    assert_eq!(purge::denials(&app.inside).unwrap(), 0);
    app.advance(1);
    assert_eq!(purge::denials(&app.inside).unwrap(), 1);
    assert_eq!(app.number("select count(*) from denylist"), 0);
    assert_eq!(app.number("select count(*) from sessions"), 1, "why it ended is still known");
}

fn an_instance_whose_clock_is_ahead_for_a_while_deletes_nothing_that_others_need(engine: Engine) {
    let app = TestApp::start_with(engine, &[("SESSION_RETENTION", "0s")]);
    let pair = app.logged_in("ada");
    let other = app.login("ada", PASSWORD).ok();
    let body = serde_json::json!({"name": "backup", "expires_in": 600});
    let made = app.ask_as("POST", "/v1/api-tokens", &other, Some(&body)).json();
    app.revoke(&pair["refresh_token"]);
    for ahead in [3_600, 86_400] {
        purge::all(&app.another_instance(ahead, &[("SESSION_RETENTION", "0s")]).inside).unwrap();
        // One that knows no more than the database.
        let late = app.another_instance(0, &[]);
        late.me(&pair).problem(401, "token_revoked");
        late.refresh(&other["refresh_token"]).ok();
        let key = format!("Token {}", made["key"].as_str().unwrap());
        late.ask("GET", "/v1/me", &key, None).ok();
    }
}

fn a_denial_lasts_as_long_as_the_tokens_were_issued_for_whoever_writes_it(engine: Engine) {
    let app = TestApp::start_with(engine, &[("ACCESS_TOKEN_LIFETIME", "1h")]);
    let pair = app.logged_in("ada");
    // An operator's command or another instance, with another lifetime in its settings.
    let other = TestApp::start_on(TempDir::new().unwrap(), app.database_url.clone(), &[]);
    let id = pair["user"]["id"].as_str().unwrap().parse().unwrap();
    users::disable(&other.inside, id, &Origin::default()).unwrap();
    app.inside.denylist.follow(&app.inside.store, app.clock.now()).unwrap();
    app.advance(3_599);
    purge::all(&app.inside).unwrap();
    app.inside.denylist.follow(&app.inside.store, app.clock.now()).unwrap();
    app.me(&pair).problem(401, "token_revoked");
}

fn a_session_that_lapsed_is_recorded_with_its_reason(engine: Engine) {
    let app = TestApp::start(engine);
    app.logged_in("ada");
    let mut kept = app.login("ada", PASSWORD).ok();
    for _ in 0..7 {
        app.advance(13 * 86_400);
        let answer = app.refresh(&kept["refresh_token"]);
        if answer.status == 200 {
            kept = answer.json();
        }
        purge::all(&app.inside).unwrap();
        if app.number("select count(*) from sessions where end_reason = 'idle'") == 1 {
            assert_eq!(app.number("select min(ended_at) from sessions"), 1_800_000_000 + 14 * 86_400);
            app.execute("delete from sessions where end_reason = 'idle'");
        }
    }
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'absolute_end'"), 1);
    assert_eq!(app.number("select ended_at from sessions"), 1_800_000_000 + 90 * 86_400);
}

fn ended_sessions_are_deleted_after_the_retention_and_live_ones_stay(engine: Engine) {
    let app = TestApp::start(engine);
    let ended = app.logged_in("ada");
    let mut live = app.login("ada", PASSWORD).ok();
    app.revoke(&ended["refresh_token"]);
    let _idle = app.login("ada", PASSWORD).ok();
    for (days, left) in [(13, 3), (13, 3), (3, 3), (1, 2), (13, 2), (1, 1), (13, 1)] {
        app.advance(days * 86_400);
        live = app.refresh(&live["refresh_token"]).ok();
        purge::all(&app.inside).unwrap();
        assert_eq!(app.number("select count(*) from sessions"), left, "{days} days later");
    }
    app.refresh(&ended["refresh_token"]).problem(401, "token_expired");
}

fn a_purge_of_many_batches_deletes_exactly_what_has_expired(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let (hex, id, series) = match engine {
        Engine::Sqlite => (
            "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1800)",
            "unhex(printf('%032x', i * 7))",
            "n",
        ),
        Engine::Postgres => ("", "lpad(to_hex(i * 7), 32, '0')::uuid", "generate_series(1, 1800) as s(i)"),
    };
    // Two in three ended long ago; the others live.
    app.execute(&format!(
        "insert into sessions (id, user_id, created_at, expires_at, denied_through, rotated_at, refresh_expires_at, \
         access_expires_by, ended_at, end_reason) {hex} select {id}, (select id from users), 0, 2000000000, 0, 0, 2000000000, 300, \
         case when i % 3 = 0 then null else 5 end, case when i % 3 = 0 then null else 'logout' end from {series}"
    ));
    app.execute(&format!(
        "insert into denylist (subject, kind, denied_at, expires_at) {hex} \
         select {id}, 'sid', 0, case when i % 3 = 0 then 1799913601 else 1799913600 end from {series}"
    ));
    let purged = purge::all(&app.inside).unwrap();
    assert_eq!((purged.sessions, purged.denials), (1_200, 1_200));
    assert_eq!(app.number("select count(*) from sessions where ended_at is null"), 601);
    assert_eq!(app.number("select count(*) from denylist"), 600);
    app.refresh(&pair["refresh_token"]).ok();
}

fn a_denial_of_another_instance_is_taken_up_from_the_table(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let follow = || app.inside.denylist.follow(&app.inside.store, app.clock.now()).unwrap();
    follow();
    // Committed now by an instance whose clock is a minute slow, after a quarter of a minute.
    app.execute(
        "insert into denylist (subject, kind, denied_at, expires_at) \
         select id, 'sid', 1799999925, 1800000285 from sessions",
    );
    assert_eq!(app.me(&pair).status, 200);
    follow();
    app.me(&pair).problem(401, "token_revoked");
}

/// Verifiers from before the denylist had its own audience expect the issuer there. For all others that response has
/// expired, so that it is not accepted as an access token.
#[test]
fn an_earlier_verifier_gets_an_answer_that_only_it_accepts() {
    let app = TestApp::start(Engine::Sqlite);
    let now = app.clock.now().0;
    let asked_by = |agent: &str| {
        let answer = app.send("GET", "/.well-known/denylist?wait=0", &[("user-agent", agent)], b"");
        let payload = URL_SAFE_NO_PAD.decode(answer.body.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        (claims["aud"].as_str().unwrap().to_owned(), claims["exp"].as_i64().unwrap() - now)
    };
    let (issuer, own) = ("http://127.0.0.1:8080".to_owned(), "http://127.0.0.1:8080/.well-known/denylist".to_owned());
    for agent in ["ureq/3.5.1", "ureq/3.1.0"] {
        // It accepts an answer for a minute longer.
        assert_eq!(asked_by(agent), (issuer.clone(), 30 - 60), "{agent}");
    }
    for agent in ["", "tokensmith-verifier/0.1.0", "python-requests/2.31", "curl/8 ureq/3"] {
        assert_eq!(asked_by(agent), (own.clone(), 60), "{agent}");
    }
}
