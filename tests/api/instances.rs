//! Two service processes on one database.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::process::{Serving, Tokensmith};
use crate::support::{Engine, PASSWORD};
use crate::tokens_refresh::refresh_in_parallel;

both_engines!(
    sixty_four_parallel_refreshes_across_two_instances_are_one_rotation,
    what_one_instance_denies_the_other_refuses_within_two_seconds,
    two_instances_that_start_on_nothing_agree_on_the_key_and_the_first_admin,
);

struct Two {
    _dir: TempDir,
    _commands: [Tokensmith; 2],
    servers: [Serving; 2],
}

fn two(engine: Engine) -> Two {
    let dir = TempDir::new().unwrap();
    let url = engine.new_database(&dir);
    let keys = dir.path().join("keys").display().to_string();
    let commands = [0, 1].map(|_| Tokensmith::new().env("DATABASE_URL", &url).env("KEYS_DIR", &keys));
    let create = ["users", "create", "ada", "--role", "admin", "--password-stdin"];
    assert!(commands[0].run_with_input(&create, PASSWORD).success());
    let servers = [commands[0].serve(), commands[1].serve()];
    Two { _dir: dir, _commands: commands, servers }
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
        server.printed.iter().filter(|line| line.contains("shown this once")).count()
    });
    assert_eq!(shown.iter().sum::<usize>(), 1, "one admin, one password");
}
