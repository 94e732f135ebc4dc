//! The file of a SQLite database. It is created before the first connection. After that this process opens it, `-wal`
//! and `-shm` only through SQLite, because closing any other handle drops all locks of the process on the file
//! (<https://www.sqlite.org/howtocorrupt.html>, section 2.2). Reading its metadata does not open it.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use rustix::fs::{Access, access};

use super::IfMissing;
use crate::secret::{create_folders, create_private_file, folder_of};

/// Characters that are not escaped in the path of a URI (<https://www.rfc-editor.org/rfc/rfc3986#section-2.3>).
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The database's file, and its identity when it was first opened.
#[derive(Debug)]
pub(super) struct SqliteFile {
    path: PathBuf,
    /// Device and inode.
    identity: OnceLock<(u64, u64)>,
}

/// Why the file cannot be used. For most of these SQLite itself only says "unable to open database file".
#[derive(Debug, thiserror::Error)]
pub(super) enum FileProblem {
    #[error(
        "{0}: there is no such file; create it with serve, migrate or users create (see DATABASE_URL and the working folder)"
    )]
    Missing(PathBuf),
    #[error("{0}: a symbolic link to a file that does not exist")]
    LeadsNowhere(PathBuf),
    #[error(
        "{0}: there is no such file, but {1} exists and may hold its last writes: put the file back, or remove {1}, too"
    )]
    LeftBehind(PathBuf, PathBuf),
    #[error("{0}: Is a directory, not a file")]
    Folder(PathBuf),
    #[error("{0}: not a regular file")]
    NotAFile(PathBuf),
    #[error("{0}: cannot create this folder: {1}")]
    FolderNotMade(PathBuf, io::Error),
    #[error("{0}: cannot write to this folder, in which SQLite keeps files beside the database: {1}")]
    FolderNotWritable(PathBuf, io::Error),
    #[error("{0}: cannot be created: {1}")]
    NotMade(PathBuf, io::Error),
    #[error("{0}: cannot be read and written: {1}")]
    NotWritable(PathBuf, io::Error),
    #[error("{0}: was deleted or moved while it was in use: put it back or restart")]
    Gone(PathBuf),
    #[error("{0}: was replaced by another file while it was in use: restart to use that one")]
    Replaced(PathBuf),
}

impl SqliteFile {
    /// Finds or creates the file.
    pub(super) fn open(path: &Path, if_missing: IfMissing) -> Result<Self, FileProblem> {
        let file = Self { path: path.to_owned(), identity: OnceLock::new() };
        if file.metadata()?.is_none() {
            file.make(if_missing)?;
        }
        Ok(file)
    }

    fn make(&self, if_missing: IfMissing) -> Result<(), FileProblem> {
        let path = || self.path.clone();
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_symlink()) {
            return Err(FileProblem::LeadsNowhere(path()));
        }
        let IfMissing::Create = if_missing else { return Err(FileProblem::Missing(path())) };
        let log = self.beside("-wal");
        // SQLite would delete this log when it opens an empty database beside it.
        if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
            return Err(FileProblem::LeftBehind(path(), log));
        }
        let folder = folder_of(&self.path);
        create_folders(folder).map_err(|cause| FileProblem::FolderNotMade(folder.to_owned(), cause))?;
        self.check_folder()?;
        match create_private_file(&self.path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(FileProblem::NotMade(path(), error)),
            // The handle is closed while there is no lock to lose; or another process was first.
            _ => Ok(()),
        }
    }

    /// The URI with which SQLite opens it and never creates one.
    pub(super) fn uri(&self) -> String {
        uri(&self.path, "mode=rw")
    }

    /// Checks that this is still the file that was first opened, and that it can be written. Called before each
    /// connection.
    pub(super) fn check(&self) -> Result<(), FileProblem> {
        self.check_identity()?;
        for path in [self.path.clone(), self.beside("-wal"), self.beside("-shm")] {
            match access(&path, Access::READ_OK | Access::WRITE_OK).map_err(io::Error::from) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(FileProblem::NotWritable(path, error)),
                _ => {}
            }
        }
        self.check_folder()
    }

    /// Checks that this is still the file that was first opened.
    pub(super) fn check_identity(&self) -> Result<(), FileProblem> {
        let found = self.metadata()?.ok_or_else(|| match self.identity.get() {
            Some(_) => FileProblem::Gone(self.path.clone()),
            None => FileProblem::Missing(self.path.clone()),
        })?;
        match self.identity.get() {
            Some(identity) if *identity != (found.dev(), found.ino()) => Err(FileProblem::Replaced(self.path.clone())),
            _ => Ok(()),
        }
    }

    /// Stores which file it is, when SQLite has opened it.
    pub(super) fn remember(&self) -> Result<(), FileProblem> {
        if let Some(found) = self.metadata()? {
            self.identity.get_or_init(|| (found.dev(), found.ino()));
        }
        self.check_identity()
    }

    fn check_folder(&self) -> Result<(), FileProblem> {
        let path = self.real_path();
        let folder = folder_of(&path);
        access(folder, Access::WRITE_OK | Access::EXEC_OK)
            .map_err(|cause| FileProblem::FolderNotWritable(folder.to_owned(), cause.into()))
    }

    fn metadata(&self) -> Result<Option<Metadata>, FileProblem> {
        match fs::metadata(&self.path) {
            Ok(found) if found.is_file() => Ok(Some(found)),
            Ok(found) if found.is_dir() => Err(FileProblem::Folder(self.path.clone())),
            Ok(_) => Err(FileProblem::NotAFile(self.path.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileProblem::NotWritable(self.path.clone(), error)),
        }
    }

    /// The target of a symbolic link: SQLite follows links and keeps its other files beside the target.
    fn real_path(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.real_path().into_os_string();
        name.push(suffix);
        name.into()
    }
}

/// The URI of a path with any characters (<https://sqlite.org/uri.html>), with parameters.
pub(super) fn uri(path: &Path, parameters: &str) -> String {
    // An empty authority, so that a path that begins with two slashes is not read as an authority.
    let authority = if path.is_absolute() { "//" } else { "" };
    format!("file:{authority}{}?{parameters}", percent_encode(path.as_os_str().as_encoded_bytes(), IN_PATHS))
}
