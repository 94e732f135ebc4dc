//! The folder of the private keys: what is in it, whether it has changed, and changes to it, one at a time.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::SigningAlg;
use super::key_file::{self, DRAFT, KeyFile, KeyFileError, Passphrase, io_error};
use super::private_key::PrivateKey;
use crate::clock::Timestamp;

/// A folder of private keys, and what decrypts them.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    /// Where.
    pub dir: PathBuf,
    /// What decrypts keys that are encrypted, and encrypts those that are written.
    pub passphrase: Option<Passphrase>,
}

/// Name, time of the last change and length of every key file: another one means that the folder has changed.
pub(super) type Stamp = Vec<(PathBuf, SystemTime, u64)>;

/// What was read of the folder.
pub(super) struct Contents {
    pub(super) files: Vec<Arc<KeyFile>>,
    /// Files that could not be read. Where a key was known under the name, it is among `files`.
    pub(super) problems: Vec<KeyFileError>,
}

/// A private key from elsewhere.
pub struct ForeignKey {
    /// Its name: the RFC 7638 thumbprint.
    pub kid: String,
    der: Zeroizing<Vec<u8>>,
}

/// Held while the folder is changed. Instances that share it wait for one another; where the file system has no locks,
/// two may make a key at the same time, and agree by its name which of the two signs.
pub struct FolderLock(#[expect(dead_code, reason = "dropping it unlocks")] File);

impl KeyFolder {
    pub(super) fn stamp(&self) -> Result<Stamp, KeyFileError> {
        let mut stamp = Vec::new();
        for path in self.files_with("pem")? {
            let metadata = match fs::metadata(&path) {
                Err(gone) if gone.kind() == ErrorKind::NotFound => continue,
                metadata => metadata.map_err(io_error(&path))?,
            };
            let modified = metadata.modified().map_err(io_error(&path))?;
            stamp.push((path, modified, metadata.len()));
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
                    contents.problems.push(problem);
                    contents.files.extend(known.cloned());
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
    pub(super) fn create(&self) -> Result<(), KeyFileError> {
        fs::create_dir_all(&self.dir).map_err(io_error(&self.dir))
    }

    /// Waits until nobody else changes the folder. What a writer that was killed has left behind is removed.
    ///
    /// # Errors
    /// [`KeyFileError::Io`] when the folder cannot be written.
    pub fn lock(&self) -> Result<FolderLock, KeyFileError> {
        let path = self.dir.join(".lock");
        let lock = File::create(&path).map_err(io_error(&path))?;
        lock.lock().map_err(io_error(&path))?;
        for draft in self.files_with(DRAFT)? {
            remove_file(&draft)?;
        }
        Ok(FolderLock(lock))
    }

    /// Writes a new key that signs from `active_from` on; answers its file.
    ///
    /// # Errors
    /// [`KeyFileError::Io`] when the folder cannot be written.
    pub fn add(&self, _lock: &FolderLock, alg: SigningAlg, active_from: Timestamp) -> Result<PathBuf, KeyFileError> {
        key_file::write_new(&self.dir, self.passphrase.as_ref(), alg, active_from)
    }

    /// Reads the private key of a PEM file elsewhere.
    ///
    /// # Errors
    /// [`KeyFileError`] when it cannot be read, or is no key to sign with.
    pub fn read_foreign(&self, file: &Path) -> Result<ForeignKey, KeyFileError> {
        let pem = Zeroizing::new(fs::read(file).map_err(io_error(file))?);
        let (der, _) = key_file::decode(&pem, self.passphrase.as_ref(), file)?;
        let key =
            PrivateKey::from_pkcs8(&der).map_err(|problem| KeyFileError::Key { path: file.to_owned(), problem })?;
        Ok(ForeignKey { kid: key.kid, der })
    }

    /// Writes a key that was read elsewhere, which signs from `active_from` on; answers its file.
    ///
    /// # Errors
    /// [`KeyFileError::Io`] when the folder cannot be written.
    pub fn import(
        &self,
        _lock: &FolderLock,
        key: &ForeignKey,
        active_from: Timestamp,
    ) -> Result<PathBuf, KeyFileError> {
        key_file::write(&self.dir, self.passphrase.as_ref(), &key.der, active_from)
    }

    /// Deletes a key. One that is gone already is no error.
    ///
    /// # Errors
    /// [`KeyFileError::Io`] when the folder cannot be written.
    pub fn remove(&self, _lock: &FolderLock, path: &Path) -> Result<(), KeyFileError> {
        remove_file(path)?;
        // The key must be gone for good before anybody is told so.
        key_file::sync(&self.dir)
    }
}

fn remove_file(path: &Path) -> Result<(), KeyFileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(path)(error)),
        _ => Ok(()),
    }
}
