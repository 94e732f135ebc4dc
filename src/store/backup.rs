//! Backups of a SQLite database: complete, checked copies, made while the database is in use.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::sql_types::Text;
use diesel::{Connection as _, QueryableByName, RunQueryDsl as _, SqliteConnection};

use super::migrate::known_versions;
use super::sqlite_file::uri;
use crate::secret::{Draft, folder_of};

/// The suffixes of files that SQLite puts beside a database.
pub(super) const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
pub(super) const POLL: Duration = Duration::from_millis(20);

/// Why a backup cannot be made or restored. After an error nothing has changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The file already exists.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// An earlier attempt has left this file.
    #[error("{} belongs to a backup or restore that is running or was interrupted: delete it if none is running", .0.display())]
    LeftBehind(PathBuf),
    /// There is no folder to put the backup into.
    #[error("{}: there is no such folder", .0.display())]
    NoFolder(PathBuf),
    /// An error of the operating system.
    #[error("{}: {cause}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What happened.
        #[source]
        cause: io::Error,
    },
    /// An error of SQLite.
    #[error("{}: {message}", .path.display())]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// What happened.
        message: String,
    },
    /// It is a folder, a pipe or a device.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// It is damaged.
    #[error("{} is damaged: {message}", .path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What SQLite found first.
        message: String,
    },
    /// It is not a database of tokensmith.
    #[error("{} is not a database of tokensmith", .0.display())]
    NotOurs(PathBuf),
    /// It was made by a newer version.
    #[error("{} was made by a newer version of tokensmith: this one does not know the migration {migration}", .path.display())]
    Newer {
        /// Which file.
        path: PathBuf,
        /// The first unknown migration.
        migration: String,
    },
    /// It is the database that it would replace.
    #[error("{} is the database itself", .0.display())]
    Itself(PathBuf),
    /// Another process has the database open.
    #[error("{} is in use: stop the service first", .0.display())]
    InUse(PathBuf),
}

/// Copies the database to a new file that only its owner can read. Others may read and write meanwhile; the copy shows
/// one moment.
///
/// After an error the file does not exist.
pub(crate) fn back_up(database: &Path, to: &Path) -> Result<(), BackupError> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let folder = folder_of(to);
    if !folder.is_dir() {
        return Err(BackupError::NoFolder(folder.to_owned()));
    }
    let mut source = open(database, "mode=rw")?;
    let unfinished = Unfinished::create(with_suffix(to, ".unfinished"))?;
    copy(&mut source, database, unfinished.path())?;
    // A problem of the copy is a problem of the database.
    check(&mut open(unfinished.path(), "immutable=1")?, database)?;
    unfinished.whole().place(to).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(to.to_owned()),
        _ => BackupError::io(to)(error),
    })
}

impl BackupError {
    /// An error of the operating system about a file.
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        move |cause| Self::Io { path: path.to_owned(), cause }
    }

    /// An error of SQLite about a file.
    pub(super) fn sqlite(path: &Path, message: &dyn std::fmt::Display) -> Self {
        Self::Sqlite { path: path.to_owned(), message: message.to_string() }
    }
}

/// An incomplete database. Dropping it deletes it and the files that SQLite has put beside it.
pub(super) struct Unfinished {
    draft: Draft,
    _beside: SideFiles,
}

impl Unfinished {
    /// Creates the file for its owner only, since it will hold password hashes.
    pub(super) fn create(path: PathBuf) -> Result<Self, BackupError> {
        match Draft::create(&path) {
            Ok(draft) => Ok(Self { draft, _beside: SideFiles(path) }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::LeftBehind(path)),
            Err(error) => Err(BackupError::io(&path)(error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.draft.path()
    }

    /// The complete database, which is in this one file.
    pub(super) fn whole(self) -> Draft {
        self.draft
    }
}

/// What SQLite puts beside this file.
struct SideFiles(PathBuf);

impl Drop for SideFiles {
    fn drop(&mut self) {
        for suffix in SIDE_FILES {
            let _not_there = fs::remove_file(with_suffix(&self.0, suffix));
        }
    }
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    name.into()
}

pub(super) fn open(path: &Path, parameters: &str) -> Result<SqliteConnection, BackupError> {
    let failed = |error: &dyn std::fmt::Display| BackupError::sqlite(path, error);
    let mut connection = SqliteConnection::establish(&uri(path, parameters)).map_err(|error| failed(&error))?;
    let timeout = format!("pragma busy_timeout = {}", BUSY_TIMEOUT.as_millis());
    connection.batch_execute(&timeout).map_err(|error| failed(&error))?;
    Ok(connection)
}

/// Opens a backup. It is not changed, since it may be on a read-only medium; a copied file may have its log beside it.
pub(super) fn open_backup(path: &Path) -> Result<SqliteConnection, BackupError> {
    let has_log = with_suffix(path, "-wal").exists();
    open(path, if has_log { "mode=ro" } else { "mode=ro&immutable=1" })
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

fn lines(connection: &mut SqliteConnection, path: &Path, query: &str) -> Result<Vec<String>, BackupError> {
    let lines: Result<Vec<Line>, _> = diesel::sql_query(query).load(connection);
    let lines = lines.map_err(|error| BackupError::sqlite(path, &error))?;
    Ok(lines.into_iter().map(|found| found.line).collect())
}

/// Checks that it is a complete database of ours that this version understands.
pub(super) fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), BackupError> {
    let found = lines(connection, path, "select integrity_check as line from pragma_integrity_check")?;
    if found != ["ok"] {
        let message = found.into_iter().next().unwrap_or_default();
        return Err(BackupError::Damaged { path: path.to_owned(), message });
    }
    let tables = "select name as line from sqlite_master where type = 'table' and name in \
                  ('__diesel_schema_migrations', 'users', 'sessions')";
    if lines(connection, path, tables)?.len() != 3 {
        return Err(BackupError::NotOurs(path.to_owned()));
    }
    let applied = lines(connection, path, "select version as line from __diesel_schema_migrations order by version")?;
    let known = known_versions().map_err(|error| BackupError::sqlite(path, &error))?;
    match applied.into_iter().find(|version| !known.contains(version)) {
        Some(migration) => Err(BackupError::Newer { path: path.to_owned(), migration }),
        None => Ok(()),
    }
}

pub(super) fn copy(source: &mut SqliteConnection, from: &Path, to: &Path) -> Result<(), BackupError> {
    // A relative name could look like a URI.
    let absolute = std::path::absolute(to).map_err(BackupError::io(to))?;
    let to = absolute.to_str().ok_or_else(|| BackupError::sqlite(to, &"the path is not UTF-8"))?;
    let copied = diesel::sql_query("vacuum into $1").bind::<Text, _>(to).execute(source);
    copied.map(|_rows| ()).map_err(|error| BackupError::sqlite(from, &error))
}
