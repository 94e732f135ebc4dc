//! A private PostgreSQL cluster in a temporary folder on a free port, started once per run and removed at its end.
//!
//! A shell supervises it: it lives on this process's pipe, so that the cluster goes even when the tests are killed.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

use super::process::Tokensmith;

/// `start` and `stop` arrive line by line; the end of the input is the end of the cluster.
const SUPERVISOR: &str = r#"
trap : INT
dir=$1 port=$2 bin=$3
finish() { "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"; }
"$bin/initdb" -D "$dir/data" -U tokensmith -A trust -E UTF8 --no-locale --no-sync >"$dir/log" 2>&1 || { cat "$dir/log"; finish; exit 1; }
options="-p $port -k $dir -c listen_addresses=127.0.0.1 -c max_connections=300 -c fsync=off"
echo made
while read -r command; do
    case $command in
        start) "$bin/pg_ctl" -D "$dir/data" -w -l "$dir/log" -o "$options" start >"$dir/ctl" 2>&1 && echo started || cat "$dir/ctl" "$dir/log" ;;
        stop) "$bin/pg_ctl" -D "$dir/data" -w -m immediate stop >"$dir/ctl" 2>&1 && echo stopped || cat "$dir/ctl" ;;
    esac
done
finish
"#;

/// A cluster and the shell that keeps it.
pub struct Cluster {
    port: u16,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _supervisor: Child,
}

impl Cluster {
    pub fn start() -> Self {
        let bin = bin_dir().expect("PostgreSQL is installed");
        let dir = std::env::temp_dir().join(format!("tokensmith-pg-{}-{}", std::process::id(), next()));
        std::fs::create_dir(&dir).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = if is_root() {
            // PostgreSQL refuses to run as root.
            let user = if user_exists("postgres") { "postgres" } else { "nobody" };
            assert!(Command::new("chown").arg(user).arg(&dir).status().unwrap().success());
            let mut command = Command::new("runuser");
            command.args(["-u", user, "--", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", SUPERVISOR, "supervisor"]).arg(&dir).arg(port.to_string()).arg(bin).current_dir("/");
        let mut supervisor = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = supervisor.stdin.take().unwrap();
        let answers = BufReader::new(supervisor.stdout.take().unwrap()).lines();
        let mut cluster = Self { port, commands, answers, _supervisor: supervisor };
        cluster.expect("made");
        cluster.tell("start", "started");
        cluster
    }

    pub fn tell(&mut self, command: &str, answer: &str) {
        writeln!(self.commands, "{command}").unwrap();
        self.expect(answer);
    }

    fn expect(&mut self, answer: &str) {
        let line = self.answers.next().expect("the supervisor lives").unwrap();
        assert_eq!(line, answer, "{:?}", self.answers.by_ref().take(30).collect::<Vec<_>>());
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://tokensmith@127.0.0.1:{}/{database}", self.port)
    }

    /// A new database with the schema of the template, which is migrated by the command itself.
    fn create_database(&self, name: &str, template: &str) -> String {
        let mut admin = PgConnection::establish(&self.url("postgres")).unwrap();
        admin.batch_execute(&format!("create database {name} template {template}")).unwrap();
        self.url(name)
    }
}

static SHARED: OnceLock<Mutex<Cluster>> = OnceLock::new();
const TEMPLATE: &str = "migrated";

/// The URL of a new, migrated database in the cluster of this run.
pub fn new_database() -> String {
    let shared = SHARED.get_or_init(|| {
        let cluster = Cluster::start();
        let url = cluster.create_database(TEMPLATE, "template0");
        assert!(Tokensmith::new().env("DATABASE_URL", &url).run(&["migrate"]).success());
        Mutex::new(cluster)
    });
    let shared = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.create_database(&format!("test_{}", next()), TEMPLATE)
}

/// The URL of a new, empty database in the cluster of this run.
pub fn new_empty_database() -> String {
    drop(new_database());
    let shared = SHARED.get().unwrap().lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    shared.create_database(&format!("test_{}", next()), "template0")
}

/// Whether there is a PostgreSQL to test on. Without one the test is skipped, loudly; in CI that is a failure.
pub fn is_available() -> bool {
    let available = bin_dir().is_some();
    if !available {
        assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed: in CI its tests may not be skipped");
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        // Straight to standard error: what the test harness captures of a test that passes is never seen.
        let _closed = writeln!(std::io::stderr(), "skipped: {test} (PostgreSQL is not installed)");
    }
    available
}

fn bin_dir() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut candidates: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    candidates.sort();
    candidates.into_iter().rev().chain(told).find(|dir| dir.join("initdb").exists())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn user_exists(name: &str) -> bool {
    Command::new("id").arg(name).output().is_ok_and(|output| output.status.success())
}

fn next() -> u32 {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    COUNTER.fetch_add(1, Ordering::SeqCst)
}
