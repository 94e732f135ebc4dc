//! Rows: the only room that knows diesel. [`Store::read`] and [`Store::write`] are the ways in; what records events or
//! denies tokens goes through [`Store::write_unit`], and refreshes through [`Store::compare_and_set`].
//!
//! An `Err` out of [`Store::write`] always means that nothing was written. A refusal that must be recorded, such as
//! a session that ends because a token was reused, leaves as an `Ok`.

mod allowances;
mod api_tokens;
mod audit;
mod backup;
mod connection;
mod denied_before;
mod denylist;
mod inspect;
mod locks;
mod migrate;
mod outage;
mod outbox;
mod patience;
mod pool;
mod postgres;
mod probe;
mod purges;
mod restore;
mod rotations;
mod row;
mod schema;
mod session_row;
mod sessions;
mod sqlite_file;
mod types;
mod unit;
mod usernames;
mod users;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use diesel::connection::TransactionManager;

use crate::config::{Config, Pooler};
use crate::error::Error;
use connection::{DbConnection, Durability, Manager, Purpose, SQLITE_BUSY_TIMEOUT, Transactions};
use locks::Locked;
use outage::spoils_the_connection;
use pool::{Held, Pool};
use probe::Probe;
use sqlite_file::SqliteFile;

pub(crate) use allowances::{Reservation, Settlement, Used};
pub(crate) use backup::{BackupError, back_up};
pub(crate) use outbox::Taken;
pub(crate) use patience::{DEADLINE, LOST_AFTER, Patience};
pub(crate) use purges::Over;
pub(crate) use restore::Restore;
pub(crate) use rotations::Written;
pub use rotations::{Found, Moved};
pub(crate) use unit::{Effects, UnitTx};
pub(crate) use users::Credentials;

/// How long the first connection may take. A name may stand for several addresses, each with a limit of its own.
const FIRST_CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// A wait for another process's lock on the SQLite file is given up so much before the request's time is over: whoever
/// waits for it is told so by its end, and nothing is left waiting.
const LOCK_MARGIN: Duration = Duration::from_millis(500);

/// While one waits for the disk, another is read and judged; more would only make each smaller.
const MAX_BATCHES: u32 = 2;

/// What to do when there is no database where one is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Make it.
    Create,
    /// Say so: a command that only looks at a database or changes one was given the wrong one.
    Refuse,
}

/// Access to the database.
pub struct Store {
    /// On SQLite.
    file: Option<Arc<SqliteFile>>,
    readers: Pool,
    /// On SQLite one connection writes: writers queue here in turn instead of polling for the file's lock.
    writers: Pool,
    /// Where one statement can be a whole batch of refreshes, connections that are set up for it.
    batches: Option<Pool>,
    /// One connection that no request uses: the denylist is followed also when all others are busy.
    follower: Pool,
    probe: Probe,
}

/// A transaction that may read and write, whether it is known to have changed a row, and what it has locked.
pub struct WriteTx<'a>(&'a mut DbConnection, bool, Locked);

