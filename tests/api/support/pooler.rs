//! `PgBouncer` before a cluster. With `TEST_POOLER=transaction` the whole suite goes through one: the service reaches
//! PostgreSQL by a pooler that gives each transaction another connection, the tests themselves reach it directly.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::cluster::{next, unprivileged_shell};

/// The end of the input is the end of the pooler.
const SUPERVISOR: &str = r#"
trap : INT
dir=$1
cat >"$dir/pgbouncer.ini" <<END
$2
END
pgbouncer -q "$dir/pgbouncer.ini" >"$dir/log" 2>&1 &
pid=$!
cat >/dev/null
kill "$pid" 2>/dev/null
wait "$pid"
rm -rf "$dir"
"#;

/// Fewer than the connections of one instance, each lent to whoever comes next: what one transaction leaves behind in its
/// session meets another's.
const SIZE: u32 = 3;

/// The pooler, and the shell that keeps it.
pub struct Pooler {
    pub port: u16,
    supervisor: Child,
}

impl Pooler {
    /// One before the server on this port, with so many connections to each of its databases.
    pub fn before(server: u16, mode: &str, size: u32, is_round_robin: bool) -> Self {
        let dir = std::env::temp_dir().join(format!("tokensmith-pooler-{}-{}", std::process::id(), next()));
        std::fs::create_dir(&dir).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=tokensmith\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {mode}\ndefault_pool_size = {size}\nserver_round_robin = {}\n\
             max_client_conn = 1000\nserver_idle_timeout = 2\nserver_login_retry = 1\n",
            u32::from(is_round_robin),
        );
        let mut command = unprivileged_shell(&dir);
        command.args(["-c", SUPERVISOR, "supervisor"]).arg(&dir).arg(config).current_dir("/");
        let supervisor = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let started_at = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started_at.elapsed() < Duration::from_secs(20), "the pooler starts");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, supervisor }
    }

    /// The same database, through this.
    pub fn url(&self, server: &str) -> String {
        at_port(server, self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        // Its end is all that is wanted.
        let _ended = self.supervisor.wait();
    }
}

/// Whether there is a `PgBouncer` to test with. Without one its tests are skipped, loudly; in CI that is a failure.
pub fn is_available() -> bool {
    let available = Command::new("pgbouncer").arg("--version").output().is_ok();
    if !available {
        assert!(std::env::var_os("CI").is_none(), "PgBouncer is not installed: in CI its tests may not be skipped");
        // Straight to standard error: what the test harness captures of a test that passes is never seen.
        let _closed = writeln!(std::io::stderr(), "skipped: PgBouncer is not installed");
    }
    available
}

/// The settings that lead the service to the database of a test: its URL, or in a run with a pooler the pooler's. Each
/// cluster gets one when it is first asked for.
pub fn settings(url: &str) -> Vec<(&'static str, String)> {
    match port_before(url) {
        Some(port) => vec![("DATABASE_URL", at_port(url, port)), ("DATABASE_POOLER", "transaction".to_owned())],
        None => vec![("DATABASE_URL", url.to_owned())],
    }
}

/// Where the service connects to for this database.
pub fn seen_by_the_service(url: &str) -> String {
    settings(url).remove(0).1
}

fn port_before(url: &str) -> Option<u16> {
    static POOLERS: OnceLock<Mutex<HashMap<u16, Pooler>>> = OnceLock::new();
    let mode = std::env::var("TEST_POOLER").ok()?;
    // As the clusters of the tests have it; whatever else a test makes up is its own affair.
    url.strip_prefix("postgres://tokensmith@127.0.0.1:")?;
    let server = port_of(url);
    let mut poolers = POOLERS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    Some(poolers.entry(server).or_insert_with(|| Pooler::before(server, &mode, SIZE, true)).port)
}

/// The port in the URL of a database.
pub fn port_of(url: &str) -> u16 {
    url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()).unwrap().parse().unwrap()
}

fn at_port(url: &str, port: u16) -> String {
    url.replace(&format!(":{}/", port_of(url)), &format!(":{port}/"))
}
