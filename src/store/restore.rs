//! Replacing a SQLite database, which no process has open, with a backup.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl as _};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;

use super::backup::{
    BUSY_TIMEOUT, BackupError, POLL, SIDE_FILES, Unfinished, check, copy, open, open_backup, with_suffix,
};
use crate::secret::{create_folders, folder_of};

/// A backup on its way to become the database.
pub(crate) struct Restore {
    database: PathBuf,
    new: Unfinished,
}

impl Restore {
    /// Checks that the backup can replace the database.
    pub(crate) fn check(backup: &Path, database: &Path) -> Result<(), BackupError> {
        let database = &real(database);
        let identity = |path| fs::metadata(path).map(|about| (about.dev(), about.ino()));
        let of_the_backup = identity(backup).map_err(BackupError::io(backup))?;
        // Opening a pipe would block.
        if !backup.is_file() {
            return Err(BackupError::NotAFile(backup.to_owned()));
        }
        if identity(database).is_ok_and(|other| other == of_the_backup) {
            return Err(BackupError::Itself(backup.to_owned()));
        }
        check(&mut open_backup(backup)?, backup)?;
        drop(lock(database)?);
        Ok(())
    }

    /// Copies the backup to a file beside the database.
    pub(crate) fn begin(backup: &Path, database: &Path) -> Result<Self, BackupError> {
        let database = real(database);
        let folder = folder_of(&database);
        create_folders(folder).map_err(BackupError::io(folder))?;
        let new = Unfinished::create(with_suffix(&database, ".restoring"))?;
        copy(&mut open_backup(backup)?, backup, new.path())?;
        Ok(Self { database, new })
    }

    /// The path of the copy, which may be changed before it replaces the database.
    pub(crate) fn new_database(&self) -> &Path {
        self.new.path()
    }

    /// Replaces the database with the copy. The old database is kept beside it under `old_name`, if necessary with a
    /// number; returns its path, if there was one.
    ///
    /// After an error the old database is in its place.
    pub(crate) fn finish(self, old_name: &str) -> Result<Option<PathBuf>, BackupError> {
        // After this everything is in one file, since the changes are closed.
        leave_wal(self.new.path())?;
        drop(lock(&self.database)?);
        // A killed service has left a log with committed writes. A log that SQLite cannot read is moved with the
        // database.
        let _moved_along = leave_wal(&self.database);
        let _nobody_opens_it = lock(&self.database)?;
        let names = (1..).map(|n| if n == 1 { old_name.to_owned() } else { format!("{old_name}-{n}") });
        let mut olds = names.map(|name| with_suffix(&self.database, &name));
        let old = olds.find(|old| fs::symlink_metadata(old).is_err()).unwrap_or_default();
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(old.clone()),
            _ => BackupError::io(&old)(error),
        };
        // At every moment there is a database at the path.
        let kept = if_there(fs::hard_link(&self.database, &old)).map_err(failed)?;
        // SQLite would use the old database's log for the new one.
        for suffix in SIDE_FILES {
            let moved = fs::rename(with_suffix(&self.database, suffix), with_suffix(&old, suffix));
            if_there(moved).map_err(failed)?;
        }
        self.new.whole().replace(&self.database).map_err(BackupError::io(&self.database))?;
        Ok(kept.map(|()| old))
    }
}

/// Writes the log back into the database and removes it. This needs exclusive access.
fn leave_wal(path: &Path) -> Result<(), BackupError> {
    let started_at = Instant::now();
    loop {
        let mode = open(path, "mode=rw").and_then(|mut connection| {
            #[derive(QueryableByName)]
            struct Mode {
                #[diesel(sql_type = Text)]
                journal_mode: String,
            }
            let mode: Result<Mode, _> = diesel::sql_query("pragma journal_mode = delete").get_result(&mut connection);
            mode.map_err(|error| BackupError::sqlite(path, &error))
        });
        match mode {
            Ok(mode) if mode.journal_mode == "delete" => return Ok(()),
            Err(error) if !error.to_string().contains("locked") => return Err(error),
            _others if started_at.elapsed() < BUSY_TIMEOUT => std::thread::sleep(POLL),
            _others => return Err(BackupError::InUse(path.to_owned())),
        }
    }
}

/// The target of a symbolic link, beside which SQLite puts its files. Other paths are not changed.
fn real(database: &Path) -> PathBuf {
    let target = if database.is_symlink() { fs::canonicalize(database).ok() } else { None };
    target.unwrap_or_else(|| database.to_owned())
}

fn if_there<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

/// Locks the database exclusively: every connection, even an idle one, holds a lock on it and on its index
/// (<https://sqlite.org/walformat.html#locks>). This process must have no connection to it.
fn lock(database: &Path) -> Result<[Option<File>; 2], BackupError> {
    let lock = |path: &Path| {
        let file = if_there(OpenOptions::new().read(true).write(true).open(path)).map_err(BackupError::io(path))?;
        match file.as_ref().map(|file| fcntl_lock(file, FlockOperation::NonBlockingLockExclusive)) {
            None | Some(Ok(())) => Ok(file),
            Some(Err(Errno::AGAIN | Errno::ACCESS)) => Err(BackupError::InUse(database.to_owned())),
            Some(Err(error)) => Err(BackupError::io(path)(error.into())),
        }
    };
    Ok([lock(database)?, lock(&with_suffix(database, "-shm"))?])
}
