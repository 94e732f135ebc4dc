//! The command line: what an operator types and sees.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};

use serde_json::{Value, json};
use tokensmith::internals::config::Config;

use crate::support::ports::free_port;
use crate::support::process::{Finished, Tokensmith};
use crate::support::{Engine, PASSWORD};

both_engines!(
    accounts_are_created_listed_and_changed,
    accounts_are_found_by_a_part_of_their_names,
    changing_an_account_ends_its_sessions,
    sessions_are_shown_with_what_became_of_them_and_ended,
    api_tokens_are_shown_without_their_keys,
    an_account_is_deleted_unless_it_is_the_last_administrators,
    events_are_shown_newest_first,
);

fn on(engine: Engine) -> Tokensmith {
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    command.env("DATABASE_URL", &url)
}

/// One line on standard error and exit code 1.
#[track_caller]
pub fn fails_with(finished: &Finished, expected: &str) {
    assert_eq!(finished.status.code(), Some(1), "{}", finished.stderr);
    let message: Vec<&str> = finished.stderr.lines().filter(|line| !line.starts_with('{')).collect();
    assert_eq!(message.len(), 1, "{message:?}");
    assert!(message[0].starts_with("tokensmith: ") && message[0].contains(expected), "{message:?}");
}

fn accounts_are_created_listed_and_changed(engine: Engine) {
    let command = on(engine);
    let create =
        ["users", "create", "Ada", "--email", "ada@example.com", "--role", "b", "--role", "a", "--password-stdin"];
    let created = command.run_with_input(&create, &format!("{PASSWORD}\n"));
    assert!(created.success());
    assert!(created.stdout.starts_with("created ada ("), "{}", created.stdout);
    fails_with(&command.run_with_input(&create, PASSWORD), "this username is taken");
    let listed = |command: &Tokensmith| {
        let ada = command.list(&["users", "list"]).remove(0);
        (ada["username"].clone(), ada["email"].clone(), ada["roles"].clone(), ada["disabled_at"].is_null())
    };
    let expected = |roles: &[&str], active| (json!("ada"), json!("ada@example.com"), json!(roles), active);
    assert_eq!(listed(&command), expected(&["a", "b"], true));
    assert!(command.run(&["users", "set-roles", "ada", "c"]).success());
    assert!(command.run(&["users", "disable", "ADA"]).success());
    assert_eq!(listed(&command), expected(&["c"], false));
    assert!(command.run(&["users", "enable", "ada"]).success());
    fails_with(&command.run(&["users", "disable", "nobody"]), "there is no such user");
    let weak = ["users", "create", "bob", "--password-stdin"];
    fails_with(&command.run_with_input(&weak, "password1"), "password is too easy to guess");
    fails_with(&command.run_with_input(&weak, "short"), "at least 8 characters");
    let unasked = command.run(&["users", "create", "bob"]);
    assert_eq!(unasked.status.code(), Some(2));
    assert!(unasked.stderr.contains("--password-stdin"), "{}", unasked.stderr);
    let several = ["users", "create", "b b", "--email", "x", "--role", "y z", "--password-stdin"];
    let refused = command.run_with_input(&several, "");
    for field in ["username", "email", "roles", "password"] {
        fails_with(&refused, field);
    }
}

fn changing_an_account_ends_its_sessions(engine: Engine) {
    let command = on(engine);
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    for (roles, expected) in [(["editor"].as_slice(), "roles of ada: editor\n"), (&[], "roles of ada: (none)\n")] {
        assert_eq!(command.run(&[&["users", "set-roles", "ada"], roles].concat()).stdout, expected);
    }
    let serving = command.serve();
    let client = serving.client();
    let other = "a different long passphrase";
    let pair = client.login("ada", PASSWORD).ok();
    let set = command.run_with_input(&["users", "set-password", "ada", "--password-stdin"], other);
    assert!(set.stdout.contains("1 session ended"), "{}", set.stdout);
    assert_eq!(client.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "password_changed");
    client.login("ada", PASSWORD).problem(401, "bad_credentials");
    let pair = client.login("ada", other).ok();
    assert!(command.run(&["users", "disable", "ada"]).stdout.contains("1 session ended"));
    assert_eq!(client.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "user_disabled");
}

