//! Two service processes on one database.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokensmith::internals::model::id::SessionId;
use tokensmith::internals::model::session::Session;
use tokensmith::internals::store::{Found, Moved};

use crate::support::process::{Serving, Tokensmith};
use crate::support::{Engine, PASSWORD, TestApp, postgres};
use crate::tokens_refresh::refresh_in_parallel;

both_engines!(
    sixty_four_parallel_refreshes_across_two_instances_are_one_rotation,
    two_instances_that_refresh_the_same_sessions_at_once_neither_fork_nor_wait_for_each_other,
    what_one_instance_denies_the_other_refuses_within_two_seconds,
    two_instances_that_start_on_nothing_agree_on_the_key_and_the_first_admin,
);

struct Two {
    _dir: TempDir,
    commands: [Tokensmith; 2],
    servers: [Serving; 2],
}

fn two(engine: Engine) -> Two {
    let dir = TempDir::new().unwrap();
    let url = engine.new_database(&dir);
    let keys = dir.path().join("keys").display().to_string();
    // No settle window: each round is a rotation.
    let command =
        || Tokensmith::new().env("DATABASE_URL", &url).env("KEYS_DIR", &keys).env("REFRESH_SETTLE_WINDOW", "0s");
    let commands = [command(), command()];
    let create = ["users", "create", "ada", "--role", "editor", "--password-stdin"];
    assert!(commands[0].run_with_input(&create, PASSWORD).success());
    let servers = [commands[0].serve(), commands[1].serve()];
    Two { _dir: dir, commands, servers }
}

fn sixty_four_parallel_refreshes_across_two_instances_are_one_rotation(engine: Engine) {
    let two = two(engine);
    let pair = two.servers[0].client().login("ada", PASSWORD).ok();
    let clients = (0..64).map(|i| two.servers[i % 2].client()).collect();
    let answers = refresh_in_parallel(clients, &pair["refresh_token"]);
    assert_eq!(answers.len(), 64);
    assert!(answers.iter().all(|answer| answer["refresh_token"] == answers[0]["refresh_token"]));
    assert!(answers.iter().all(|answer| answer["refresh_generation"] == 2));
}

/// Each round sends the live token of every session to both instances at the same time, so that their batches overlap in
/// every order, while one user's sessions are ended.
fn two_instances_that_refresh_the_same_sessions_at_once_neither_fork_nor_wait_for_each_other(engine: Engine) {
    let two = two(engine);
    let login = || two.servers[0].client().login("ada", PASSWORD).ok();
    let mut tokens: Vec<Value> = (0..12).map(|_| login()["refresh_token"].clone()).collect();
    for round in 2..6 {
        let ask = |token: &Value| {
            let send = |server: &Serving| {
                let (client, token) = (server.client(), token.clone());
                std::thread::spawn(move || client.refresh(&token).ok())
            };
            [send(&two.servers[0]), send(&two.servers[1])]
        };
        let asked: Vec<_> = tokens.iter().map(ask).collect();
        tokens = asked
            .into_iter()
            .map(|threads| {
                let [one, other] = threads.map(|thread| thread.join().unwrap());
                assert_eq!(one["refresh_token"], other["refresh_token"]);
                assert_eq!(one["refresh_generation"], round);
                one["refresh_token"].clone()
            })
            .collect();
    }
    let refreshing: Vec<_> = tokens
        .iter()
        .zip(two.servers.iter().cycle())
        .map(|(token, server)| {
            let (client, token) = (server.client(), token.clone());
            std::thread::spawn(move || client.refresh(&token))
        })
        .collect();
    assert!(two.commands[0].run(&["users", "disable", "ada"]).success());
    for answer in refreshing.into_iter().map(|thread| thread.join().unwrap()) {
        assert!(answer.status == 200 || answer.json()["code"] == "session_ended", "{answer:?}");
    }
    for token in &tokens {
        two.servers[1].client().refresh(token).problem(401, "session_ended");
    }
}

fn what_one_instance_denies_the_other_refuses_within_two_seconds(engine: Engine) {
    let two = two(engine);
    let clients = [two.servers[0].client(), two.servers[1].client()];
    let pair = clients[0].login("ada", PASSWORD).ok();
    assert_eq!(clients[1].me(&pair).status, 200);
    assert_eq!(clients[0].revoke(&pair["refresh_token"]).status, 204);
    clients[0].me(&pair).problem(401, "token_revoked");
    let denied_at = Instant::now();
    while clients[1].me(&pair).status == 200 {
        assert!(denied_at.elapsed() < Duration::from_secs(2), "the promised bound");
    }
    clients[1].me(&pair).problem(401, "token_revoked");
}

