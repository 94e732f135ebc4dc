//! Opening connections and keeping them in a pool, on either engine.

use std::sync::Arc;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, SimpleConnection as _, TransactionManager as _};
use diesel::result::Error as DieselError;
use diesel::{Connection as _, ConnectionError, PgConnection, SqliteConnection};

use super::sqlite_file::{FileProblem, SqliteFile};
use super::{IfMissing, postgres};
use crate::config::{Config, DatabaseUrl, Pooler, PostgresUrl};
use crate::error::Error;

/// A connection to either engine; one set of queries serves both.
#[derive(diesel::MultiConnection)]
pub(crate) enum DbConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

pub(super) type Transactions = <DbConnection as diesel::Connection>::TransactionManager;

/// How long a writer waits at most for another process to finish its write.
pub(super) const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How much the wait for the lock may differ from the available time.
const SQLITE_LOCK_TOLERANCE: Duration = Duration::from_millis(100);

const SQLITE_POLL: Duration = Duration::from_millis(20);

/// Commits are durable, readers never wait for the writer, and foreign keys are enforced. A commit itself copies the log into
/// the database only where it has grown to 160 MiB: see `super::checkpoint`.
const SQLITE_SETUP: &str = "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; \
                            pragma temp_store = memory; pragma wal_autocheckpoint = 40000;";

/// The writer's page cache, in KiB: with ten million sessions it holds every page above the leaves. A reader's cache
/// has 2 MiB.
const SQLITE_WRITER_CACHE: &str = "pragma cache_size = -65536";

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
    Postgres(PostgresUrl, Pooler),
}

/// Makes connections for the pool.
#[derive(Debug)]
pub(super) struct Manager {
    target: Target,
    purpose: Purpose,
}

/// The purpose of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// For reading, and for writing if both use the same connections.
    Reading,
    /// For writing.
    Writing,
    /// Only for batches of refreshes.
    Batches,
}

/// A connection of the pool.
pub(super) struct Pooled {
    pub(super) connection: DbConnection,
    /// Whether it had an error from which it may not recover.
    pub(super) broken: bool,
    /// How long it waits for the lock of a SQLite file.
    lock_timeout: Duration,
    pooler: Pooler,
    /// What a commit to a SQLite file does.
    durability: Durability,
}

impl Manager {
    /// For reading connections, which also write if both use the same connections.
    pub(super) fn new(config: &Config, if_missing: IfMissing) -> Result<Self, FileProblem> {
        let target = match &config.database {
            DatabaseUrl::Sqlite(path) => Target::Sqlite(Arc::new(SqliteFile::open(path, if_missing)?)),
            DatabaseUrl::Postgres(url) => Target::Postgres(url.clone(), config.database_pooler),
        };
        Ok(Self { target, purpose: Purpose::Reading })
    }

    /// The same database, for connections with another purpose.
    pub(super) fn again(&self, purpose: Purpose) -> Self {
        Self { target: self.target.clone(), purpose }
    }

    pub(super) fn file(&self) -> Option<Arc<SqliteFile>> {
        match &self.target {
            Target::Sqlite(file) => Some(Arc::clone(file)),
            Target::Postgres(..) => None,
        }
    }

    /// The pooler before the database. Only PostgreSQL has one.
    pub(super) fn pooler(&self) -> Pooler {
        match self.target {
            Target::Sqlite(_) => Pooler::None,
            Target::Postgres(_, pooler) => pooler,
        }
    }
}

impl r2d2::ManageConnection for Manager {
    type Connection = Pooled;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Pooled, ConnectionError> {
        let connection = match &self.target {
            Target::Sqlite(file) => DbConnection::Sqlite(open_sqlite(file, self.purpose)?),
            Target::Postgres(url, pooler) => {
                DbConnection::Postgres(postgres::open(url, *pooler, self.purpose == Purpose::Batches)?)
            }
        };
        let (lock_timeout, durability) = (SQLITE_BUSY_TIMEOUT, Durability::Synced);
        Ok(Pooled { connection, broken: false, lock_timeout, pooler: self.pooler(), durability })
    }

    /// Not called: the first statement finds a connection that has died, without an extra round trip (see
    /// [`super::Store`]).
    fn is_valid(&self, _pooled: &mut Pooled) -> Result<(), ConnectionError> {
        Ok(())
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        pooled.broken || std::thread::panicking()
    }
}

fn open_sqlite(file: &SqliteFile, purpose: Purpose) -> Result<SqliteConnection, ConnectionError> {
    file.check().map_err(|problem| bad_connection(&problem))?;
    let mut connection = SqliteConnection::establish(&file.uri())?;
    file.remember().map_err(|problem| bad_connection(&problem))?;
    set_up_sqlite(&mut connection)
        .and_then(|()| match purpose {
            Purpose::Reading => Ok(()),
            Purpose::Writing | Purpose::Batches => connection.batch_execute(SQLITE_WRITER_CACHE),
        })
        .map_err(|problem| bad_connection(&problem))?;
    Ok(connection)
}

/// SQLite does not wait if another process also switches a new file to WAL, so this waits.
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

fn bad_connection(reason: &impl ToString) -> ConnectionError {
    ConnectionError::BadConnection(reason.to_string())
}

impl Pooled {
    /// Begins a transaction that will write. On SQLite it takes the write lock now, because a transaction that reads
    /// first and writes later fails if another one wrote in between. It waits for the lock for about `lock_timeout`.
    pub(super) fn begin_write(&mut self, lock_timeout: Duration, durability: Durability) -> diesel::QueryResult<()> {
        match &mut self.connection {
            DbConnection::Sqlite(connection) => {
                // Usually the time is the same; setting it would be one more statement.
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
            DbConnection::Postgres(connection) => postgres::begin_write(connection, self.pooler),
        }
    }

    /// Reads. If a pooler gives each transaction another session, this uses a transaction, since timeouts need one.
    pub(super) fn read<T>(&mut self, work: impl FnOnce(&mut DbConnection) -> Result<T, Error>) -> Result<T, Error> {
        match &mut self.connection {
            DbConnection::Postgres(connection) if self.pooler == Pooler::Transaction => {
                postgres::begin_read(connection, self.pooler)?;
            }
            connection => return work(connection),
        }
        let outcome = work(&mut self.connection);
        let ended = Transactions::rollback_transaction(&mut self.connection);
        let value = outcome?;
        ended?;
        Ok(value)
    }
}
