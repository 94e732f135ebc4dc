//! The migrations, embedded in the binary: one folder for each engine, with the same steps.

use diesel::RunQueryDsl as _;
use diesel::migration::MigrationSource;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::connection::DbConnection;
use super::locks::Lock;
use super::{Store, WriteTx};
use crate::error::Error;

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The lock of the instance that migrates: any number, but the same in every instance.
const MIGRATION_LOCK: i64 = 7_015_418_202_611_220;

impl Store {
    /// Applies missing migrations; returns their names. Instances that start at the same time take turns, and all
    /// succeed.
    pub fn migrate(&self) -> Result<Vec<String>, Error> {
        self.write(|tx| {
            tx.lock_migrations()?;
            let applied = match tx.0 {
                DbConnection::Sqlite(connection) => names(connection.run_pending_migrations(SQLITE)),
                DbConnection::Postgres(connection) => names(connection.run_pending_migrations(POSTGRES)),
            };
            let applied = applied.map_err(Error::Internal)?;
            tx.mark_folded_usernames()?;
            Ok(applied)
        })
    }

    /// Folds again the usernames that an earlier version folded. Only call this when no instance of that version is
    /// running, since it would find those accounts by the new names only.
    pub fn refold_usernames(&self) -> Result<(), Error> {
        self.write(|tx| {
            tx.lock_migrations()?;
            tx.refold_usernames()
        })
    }

    /// Reverts every migration, newest first. This deletes all data.
    pub fn revert_all_migrations(&self) -> Result<Vec<String>, Error> {
        self.write(|tx| {
            tx.lock_migrations()?;
            let reverted = match tx.0 {
                DbConnection::Sqlite(connection) => names(connection.revert_all_migrations(SQLITE)),
                DbConnection::Postgres(connection) => names(connection.revert_all_migrations(POSTGRES)),
            };
            reverted.map_err(Error::Internal)
        })
    }
}

/// The versions of the embedded migrations; they are the same on both engines.
pub(super) fn known_versions() -> Result<Vec<String>, Error> {
    let migrations = MigrationSource::<Sqlite>::migrations(&SQLITE).map_err(Error::Internal)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}

impl WriteTx<'_> {
    /// On SQLite a write transaction is the lock.
    fn lock_migrations(&mut self) -> Result<(), Error> {
        if let DbConnection::Postgres(connection) = &mut self.0 {
            diesel::sql_query("set local lock_timeout = 0").execute(connection)?;
            diesel::sql_query("set local statement_timeout = 0").execute(connection)?;
        }
        self.lock_all(Lock::Migrations, MIGRATION_LOCK)
    }
}

type MigrationResult<'a> = diesel::migration::Result<Vec<diesel::migration::MigrationVersion<'a>>>;

fn names(result: MigrationResult<'_>) -> diesel::migration::Result<Vec<String>> {
    Ok(result?.iter().map(ToString::to_string).collect())
}
