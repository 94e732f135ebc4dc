//! Checkpoints of SQLite's log (the file `-wal`), made beside the writer: its pages are copied into the database's file, so
//! that the log can begin anew. A writer that copied them within its own commit would let everyone who waits for that
//! commit wait for the copy as well.

use std::sync::atomic::{AtomicI64, Ordering};

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, RunQueryDsl as _, sql_query};

use super::connection::DbConnection;
use super::pool::Pool;
use super::{ReadTx, Store};
use crate::error::Error;

/// The log is copied when this many of its pages, of 4 KiB each, are not copied yet. A page that was changed several times
/// is copied once.
const PAGES: i64 = 16_000;

/// What `pragma wal_checkpoint` returns (<https://www.sqlite.org/pragma.html#pragma_wal_checkpoint>).
#[derive(QueryableByName)]
struct Log {
    /// The pages in the log.
    #[diesel(sql_type = BigInt)]
    log: i64,
    /// How many of them are copied.
    #[diesel(sql_type = BigInt)]
    checkpointed: i64,
}

/// What makes checkpoints of a SQLite database.
pub(super) struct Checkpoints {
    /// A connection of its own, so that nothing waits while it copies.
    pub(super) connection: Pool,
    /// The pages in the log when it was last looked at.
    pages: AtomicI64,
}

impl Checkpoints {
    pub(super) fn with(connection: Pool) -> Self {
        Self { connection, pages: AtomicI64::new(0) }
    }
}

impl Store {
    /// Copies the log of a SQLite database if it is long enough. This waits for no lock, and no reader or writer waits for
    /// it.
    pub(crate) fn checkpoint(&self) -> Result<(), Error> {
        let Some(Checkpoints { connection, pages }) = &self.checkpoints else { return Ok(()) };
        pages.store(Self::read_of(connection, &mut |tx| tx.checkpoint(PAGES))?, Ordering::Relaxed);
        Ok(())
    }

    /// The number of pages in the log of a SQLite database, copied or not.
    pub(crate) fn count_log_pages(&self) -> i64 {
        self.checkpoints.as_ref().map_or(0, |checkpoints| checkpoints.pages.load(Ordering::Relaxed))
    }
}

impl ReadTx<'_> {
    /// Copies the log if at least so many pages are not copied yet; returns the number of pages in it.
    fn checkpoint(&mut self, least: i64) -> Result<i64, Error> {
        let DbConnection::Sqlite(connection) = self.0 else { return Ok(0) };
        let Log { log, checkpointed } = sql_query("pragma wal_checkpoint(noop)").get_result(connection)?;
        if log - checkpointed >= least {
            let _copied: Log = sql_query("pragma wal_checkpoint(passive)").get_result(connection)?;
        }
        Ok(log.max(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::clock::Timestamp;

    fn write(store: &Store) {
        store.write(|tx| tx.execute("update write_probe set writes = writes + 1")).unwrap();
    }

    #[test]
    fn a_long_log_is_copied_without_the_writer_and_begins_anew_with_the_next_write() {
        let (_dir, app) = App::on_an_empty_database(Timestamp(1_800_000_000));
        let store = &app.store;
        store.write(|tx| tx.execute("insert into write_probe (id, writes) values (1, 1)")).unwrap();
        let pages = |least: i64| Store::read_of(&store.follower, &mut |tx| tx.checkpoint(least)).unwrap();
        let before = pages(i64::MAX);
        write(store);
        assert!(before > 1 && pages(i64::MAX) > before);
        pages(1);
        assert!(pages(i64::MAX) > before, "nothing was cut off");
        write(store);
        assert!((1..before).contains(&pages(i64::MAX)), "it has begun anew");
        store.checkpoint().unwrap();
        assert_eq!(store.count_log_pages(), pages(i64::MAX), "a short log stays as it is");
    }
}
