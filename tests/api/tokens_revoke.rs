//! `POST /v1/tokens/revoke`.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Barrier;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokensmith::internals::clock::Clock as _;
use tokensmith::internals::metrics::Present;
use tokensmith::internals::service::keys;

use crate::support::forgetful::Forgetful;
use crate::support::{Answer, Engine, PASSWORD, TestApp, pooler, postgres};

both_engines!(
    a_refresh_token_ends_its_session_and_no_other,
    an_access_token_is_denied_alone,
    a_token_that_means_nothing_is_answered_with_204,
    revoking_twice_is_the_same_as_once,
    refreshes_and_ends_of_the_same_sessions_at_once_leave_each_ended_once,
    access_tokens_that_are_revoked_at_once_and_twice_are_each_denied_and_recorded_once,
    an_end_that_cannot_be_written_is_an_error_and_ends_nothing,
    a_token_is_revoked_whatever_it_was_pasted_with,
    a_token_is_revoked_whatever_its_times_and_the_settings_of_today_say,
    a_token_of_a_key_that_another_instance_has_just_made_is_revoked,
);

fn a_refresh_token_ends_its_session_and_no_other(engine: Engine) {
    let app = TestApp::start(engine);
    let phone = app.logged_in("ada");
    let laptop = app.login("ada", PASSWORD).ok();
    let answer = app.revoke(&phone["refresh_token"]);
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    app.me(&phone).problem(401, "token_revoked");
    assert_eq!(app.refresh(&phone["refresh_token"]).problem(401, "session_ended")["reason"], "logout");
    assert_eq!(app.me(&laptop).status, 200);
    app.refresh(&laptop["refresh_token"]).ok();
    assert_eq!(app.number("select count(*) from sessions where end_reason = 'logout'"), 1);
}

fn an_access_token_is_denied_alone(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    assert_eq!(app.revoke(&pair["access_token"]).status, 204);
    app.me(&pair).problem(401, "token_revoked");
    let next = app.refresh(&pair["refresh_token"]).ok();
    assert_eq!(app.me(&next).status, 200, "the session goes on");
    assert_eq!(app.number("select count(*) from denylist where kind = 'jti' and expires_at = 1800000360"), 1);
}

fn a_token_that_means_nothing_is_answered_with_204(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    let tampered = format!("{}A", pair["refresh_token"].as_str().unwrap());
    for token in ["", "garbage", "a.b.c", &tampered] {
        assert_eq!(app.revoke(&Value::from(token)).status, 204, "{token:?}");
    }
    app.advance(360);
    assert_eq!(app.revoke(&pair["access_token"]).status, 204, "expired by every clock");
    assert_eq!(app.number("select count(*) from denylist"), 0);
    app.refresh(&pair["refresh_token"]).ok();
}

fn a_token_is_revoked_whatever_it_was_pasted_with(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let sessions = || app.number("select count(*) from sessions where end_reason = 'logout'");
    let jtis = || app.number("select count(*) from denylist where kind = 'jti'");
    let keys = || app.number("select count(*) from api_tokens where revoked_at is not null");
    let around = |[before, after]: [&str; 2], token: &Value| format!("{before}{}{after}", token.as_str().unwrap());
    for form in [
        ["", "\n"],
        [" ", ""],
        ["\t\r\n ", " \r\n"],
        ["Bearer ", ""],
        ["bearer  ", "\n"],
        [" BEARER\t", ""],
        ["Token ", ""],
        ["tOkEn ", " "],
        ["DPoP ", ""],
        ["Bearer: ", ""],
        ["authorization: Bearer ", "\r\n"],
        ["\"", "\","],
        ["'", "';"],
        ["<", ">"],
        ["\u{feff}", "\0"],
        ["\u{200b}", "\u{200b}"],
        ["refresh_token=", "&x=y"],
        ["%20", "="],
    ] {
        let pair = app.login("ada", PASSWORD).ok();
        let made = app.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": "x"}))).json();
        let before = [sessions(), jtis(), keys()];
        for token in [&pair["access_token"], &made["key"], &pair["refresh_token"]] {
            assert_eq!(app.revoke(&around(form, token).into()).status, 204);
        }
        assert_eq!([sessions(), jtis(), keys()], before.map(|count| count + 1), "{form:?}");
        app.refresh(&pair["refresh_token"]).problem(401, "session_ended");
    }
}

