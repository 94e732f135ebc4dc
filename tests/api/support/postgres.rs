//! The databases of the tests on PostgreSQL: one cluster for a run, and a copy of a migrated template for each test.

use std::io::Write as _;
use std::sync::{Mutex, OnceLock};

pub use super::cluster::Cluster;
use super::cluster::{bin_dir, next};
use super::process::Tokensmith;

static SHARED: OnceLock<Mutex<Cluster>> = OnceLock::new();
/// Nothing that a test leaves behind has to survive the machine, or is worth a vacuum: with a thousand databases its
/// workers would take a part of the processor.
pub const NO_FSYNC: &str = "-c fsync=off -c full_page_writes=off -c autovacuum=off";

/// Migrated by the command itself, and not through a pooler, whose connections would stay: a template must have none.
const TEMPLATE: &str = "migrated";

/// The URL of a new, migrated database in the cluster of this run.
pub fn new_database() -> String {
    let shared = SHARED.get_or_init(|| {
        let cluster = Cluster::start(NO_FSYNC);
        let url = cluster.create_database(TEMPLATE, "template0");
        assert!(Tokensmith::new().set("DATABASE_URL", &url).run(&["migrate"]).success());
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
