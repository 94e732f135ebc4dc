//! Rows: the only room that knows diesel. [`Store::read`] and [`Store::write`] are the ways in, and for
//! refreshes [`Store::compare_and_set`].
//!
//! An `Err` out of [`Store::write`] always means that nothing was written. A refusal that must be recorded, such as
//! a session that ends because a token was reused, leaves as an `Ok`.

mod api_tokens;
mod audit;
mod connection;
mod denylist;
mod migrate;
mod rotations;
mod schema;
mod sessions;
mod types;
mod users;

use std::time::{Duration, Instant};

use diesel::connection::TransactionManager;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::clock::Seconds;
use crate::config::{Config, DatabaseUrl};
use crate::error::Error;
use connection::{DbConnection, Manager};

pub use rotations::{Found, Moved};
pub use users::{Credentials, UserSearch};

/// How long a request waits for a connection of the pool before it is told that the database is not available.
const POOL_TIMEOUT: Duration = Duration::from_secs(3);

/// While one waits for the disk, another is read and judged; more would only make each smaller.
const MOST_BATCHES: u32 = 2;

/// Access to the database.
pub struct Store {
    readers: r2d2::Pool<Manager>,
    /// On SQLite one connection writes: writers queue here in turn instead of polling for the file's lock.
    writers: r2d2::Pool<Manager>,
    has_one_writer: bool,
    /// One connection that no request uses: the denylist is followed also when all others are busy.
    follower: r2d2::Pool<Manager>,
}

/// A transaction that may read and write.
pub struct WriteTx<'a>(&'a mut DbConnection);

impl WriteTx<'_> {
    /// The same transaction, to read with.
    pub fn reading(&mut self) -> ReadTx<'_> {
        ReadTx(self.0)
    }

    /// Any statement: how a test makes what the service never would.
    #[cfg(test)]
    pub(crate) fn execute(&mut self, statement: &str) -> Result<(), Error> {
        Ok(diesel::connection::SimpleConnection::batch_execute(self.0, statement)?)
    }
}

/// A connection to read with.
pub struct ReadTx<'a>(&'a mut DbConnection);

impl Store {
    /// Opens the database. Connections are made when they are needed; one is made now, so that a wrong URL is noticed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when no connection can be made.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let manager = |writes| Manager::new(config.database.clone(), writes);
        // The first connection is made outside the pool: the pool hides why it failed.
        r2d2::ManageConnection::connect(&manager(false)).map_err(unavailable)?;
        let pool = |size: u32, writes: bool| {
            r2d2::Pool::builder()
                .max_size(size)
                .min_idle(Some(0))
                .connection_timeout(POOL_TIMEOUT)
                .test_on_check_out(false)
                .error_handler(Box::new(r2d2::NopErrorHandler))
                .build_unchecked(manager(writes))
        };
        let readers = pool(config.database_pool_size, false);
        let writers = match config.database {
            DatabaseUrl::Sqlite(_) => pool(1, true),
            DatabaseUrl::Postgres(_) => readers.clone(),
        };
        let has_one_writer = matches!(config.database, DatabaseUrl::Sqlite(_));
        Ok(Self { readers, writers, has_one_writer, follower: pool(1, false) })
    }

    /// Reads.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach, or what `work` answers.
    pub fn read<T>(&self, mut work: impl FnMut(&mut ReadTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        Self::with_open(&self.readers, |connection| work(&mut ReadTx(connection))).map(|(value, _)| value)
    }

    /// How many batches of refreshes can be under way at the same time to some use.
    #[must_use]
    pub fn concurrent_batches(&self) -> u32 {
        self.writers.max_size().min(MOST_BATCHES)
    }

    /// How many connections are in use, and how many are open and free.
    #[must_use]
    pub fn count_connections(&self) -> (u32, u32) {
        let writers = self.has_one_writer.then(|| self.writers.state());
        let pools = [Some(self.readers.state()), writers, Some(self.follower.state())];
        pools.iter().flatten().fold((0, 0), |(busy, idle), pool| {
            (busy + pool.connections.saturating_sub(pool.idle_connections), idle + pool.idle_connections)
        })
    }

    /// Reads on the connection that is kept for following the denylist.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn read_apart<T>(&self, mut work: impl FnMut(&mut ReadTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        Self::with_open(&self.follower, |connection| work(&mut ReadTx(connection))).map(|(value, _)| value)
    }

    /// Reads and writes in one transaction; what is answered is durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach, or what `work` answers. Nothing is written then.
    pub fn write<T>(&self, work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let ((), mut pooled) = Self::with_open(&self.writers, |connection| Ok(connection.begin_write()?))?;
        let outcome = work(&mut WriteTx(&mut pooled.connection));
        let finished = match outcome {
            Ok(value) => Transactions::commit_transaction(&mut pooled.connection).map(|()| value).map_err(Error::from),
            Err(error) => match Transactions::rollback_transaction(&mut pooled.connection) {
                Ok(()) => Err(error),
                Err(cause) => Err(cause.into()),
            },
        };
        pooled.broken = matches!(finished, Err(Error::Unavailable(_)));
        finished
    }

    /// Does `first` with a connection of the pool; answers also the connection. One that died while it was idle fails
    /// at its first statement; nothing has happened then, so it is dropped and the next one tried.
    fn with_open<T>(
        pool: &r2d2::Pool<Manager>,
        mut first: impl FnMut(&mut DbConnection) -> Result<T, Error>,
    ) -> Result<(T, r2d2::PooledConnection<Manager>), Error> {
        let started_at = Instant::now();
        loop {
            let mut pooled = pool.get().map_err(unavailable)?;
            match first(&mut pooled.connection) {
                Ok(value) => return Ok((value, pooled)),
                Err(error) => {
                    pooled.broken = matches!(error, Error::Unavailable(_));
                    if !is_closed(&error) || started_at.elapsed() > POOL_TIMEOUT {
                        return Err(error);
                    }
                }
            }
        }
    }

    /// Whether the database answers, and has our tables.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub fn ping(&self) -> Result<(), Error> {
        self.read(|tx| tx.has_no_users()).map(|_either_is_fine| ())
    }
}

type Transactions = <DbConnection as diesel::Connection>::TransactionManager;

fn is_closed(error: &Error) -> bool {
    let Error::Unavailable(cause) = error else { return false };
    let cause = cause.downcast_ref::<DieselError>();
    matches!(cause, Some(DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, _)))
}

fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Unavailable(Box::new(cause))
}

/// What breaks a constraint or does not decode is a fault of ours; anything else that the database could not do is
/// [`Error::Unavailable`], since diesel does not tell a server that is shutting down from one that does not know a column.
impl From<DieselError> for Error {
    fn from(error: DieselError) -> Self {
        use DatabaseErrorKind as Kind;
        match error {
            DieselError::DatabaseError(
                Kind::UniqueViolation | Kind::ForeignKeyViolation | Kind::NotNullViolation | Kind::CheckViolation,
                _,
            )
            | DieselError::NotFound
            | DieselError::QueryBuilderError(_)
            | DieselError::DeserializationError(_)
            | DieselError::SerializationError(_) => Self::internal(error),
            _ => unavailable(error),
        }
    }
}

/// When to come back after the database was out of reach.
pub const RETRY_AFTER: Seconds = Seconds(5);