fn a_token_is_revoked_whatever_its_times_and_the_settings_of_today_say(engine: Engine) {
    let api = "https://api.example.com";
    let app = TestApp::start_with(engine, &[("AUDIENCE", api)]);
    app.create_user("ada", &[]);
    let renamed = [("ISSUER", "https://id.example.com"), ("AUDIENCE", "https://other.example.com")];
    // Behind; and ahead, so that the token seems to have expired just now.
    for (ahead, settings) in
        [(-30, &[("AUDIENCE", api)][..]), (-60, &[("AUDIENCE", api)]), (359, &[("AUDIENCE", api)]), (0, &renamed)]
    {
        let other = app.another_instance(ahead, settings);
        let (first, second) = (app.login("ada", PASSWORD).ok(), app.login("ada", PASSWORD).ok());
        assert_eq!(other.revoke(&first["access_token"]).status, 204);
        assert_eq!(other.revoke(&second["refresh_token"]).status, 204);
        app.follow_denylist();
        app.me(&first).problem(401, "token_revoked");
        app.me(&second).problem(401, "token_revoked");
        assert_eq!(app.refresh(&second["refresh_token"]).problem(401, "session_ended")["reason"], "logout", "{ahead}");
        app.refresh(&first["refresh_token"]).ok();
    }
    // A clock that was set back by a day.
    let pair = app.login("ada", PASSWORD).ok();
    app.advance(-86_400);
    app.me(&pair).problem(401, "token_not_yet_valid");
    assert_eq!(app.revoke(&pair["access_token"]).status, 204);
    app.me(&app.refresh(&pair["refresh_token"]).ok()).ok();
    app.advance(86_400);
    app.me(&pair).problem(401, "token_revoked");
    // A refresh token that has expired long ago still ends its session.
    let pair = app.login("ada", PASSWORD).ok();
    app.advance(15 * 86_400);
    app.refresh(&pair["refresh_token"]).problem(401, "token_expired");
    assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    let id = pair["session_id"].as_str().unwrap();
    assert_eq!(
        app.number(&format!("select count(*) from sessions where id = {} and end_reason = 'logout'", uuid(engine, id))),
        1
    );
}

/// As a literal.
fn uuid(engine: Engine, id: &str) -> String {
    match engine {
        Engine::Sqlite => format!("x'{}'", id.replace('-', "")),
        Engine::Postgres => format!("'{id}'"),
    }
}

