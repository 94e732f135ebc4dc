//! The file of a SQLite database in an operator's hands: read, copied, moved and opened by others while the service runs.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection, sql_query};
use tempfile::TempDir;

use crate::support::process::{Serving, Tokensmith};
use crate::support::{Client, PASSWORD};

const DATABASE: &str = "data/tokensmith.db";

/// A user other than root. The tests can switch to it only when they run as root.
const NOBODY: u32 = 65_534;

fn with_ada() -> Tokensmith {
    let command = Tokensmith::new().env("REFRESH_SETTLE_WINDOW", "0s");
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    command
}

fn database(command: &Tokensmith) -> SqliteConnection {
    let path = command.dir.path().join(DATABASE);
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    connection.batch_execute("pragma busy_timeout = 10000").unwrap();
    connection
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Text)]
    integrity_check: String,
}

/// The locks that a process holds on a file, as the kernel lists them.
fn locks(pid: u32, file: &Path) -> usize {
    let inode = format!(":{}", fs::metadata(file).unwrap().ino());
    let held = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.contains(&"POSIX")
            && fields.contains(&pid.to_string().as_str())
            && fields.iter().any(|f| f.ends_with(&inode))
    };
    fs::read_to_string("/proc/locks").unwrap().lines().filter(held).count()
}

/// So many requests at once that the pool opens all that it may.
fn make_it_open_connections(serving: &Serving) {
    let pair = serving.client().login("ada", PASSWORD).ok();
    let asking: Vec<_> = (0..32)
        .map(|_| {
            let (client, token) = (serving.client(), pair["refresh_token"].clone());
            std::thread::spawn(move || (0..20).for_each(|_| assert_eq!(client.verify(&token).status, 200)))
        })
        .collect();
    for thread in asking {
        thread.join().unwrap();
    }
}

#[test]
fn the_locks_on_the_database_stand_however_many_connections_are_opened() {
    let command = with_ada();
    let serving = command.serve();
    make_it_open_connections(&serving);
    for file in ["data/tokensmith.db", "data/tokensmith.db-shm"] {
        assert!(locks(serving.pid(), &command.dir.path().join(file)) > 0, "no lock on {file}");
    }
}

/// What outside programs do to a database that is in use. Each opens it, and closes it again.
const OUTSIDE: &str = r#"
import sqlite3, sys, os
path, work = sys.argv[1], sys.argv[2]
with_database = lambda: sqlite3.connect(path, timeout=20, isolation_level=None)
def read(db): db.execute("select count(*) from sessions").fetchone()
def write(db): db.execute("create table if not exists outside (n)"), db.execute("insert into outside values (1)")
def backup(db):
    copy = sqlite3.connect(work + "/backup.db"); db.backup(copy); copy.close(); os.remove(work + "/backup.db")
def vacuum(db): db.execute("vacuum into ?", (work + "/vacuumed.db",)), os.remove(work + "/vacuumed.db")
def checkpoint(db): db.execute("pragma wal_checkpoint(truncate)").fetchall()
for act in [read, write, backup, vacuum, checkpoint, read] * 3:
    db = with_database(); act(db); db.close()
"#;

const LOOK_IN: &str = "
import sqlite3, sys
db = sqlite3.connect(sys.argv[1]); db.execute('select count(*) from users').fetchall(); db.close()
";

fn outside(command: &Tokensmith, script: &str, args: &[&str]) -> Child {
    let mut python = Command::new("python3");
    python.args(["-c", script, DATABASE]).args(args).current_dir(command.dir.path()).spawn().unwrap()
}

fn has_python() -> bool {
    let found = Command::new("python3").args(["-c", "import sqlite3"]).status().is_ok_and(|status| status.success());
    if !found {
        assert!(std::env::var_os("CI").is_none(), "python3 is not installed: in CI its tests may not be skipped");
        let _closed = writeln!(std::io::stderr(), "skipped: outside programs on the SQLite file (no python3)");
    }
    found
}

/// What the service has acknowledged of one session.
struct Acknowledged {
    generation: i64,
    ended: bool,
}

/// A service in use.
#[derive(Default)]
struct Use {
    rounds: AtomicU32,
    is_killed: AtomicBool,
}

