//! The command line: what an operator types and sees.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};

use tokensmith::config::Config;

use crate::support::process::{Finished, Tokensmith};
use crate::support::{Engine, PASSWORD};

both_engines!(
    accounts_are_created_listed_and_changed,
    accounts_are_found_by_a_part_of_what_they_are_called,
    changing_an_account_ends_its_sessions,
    sessions_are_shown_with_what_became_of_them_and_ended,
    api_tokens_are_shown_without_their_keys,
    an_account_is_deleted_unless_it_is_the_last_administrators,
    what_happened_is_shown_the_newest_first,
);

fn on(engine: Engine) -> Tokensmith {
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    command.env("DATABASE_URL", &url)
}

/// One line on standard error and exit code 1.
#[track_caller]
fn fails_with(finished: &Finished, expected: &str) {
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
    assert!(command.run(&["users", "list"]).stdout.contains("\tada\tactive\tada@example.com\ta b"));
    assert!(command.run(&["users", "set-roles", "ada", "c"]).success());
    assert!(command.run(&["users", "disable", "ADA"]).success());
    assert!(command.run(&["users", "list"]).stdout.contains("\tada\tdisabled\tada@example.com\tc"));
    assert!(command.run(&["users", "enable", "ada"]).success());
    fails_with(&command.run(&["users", "disable", "nobody"]), "there is no such user");
    let weak = ["users", "create", "bob", "--password-stdin"];
    fails_with(&command.run_with_input(&weak, "password1"), "password is too easy to guess");
    fails_with(&command.run_with_input(&weak, "short"), "at least 8 characters");
    fails_with(&command.run(&["users", "create", "bob"]), "--password-stdin");
    let several = ["users", "create", "b b", "--email", "x", "--role", "y z", "--password-stdin"];
    let refused = command.run_with_input(&several, "");
    for field in ["username", "email", "roles", "password"] {
        fails_with(&refused, field);
    }
}

fn changing_an_account_ends_its_sessions(engine: Engine) {
    let command = on(engine);
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    let serving = command.serve();
    let client = serving.client();
    let other = "a different long passphrase";
    let pair = client.login("ada", PASSWORD).ok();
    let set = command.run_with_input(&["users", "set-password", "ada", "--password-stdin"], other);
    assert!(set.stdout.contains("1 sessions ended"), "{}", set.stdout);
    assert_eq!(client.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "password_changed");
    client.login("ada", PASSWORD).problem(401, "bad_credentials");
    let pair = client.login("ada", other).ok();
    assert!(command.run(&["users", "disable", "ada"]).stdout.contains("1 sessions ended"));
    assert_eq!(client.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "user_disabled");
}

/// Its database has the user ada.
fn with_ada(engine: Engine) -> Tokensmith {
    let command = on(engine);
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    command
}

/// The columns of each line.
fn columns(finished: &Finished) -> Vec<Vec<&str>> {
    assert!(finished.success());
    finished.stdout.lines().map(|line| line.split('\t').collect()).collect()
}

fn accounts_are_found_by_a_part_of_what_they_are_called(engine: Engine) {
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
        let found = command.run(&["users", "list", "--search", text]);
        assert_eq!(columns(&found).iter().map(|user| user[1]).collect::<Vec<_>>(), expected, "{text:?}");
    }
}