/// The other instance does what follows an emergency: no key was published before it signed.
fn a_token_of_a_key_that_another_instance_has_just_made_is_revoked(engine: Engine) {
    let app = TestApp::start(engine);
    app.create_user("ada", &[]);
    let other = app.another_instance(0, &[]);
    let from_a_new_key = || {
        keys::drop_leaked(&other.inside.keys, "ES256".parse().unwrap(), None, other.clock.now()).unwrap();
        other.login("ada", PASSWORD).ok()
    };
    let pair = from_a_new_key();
    assert_eq!(app.revoke(&pair["access_token"]).status, 204);
    app.me(&pair).problem(401, "token_revoked");
    let pair = from_a_new_key();
    assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    app.refresh(&pair["refresh_token"]).problem(401, "session_ended");
    // Verification reads the folder again.
    assert_eq!(app.verify(&from_a_new_key()["access_token"]).ok()["kind"], "access_token");
    assert_eq!(app.verify(&from_a_new_key()["refresh_token"]).ok()["kind"], "refresh_token");
    assert_eq!(app.me(&from_a_new_key()).status, 200);
    app.refresh(&from_a_new_key()["refresh_token"]).ok();
    let pair = from_a_new_key();
    assert_eq!(app.ask_as("POST", "/v1/logout", &pair, None).status, 204);
    assert_eq!(app.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "logout");

    // Without the folder it cannot be told whether there is such a key.
    let pair = from_a_new_key();
    let (folder, away) = (app.keys_dir(), app.keys_dir().with_extension("away"));
    std::fs::rename(&folder, &away).unwrap();
    for answer in
        [app.revoke(&pair["refresh_token"]), app.refresh(&pair["refresh_token"]), app.verify(&pair["access_token"])]
    {
        answer.problem(503, "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(app.revoke(&"garbage".into()).status, 204, "no token by its form");
    std::fs::rename(&away, &folder).unwrap();
    assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    app.refresh(&pair["refresh_token"]).problem(401, "session_ended");

    // Nor without a key that this service may not read, as when another user has made it.
    let pair = from_a_new_key();
    let set = |mode| {
        for key in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            std::fs::set_permissions(key, Permissions::from_mode(mode)).unwrap();
        }
    };
    set(0o644);
    for _ in 0..2 {
        app.revoke(&pair["refresh_token"]).problem(503, "overloaded");
    }
    set(0o600);
    assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    app.refresh(&pair["refresh_token"]).problem(401, "session_ended");
}

fn revoking_twice_is_the_same_as_once(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    for _ in 0..2 {
        assert_eq!(app.revoke(&pair["access_token"]).status, 204);
        assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    }
    assert_eq!(app.number("select count(*) from denylist"), 2);
}

/// All at once, so that they share batches: each session is refreshed, revoked and logged out of by several clients.
fn refreshes_and_ends_of_the_same_sessions_at_once_leave_each_ended_once(engine: Engine) {
    const SESSIONS: usize = 24;
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    let rest = (1..SESSIONS).map(|_| app.login("ada", PASSWORD).ok());
    let pairs: Vec<Value> = std::iter::once(first).chain(rest).collect();
    let start = Barrier::new(SESSIONS * 4);
    let refreshed: Vec<Answer> = std::thread::scope(|scope| {
        let at_once: Vec<_> = pairs
            .iter()
            .flat_map(|pair| (0..4).map(move |kind| (pair, kind)))
            .map(|(pair, kind)| {
                let (start, client) = (&start, app.another_client());
                scope.spawn(move || {
                    start.wait();
                    match kind {
                        0 => assert_eq!(client.revoke(&pair["refresh_token"]).status, 204),
                        // It may find that its token is revoked already.
                        1 => assert!([204, 401].contains(&client.ask_as("POST", "/v1/logout", pair, None).status)),
                        _ => return Some(client.refresh(&pair["refresh_token"])),
                    }
                    None
                })
            })
            .collect();
        at_once.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
    });
    for answer in refreshed {
        if answer.status == 200 {
            let pair = answer.ok();
            app.me(&pair).problem(401, "token_revoked");
            app.refresh(&pair["refresh_token"]).problem(401, "session_ended");
        } else {
            assert_eq!(answer.problem(401, "session_ended")["reason"], "logout");
        }
    }
    let all = i64::try_from(SESSIONS).unwrap();
    for each in [
        "sessions where end_reason = 'logout' and denied_through <= 1",
        "denylist where kind = 'sid' and subject in (select id from sessions)",
        "audit_events where name = 'logout' and session_id in (select id from sessions) and ip is not null",
    ] {
        assert_eq!(app.number(&format!("select count(*) from {each}")), all, "{each}");
    }
}

fn access_tokens_that_are_revoked_at_once_and_twice_are_each_denied_and_recorded_once(engine: Engine) {
    const TOKENS: usize = 24;
    let app = TestApp::start(engine);
    let first = app.logged_in("ada");
    let rest = (1..TOKENS).map(|_| app.login("ada", PASSWORD).ok());
    let pairs: Vec<Value> = std::iter::once(first).chain(rest).collect();
    let start = Barrier::new(TOKENS * 3);
    std::thread::scope(|scope| {
        for (pair, kind) in pairs.iter().flat_map(|pair| (0..3).map(move |kind| (pair, kind))) {
            let (start, client) = (&start, app.another_client());
            scope.spawn(move || {
                start.wait();
                match kind {
                    0 => _ = client.refresh(&pair["refresh_token"]).ok(),
                    _ => assert_eq!(client.revoke(&pair["access_token"]).status, 204),
                }
            });
        }
    });
    for pair in &pairs {
        app.me(pair).problem(401, "token_revoked");
    }
    let all = i64::try_from(TOKENS).unwrap();
    for each in [
        "sessions where ended_at is null and denied_through = 1",
        "denylist where kind = 'jti' and expires_at = 1800000360",
        "audit_events where name = 'access_token_revoked' and session_id in (select id from sessions) and ip is not null",
    ] {
        assert_eq!(app.number(&format!("select count(*) from {each}")), all, "{each}");
    }
}

/// The statement is sent again, and finds the token denied.
#[test]
fn a_revocation_whose_response_the_database_could_not_deliver_is_recorded_and_reported_once() {
    if !postgres::is_available() {
        return;
    }
    let url = postgres::new_database();
    let forgetful = Forgetful::before(pooler::port_of(&url));
    let url = pooler::at_port(&url, forgetful.port);
    // Through a pooler it is a transaction of several statements, which is not sent again.
    let vars = [("DATABASE_URL", url.as_str()), ("DATABASE_POOLER", "none")];
    let app = TestApp::start_on(TempDir::new().unwrap(), url.clone(), &vars);
    let pair = app.logged_in("ada");
    forgetful.cut_at(b"SELECT 1\0");
    assert_eq!(app.revoke(&pair["access_token"]).status, 204);
    assert!(forgetful.has_cut());
    app.me(&pair).problem(401, "token_revoked");
    assert_eq!(app.number("select count(*) from audit_events where name = 'access_token_revoked'"), 1);
    let metrics = app.inside.metrics.encode(Present::default()).unwrap();
    assert!(metrics.contains("security_events_total{name=\"access_token_revoked\"} 1\n"), "{metrics}");
}

fn an_end_that_cannot_be_written_is_an_error_and_ends_nothing(engine: Engine) {
    let app = TestApp::start(engine);
    let pair = app.logged_in("ada");
    app.execute("alter table denylist rename to away");
    app.revoke(&pair["refresh_token"]).problem(500, "internal_error");
    assert_eq!(app.me(&pair).status, 200);
    let ended = "select count(*) from sessions where ended_at is not null";
    assert_eq!((app.number(ended), app.number("select count(*) from audit_events where name = 'logout'")), (0, 0));
    app.execute("alter table away rename to denylist");
    assert_eq!(app.revoke(&pair["refresh_token"]).status, 204);
    app.me(&pair).problem(401, "token_revoked");
    assert_eq!(app.number(ended), 1);
}
