//! Backups: what they hold, and that sessions that ended later stay ended after a restore.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use serde_json::{Value, json};

use crate::support::cluster::bin_dir;
use crate::support::process::{Finished, Serving, Tokensmith};
use crate::support::{Client, Engine, PASSWORD, execute, number};

const ANOTHER: &str = "a different long passphrase";

both_engines!(
    sessions_that_ended_after_the_backup_stay_ended,
    what_administrators_log_in_by_is_listed_after_a_restore,
    a_restored_database_may_be_taken_over_again,
);

/// The command with the user ada.
fn with_ada(engine: Engine) -> (Tokensmith, String) {
    let command = Tokensmith::new();
    let url = engine.new_database(&command.dir);
    let command = command.env("DATABASE_URL", &url);
    let create = ["users", "create", "ada", "--role", "admin", "--password-stdin"];
    assert!(command.run_with_input(&create, PASSWORD).success());
    (command, url)
}

fn path(command: &Tokensmith, name: &str) -> String {
    command.dir.path().join(name).display().to_string()
}

fn make_backup(command: &Tokensmith, url: &str) {
    if url.starts_with("sqlite:") {
        assert!(command.run(&["backup", "ada.backup"]).success());
    } else {
        let file = format!("--file={}", path(command, "ada.backup"));
        postgres("pg_dump", &["--format=custom", &file, &format!("--dbname={url}")]);
    }
}

#[test]
fn a_backup_of_no_database_or_into_no_folder_says_what_is_missing() {
    let command = Tokensmith::new();
    let said = |args: &[&str]| {
        let failed = command.run(args);
        assert_eq!(failed.status.code(), Some(1), "{args:?}");
        failed.stderr
    };
    assert_eq!(said(&["backup", "a.backup"]), said(&["users", "list"]));
    std::fs::create_dir_all(command.dir.path().join("data")).unwrap();
    std::fs::write(command.dir.path().join("data/tokensmith.db"), "no database at all".repeat(100)).unwrap();
    assert_eq!(said(&["backup", "a.backup"]), said(&["users", "list"]));
    std::fs::remove_file(command.dir.path().join("data/tokensmith.db")).unwrap();
    assert!(command.run(&["migrate"]).success());
    assert_eq!(said(&["backup", "gone/a.backup"]), "tokensmith: gone: there is no such folder\n");
}

fn restore(command: &Tokensmith, url: &str) -> Finished {
    if url.starts_with("sqlite:") {
        return command.run(&["restore", "ada.backup", "--yes"]);
    }
    let into = format!("--dbname={url}");
    postgres("pg_restore", &["--clean", "--if-exists", &into, &path(command, "ada.backup")]);
    command.run(&["after-restore", "--yes"])
}

fn postgres(program: &str, arguments: &[&str]) {
    let status = Command::new(bin_dir().unwrap().join(program)).args(arguments).status().unwrap();
    assert!(status.success(), "{program}");
}

fn stop(mut serving: Serving) {
    serving.terminate();
    assert!(serving.wait().success());
}

fn make_api_token(client: &Client, pair: &Value, name: &str) -> Value {
    let made = client.ask_as("POST", "/v1/api-tokens", pair, Some(&json!({"name": name})));
    assert_eq!(made.status, 201, "{made:?}");
    made.json()
}

