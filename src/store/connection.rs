//! Opening connections and keeping them in a pool, on either engine.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _};
use diesel::result::Error as DieselError;
use diesel::{Connection as _, ConnectionError, PgConnection, SqliteConnection};

use crate::config::DatabaseUrl;
use crate::secret::Secret;

/// A connection to either engine; one set of queries serves both.
#[derive(diesel::MultiConnection)]
pub enum DbConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A writer waits for this long for another process to finish its write.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SQLITE_POLL: Duration = Duration::from_millis(20);

/// A durable commit, readers that never wait for the writer, and foreign keys that are enforced. The log is written back
/// every 16 MiB: a page that was changed several times by then is written once.
const SQLITE_SETUP: &str = "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; \
                            pragma temp_store = memory; pragma wal_autocheckpoint = 4000;";

/// Pages that the writer keeps, in KiB: with ten million sessions every page above the leaves. A reader keeps 2 MiB.
const SQLITE_WRITER_CACHE: &str = "pragma cache_size = -65536";

/// No statement of ours takes long; one that does is stuck, and whoever waits for it deserves an answer.
/// What is acknowledged is durable, also where the server's default is otherwise. Every statement of ours finds its rows
/// by an index, one by one: the planner need not look for anything else each time, nor take a table without statistics
/// for a small one. And an update of several rows locks them in the order in which it is given them, which no other plan
/// promises. A server that does not know these settings goes without.
const POSTGRES_SETUP: &str = "set statement_timeout = '10s'; set lock_timeout = '5s'; \
                              set idle_in_transaction_session_timeout = '30s'; \
                              set default_transaction_isolation = 'read committed'; \
                              select set_config('synchronous_commit', 'on', false) \
                              where current_setting('synchronous_commit') = 'off'; \
                              select set_config(name, wish, false) from pg_settings join (values \
                              ('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off'), \
                              ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off')) as wanted (name, wish) \
                              using (name);";

/// A server that is gone without a word is noticed in seconds, not after the kernel's two hours.
const POSTGRES_OPTIONS: [(&str, &str); 5] = [
    ("connect_timeout", "3"),
    ("keepalives_idle", "10"),
    ("keepalives_interval", "5"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "15000"),
];

/// What the pool makes connections with.
#[derive(Debug)]
pub(super) struct Manager {
    url: DatabaseUrl,
    /// For the connections that write.
    writes: bool,
}

/// A connection of the pool, and whether it met an error that it may not recover from.
pub(super) struct Pooled {
    pub(super) connection: DbConnection,
    pub(super) broken: bool,
}

impl Manager {
    pub(super) fn new(url: DatabaseUrl, writes: bool) -> Self {
        Self { url, writes }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Pooled, ConnectionError> {
        let connection = match &self.url {
            DatabaseUrl::Sqlite(path) => DbConnection::Sqlite(open_sqlite(path, self.writes)?),
            DatabaseUrl::Postgres(url) => DbConnection::Postgres(open_postgres(url)?),
        };
        Ok(Pooled { connection, broken: false })
    }

    /// Not called: a connection that died is found by its first statement, which costs no round trip (see
    /// [`super::Store`]).
    fn is_valid(&self, _pooled: &mut Pooled) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.broken || std::thread::panicking()
    }
}

fn open_sqlite(path: &Path, writes: bool) -> Result<SqliteConnection, ConnectionError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(|cause| bad_connection(format!("{}: {cause}", folder.display())))?;
    }
    // It holds password hashes: when it is new, it is for its owner only, and so are the files that SQLite puts beside it.
    let new = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    new.map_err(|cause| bad_connection(format!("{}: {cause}", path.display())))?;
    let name = path.to_str().ok_or_else(|| bad_connection("the path of the SQLite file is not UTF-8".to_owned()))?;
    let mut connection =
        SqliteConnection::establish(name).map_err(|cause| bad_connection(format!("{}: {cause}", path.display())))?;
    let set_up = set_up_sqlite(&mut connection)
        .and_then(|()| if writes { connection.batch_execute(SQLITE_WRITER_CACHE) } else { Ok(()) });
    set_up.map_err(|cause| bad_connection(format!("{}: {cause}", path.display())))?;
    Ok(connection)
}

/// The very first switch of a file to WAL does not wait for another process that does the same; so we do.
fn set_up_sqlite(connection: &mut SqliteConnection) -> diesel::QueryResult<()> {
    connection.batch_execute(&format!("pragma busy_timeout = {}", SQLITE_BUSY_TIMEOUT.as_millis()))?;
    let started_at = Instant::now();
    loop {
        match connection.batch_execute(SQLITE_SETUP) {
            Err(DieselError::DatabaseError(_, about))
                if about.message().contains("locked") && started_at.elapsed() < SQLITE_BUSY_TIMEOUT =>
            {
                std::thread::sleep(SQLITE_POLL);
            }
            done => return done,
        }
    }
}

fn open_postgres(url: &Secret<String>) -> Result<PgConnection, ConnectionError> {
    let mut full = url.expose().clone();
    for (option, value) in POSTGRES_OPTIONS {
        if !full.contains(&format!("{option}=")) {
            full.push(if full.contains('?') { '&' } else { '?' });
            full.push_str(option);
            full.push('=');
            full.push_str(value);
        }
    }
    let full = Secret::new(full);
    let mut connection = PgConnection::establish(full.expose())?;
    connection.batch_execute(POSTGRES_SETUP).map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(connection)
}

fn bad_connection(message: String) -> ConnectionError {
    ConnectionError::BadConnection(message)
}

impl DbConnection {
    /// Begins a transaction that will write. On SQLite it takes the write lock now: a transaction that reads first and
    /// writes later fails when another one wrote in between.
    pub(super) fn begin_write(&mut self) -> diesel::QueryResult<()> {
        match self {
            Self::Sqlite(connection) => AnsiTransactionManager::begin_transaction_sql(connection, "begin immediate"),
            Self::Postgres(connection) => {
                AnsiTransactionManager::begin_transaction_sql(connection, "begin isolation level read committed")
            }
        }
    }
}
