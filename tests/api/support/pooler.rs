//! `PgBouncer` in front of a cluster, on a free port, until it is dropped.

use std::net::TcpStream;
use std::process::{Child, Stdio};
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
        let port = super::ports::free_port();
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
        // It only has to end.
        let _ended = self.supervisor.wait();
    }
}

/// The port in the URL of a database.
pub fn port_of(url: &str) -> u16 {
    url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()).unwrap().parse().unwrap()
}

/// The same with another port.
pub fn at_port(url: &str, port: u16) -> String {
    url.replace(&format!(":{}/", port_of(url)), &format!(":{port}/"))
}