fn two_instances_that_start_on_nothing_agree_on_the_key_and_the_first_admin(engine: Engine) {
    let dir = TempDir::new().unwrap();
    let url = match engine {
        Engine::Sqlite => engine.new_database(&dir),
        Engine::Postgres => crate::support::postgres::new_empty_database(),
    };
    let keys = dir.path().join("keys").display().to_string();
    let starts = [0, 1].map(|_| {
        let command = Tokensmith::new().env("DATABASE_URL", &url).env("KEYS_DIR", &keys);
        std::thread::spawn(move || (command.serve(), command))
    });
    let mut servers = starts.map(|start| start.join().unwrap());
    let jwks = |server: &(Serving, Tokensmith)| server.0.client().get("/.well-known/jwks.json").body;
    assert_eq!(jwks(&servers[0]), jwks(&servers[1]));
    let shown = servers.each_mut().map(|(server, _)| {
        server.terminate();
        assert!(server.wait().success());
        server.printed.iter().filter(|line| line.contains("Password: in ")).count()
    });
    assert_eq!(shown.iter().sum::<usize>(), 1, "one admin, one password");
}

/// A change by another instance between this one's two statements.
#[test]
fn a_session_that_was_moved_since_it_was_read_stays_as_it_is() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    let [moved, ended, left] = ["ada", "bob", "eve"].map(|name| {
        app.create_user(name, &[]);
        app.login(name, PASSWORD).ok()["session_id"].as_str().unwrap().parse::<SessionId>().unwrap()
    });
    let rotate = |found: Vec<Found>| {
        let rotated = |(_, found): Found| {
            let session = found.unwrap().session;
            Moved { session: Session { denied_through: 1, ..session }, from: session, denial: None, events: Vec::new() }
        };
        app.execute(&format!(
            "update sessions set denied_through = 2 where id = '{moved}'; \
             update sessions set ended_at = 1, end_reason = 'logout' where id = '{ended}'"
        ));
        found.into_iter().map(rotated).collect()
    };
    let written = app.inside.store.compare_and_set(&[moved, ended, left], &[], rotate).unwrap();
    assert_eq!(written.sessions, HashSet::from([left]));
    let mark = |id| app.number(&format!("select denied_through from sessions where id = '{id}'"));
    assert_eq!([moved, ended, left].map(mark), [2, 0, 1]);
}

/// A grant begins in a browser's session between the reading and the end of that session.
#[test]
fn a_session_whose_grants_have_not_all_ended_is_judged_again() {
    if !postgres::is_available() {
        return;
    }
    let app = TestApp::start(Engine::Postgres);
    let [browser, grant, over] = ["ada", "bob", "eve"].map(|name| {
        app.create_user(name, &[]);
        let pair = app.login(name, PASSWORD).ok();
        if name == "eve" {
            app.revoke(&pair["refresh_token"]);
        }
        pair["session_id"].as_str().unwrap().parse::<SessionId>().unwrap()
    });
    // As that one has ended.
    let end_all = |found: Vec<Found>| {
        let sessions: Vec<Session> = found.into_iter().map(|(_, found)| found.unwrap().session).collect();
        let end = sessions.iter().find_map(|session| session.end);
        let live = sessions.into_iter().filter(|session| session.end.is_none());
        live.map(|from| Moved { session: Session { end, ..from }, from, denial: None, events: Vec::new() }).collect()
    };
    let begins = format!("update sessions set browser_session_id = '{browser}', scope = 'openid' where id = '{grant}'");
    let meanwhile = |found: Vec<Found>| {
        app.execute(&begins);
        end_all(found)
    };
    let written = app.inside.store.compare_and_set(&[browser, over], &[browser], meanwhile).unwrap();
    assert_eq!(written.sessions, HashSet::new(), "it has ended, and is not done with");
    assert_eq!(app.number("select count(*) from sessions where ended_at is not null"), 2);
    let again = app.inside.store.compare_and_set(&[browser, over], &[browser], end_all).unwrap();
    assert_eq!(again.sessions, HashSet::from([grant]));
}