impl Use {
    /// Logs in and refreshes and, every other time, logs out, until the service is killed; returns what it was told.
    fn go_on(&self, client: &Client) -> BTreeMap<String, Acknowledged> {
        let mut told: BTreeMap<String, Acknowledged> = BTreeMap::new();
        for ends in [true, false].into_iter().cycle() {
            let Some(mut pair) = self.ask(|| client.login("ada", PASSWORD).ok()) else { break };
            let id = pair["session_id"].as_str().unwrap().to_owned();
            for _ in 0..20 {
                let generation = pair["refresh_generation"].as_i64().unwrap();
                told.insert(id.clone(), Acknowledged { generation, ended: false });
                let Some(next) = self.ask(|| client.refresh(&pair["refresh_token"]).ok()) else { return told };
                pair = next;
                self.rounds.fetch_add(1, Ordering::SeqCst);
            }
            if ends {
                let Some(status) = self.ask(|| client.revoke(&pair["refresh_token"]).status) else { break };
                assert_eq!(status, 204);
                told.get_mut(&id).unwrap().ended = true;
            }
        }
        told
    }

    /// `None` when the service was killed meanwhile: the connection breaks then, and the client panics.
    fn ask<T>(&self, ask: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(ask)) {
            Ok(answer) => Some(answer),
            Err(_) if self.is_killed.load(Ordering::SeqCst) => None,
            Err(panic) => resume_unwind(panic),
        }
    }
}

#[derive(QueryableByName)]
struct SessionRow {
    #[diesel(sql_type = BigInt)]
    denied_through: i64,
    #[diesel(sql_type = Nullable<Text>)]
    end_reason: Option<String>,
}

#[test]
fn nothing_acknowledged_is_lost_when_others_use_the_file_and_the_service_is_killed() {
    if !has_python() {
        return;
    }
    let command = with_ada();
    let mut serving = command.serve();
    let in_use = Arc::new(Use::default());
    let using: Vec<_> = (0..4)
        .map(|_| {
            let (client, in_use) = (serving.client(), Arc::clone(&in_use));
            std::thread::spawn(move || in_use.go_on(&client))
        })
        .collect();
    let mut created = Vec::new();
    for round in 0..4 {
        let work = TempDir::new().unwrap();
        let mut outside = outside(&command, OUTSIDE, &[work.path().to_str().unwrap()]);
        let name = format!("user{round}");
        assert!(command.run_with_input(&["users", "create", &name, "--password-stdin"], PASSWORD).success());
        created.push(name);
        assert!(command.run(&["users", "list"]).success());
        assert!(command.run(&["purge"]).success());
        assert!(outside.wait().unwrap().success());
    }
    // More is acknowledged after the last of them has closed the file.
    let (then, started_at) = (in_use.rounds.load(Ordering::SeqCst), Instant::now());
    while in_use.rounds.load(Ordering::SeqCst) < then + 100 {
        assert!(started_at.elapsed() < Duration::from_secs(60), "the service goes on answering");
        std::thread::sleep(Duration::from_millis(5));
    }
    in_use.is_killed.store(true, Ordering::SeqCst);
    serving.kill();
    let told: Vec<_> = using.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert!(told.iter().any(|(_, session)| session.ended), "it has been used");

    let mut database = database(&command);
    for (id, acknowledged) in &told {
        let query =
            format!("select denied_through, end_reason from sessions where lower(hex(id)) = '{}'", id.replace('-', ""));
        let row: SessionRow = sql_query(query).get_result(&mut database).unwrap();
        assert!(row.denied_through >= acknowledged.generation - 1, "a rotation of {id} is lost");
        assert!(row.end_reason.is_some() || !acknowledged.ended, "the end of {id} is lost");
    }
    let check: Answer = sql_query("pragma integrity_check").get_result(&mut database).unwrap();
    assert_eq!(check.integrity_check, "ok");
    let listed = command.run(&["users", "list"]).stdout;
    assert!(created.iter().all(|name| listed.contains(name.as_str())), "{listed}");
}

/// Service and commands write to the same pages in turn, while another program opens the file and closes it.
#[test]
fn what_the_command_line_wrote_is_there_after_a_clean_stop() {
    if !has_python() {
        return;
    }
    let command = with_ada();
    let mut serving = command.serve();
    make_it_open_connections(&serving);
    let names: Vec<String> = (0..5).map(|n| format!("user{n}")).collect();
    for name in &names {
        serving.client().login("ada", "the-wrong-password").problem(401, "bad_credentials");
        assert!(outside(&command, LOOK_IN, &[]).wait().unwrap().success());
        assert!(command.run_with_input(&["users", "create", name, "--password-stdin"], PASSWORD).success());
    }
    serving.terminate();
    assert!(serving.wait().success());
    let listed = command.run(&["users", "list"]).stdout;
    assert!(names.iter().all(|name| listed.contains(name.as_str())), "{listed}");
    let events = command.run(&["audit"]).stdout;
    assert_eq!(events.matches("login_failed").count(), names.len(), "{events}");
    assert_eq!(events.matches("user_created").count(), names.len() + 1, "{events}");
}