fn sessions_are_shown_with_what_became_of_them_and_ended(engine: Engine) {
    let command = with_ada(engine);
    let serving = command.serve();
    let client = serving.client();
    let left = client.login("ada", PASSWORD).ok();
    let body = serde_json::json!({"username": "ada", "password": PASSWORD, "label": "my laptop"});
    let live = client.post("/v1/tokens", &body).ok();
    client.revoke(&left["refresh_token"]);
    let shown = command.run(&["users", "sessions", "Ada"]);
    let shown = columns(&shown);
    assert_eq!(shown.len(), 2, "{shown:?}");
    let find = |pair: &serde_json::Value| shown.iter().find(|session| pair["session_id"] == session[0]).unwrap();
    assert!(find(&left)[1].starts_with("logout 20"), "{shown:?}");
    assert_eq!((find(&live)[1], find(&live)[4], find(&live)[5]), ("live", "127.0.0.1", "my laptop"));
    let ended = command.run(&["users", "end-sessions", "ada"]);
    assert!(ended.success());
    assert_eq!(ended.stdout, "1 sessions of ada ended\n");
    assert_eq!(client.refresh(&live["refresh_token"]).problem(401, "session_ended")["reason"], "admin");
    client.login("ada", PASSWORD).ok();
    for args in [["users", "sessions", "bob"], ["users", "end-sessions", "bob"], ["users", "api-tokens", "bob"]] {
        fails_with(&command.run(&args), "there is no such user");
    }
}

fn api_tokens_are_shown_without_their_keys(engine: Engine) {
    let command = with_ada(engine);
    assert_eq!(command.run(&["users", "api-tokens", "ada"]).stdout, "");
    let serving = command.serve();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    let [kept, revoked] = ["nightly backup", "old"]
        .map(|name| client.ask_as("POST", "/v1/api-tokens", &pair, Some(&serde_json::json!({"name": name}))).json());
    client.revoke(&revoked["key"]);
    let shown = command.run(&["users", "api-tokens", "ada"]);
    for (token, state) in [(&kept, "active\tnightly backup"), (&revoked, "revoked\told")] {
        let line = format!("{}\t{state}\tscopes \troles \tused never\n", token["id"].as_str().unwrap());
        assert!(shown.stdout.contains(&line), "{}", shown.stdout);
    }
    assert!(!shown.stdout.contains("tks_"), "{}", shown.stdout);
}

fn an_account_is_deleted_unless_it_is_the_last_administrators(engine: Engine) {
    let command = with_ada(engine);
    assert!(command.run(&["users", "set-roles", "ada", "admin"]).success());
    for args in [["delete", "ada"].as_slice(), &["disable", "ada"], &["set-roles", "ada"]] {
        fails_with(&command.run(&[["users"].as_slice(), args].concat()), "the last active user with the role 'admin'");
    }
    assert!(command.run_with_input(&["users", "create", "bob", "--password-stdin"], PASSWORD).success());
    assert!(command.run(&["users", "set-roles", "bob", "admin"]).success());
    let serving = command.serve();
    let pair = serving.client().login("ada", PASSWORD).ok();
    let deleted = command.run(&["users", "delete", "ada"]);
    assert!(deleted.success());
    assert_eq!(deleted.stdout, "deleted ada; 1 sessions ended\n");
    serving.client().refresh(&pair["refresh_token"]).problem(401, "session_unknown");
    serving.client().login("ada", PASSWORD).problem(401, "bad_credentials");
    fails_with(&command.run(&["users", "delete", "ada"]), "there is no such user");
}

