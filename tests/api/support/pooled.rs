//! With `TEST_POOLER=transaction` the whole suite goes through `PgBouncer`: the service reaches PostgreSQL by a pooler that
//! gives each transaction another connection, the tests themselves reach it directly.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::pooler::{Pooler, at_port, port_of};

/// Fewer than the connections of one instance, so that sessions are shared: anything that a transaction leaves behind in its
/// session affects another.
const SIZE: u32 = 3;

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
    // Only the clusters of the tests; other URLs are left as they are.
    url.strip_prefix("postgres://tokensmith@127.0.0.1:")?;
    let server = port_of(url);
    let mut poolers = POOLERS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    Some(poolers.entry(server).or_insert_with(|| Pooler::before(server, &mode, SIZE, true)).port)
}
