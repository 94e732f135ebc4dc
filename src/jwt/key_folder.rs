//! The folder of the private keys: reading it, noticing changes, and changing it, one process at a time.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use zeroize::Zeroizing;

use super::SigningAlg;
use super::key_file::{self, DRAFT, KeyFile, KeyFileError, Passphrase, io_error};
use super::private_key::{PrivateKey, generate};
use crate::clock::Timestamp;
use crate::secret::{create_folders, create_private_file, file};

/// No change of the folder takes longer, unless the process was stopped in the middle of it.
const MAX_WAIT: Duration = Duration::from_secs(10);

const WAIT: Duration = Duration::from_millis(20);

/// A folder of private keys, and the passphrase that decrypts them.
#[derive(Clone, Debug)]
pub(crate) struct KeyFolder {
    /// The path of the folder.
    pub(crate) dir: PathBuf,
    /// Decrypts encrypted keys, and encrypts new ones.
    pub(crate) passphrase: Option<Passphrase>,
}

/// Name, times of the last changes of content and of permissions, and length of every key file. If it differs, the
/// folder has changed. For a file without metadata (a broken link) it has only the name, so that other files can still
/// be read.
pub(super) type Stamp = Vec<(PathBuf, Option<(SystemTime, (i64, i64), u64)>)>;

/// The content of the folder.
pub(super) struct Contents {
    pub(super) files: Vec<Arc<KeyFile>>,
    /// Files that could not be read, and why. If a key was already known under the name, it stays in `files`.
    pub(super) problems: Vec<(PathBuf, KeyFileError)>,
}

/// A private key from elsewhere.
pub(crate) struct ForeignKey {
    /// Its id: the RFC 7638 thumbprint.
    pub(crate) kid: String,
    /// Its algorithm.
    pub(crate) alg: SigningAlg,
    der: Zeroizing<Vec<u8>>,
}

/// Held while the folder is changed. Instances that share the folder wait for each other. If the file system has no
/// locks, two instances may create a key at the same time; they agree by the names which of the two signs.
pub(crate) struct FolderLock(#[expect(dead_code, reason = "dropping it unlocks")] File);

impl KeyFolder {
    pub(super) fn stamp(&self) -> Result<Stamp, KeyFileError> {
        let mut stamp = Vec::new();
        for path in self.files_with("pem")? {
            let seen = match fs::metadata(&path) {
                Err(gone) if gone.kind() == ErrorKind::NotFound => continue,
                Ok(metadata) => {
                    let modified = metadata.modified().map_err(io_error(&path))?;
                    Some((modified, (metadata.ctime(), metadata.ctime_nsec()), metadata.len()))
                }
                Err(_it_says_so_when_it_is_read) => None,
            };
            stamp.push((path, seen));
        }
        Ok(stamp)
    }

    /// Reads every `.pem` file, except those of `known` that have not changed. A file that cannot be read is a problem;
    /// if it is among `known`, its key stays. A key is only dropped when its file is deleted.
    pub(super) fn read(
        &self,
        known: &[Arc<KeyFile>],
        is_unchanged: impl Fn(&Path) -> bool,
    ) -> Result<Contents, KeyFileError> {
        let mut contents = Contents { files: Vec::new(), problems: Vec::new() };
        for path in self.files_with("pem")? {
            let known = known.iter().find(|file| file.path == path);
            if let Some(known) = known.filter(|_| is_unchanged(&path)) {
                contents.files.push(Arc::clone(known));
                continue;
            }
            match KeyFile::read(&path, self.passphrase.as_ref()) {
                Ok(file) => contents.files.push(Arc::new(file)),
                // Deleted since the folder was listed.
                Err(KeyFileError::Io { cause, .. }) if cause.kind() == ErrorKind::NotFound => {}
                Err(problem) => {
                    contents.files.extend(known.cloned());
                    contents.problems.push((path, problem));
                }
            }
        }
        Ok(contents)
    }

    pub(super) fn files_with(&self, extension: &str) -> Result<Vec<PathBuf>, KeyFileError> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(io_error(&self.dir))? {
            let path = entry.map_err(io_error(&self.dir))?.path();
            if path.extension().is_some_and(|found| found == extension) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Creates the folder if it does not exist.
    pub(crate) fn create(&self) -> Result<(), KeyFileError> {
        create_folders(&self.dir).map_err(io_error(&self.dir))
    }

    /// Waits some seconds for other processes that change the folder. Deletes drafts of writers that were killed.
    pub(crate) fn lock(&self) -> Result<FolderLock, KeyFileError> {
        let path = self.dir.join(".lock");
        let lock = match create_private_file(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => file::without_waiting().write(true).open(&path),
            created => created,
        };
        let lock = lock.map_err(io_error(&path))?;
        let started_at = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started_at.elapsed() < MAX_WAIT => std::thread::sleep(WAIT),
                Err(TryLockError::WouldBlock) => return Err(io_error(&path)(ErrorKind::TimedOut.into())),
                // A file system without locks.
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => break,
                Err(TryLockError::Error(error)) => return Err(io_error(&path)(error)),
            }
        }
        for draft in self.files_with(DRAFT)? {
            if !draft.is_dir() {
                remove_file(&draft)?;
            }
        }
        Ok(FolderLock(lock))
    }

    /// Writes a new key that signs from `active_from` on; returns its file.
    pub(crate) fn add(
        &self,
        _lock: &FolderLock,
        alg: SigningAlg,
        active_from: Timestamp,
        now: Timestamp,
    ) -> Result<PathBuf, KeyFileError> {
        self.write(&new_key(alg)?, active_from, now, None)
    }

    /// Replaces a key with a new one that signs from now on, in one step; returns the new file.
    pub(crate) fn replace(
        &self,
        _lock: &FolderLock,
        instead: &Path,
        alg: SigningAlg,
        now: Timestamp,
    ) -> Result<PathBuf, KeyFileError> {
        self.write(&new_key(alg)?, now, now, Some(instead))
    }

    fn write(
        &self,
        der: &[u8],
        active_from: Timestamp,
        now: Timestamp,
        instead: Option<&Path>,
    ) -> Result<PathBuf, KeyFileError> {
        key_file::write(&self.dir, self.passphrase.as_ref(), der, active_from, now, instead)
    }

    /// Reads the private key of a PEM file elsewhere.
    pub(crate) fn read_foreign(&self, file: &Path) -> Result<ForeignKey, KeyFileError> {
        let (pem, _) = key_file::read(file)?;
        let (der, _) = key_file::decode(&pem, self.passphrase.as_ref(), file)?;
        let key =
            PrivateKey::from_pkcs8(&der).map_err(|problem| KeyFileError::Key { path: file.to_owned(), problem })?;
        Ok(ForeignKey { kid: key.kid, alg: key.alg, der })
    }

    /// Writes a key that was read elsewhere and signs from `active_from` on; returns its file.
    pub(crate) fn import(
        &self,
        _lock: &FolderLock,
        key: &ForeignKey,
        active_from: Timestamp,
        now: Timestamp,
    ) -> Result<PathBuf, KeyFileError> {
        self.write(&key.der, active_from, now, None)
    }

    /// Deletes a key. It is no error if the file does not exist.
    pub(crate) fn remove(&self, _lock: &FolderLock, path: &Path) -> Result<(), KeyFileError> {
        remove_file(path)?;
        // The deletion must be durable before it is reported.
        key_file::sync(&self.dir)
    }
}

fn new_key(alg: SigningAlg) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    generate(alg).map_err(|_failed| KeyFileError::Failed)
}

fn remove_file(path: &Path) -> Result<(), KeyFileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}