fn what_happened_is_shown_the_newest_first(engine: Engine) {
    let command = with_ada(engine);
    assert!(command.run_with_input(&["users", "create", "bob", "--password-stdin"], PASSWORD).success());
    assert!(command.run(&["users", "set-roles", "ada", "poet"]).success());
    let serving = command.serve();
    let pair = serving.client().login("ada", PASSWORD).ok();
    let (id, sid) = (pair["user"]["id"].as_str().unwrap(), pair["session_id"].as_str().unwrap());
    let names = |args: &[&str]| {
        let shown = command.run(&[["audit"].as_slice(), args].concat());
        columns(&shown).iter().map(|event| event[1].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["login", "roles_changed", "user_created", "user_created"]);
    assert_eq!(names(&["--limit", "2"]), ["login", "roles_changed"]);
    assert_eq!(names(&["--user", "ADA"]), ["login", "roles_changed", "user_created"]);
    assert_eq!(names(&["--event", "user_created"]), ["user_created", "user_created"]);
    assert_eq!(names(&["--user", "bob", "--event", "login"]), Vec::<String>::new());
    let shown = command.run(&["audit", "--limit", "2"]);
    let [user, by, session] = [format!("user {id}"), format!("by {id}"), format!("session {sid}")];
    let shown = columns(&shown);
    assert_eq!(shown[0][1..], ["login", &user, &by, &session, "from 127.0.0.1", ""]);
    assert_eq!(shown[1][1..], ["roles_changed", &user, "by -", "session -", "from -", "from [] to [poet]"]);
    fails_with(&command.run(&["audit", "--event", "logon"]), "--event is not the name of an event");
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
}

#[test]
fn config_reads_the_env_file_and_the_environment_wins() {
    let command = Tokensmith::new().env("AUDIENCE", "from-environment");
    fs::write(command.dir.path().join(".env"), "AUDIENCE=from-file\nSESSION_LIFETIME=31d\n").unwrap();
    let printed = command.run(&["config"]).stdout;
    assert!(printed.contains("AUDIENCE=from-environment\n") && printed.contains("SESSION_LIFETIME=31d\n"), "{printed}");
    fs::write(command.dir.path().join(".env"), "SESSION_LIFETME=31d\n").unwrap();
    let misspelled = command.run(&["config"]);
    assert!(misspelled.success());
    assert_eq!(misspelled.stderr, "tokensmith: .env: SESSION_LIFETME is not a setting of tokensmith\n");
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
        let path = made.lines().find_map(|line| line.strip_prefix("made\t")).unwrap();
        let path = command.dir.path().join(path);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&path).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    }
    let listed = command.run(&["keys", "list"]).stdout;
    let states: Vec<_> = listed.lines().map(|line| line.split('\t').take(2).collect::<Vec<_>>().join(" ")).collect();
    let mut sorted = states.clone();
    sorted.sort();
    assert_eq!(sorted, ["active ES256", "active EdDSA", "active RS256", "next ES256"], "{listed}");
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
fn a_key_that_others_can_read_or_that_is_weak_or_none_stops_the_start() {
    let good = Tokensmith::new();
    let made = good.run(&["keys", "rotate"]).stdout;
    let made = made.lines().find_map(|line| line.strip_prefix("made\t")).unwrap();
    let pem = fs::read_to_string(good.dir.path().join(made)).unwrap();
    let command = Tokensmith::new();
    write_key(&command, "shared.pem", &pem, 0o640);
    fails_with(
        &command.run(&["serve"]),
        "shared.pem: other users can read this private key (mode 640); run: chmod 600",
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
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let refused = Tokensmith::new().env("DATABASE_URL", &format!("postgres://app:hunter2@127.0.0.1:{closed}/app"));
    let finished = refused.run(&["serve"]);
    fails_with(&finished, "Connection refused");
    assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);

    let taken = port.local_addr().unwrap().to_string();
    let command = Tokensmith::new().env("LISTEN", &taken);
    fails_with(&command.run(&["serve"]), &format!("listen {taken}: Address already in use"));
    assert_eq!(command.run(&["users", "list"]).stdout, "", "no account whose password nobody saw");
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
fn a_broken_env_file_is_refused_without_repeating_it() {
    let command = Tokensmith::new();
    fs::write(command.dir.path().join(".env"), "DATABASE_URL=postgres://app:hunter2 x@db/app\n").unwrap();
    let finished = command.run(&["config"]);
    fails_with(&finished, ".env: a line is not NAME=VALUE");
    assert!(!finished.stderr.contains("hunter2"), "{}", finished.stderr);
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
    assert!(milliseconds <= 60.0 || found.stdout.contains("the least that is allowed"), "{}", found.stdout);
    assert_eq!(command.run(&["hash", "calibrate", "--milliseconds", "0"]).status.code(), Some(2));
}
