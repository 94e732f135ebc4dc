//! The database: the only room that knows diesel. Others use [`Store::read`] and [`Store::write`]. Work that records
//! events or denies tokens uses [`Store::write_unit`]; refreshes and ends of sessions use [`Store::compare_and_set`].
//!
//! An `Err` from [`Store::write`] always means that nothing was written. A refusal that must be recorded, such as a session
//! that ends because a token was reused, is returned as an `Ok`.

mod allowances;
mod api_tokens;
mod audit;
mod authorizations;
mod backup;
mod challenges;
mod checkpoint;
mod clients;
mod columns;
mod connection;
mod custom_claims;
mod deleted_imports;
mod denied_before;
mod denylist;
mod grants;
mod identities;
mod imported;
mod inspect;
mod invitations;
mod known_devices;
mod lapses;
mod legacy_ends;
mod legacy_tokens;
mod locks;
mod mail_tokens;
mod migrate;
mod moves;
mod outage;
mod outbox;
mod passkeys;
mod password_hashes;
mod patience;
mod pool;
mod postgres;
mod probe;
mod providers;
mod purges;
mod registrations;
mod restore;
mod rotations;
mod row;
mod schema;
mod second_factors;
mod session_claims;
mod session_row;
mod sessions;
mod shared_commit;
mod skeletons;
mod sqlite_file;
mod told;
mod types;
mod unit;
mod upstream_logins;
mod user_search;
mod usernames;
mod users;

use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use diesel::connection::TransactionManager;

use crate::config::{Config, Pooler};
use crate::error::Error;
use checkpoint::Checkpoints;
use connection::{DbConnection, Durability, Manager, Purpose, SQLITE_BUSY_TIMEOUT, Transactions};
use locks::Locked;
use outage::spoils_the_connection;
use pool::{Held, Pool};
use probe::Probe;
use shared_commit::SharedCommit;
use sqlite_file::SqliteFile;

pub(crate) use allowances::{Reservation, Settlement, Used};
pub(crate) use backup::{BackupError, back_up};
pub(crate) use clients::ClientSecrets;
pub(crate) use deleted_imports::Imported;
pub(crate) use mail_tokens::StoredMailToken;
pub use moves::Moved;
pub(crate) use outbox::Taken;
pub(crate) use patience::{DEADLINE, LOST_AFTER, Patience, VISIBLE_AFTER};
pub(crate) use purges::Over;
pub(crate) use restore::Restore;
pub use rotations::Found;
pub(crate) use rotations::Written;
pub(crate) use second_factors::{Confirmed, FactorOf};
pub(crate) use unit::{Effects, UnitTx};
pub(crate) use users::Credentials;

/// How long the first connection may take. A host name may have several addresses, each with its own limit.
const FIRST_CONNECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// A wait for another process's lock on the SQLite file ends this long before the request's time is over, so that it
/// ends before the request does.
const LOCK_MARGIN: Duration = Duration::from_millis(500);

/// While one batch waits for a slow disk, another is read and judged. More would only make each batch smaller.
const MAX_BATCHES: u32 = 2;

/// What to do when there is no database where one is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMissing {
    /// Create it.
    Create,
    /// Return an error: a command that reads or changes a database was probably given the wrong one.
    Refuse,
}

/// Access to the database.
pub struct Store {
    /// The file of a SQLite database.
    file: Option<Arc<SqliteFile>>,
    readers: Pool,
    /// On SQLite one connection writes. Writers queue here instead of polling for the file's lock.
    writers: Pool,
    /// Units that wait for that one.
    shared_commit: Option<SharedCommit>,
    /// Connections that are set up for batches of refreshes and ends, if one statement can be a whole batch.
    batches: Option<Pool>,
    /// One connection that no request uses, so that the denylist is followed even if all others are busy.
    follower: Pool,
    /// On SQLite.
    checkpoints: Option<Checkpoints>,
    probe: Probe,
}

/// A transaction that may read and write, whether it is known to have changed a row, and what it has locked.
pub struct WriteTx<'a>(&'a mut DbConnection, bool, Locked);

impl WriteTx<'_> {
    /// The same transaction, for reading.
    pub(crate) fn reading(&mut self) -> ReadTx<'_> {
        ReadTx(self.0)
    }

    /// Runs any statement, so that tests can create rows that the service never would.
    #[cfg(test)]
    pub(crate) fn execute(&mut self, statement: &str) -> Result<(), Error> {
        Ok(diesel::connection::SimpleConnection::batch_execute(self.0, statement)?)
    }
}