/// Its database has the user ada.
pub fn with_ada(engine: Engine) -> Tokensmith {
    let command = on(engine);
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    command
}

fn accounts_are_found_by_a_part_of_their_names(engine: Engine) {
    let command = with_ada(engine);
    let create = ["users", "create", "b_b", "--email", "bob@example.com", "--full-name", "Bob Byron"];
    assert!(command.run_with_input(&[create.as_slice(), &["--password-stdin"]].concat(), PASSWORD).success());
    for (text, expected) in [
        ("AD", ["ada"].as_slice()),
        ("example.com", &["b_b"]),
        ("byron", &["b_b"]),
        ("_", &["b_b"]),
        ("%", &[]),
        ("", &["ada", "b_b"]),
    ] {
        let found = command.list(&["users", "list", "--search", text]);
        assert_eq!(found.iter().map(|user| &user["username"]).collect::<Vec<_>>(), expected, "{text:?}");
    }
}

fn sessions_are_shown_with_what_became_of_them_and_ended(engine: Engine) {
    let command = with_ada(engine);
    let serving = command.serve();
    let client = serving.client();
    let left = client.login("ada", PASSWORD).ok();
    let body = json!({"username": "ada", "password": PASSWORD, "label": "my laptop"});
    let live = client.post("/v1/tokens", &body).ok();
    client.revoke(&left["refresh_token"]);
    let shown = command.list(&["users", "sessions", "Ada"]);
    assert_eq!(shown.len(), 2, "{shown:?}");
    let table = command.run(&["users", "sessions", "ada"]).stdout;
    let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    for (pair, state, why) in [(&left, "ended", "logout"), (&live, "live", "-")] {
        assert!(rows.contains(&vec![pair["session_id"].as_str().unwrap(), state, why]), "{table}");
    }
    let find = |pair: &Value| shown.iter().find(|session| pair["session_id"] == session["id"]).unwrap();
    assert_eq!(find(&left)["end_reason"], "logout");
    let (reason, ip, label) = (&find(&live)["end_reason"], &find(&live)["ip"], &find(&live)["label"]);
    assert_eq!((reason, ip, label), (&Value::Null, &json!("127.0.0.1"), &json!("my laptop")));
    let ended = command.run(&["users", "end-sessions", "ada"]);
    assert!(ended.success());
    assert_eq!(ended.stdout, "1 session of ada ended\n");
    assert_eq!(client.refresh(&live["refresh_token"]).problem(401, "session_ended")["reason"], "admin");
    client.login("ada", PASSWORD).ok();
    for args in [["users", "sessions", "bob"], ["users", "end-sessions", "bob"], ["users", "api-tokens", "bob"]] {
        fails_with(&command.run(&args), "there is no such user");
    }
}

fn api_tokens_are_shown_without_their_keys(engine: Engine) {
    let command = with_ada(engine);
    assert!(command.list(&["users", "api-tokens", "ada"]).is_empty());
    let serving = command.serve();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    let [kept, revoked] = ["nightly backup", "old"]
        .map(|name| client.ask_as("POST", "/v1/api-tokens", &pair, Some(&json!({"name": name}))).json());
    client.revoke(&revoked["key"]);
    let shown = command.run(&["users", "api-tokens", "ada"]).stdout;
    for (token, state) in [(&kept, "active   nightly backup"), (&revoked, "revoked  old")] {
        let line = format!("{}  {state}", token["id"].as_str().unwrap());
        assert!(shown.contains(&line), "{shown}");
    }
    assert!(!shown.contains("tks_"), "{shown}");
}

