//! Opening connections and keeping them in a pool, on either engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _};
use diesel::result::Error as DieselError;
use diesel::{Connection as _, ConnectionError, PgConnection, SqliteConnection};

use super::IfMissing;
use super::sqlite_file::{FileProblem, SqliteFile};
use crate::config::{DatabaseUrl, PostgresUrl};

/// A connection to either engine; one set of queries serves both.
#[derive(diesel::MultiConnection)]
pub(crate) enum DbConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A writer waits for this long for another process to finish its write, unless it has less time.
pub(super) const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How much the wait for the lock may differ from the time that there is for it.
const SQLITE_LOCK_TOLERANCE: Duration = Duration::from_millis(100);

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
const POSTGRES_SETUP: &str = "set statement_timeout = '10s'; set lock_timeout = '2500ms'; \
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
    ("keepalives_idle", "2"),
    ("keepalives_interval", "1"),
    ("keepalives_count", "3"),
    ("tcp_user_timeout", "3000"),
];

/// Whether a commit on SQLite waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    Synced,
    Unsynced,
}

/// What connections are made to.
#[derive(Clone, Debug)]
enum Target {
    Sqlite(Arc<SqliteFile>),
    Postgres(PostgresUrl),
}

/// What the pool makes connections with.
#[derive(Debug)]
pub(super) struct Manager {
    target: Target,
    /// For the connections that write.
    writes: bool,
}

/// A connection of the pool.
pub(super) struct Pooled {
    pub(super) connection: DbConnection,
    /// Whether it met an error that it may not recover from.
    pub(super) broken: bool,
    /// How long it waits for the lock of a SQLite file.
    lock_timeout: Duration,
    /// What a commit to a SQLite file does.
    durability: Durability,
}

impl Manager {
    /// For connections to read with, and to write with where both are the same.
    pub(super) fn new(url: &DatabaseUrl, if_missing: IfMissing) -> Result<Self, FileProblem> {
        let target = match url {
            DatabaseUrl::Sqlite(path) => Target::Sqlite(Arc::new(SqliteFile::open(path, if_missing)?)),
            DatabaseUrl::Postgres(url) => Target::Postgres(url.clone()),
        };
        Ok(Self { target, writes: false })
    }

    /// The same database, for connections that read only or that write, too.
    pub(super) fn again(&self, writes: bool) -> Self {
        Self { target: self.target.clone(), writes }
    }

    pub(super) fn file(&self) -> Option<Arc<SqliteFile>> {
        match &self.target {
            Target::Sqlite(file) => Some(Arc::clone(file)),
            Target::Postgres(_) => None,
        }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Pooled, ConnectionError> {
        let connection = match &self.target {
            Target::Sqlite(file) => DbConnection::Sqlite(open_sqlite(file, self.writes)?),
            Target::Postgres(url) => DbConnection::Postgres(open_postgres(url)?),
        };
        let (lock_timeout, durability) = (SQLITE_BUSY_TIMEOUT, Durability::Synced);
        Ok(Pooled { connection, broken: false, lock_timeout, durability })
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

fn open_sqlite(file: &SqliteFile, writes: bool) -> Result<SqliteConnection, ConnectionError> {
    file.check().map_err(|problem| bad_connection(&problem))?;
    let mut connection = SqliteConnection::establish(&file.uri())?;
    file.remember().map_err(|problem| bad_connection(&problem))?;
    set_up_sqlite(&mut connection)
        .and_then(|()| if writes { connection.batch_execute(SQLITE_WRITER_CACHE) } else { Ok(()) })
        .map_err(|problem| bad_connection(&problem))?;
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

/// The driver's text may hold what the server was given; no secret leaves with it.
fn open_postgres(url: &PostgresUrl) -> Result<PgConnection, ConnectionError> {
    let connection = PgConnection::establish(url.conninfo(&POSTGRES_OPTIONS).expose());
    let set_up = connection.and_then(|mut connection| {
        connection.batch_execute(POSTGRES_SETUP).map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    });
    set_up.map_err(|error| bad_connection(&url.hide_secrets(&error.to_string())))
}

fn bad_connection(reason: &impl ToString) -> ConnectionError {
    ConnectionError::BadConnection(reason.to_string())
}

impl Pooled {
    /// Begins a transaction that will write. On SQLite it takes the write lock now: a transaction that reads first and
    /// writes later fails when another one wrote in between. It waits for another process that has it for about
    /// `lock_timeout`.
    pub(super) fn begin_write(&mut self, lock_timeout: Duration, durability: Durability) -> diesel::QueryResult<()> {
        match &mut self.connection {
            DbConnection::Sqlite(connection) => {
                // Most have the same time: setting it is one more statement.
                if self.lock_timeout.abs_diff(lock_timeout) > SQLITE_LOCK_TOLERANCE {
                    connection.batch_execute(&format!("pragma busy_timeout = {}", lock_timeout.as_millis()))?;
                    self.lock_timeout = lock_timeout;
                }
                if self.durability != durability {
                    connection.batch_execute(match durability {
                        Durability::Synced => "pragma synchronous = full",
                        Durability::Unsynced => "pragma synchronous = normal",
                    })?;
                    self.durability = durability;
                }
                AnsiTransactionManager::begin_transaction_sql(connection, "begin immediate")
            }
            DbConnection::Postgres(connection) => {
                AnsiTransactionManager::begin_transaction_sql(connection, "begin isolation level read committed")
            }
        }
    }
}
