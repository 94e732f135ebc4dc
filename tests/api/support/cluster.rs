//! A private PostgreSQL cluster in a temporary folder on a free port, removed at its end.
//!
//! A shell supervises it: it lives on this process's pipe, so that the cluster goes even when the tests are killed.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection};

/// `start` and `stop` arrive line by line; the end of the input is the end of the cluster.
const SUPERVISOR: &str = r#"
trap : INT
dir=$1 port=$2 bin=$3 settings=$4
finish() { "$bin/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"; }
"$bin/initdb" -D "$dir/data" -U tokensmith -A trust -E UTF8 --no-locale --no-sync >"$dir/log" 2>&1 || { cat "$dir/log"; finish; exit 1; }
options="-p $port -k $dir -c listen_addresses=127.0.0.1 -c max_connections=300 $settings"
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
    pub port: u16,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
    _supervisor: Child,
}

impl Cluster {
    /// Starts one with settings of its own, as in `-c fsync=off`.
    pub fn start(settings: &str) -> Self {
        let bin = bin_dir().expect("PostgreSQL is installed");
        let dir = std::env::temp_dir().join(format!("tokensmith-pg-{}-{}", std::process::id(), next()));
        std::fs::create_dir(&dir).unwrap();
        let port = super::ports::free_port();
        let mut command = unprivileged_shell(&dir);
        command.args(["-c", SUPERVISOR, "supervisor"]).arg(&dir).arg(port.to_string()).arg(bin);
        command.arg(settings).current_dir("/");
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
        Self::url_through(self.port, database)
    }

    /// Its address for a client that reaches it through another port.
    pub fn url_through(port: u16, database: &str) -> String {
        format!("postgres://tokensmith@127.0.0.1:{port}/{database}")
    }

    /// A new database that is a copy of the template.
    pub fn create_database(&self, name: &str, template: &str) -> String {
        let mut admin = PgConnection::establish(&self.url("postgres")).unwrap();
        admin.batch_execute(&format!("create database {name} template {template}")).unwrap();
        self.url(name)
    }
}

/// Where PostgreSQL's programs are, if they are installed.
pub fn bin_dir() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut candidates: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    candidates.sort();
    candidates.into_iter().rev().chain(told).find(|dir| dir.join("initdb").exists())
}

/// A shell that may own a folder and start what refuses to run as root.
pub fn unprivileged_shell(dir: &Path) -> Command {
    if !is_root() {
        return Command::new("sh");
    }
    let user = if user_exists("postgres") { "postgres" } else { "nobody" };
    assert!(Command::new("chown").arg(user).arg(dir).status().unwrap().success());
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--", "sh"]);
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}

fn user_exists(name: &str) -> bool {
    Command::new("id").arg(name).output().is_ok_and(|output| output.status.success())
}

/// A number that this process has not used yet.
pub fn next() -> u32 {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    COUNTER.fetch_add(1, Ordering::SeqCst)
}
