//! Private keys in files: PKCS#8 in PEM ([RFC 7468 section 10](https://www.rfc-editor.org/rfc/rfc7468#section-10)),
//! for their owner's eyes only.
//!
//! The name of a file made here begins with the instant from which its key signs, as in
//! `20261122T071500Z-ES256-1a2b3c4d.pem`. A file with any other name signs only until a newer key is there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use zeroize::Zeroizing;

use super::SigningAlg;
use super::private_key::{KeyProblem, PrivateKey, generate};
use crate::clock::Timestamp;

const ACTIVATION: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// Why the keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The folder or a file cannot be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Others can read it.
    #[error("{path}: other users can read this private key (mode {mode:03o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not PEM, or not a private key in PKCS#8.
    #[error("{path}: not a PEM file with a PKCS#8 private key (BEGIN PRIVATE KEY)")]
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// The key in it is of no use.
    #[error("{path}: {problem}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with the key.
        problem: KeyProblem,
    },
    /// The same key is in another file too.
    #[error("{path}: the same key as {other}; remove one of the two")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The other file.
        other: PathBuf,
    },
    /// No key of the wanted algorithm.
    #[error("{dir}: no {alg} key to sign with; run: tokensmith keys generate --alg {alg}")]
    NoActiveKey {
        /// The folder.
        dir: PathBuf,
        /// The algorithm of `SIGNING_ALG`.
        alg: SigningAlg,
    },
    /// The library failed to make a key or an index of keys.
    #[error("the key could not be made")]
    Failed,
}

/// A private key and the instant from which it signs.
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    pub(super) active_from: Timestamp,
    pub(super) key: PrivateKey,
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyFileError + '_ {
    move |cause| KeyFileError::Io { path: path.to_owned(), cause }
}

/// Reads every `.pem` file of the folder.
pub(super) fn read_all(dir: &Path) -> Result<Vec<KeyFile>, KeyFileError> {
    let mut files = Vec::new();
    for path in pem_files(dir)? {
        files.push(read(path)?);
    }
    Ok(files)
}

fn pem_files(dir: &Path) -> Result<Vec<PathBuf>, KeyFileError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error(dir))? {
        let path = entry.map_err(io_error(dir))?.path();
        if path.extension().is_some_and(|extension| extension == "pem") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read(path: PathBuf) -> Result<KeyFile, KeyFileError> {
    let mode = fs::metadata(&path).map_err(io_error(&path))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path, mode });
    }
    let text = Zeroizing::new(fs::read(&path).map_err(io_error(&path))?);
    let Some(block) = pem::parse(&*text).ok().filter(|block| block.tag() == "PRIVATE KEY") else {
        return Err(KeyFileError::NotPem { path });
    };
    let der = Zeroizing::new(block.into_contents());
    match PrivateKey::from_pkcs8(&der) {
        Ok(key) => Ok(KeyFile { active_from: activation(&path), path, key }),
        Err(problem) => Err(KeyFileError::Key { path, problem }),
    }
}

fn activation(path: &Path) -> Timestamp {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let instant = name.split('-').next().and_then(|text| PrimitiveDateTime::parse(text, ACTIVATION).ok());
    Timestamp(instant.map_or(0, |instant| instant.assume_utc().unix_timestamp()))
}

/// Makes a new key that signs from `active_from` on; answers its file.
///
/// # Errors
/// [`KeyFileError::Io`] when the folder cannot be written.
pub fn write_new_key(dir: &Path, alg: SigningAlg, active_from: Timestamp) -> Result<PathBuf, KeyFileError> {
    let der = generate(alg).map_err(|_failed| KeyFileError::Failed)?;
    let key = PrivateKey::from_pkcs8(&der).map_err(|_unusable| KeyFileError::Failed)?;
    let instant = OffsetDateTime::from_unix_timestamp(active_from.0).map_err(|_out_of_range| KeyFileError::Failed)?;
    let stamp = instant.format(ACTIVATION).map_err(|_out_of_range| KeyFileError::Failed)?;
    let short_kid: String = key.kid.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    let path = dir.join(format!("{stamp}-{alg}-{short_kid}.pem"));
    let pem = Zeroizing::new(pem::encode(&pem::Pem::new("PRIVATE KEY", der.to_vec())));
    // Under another name first: nobody ever reads half a key.
    let draft = path.with_extension("draft");
    write_private(&draft, pem.as_bytes()).and_then(|()| fs::rename(&draft, &path)).map_err(io_error(&path))?;
    Ok(path)
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes the folder, and a first key when there is none. Safe when several instances start on one folder at once: they
/// agree on one key.
pub(super) fn ensure_key(dir: &Path, alg: SigningAlg, now: Timestamp) -> Result<Option<PathBuf>, KeyFileError> {
    fs::create_dir_all(dir).map_err(io_error(dir))?;
    if !pem_files(dir)?.is_empty() {
        return Ok(None);
    }
    let lock_path = dir.join(".lock");
    let lock = File::create(&lock_path).map_err(io_error(&lock_path))?;
    lock.lock().map_err(io_error(&lock_path))?;
    if !pem_files(dir)?.is_empty() {
        return Ok(None);
    }
    write_new_key(dir, alg, now).map(Some)
}