/// The message of a command that has failed.
#[track_caller]
fn refusal(command: &Tokensmith, args: &[&str]) -> String {
    let finished = command.run_with_input(args, PASSWORD);
    assert_eq!(finished.status.code(), Some(1), "{args:?}: {}{}", finished.stdout, finished.stderr);
    finished.stderr
}

#[test]
fn a_file_is_made_under_exactly_the_name_that_the_url_has() {
    for name in
        ["plain.db", "a b.db", "100%25.db", "100%.db", "hash#tag.db", "ü&=+;:,@!'.db", "~.db", "a/b//c.db", "-wal"]
    {
        for absolute in [false, true] {
            let command = Tokensmith::new();
            let path = command.dir.path().join(name);
            // Two slashes at the beginning of a URI's path would be a host.
            let url = if absolute { format!("/{}", path.display()) } else { format!("./{name}") };
            let command = command.env("DATABASE_URL", &format!("sqlite://{url}"));
            assert!(command.run(&["migrate"]).success(), "{name}");
            assert!(command.run(&["users", "list"]).success(), "{name}");
            let metadata = fs::metadata(path).unwrap();
            assert!(metadata.len() > 0, "{name}");
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
        }
    }
}

#[test]
fn what_is_in_the_way_of_the_file_is_named() {
    let mut command = Tokensmith::new();
    let dir = command.dir.path().to_owned();
    fs::write(dir.join("file"), "").unwrap();
    fs::create_dir(dir.join("folder")).unwrap();
    symlink("nowhere", dir.join("link.db")).unwrap();
    fs::write(dir.join("moved.db-wal"), "writes").unwrap();
    fs::write(dir.join("text.db"), "this is no database, and long enough to be seen as none").unwrap();
    let cases = [
        ("file/x.db", "file/x.db: cannot be read and written: Not a directory"),
        ("file/y/x.db", "file/y/x.db: cannot be read and written: Not a directory"),
        ("folder", "folder: Is a directory, not a file"),
        ("/dev/null", "/dev/null: not a regular file"),
        ("link.db", "link.db: a symbolic link to a file that does not exist"),
        ("moved.db", "moved.db: there is no such file, but moved.db-wal exists"),
        ("text.db", "file is not a database"),
        ("/proc/none/x.db", "/proc/none: cannot create this folder: No such file"),
    ];
    for (path, expected) in cases {
        let url = format!("sqlite://{path}");
        command = command.env("DATABASE_URL", &url);
        let message = refusal(&command, &["migrate"]);
        assert!(message.contains(expected) && message.contains(&url), "{message}");
    }
    assert!(!dir.join("nowhere").exists() && !dir.join("moved.db").exists());
}