fn sessions_that_ended_after_the_backup_stay_ended(engine: Engine) {
    let (command, url) = with_ada(engine);
    let serving = command.serve();
    let client = serving.client();
    let [live, left] = [(); 2].map(|()| client.login("ada", PASSWORD).ok());
    let token = make_api_token(&client, &live, "nightly");
    let exchanged =
        client.ask("POST", "/v1/api-tokens/exchange", &format!("Token {}", token["key"].as_str().unwrap()), None);
    let exchanged = exchanged.ok();
    for id in ["going", "going-off"] {
        assert!(
            command.run(&["clients", "create", "Notes", "--id", id, "--grant-type", "client_credentials"]).success()
        );
    }
    assert!(command.run(&["clients", "disable", "going-off"]).success());
    let id = if engine == Engine::Sqlite { "randomblob(16)" } else { "gen_random_uuid()" };
    execute(&url, &format!("insert into outbox values ({id}, 'mail', 'a link', 1, 9999999999, 9999999999, 0)"));
    make_backup(&command, &url);
    // This happens after the backup.
    assert!(command.run(&["clients", "delete", "going", "--yes"]).success());
    client.revoke(&left["refresh_token"]);
    client.revoke(&token["key"]);
    let change = json!({"current_password": PASSWORD, "new_password": ANOTHER});
    client.ask_as("POST", "/v1/me/password", &live, Some(&change)).ok();
    let later = client.login("ada", ANOTHER).ok();
    stop(serving);

    let restored = restore(&command, &url);
    assert!(restored.success());
    assert_eq!(number(&url, "select count(*) from outbox"), 0, "no mail is sent again");
    let id = token["id"].as_str().unwrap();
    let listed = restored.stdout.lines().find(|line| line.contains(id)).unwrap_or_default();
    assert!(listed.contains("nightly") && listed.contains("ada"), "{}", restored.stdout);
    assert!(restored.stdout.contains("2 sessions ended\n"), "{}", restored.stdout);
    let is_listed = |id: &str| restored.stdout.lines().any(|line| line.split_whitespace().next() == Some(id));
    assert!(is_listed("going") && !is_listed("going-off"), "{}", restored.stdout);
    assert!(!restored.stdout.contains("tks_"), "{}", restored.stdout);

    let serving = command.serve();
    let client = serving.client();
    for pair in [&live, &left] {
        assert_eq!(client.refresh(&pair["refresh_token"]).problem(401, "session_ended")["reason"], "admin");
        client.me(pair).problem(401, "token_revoked");
    }
    client.verify(&exchanged["access_token"]).problem(401, "token_revoked");
    client.refresh(&later["refresh_token"]).problem(401, "session_unknown");
    // As the command says: the password is that of the backup, and the token must be revoked again.
    client.login("ada", ANOTHER).problem(401, "bad_credentials");
    let pair = client.login("ada", PASSWORD).ok();
    client.verify(&token["key"]).ok();
    let events = client.ask_as("GET", "/v1/admin/audit?name=database_restored", &pair, None).ok();
    assert_eq!(events["events"][0]["detail"], "sessions ended: 2, active API tokens: 1", "{events}");
    let events = client.ask_as("GET", "/v1/admin/audit?name=sessions_ended", &pair, None).ok();
    assert_eq!(events["events"][0]["detail"], "2 sessions", "{events}");
}

fn what_administrators_log_in_by_is_listed_after_a_restore(engine: Engine) {
    let (command, url) = with_ada(engine);
    std::fs::write(command.dir.path().join("secret"), "a secret").unwrap();
    let provider = [
        "providers",
        "create",
        "staff",
        "--preset",
        "generic",
        "--no-check",
        "--issuer",
        "https://login.example.com",
        "--client-id",
        "id",
    ];
    assert!(command.run(&[&provider[..], &["--client-secret-file", "secret"]].concat()).success());
    assert!(command.run_with_input(&["users", "create", "lin", "--password-stdin"], PASSWORD).success());
    let (bytes, no) = if engine == Engine::Sqlite { ("x'00'", "0") } else { ("'\\x00'::bytea", "false") };
    execute(
        &url,
        "insert into identities (id, provider_id, subject, user_id, email, created_at) select id, 'staff', username, id, \
                   'boss@example.com', 1 from users where username = 'ada'",
    );
    execute(
        &url,
        "insert into identities (id, provider_id, subject, user_id, created_at) select id, 'staff', username, id, 1 \
                   from users where username = 'lin'",
    );
    execute(
        &url,
        &format!(
            "insert into passkeys (id, user_id, credential_id, public_key, sign_count, is_backed_up, transports, name, created_at) \
         select id, id, {bytes}, {bytes}, 0, {no}, '', 'lost laptop', 1 from users where username = 'ada'"
        ),
    );
    make_backup(&command, &url);
    execute(&url, "delete from identities");
    execute(&url, "delete from passkeys");
    let restored = restore(&command, &url);
    assert!(restored.success());
    let lines: Vec<&str> = restored.stdout.lines().collect();
    let is_listed = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(is_listed(&["staff", "boss@example.com", "ada"]), "{}", restored.stdout);
    assert!(is_listed(&["passkey", "lost laptop", "ada"]) && !is_listed(&["lin"]), "{}", restored.stdout);
    assert_eq!(number(&url, "select count(*) from identities"), 2);
}