impl WriteTx<'_> {
    /// The same transaction, to read with.
    pub(crate) fn reading(&mut self) -> ReadTx<'_> {
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
    /// Opens the database. Connections are made when they are needed; one is made now, so that what is wrong is noticed.
    pub(crate) fn open(config: &Config, if_missing: IfMissing) -> Result<Self, Error> {
        let manager = Manager::new(config, if_missing).map_err(unavailable)?;
        inspect_in_time(manager.again(Purpose::Reading), if_missing)?;
        let pool = |size: u32, purpose: Purpose| Pool::new(manager.again(purpose), size);
        let size = config.database_pool_size;
        let readers = pool(size, Purpose::Reading);
        let file = manager.file();
        let writers = if file.is_some() { pool(1, Purpose::Writing) } else { readers.clone() };
        let batches = match manager.pooler() {
            Pooler::None if file.is_none() => {
                Some(readers.beside(manager.again(Purpose::Batches), size.min(MAX_BATCHES)))
            }
            _ => None,
        };
        Ok(Self { file, readers, writers, batches, follower: pool(1, Purpose::Reading), probe: Probe::default() })
    }

    /// The same, with a row of its own among those that are written to learn whether writes are taken: `random` draws it.
    /// An instance that hangs in its write holds up no other.
    pub(crate) fn with_probe_row(self, random: [u8; 2]) -> Self {
        Self { probe: Probe::of_row(random), ..self }
    }

    /// Reads.
    pub fn read<T>(&self, mut work: impl FnMut(&mut ReadTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        Self::read_of(&self.readers, &mut work)
    }

    /// How many batches of refreshes can be under way at the same time to some use.
    pub(crate) fn concurrent_batches(&self) -> u32 {
        self.batches.as_ref().unwrap_or(&self.writers).size().min(MAX_BATCHES)
    }

    /// How many connections are in use, and how many are open and free.
    pub(crate) fn count_connections(&self) -> (u32, u32) {
        // On PostgreSQL readers and writers are the same.
        let writers = self.file.as_ref().map(|_| &self.writers);
        let pools = [Some(&self.readers), writers, self.batches.as_ref(), Some(&self.follower)];
        let counts = pools.into_iter().flatten().map(Pool::count);
        counts.fold((0, 0), |(busy, idle), pool| (busy + pool.0, idle + pool.1))
    }

    /// Reads on the connection that is kept for following the denylist.
    pub(crate) fn read_apart<T>(&self, mut work: impl FnMut(&mut ReadTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        Self::read_of(&self.follower, &mut work)
    }

    fn read_of<T>(pool: &Pool, work: &mut impl FnMut(&mut ReadTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let patience = Patience::of_this_thread().unwrap_or_default();
        let _waiting = patience.wait();
        let mut read = |held: &mut Held| held.read(|connection| work(&mut ReadTx(connection)));
        Self::with_open(pool, &patience, &mut read).map(|(value, _)| value)
    }

    /// Reads and writes in one transaction; what is answered is durable. What comes too late for its request is not
    /// committed.
    pub fn write<T>(&self, work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write_as(Durability::Synced, work)
    }

    /// The same, except that on SQLite it is not waited for the disk: when the machine loses its power, what was written
    /// last may be lost.
    fn write_unsynced<T>(&self, work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write_as(Durability::Unsynced, work)
    }

    fn write_as<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // Into a file that is not there any more nothing is written that lasts.
        self.check_file()?;
        let request = Patience::of_this_thread();
        let is_late = || request.as_ref().is_some_and(|patience| patience.left().is_zero());
        let patience = request.clone().unwrap_or_default();
        let _waiting = patience.wait();
        let lock_timeout = || match &request {
            Some(patience) => patience.left().saturating_sub(LOCK_MARGIN),
            None => SQLITE_BUSY_TIMEOUT,
        };
        let begin = |held: &mut Held| Ok(held.begin_write(lock_timeout(), durability)?);
        let ((), mut held) = Self::with_open(&self.writers, &patience, begin)?;
        let mut tx = WriteTx(held.connection(), false, Locked::default());
        let outcome = work(&mut tx);
        let has_written = tx.1;
        let outcome = if outcome.is_ok() && is_late() { Err(Patience::over()) } else { outcome };
        let (finished, is_over) = match outcome {
            Ok(value) => {
                let committed = Transactions::commit_transaction(held.connection()).map_err(Error::from);
                (committed.map(|()| value), true)
            }
            Err(error) => match Transactions::rollback_transaction(held.connection()) {
                Ok(()) => (Err(error), true),
                // A full disk has ended it already, or the connection has died: what went wrong first is told.
                Err(_nothing_to_roll_back) => (Err(error.out_of_reach()), false),
            },
        };
        if !is_over || finished.as_ref().is_err_and(spoils_the_connection) {
            held.discard();
        }
        if finished.is_ok() && has_written {
            self.probe.wrote();
        }
        finished
    }

    /// Does `first` with a connection of the pool; answers also the connection. One that died while it was idle fails
    /// at its first statement; nothing has happened then, so it is dropped and the next one tried: the pool may be full of
    /// such.
    fn with_open<T>(
        pool: &Pool,
        patience: &Patience,
        mut first: impl FnMut(&mut Held) -> Result<T, Error>,
    ) -> Result<(T, Held), Error> {
        loop {
            let mut held = pool.get(patience)?;
            match first(&mut held) {
                Ok(value) => return Ok((value, held)),
                Err(error) => match held.examine(error) {
                    (_, true) if !patience.left().is_zero() => {}
                    (error, _) => return Err(error),
                },
            }
        }
    }

    /// Whether the SQLite file is still the one that was opened. It opens nothing and takes microseconds.
    pub(crate) fn check_file(&self) -> Result<(), Error> {
        self.file.as_ref().map_or(Ok(()), |file| file.check_identity()).map_err(unavailable)
    }
}

/// A database that accepts a connection and then hangs is not waited for.
fn inspect_in_time(manager: Manager, if_missing: IfMissing) -> Result<(), Error> {
    let (done, inspected) = channel();
    std::thread::spawn(move || done.send(inspect::inspect(&manager, if_missing)));
    inspected.recv_timeout(FIRST_CONNECTION_TIMEOUT).unwrap_or_else(|_timed_out| {
        let seconds = FIRST_CONNECTION_TIMEOUT.as_secs();
        Err(Error::Unavailable(format!("it did not answer within {seconds} seconds").into()))
    })
}

fn unavailable(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Unavailable(Box::new(cause))
}