/// The command as another user than root, from a copy that this user can reach.
fn as_nobody(command: &Tokensmith, binary: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new(binary)
        .args(args)
        .env_clear()
        .env("LOG_FORMAT", "json")
        .current_dir(command.dir.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// A folder of another user, and a copy of the command that this user can run; `None` when the tests do not run as root.
fn folder_of_nobody() -> Option<(Tokensmith, TempDir)> {
    let command = Tokensmith::new();
    chown(command.dir.path(), Some(NOBODY), Some(NOBODY)).ok()?;
    let binary = TempDir::new().unwrap();
    fs::set_permissions(binary.path(), Permissions::from_mode(0o755)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_tokensmith"), binary.path().join("tokensmith")).unwrap();
    Some((command, binary))
}

#[test]
fn a_folder_or_a_file_that_cannot_be_written_is_named_with_the_reason() {
    let Some((command, binary)) = folder_of_nobody() else { return };
    let binary = binary.path().join("tokensmith");
    let dir = command.dir.path().to_owned();
    let set = |path: &str, mode| fs::set_permissions(dir.join(path), Permissions::from_mode(mode)).unwrap();
    set("", 0o555);
    let (_, message) = as_nobody(&command, &binary, &["migrate"]);
    assert!(message.contains("data: cannot create this folder: Permission denied"), "{message}");
    set("", 0o755);
    assert!(as_nobody(&command, &binary, &["migrate"]).0);
    let cases = [
        ("data", 0o555, 0o755, "data: cannot write to this folder, in which SQLite keeps files beside the database"),
        ("data/tokensmith.db", 0o444, 0o600, "data/tokensmith.db: cannot be read and written: Permission denied"),
        ("data", 0o000, 0o755, "data/tokensmith.db: cannot be read and written: Permission denied"),
    ];
    for (path, wrong, right, expected) in cases {
        set(path, wrong);
        for args in [["migrate"].as_slice(), &["users", "list"]] {
            let (success, message) = as_nobody(&command, &binary, args);
            assert!(!success && message.contains(expected), "{message}");
        }
        set(path, right);
    }
    // Left by an earlier command that root ran.
    let log = dir.join("data/tokensmith.db-wal");
    // Its content stays: a command may end before its last connection has written it back.
    drop(fs::OpenOptions::new().append(true).create(true).open(&log).unwrap());
    std::os::unix::fs::chown(&log, Some(0), Some(0)).unwrap();
    set("data/tokensmith.db-wal", 0o600);
    let (_, message) = as_nobody(&command, &binary, &["users", "list"]);
    assert!(message.contains("data/tokensmith.db-wal: cannot be read and written: Permission denied"), "{message}");
}

#[test]
fn a_database_behind_a_symbolic_link_needs_no_folder_that_can_be_written_but_its_own() {
    let Some((command, binary)) = folder_of_nobody() else { return };
    let binary = binary.path().join("tokensmith");
    let dir = command.dir.path();
    assert!(as_nobody(&command, &binary, &["migrate"]).0);
    fs::rename(dir.join("data"), dir.join("disk")).unwrap();
    fs::create_dir(dir.join("data")).unwrap();
    symlink("../disk/tokensmith.db", dir.join(DATABASE)).unwrap();
    let (success, message) = as_nobody(&command, &binary, &["migrate"]);
    assert!(success, "{message}");
    fs::set_permissions(dir.join("disk"), Permissions::from_mode(0o555)).unwrap();
    let (_, message) = as_nobody(&command, &binary, &["migrate"]);
    assert!(message.contains("disk: cannot write to this folder"), "{message}");
    fs::set_permissions(dir.join("disk"), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn files_made_by_root_can_be_used_by_the_service() {
    let Some((command, binary)) = folder_of_nobody() else { return };
    let binary = binary.path().join("tokensmith");
    assert!(command.run_with_input(&["users", "create", "ada", "--password-stdin"], PASSWORD).success());
    assert!(as_nobody(&command, &binary, &["users", "list"]).0);
    // The log is not empty, as after a kill, while root opens the database.
    let mut open = database(&command);
    open.batch_execute("create table outside (n)").unwrap();
    assert!(command.run(&["users", "set-roles", "ada", "poet"]).success());
    for name in ["data", DATABASE, "data/tokensmith.db-wal", "data/tokensmith.db-shm"] {
        let metadata = fs::metadata(command.dir.path().join(name)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (NOBODY, NOBODY), "{name}");
        assert_eq!(metadata.mode() & 0o077, if name == "data" { metadata.mode() & 0o055 } else { 0 }, "{name}");
    }
    assert!(as_nobody(&command, &binary, &["users", "disable", "ada"]).0);
}

/// The log line of the task that watches the file; others may log the same.
fn watcher(serving: &Serving, message: &str) -> String {
    loop {
        let line = serving.wait_for_log(message);
        if line["task"] == "watch the database's file" {
            return line["cause"].as_str().unwrap_or_default().to_owned();
        }
    }
}

#[test]
fn a_moved_or_replaced_file_gets_no_write_that_would_be_lost_and_the_log_says_so() {
    let command = with_ada();
    let serving = command.serve();
    let client = serving.client();
    let pair = client.login("ada", PASSWORD).ok();
    let [file, moved] = [DATABASE, "moved.db"].map(|name| command.dir.path().join(name));
    for (is_replaced, expected) in [
        (false, "was deleted or moved while it was in use"),
        (true, "was replaced by another file while it was in use"),
    ] {
        fs::rename(&file, &moved).unwrap();
        if is_replaced {
            fs::write(&file, "another").unwrap();
        }
        client.refresh(&pair["refresh_token"]).problem(503, "database_unavailable");
        let cause = watcher(&serving, "a background task failed and will be tried again");
        assert!(cause.contains(expected), "{cause}");
        fs::rename(&moved, &file).unwrap();
        watcher(&serving, "a background task works again");
    }
    let pair = client.refresh(&pair["refresh_token"]).ok();
    assert_eq!(pair["refresh_generation"], 2, "what was refused has not happened");
}

#[test]
fn a_reading_command_makes_no_file() {
    let command = Tokensmith::new();
    for args in [["users", "list"].as_slice(), &["users", "disable", "ada"], &["audit"], &["purge"]] {
        let message = refusal(&command, args);
        assert!(
            message
                .contains("data/tokensmith.db: there is no such file; create it with serve, migrate or users create"),
            "{message}"
        );
        assert_eq!(fs::read_dir(command.dir.path()).unwrap().count(), 0, "{args:?}");
    }
}