#[test]
fn one_restore_after_another_keeps_each_database_that_was_replaced() {
    let (command, _url) = with_ada(Engine::Sqlite);
    assert!(command.run(&["backup", "ada.backup"]).success());
    for kept in 1..=3 {
        assert!(command.run(&["restore", "ada.backup", "--yes"]).success());
        assert_eq!(files(&command, "test.db.before-").len(), kept);
    }
}

fn a_restored_database_may_be_taken_over_again(engine: Engine) {
    let (command, _) = with_ada(engine);
    let serving = command.serve();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    assert!(command.run(&["after-restore", "--yes", "--keep-sessions"]).stdout.contains("0 sessions ended\n"));
    let pair = client.refresh(&pair["refresh_token"]).ok();
    // Also beside a service: on PostgreSQL another instance may be running already.
    assert!(command.run(&["after-restore", "--yes"]).stdout.contains("1 session ended\n"));
    client.refresh(&pair["refresh_token"]).problem(401, "session_ended");
    assert!(command.run(&["after-restore", "--yes"]).stdout.contains("0 sessions ended\n"));
    let refused = command.run(&["after-restore"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
}

/// A command that fails with exit code 1 and says why, without a panic.
#[track_caller]
fn fails_with(finished: &Finished, expected: &str) {
    assert_eq!(finished.status.code(), Some(1), "{}{}", finished.stdout, finished.stderr);
    assert!(finished.stderr.contains("tokensmith: ") && finished.stderr.contains(expected), "{}", finished.stderr);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

/// The names in the command's folder that begin so.
fn files(command: &Tokensmith, prefix: &str) -> Vec<String> {
    let names = fs::read_dir(command.dir.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_complete_private_and_replaces_no_file() {
    let (command, _) = with_ada(Engine::Sqlite);
    let serving = command.serve();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    let made = command.run(&["backup", "ada.backup"]);
    assert!(made.success());
    assert!(made.stdout.contains("does not contain the signing keys"), "{}", made.stdout);
    assert_eq!(mode(&command.dir.path().join("ada.backup")), 0o600);
    assert_eq!(files(&command, "ada.backup"), ["ada.backup"], "nothing is left beside it");
    let before = fs::read(command.dir.path().join("ada.backup")).unwrap();
    fails_with(&command.run(&["backup", "ada.backup"]), "ada.backup exists already");
    fails_with(&command.run(&["backup", "keys"]), "keys exists already");
    fs::write(command.dir.path().join("b.unfinished"), "").unwrap();
    fails_with(
        &command.run(&["backup", "b"]),
        "b.unfinished belongs to a backup or restore that is running or was interrupted",
    );
    fails_with(&command.run(&["backup", "nowhere/ada.backup"]), "nowhere: there is no such folder");
    assert_eq!(fs::read(command.dir.path().join("ada.backup")).unwrap(), before);
    // The service has noticed nothing.
    client.refresh(&pair["refresh_token"]).ok();
}

#[test]
fn a_name_with_signs_of_a_url_is_a_name() {
    let (command, _) = with_ada(Engine::Sqlite);
    for name in ["a?mode=ro.db", "b#c.db", "50%25.db", "file:x", "it's \"here\".db"] {
        assert!(command.run(&["backup", name]).success(), "{name}");
        assert_eq!(files(&command, name), [name]);
        assert!(command.run(&["restore", name, "--yes", "--keep-sessions"]).success(), "{name}");
        for old in files(&command, "test.db.before-") {
            fs::remove_file(command.dir.path().join(old)).unwrap();
        }
    }
}

#[test]
fn a_database_in_use_is_not_replaced() {
    let (command, _) = with_ada(Engine::Sqlite);
    assert!(command.run(&["backup", "ada.backup"]).success());
    let serving = command.serve();
    let pair = serving.client().login("ada", PASSWORD).ok();
    fails_with(&command.run(&["restore", "ada.backup", "--yes"]), "stop the service first");
    serving.client().refresh(&pair["refresh_token"]).ok();
    assert!(files(&command, "test.db.").is_empty(), "{:?}", files(&command, "test.db."));
    stop(serving);
    assert!(command.run(&["restore", "ada.backup", "--yes"]).success());
}

#[test]
fn an_incomplete_database_or_one_of_another_version_is_not_restored() {
    let (command, url) = with_ada(Engine::Sqlite);
    assert!(command.run(&["backup", "ada.backup"]).success());
    let dir = command.dir.path();
    let whole = fs::read(dir.join("ada.backup")).unwrap();
    fs::write(dir.join("empty"), "").unwrap();
    fs::write(dir.join("text"), "what is no database at all\n".repeat(100)).unwrap();
    fs::write(dir.join("cut"), &whole[..whole.len() / 2]).unwrap();
    let mut flipped = whole.clone();
    flipped[4_096..8_192].fill(0xff);
    fs::write(dir.join("flipped"), flipped).unwrap();
    let open = |name: &str| SqliteConnection::establish(dir.join(name).to_str().unwrap()).unwrap();
    open("other").batch_execute("create table users (id integer)").unwrap();
    fs::write(dir.join("newer"), &whole).unwrap();
    let newer = "insert into __diesel_schema_migrations (version) values ('29991231000000')";
    open("newer").batch_execute(newer).unwrap();
    let before = fs::read(dir.join("test.db")).unwrap();
    for (name, expected) in [
        ("empty", "is not a database of tokensmith"),
        ("text", "not a database"),
        ("cut", "malformed"),
        ("flipped", "flipped"),
        ("other", "is not a database of tokensmith"),
        ("newer", "does not know the migration 29991231000000"),
        ("test.db", "is the database itself"),
        ("missing", "No such file"),
        ("keys-that-are-a-folder", "keys-that-are-a-folder"),
    ] {
        if name == "keys-that-are-a-folder" {
            fs::create_dir(dir.join(name)).unwrap();
        }
        fails_with(&command.run(&["restore", name, "--yes"]), expected);
    }
    assert!(Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap().success());
    fails_with(&command.run(&["restore", "pipe", "--yes"]), "pipe is not a regular file");
    let unconfirmed = command.run(&["restore", "ada.backup"]);
    assert!(unconfirmed.status.code() == Some(2) && unconfirmed.stderr.contains("--yes"), "{}", unconfirmed.stderr);
    assert_eq!(fs::read(dir.join("test.db")).unwrap(), before);
    assert_eq!(files(&command, "test.db"), ["test.db"], "{url}");
}

#[test]
fn the_database_is_kept_with_what_a_killed_service_has_left_in_its_log() {
    let (command, _) = with_ada(Engine::Sqlite);
    assert!(command.run(&["backup", "ada.backup"]).success());
    let mut serving = command.serve();
    serving.client().login("ada", PASSWORD).ok();
    serving.kill();
    let restored = command.run(&["restore", "ada.backup", "--yes"]);
    assert!(restored.success());
    let [old] = files(&command, "test.db.before-").try_into().unwrap();
    assert!(restored.stdout.contains(&old), "{}", restored.stdout);
    assert_eq!(files(&command, "test.db"), ["test.db", &old], "{}", restored.stderr);
    for file in ["test.db", &old] {
        assert_eq!(mode(&command.dir.path().join(file)), 0o600, "{file}");
    }
    let old = Tokensmith::new().env("DATABASE_URL", &format!("sqlite://{}", path(&command, &old)));
    assert!(old.run(&["users", "sessions", "ada"]).stdout.contains("live"), "the login is in what was kept");
    assert!(!command.run(&["users", "sessions", "ada"]).stdout.contains("live"));
}

#[test]
fn a_database_that_is_damaged_or_gone_can_be_restored() {
    let (command, _) = with_ada(Engine::Sqlite);
    assert!(command.run(&["backup", "ada.backup"]).success());
    let database = command.dir.path().join("test.db");
    let garbage = "garbage".repeat(2_000);
    fs::write(&database, &garbage).unwrap();
    assert!(command.run(&["restore", "ada.backup", "--yes"]).success());
    let [kept] = files(&command, "test.db.before-").try_into().unwrap();
    assert_eq!(fs::read_to_string(command.dir.path().join(kept)).unwrap(), garbage);
    assert!(command.run(&["users", "list"]).stdout.contains("ada"));
    fs::remove_file(&database).unwrap();
    // Left by another database: its log would be taken for that of the new one.
    fs::write(command.dir.path().join("test.db-wal"), "what is no log").unwrap();
    assert!(command.run(&["restore", "ada.backup", "--yes"]).success());
    assert!(command.run(&["users", "list"]).stdout.contains("ada"));
    assert_eq!(mode(&database), 0o600);
    let moved = files(&command, "test.db.before-").into_iter().find(|name| name.ends_with("-wal")).unwrap();
    assert_eq!(fs::read_to_string(command.dir.path().join(moved)).unwrap(), "what is no log");
}

#[test]
fn a_database_behind_a_link_is_replaced_where_it_is() {
    let (command, _) = with_ada(Engine::Sqlite);
    let dir = command.dir.path();
    fs::create_dir(dir.join("disk")).unwrap();
    fs::rename(dir.join("test.db"), dir.join("disk/real.db")).unwrap();
    std::os::unix::fs::symlink("disk/real.db", dir.join("test.db")).unwrap();
    assert!(command.run(&["backup", "ada.backup"]).success());
    let serving = command.serve();
    fails_with(&command.run(&["restore", "ada.backup", "--yes"]), "stop the service first");
    fails_with(&command.run(&["restore", "disk/real.db", "--yes"]), "is the database itself");
    stop(serving);
    assert!(command.run(&["restore", "ada.backup", "--yes"]).success());
    assert!(fs::symlink_metadata(dir.join("test.db")).unwrap().is_symlink());
    assert_eq!(files(&command, "test.db"), ["test.db"]);
    assert!(command.run(&["users", "list"]).stdout.contains("ada"));
}

#[test]
fn sessions_are_kept_on_request() {
    let (command, _) = with_ada(Engine::Sqlite);
    let serving = command.serve();
    let pair = serving.client().login("ada", PASSWORD).ok();
    assert!(command.run(&["backup", "ada.backup"]).success());
    stop(serving);
    let restored = command.run(&["restore", "ada.backup", "--yes", "--keep-sessions"]);
    assert!(restored.stdout.contains("0 sessions ended\n"), "{}", restored.stdout);
    command.serve().client().refresh(&pair["refresh_token"]).ok();
}

#[test]
fn on_postgresql_the_programs_that_do_it_are_named_without_a_password() {
    let url = "postgres://ada:s3cret@127.0.0.1:1/auth?sslmode=require&sslpassword=hidden";
    let command = Tokensmith::new().env("DATABASE_URL", url);
    let refused = command.run(&["backup", "ada.backup"]);
    fails_with(
        &refused,
        "pg_dump --format=custom --file='ada.backup' --dbname='user=ada host=127.0.0.1 port=1 dbname=auth sslmode=require'",
    );
    assert!(!refused.stderr.contains("s3cret") && !refused.stderr.contains("hidden"), "{}", refused.stderr);
    fails_with(&command.run(&["restore", "ada.backup", "--yes"]), "after-restore");
}
