//! The folder of the private keys: what is in it, whether it has changed, and changes to it, one at a time.

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

/// Nobody changes the folder for that long, unless he was stopped in the middle of it.
const MAX_WAIT: Duration = Duration::from_secs(10);

const WAIT: Duration = Duration::from_millis(20);

/// A folder of private keys, and what decrypts them.
#[derive(Clone, Debug)]
pub(crate) struct KeyFolder {
    /// Where.
    pub(crate) dir: PathBuf,
    /// What decrypts keys that are encrypted, and encrypts those that are written.
    pub(crate) passphrase: Option<Passphrase>,
}

/// Name, last changes of content and of permissions, and length of every key file: another one means that the folder has
/// changed. Of one that cannot be looked at (a link that leads nowhere) only the name: that fails none of the others.
pub(super) type Stamp = Vec<(PathBuf, Option<(SystemTime, (i64, i64), u64)>)>;

/// What was read of the folder.
pub(super) struct Contents {
    pub(super) files: Vec<Arc<KeyFile>>,
    /// Files that could not be read, and why. Where a key was known under the name, it is among `files`.
    pub(super) problems: Vec<(PathBuf, KeyFileError)>,
}

/// A private key from elsewhere.
pub(crate) struct ForeignKey {
    /// Its name: the RFC 7638 thumbprint.
    pub(crate) kid: String,
    /// Its algorithm.
    pub(crate) alg: SigningAlg,
    der: Zeroizing<Vec<u8>>,
}

/// Held while the folder is changed. Instances that share it wait for one another; where the file system has no locks,
/// two may make a key at the same time, and agree by its name which of the two signs.
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

    /// Reads every `.pem` file, save those of `known` that are unchanged. One that cannot be read is a problem, and
    /// stays what it was if it is among `known`: only a file that is gone takes its key along.
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
                // Removed since the folder was listed.
                Err(KeyFileError::Io { cause, .. }) if cause.kind() == ErrorKind::NotFound => {}
                Err(problem) => {
                    contents.files.extend(known.cloned());
                    contents.problems.push((path, problem));
                }
            }
        }
        Ok(contents)
    }

    fn files_with(&self, extension: &str) -> Result<Vec<PathBuf>, KeyFileError> {
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

    /// Makes the folder if it is missing.
    pub(crate) fn create(&self) -> Result<(), KeyFileError> {
        create_folders(&self.dir).map_err(io_error(&self.dir))
    }

    /// Waits until nobody else changes the folder, for some seconds. What a writer that was killed has left behind is
    /// removed.
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

    /// Writes a new key that signs from `active_from` on; answers its file.
    pub(crate) fn add(
        &self,
        _lock: &FolderLock,
        alg: SigningAlg,
        active_from: Timestamp,
        now: Timestamp,
    ) -> Result<PathBuf, KeyFileError> {
        self.write(&new_key(alg)?, active_from, now, None)
    }

    /// Puts a new key, which signs from now on, in the place of another one, in one step; answers its file.
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

    /// Writes a key that was read elsewhere, which signs from `active_from` on; answers its file.
    pub(crate) fn import(
        &self,
        _lock: &FolderLock,
        key: &ForeignKey,
        active_from: Timestamp,
        now: Timestamp,
    ) -> Result<PathBuf, KeyFileError> {
        self.write(&key.der, active_from, now, None)
    }

    /// Deletes a key. One that is gone already is no error.
    pub(crate) fn remove(&self, _lock: &FolderLock, path: &Path) -> Result<(), KeyFileError> {
        remove_file(path)?;
        // The key must be gone for good before anybody is told so.
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