/// A connection for reading.
pub struct ReadTx<'a>(&'a mut DbConnection);

impl Store {
    /// Opens the database. Connections are made when needed; one is made now to find problems.
    pub(crate) fn open(config: &Config, if_missing: IfMissing) -> Result<Self, Error> {
        let manager = Manager::new(config, if_missing).map_err(unavailable)?;
        inspect_in_time(manager.again(Purpose::Reading), if_missing)?;
        let pool = |size: u32, purpose: Purpose| Pool::new(manager.again(purpose), size);
        let size = config.database_pool_size;
        let readers = pool(size, Purpose::Reading);
        let file = manager.file();
        let writers = if file.is_some() { pool(1, Purpose::Writing) } else { readers.clone() };
        let shared_commit = file.as_ref().map(|_| SharedCommit::default());
        let batches = match manager.pooler() {
            Pooler::None if file.is_none() => {
                Some(readers.beside(manager.again(Purpose::Batches), size.min(MAX_BATCHES)))
            }
            _ => None,
        };
        let checkpoints = file.as_ref().map(|_| Checkpoints::with(pool(1, Purpose::Reading)));
        let (follower, probe) = (pool(1, Purpose::Reading), Probe::default());
        Ok(Self { file, readers, writers, shared_commit, batches, follower, checkpoints, probe })
    }

    /// The same, with its own row for write probes, which `random` selects. So an instance that hangs in its probe does
    /// not block others.
    pub(crate) fn with_probe_row(self, random: [u8; 2]) -> Self {
        Self { probe: Probe::of_row(random), ..self }
    }

    /// Reads.
    pub fn read<T>(&self, mut work: impl FnMut(&mut ReadTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        Self::read_of(&self.readers, &mut work)
    }

    /// How many batches of refreshes may usefully run at the same time.
    pub(crate) fn concurrent_batches(&self) -> u32 {
        self.batches.as_ref().unwrap_or(&self.writers).size().min(MAX_BATCHES)
    }

    /// How many connections are in use, and how many are open and free.
    pub(crate) fn count_connections(&self) -> (u32, u32) {
        // On PostgreSQL readers and writers use the same pool.
        let writers = self.file.as_ref().map(|_| &self.writers);
        let checkpoints = self.checkpoints.as_ref().map(|checkpoints| &checkpoints.connection);
        let pools = [Some(&self.readers), writers, self.batches.as_ref(), Some(&self.follower), checkpoints];
        let counts = pools.into_iter().flatten().map(Pool::count);
        counts.fold((0, 0), |(busy, idle), pool| (busy + pool.0, idle + pool.1))
    }

    /// Reads on the connection that is reserved for following the denylist.
    pub(crate) fn read_apart<T>(&self, mut work: impl FnMut(&mut ReadTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        Self::read_of(&self.follower, &mut work)
    }

    fn read_of<T>(pool: &Pool, work: &mut impl FnMut(&mut ReadTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let patience = Patience::of_this_thread().unwrap_or_default();
        let _waiting = patience.wait();
        let mut read = |held: &mut Held| held.read(|connection| work(&mut ReadTx(connection)));
        Self::with_open(pool, &patience, &mut read).map(|(value, _)| value)
    }

    /// Reads and writes in one transaction; what it returns is durable. If the request's time is over, nothing is
    /// committed.
    pub fn write<T>(&self, work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write_as(Durability::Synced, work)
    }

    /// The same, but on SQLite it does not wait for the disk: if the machine loses power, the last writes may be lost.
    fn write_unsynced<T>(&self, work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, Error>) -> Result<T, Error> {
        self.write_as(Durability::Unsynced, work)
    }

    fn write_as<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&mut WriteTx<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // If the file was deleted or replaced, a write would be lost.
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
                // The transaction has already ended (full disk) or the connection has died: return the first error.
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

    /// Runs `first` with a connection of the pool and also returns the connection. A connection that died while it was
    /// idle fails at its first statement. Nothing has happened then, so it is dropped and the next one is tried; all
    /// may be dead.
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

    /// Checks that the SQLite file is still the one that was opened. This opens nothing and takes microseconds.
    pub(crate) fn check_file(&self) -> Result<(), Error> {
        self.file.as_ref().map_or(Ok(()), |file| file.check_identity()).map_err(unavailable)
    }
}

/// Does not wait for ever for a database that accepts a connection and then hangs.
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