fn an_account_is_deleted_unless_it_is_the_last_administrators(engine: Engine) {
    let command = with_ada(engine);
    assert!(command.run(&["users", "set-roles", "ada", "admin"]).success());
    for args in [["delete", "ada", "--yes"].as_slice(), &["disable", "ada"], &["set-roles", "ada"]] {
        fails_with(&command.run(&[["users"].as_slice(), args].concat()), "the last active user with the role 'admin'");
    }
    assert!(command.run_with_input(&["users", "create", "bob", "--password-stdin"], PASSWORD).success());
    assert!(command.run(&["users", "set-roles", "bob", "admin"]).success());
    let serving = command.serve();
    let pair = serving.client().login("ada", PASSWORD).ok();
    let deleted = command.run(&["users", "delete", "ada", "--yes"]);
    assert!(deleted.success());
    assert_eq!(deleted.stdout, "deleted ada; 1 session ended\n");
    serving.client().refresh(&pair["refresh_token"]).problem(401, "session_unknown");
    serving.client().login("ada", PASSWORD).problem(401, "bad_credentials");
    fails_with(&command.run(&["users", "delete", "ada", "--yes"]), "there is no such user");
}

fn events_are_shown_newest_first(engine: Engine) {
    let command = with_ada(engine);
    assert!(command.run_with_input(&["users", "create", "bob", "--password-stdin"], PASSWORD).success());
    assert!(command.run(&["users", "set-roles", "ada", "poet"]).success());
    let serving = command.serve();
    let pair = serving.client().login("ada", PASSWORD).ok();
    let (id, sid) = (pair["user"]["id"].as_str().unwrap(), pair["session_id"].as_str().unwrap());
    let names = |args: &[&str]| {
        let shown = command.list(&[["audit"].as_slice(), args].concat());
        shown.iter().map(|event| event["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["login", "roles_changed", "user_created", "user_created"]);
    assert_eq!(names(&["--limit", "2"]), ["login", "roles_changed"]);
    assert_eq!(names(&["--user", "ADA"]), ["login", "roles_changed", "user_created"]);
    assert_eq!(names(&["--event", "user_created"]), ["user_created", "user_created"]);
    assert_eq!(names(&["--user", "bob", "--event", "login"]), Vec::<String>::new());
    let shown = command.list(&["audit", "--limit", "2"]);
    let of_ada = |event: &Value, actor: &str| {
        assert_eq!((&event["user_id"], &event["username"]), (&json!(id), &json!("ada")));
        assert_eq!(event["actor_username"].as_str().unwrap_or_default(), actor);
        [event["session_id"].clone(), event["ip"].clone(), event["detail"].clone()]
    };
    assert_eq!(of_ada(&shown[0], "ada"), [json!(sid), json!("127.0.0.1"), Value::Null]);
    assert_eq!(of_ada(&shown[1], ""), [Value::Null, Value::Null, json!("from [] to [poet]")]);
    assert!(command.run(&["users", "delete", "ada", "--yes"]).success());
    let gone = command.list(&["audit", "--limit", "1"]).remove(0);
    assert_eq!((&gone["name"], &gone["user_id"]), (&json!("user_deleted"), &json!(id)));
    assert_eq!(gone["username"], Value::Null, "the audit log holds only ids");
    fails_with(&command.run(&["audit", "--user", "nobody"]), "there is no such user");
}

#[test]
fn config_prints_what_is_in_force_and_hides_secrets() {
    let command = Tokensmith::new().env("DATABASE_URL", "postgres://app:hunter2@db/app").env("SESSION_LIFETIME", "30d");
    let printed = command.run(&["config"]);
    assert!(printed.success());
    assert!(printed.stdout.contains("SESSION_LIFETIME=30d\n"));
    assert!(printed.stdout.contains("DATABASE_URL=postgres://app:***@db/app\n"));
    assert!(!printed.stdout.contains("hunter2"));
    let json = command.run(&["config", "--json"]).stdout;
    assert!(!json.contains("hunter2"));
    let json: Value = serde_json::from_str(&json).unwrap();
    for line in printed.stdout.lines() {
        let (name, value) = line.split_once('=').unwrap();
        assert_eq!(json[name], value);
    }
}

#[test]
fn a_filter_of_the_log_that_means_nothing_stops_the_start() {
    let command = Tokensmith::new().env("RUST_LOG", "verbose");
    for args in [["serve"].as_slice(), &["config"]] {
        let finished = command.run(args);
        assert_eq!(finished.status.code(), Some(1));
        assert!(finished.stderr.contains("RUST_LOG: expected off, error, warn"), "{}", finished.stderr);
    }
}

#[test]
fn config_exits_with_1_and_every_problem() {
    let command = Tokensmith::new().env("SIGNING_ALG", "none").env("REFRESH_RETRY_WINDOW", "10m");
    for args in [["config"].as_slice(), &["serve"], &["users", "list"], &[]] {
        let finished = command.run(args);
        assert_eq!(finished.status.code(), Some(1));
        assert!(finished.stderr.contains("SIGNING_ALG: expected ES256, EdDSA or RS256"), "{}", finished.stderr);
        assert!(finished.stderr.contains("REFRESH_RETRY_WINDOW: must be shorter than ACCESS_TOKEN_LIFETIME (5m)"));
    }
}

#[test]
fn wrong_usage_is_exit_code_2_and_help_is_0() {
    let command = Tokensmith::new();
    assert_eq!(command.run(&["frobnicate"]).status.code(), Some(2));
    assert_eq!(command.run(&["users", "create"]).status.code(), Some(2));
    assert_eq!(command.run(&["keys", "rotate", "--alg", "HS256"]).status.code(), Some(2));
    // Every 64th kid begins like an option.
    assert_eq!(command.run(&["keys", "rotate", "--emergency", "--yes", "--kid", "-abc"]).status.code(), Some(1));
    let help = command.run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for word in ["serve", "migrate", "users", "keys", "purge", "config"] {
        assert!(help.stdout.contains(word), "{word}");
    }
}

#[test]
fn a_password_is_never_an_argument() {
    let command = Tokensmith::new();
    assert_eq!(command.run(&["users", "create", "ada", "--password", PASSWORD]).status.code(), Some(2));
}

#[test]
fn keys_are_made_for_their_owner_only_and_listed() {
    let command = Tokensmith::new().env("AUDIENCE", "one, two EdDSA, three RS256");
    let rotate = |alg: &str| command.run(&["keys", "rotate", "--alg", alg]).stdout;
    let made = ["ES256", "ES256", "EdDSA", "RS256"].map(rotate);
    for made in &made {
        let path = made.lines().find_map(|line| line.strip_prefix("made ")).unwrap();
        let path = command.dir.path().join(path);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&path).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    }
    let listed = command.list(&["keys", "list"]);
    let text = |key: &Value, member: &str| key[member].as_str().unwrap().to_owned();
    let mut states: Vec<_> = listed.iter().map(|key| text(key, "state") + " " + &text(key, "alg")).collect();
    states.sort();
    assert_eq!(states, ["active ES256", "active EdDSA", "active RS256", "next ES256"], "{listed:?}");
    let serving = command.serve();
    let keys = serving.client().get("/.well-known/jwks.json").ok()["keys"].as_array().unwrap().len();
    assert_eq!(keys, 4, "all are published");
}

fn write_key(command: &Tokensmith, name: &str, content: &str, mode: u32) {
    let dir = command.dir.path().join("keys");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join(name), content).unwrap();
    fs::set_permissions(dir.join(name), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_key_that_others_can_read_or_that_is_weak_or_malformed_stops_the_start() {
    let good = Tokensmith::new();
    let made = good.run(&["keys", "rotate"]).stdout;
    let made = made.lines().find_map(|line| line.strip_prefix("made ")).unwrap();
    let pem = fs::read_to_string(good.dir.path().join(made)).unwrap();
    let command = Tokensmith::new();
    write_key(&command, "shared.pem", &pem, 0o644);
    fails_with(
        &command.run(&["serve"]),
        "shared.pem: other users can read this private key (mode 644); run: chmod 600",
    );

    let weak: Pkcs8V1Der<'_> = KeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
    let command = Tokensmith::new();
    write_key(&command, "weak.pem", &pem::encode(&pem::Pem::new("PRIVATE KEY", weak.as_ref())), 0o600);
    fails_with(&command.run(&["serve"]), "weak.pem: it is an RSA key of 2048 bits; at least 3072 are needed");

    for (content, why) in [
        ("garbage", "not a PEM file"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a PKCS#8 private key for"),
    ] {
        let command = Tokensmith::new();
        write_key(&command, "broken.pem", content, 0o600);
        fails_with(&command.run(&["serve"]), why);
    }

    let command = Tokensmith::new();
    write_key(&command, "one.pem", &pem, 0o600);
    write_key(&command, "two.pem", &pem, 0o600);
    fails_with(&command.run(&["serve"]), "two.pem: the same key as keys/one.pem; remove one of the two");
}

#[test]
fn what_cannot_be_opened_is_one_clear_line() {
    let unwritable = Tokensmith::new().env("DATABASE_URL", "sqlite:///proc/tokensmith/x.db");
    fails_with(&unwritable.run(&["serve"]), "database sqlite:///proc/tokensmith/x.db: /proc/tokensmith");

    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = free_port();
    let refused = Tokensmith::new().env("DATABASE_URL", &format!("postgres://app:hunter2@127.0.0.1:{closed}/app"));
    let finished = refused.run(&["serve"]);
    fails_with(&finished, "Connection refused");
    assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);

    let taken = port.local_addr().unwrap().to_string();
    let command = Tokensmith::new().env("LISTEN", &taken);
    fails_with(&command.run(&["serve"]), &format!("LISTEN {taken}: Address already in use"));
    assert!(command.list(&["users", "list"]).is_empty(), "no account whose password nobody saw");
}

#[test]
fn a_database_path_that_is_a_folder_is_one_clear_line() {
    let command = Tokensmith::new();
    let path = command.dir.path().join("folder.db");
    fs::create_dir(&path).unwrap();
    let command = command.env("DATABASE_URL", &format!("sqlite://{}", path.display()));
    fails_with(&command.run(&["migrate"]), "folder.db: Is a directory");
}

#[test]
fn purge_and_migrate_say_what_they_did() {
    let command = Tokensmith::new();
    assert!(command.run(&["migrate"]).stdout.contains("sqlite://data/tokensmith.db is up to date"));
    assert_eq!(command.run(&["purge"]).stdout, "deleted 0 denials, 0 sessions, 0 API tokens and 0 events\n");
}

#[test]
fn the_env_example_is_what_the_command_prints() {
    let printed = Tokensmith::new().run(&["config", "--env-example"]).stdout;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example");
    let hint = "run: cargo run -- config --env-example > .env.example";
    assert_eq!(fs::read_to_string(file).unwrap(), printed, "{hint}");
}

#[test]
fn a_new_database_file_is_for_its_owner_only() {
    let command = Tokensmith::new();
    assert!(command.run(&["migrate"]).success());
    for entry in fs::read_dir(command.dir.path().join("data")).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn hash_calibrate_prints_settings_that_are_valid_and_as_costly_as_was_asked_for() {
    let command = Tokensmith::new();
    let found = command.run(&["hash", "calibrate", "--milliseconds", "60"]);
    assert!(found.success());
    let settings: Vec<(&str, &str)> = found.stdout.lines().filter_map(|line| line.split_once('=')).collect();
    let find = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let config = Config::from_lookup(find).unwrap();
    assert!(config.argon2.iterations >= 2 && config.argon2.memory_kib >= 19_456, "{settings:?}");
    assert_eq!(settings.len(), 2);
    let said = found.stdout.split_once("takes ").and_then(|(_, rest)| rest.split_once(" ms"));
    let milliseconds: f64 = said.unwrap().0.parse().unwrap();
    assert!(milliseconds <= 60.0 || found.stdout.contains("the smallest allowed settings"), "{}", found.stdout);
    assert_eq!(command.run(&["hash", "calibrate", "--milliseconds", "0"]).status.code(), Some(2));
}
