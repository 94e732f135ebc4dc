//! The ring in force, followed as its folder changes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::key_file::KeyFileError;
use super::key_folder::{KeyFolder, Stamp};
use super::key_plan::{Due, KeyPolicy};
use super::key_ring::KeyRing;
use crate::clock::Timestamp;

/// The folder's keys and the ring that was made of them.
pub struct Keys {
    folder: KeyFolder,
    policy: KeyPolicy,
    ring: RwLock<Arc<KeyRing>>,
    /// The folder as the ring was read from it, unless it is to be read again in any case; held while it is read.
    seen: Mutex<Option<Stamp>>,
}

/// What came of reading the folder again.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// Whether the ring is another one now.
    pub changed: bool,
    /// Files that could not be read; what was known of them is still in force.
    pub problems: Vec<KeyFileError>,
}

impl Keys {
    /// Reads the folder, after making it and the keys that are missing.
    ///
    /// # Errors
    /// [`KeyFileError`] when a key is unreadable, exposed or weak.
    pub fn open_or_create(
        folder: KeyFolder,
        policy: KeyPolicy,
        now: Timestamp,
    ) -> Result<(Self, Vec<PathBuf>), KeyFileError> {
        // The crypto library gathers its own randomness for some 40 ms at the first use; no request should wait for it.
        std::thread::spawn(|| SystemRandom::new().fill(&mut [0]));
        folder.create()?;
        let made = make_missing(&folder, &policy, now)?;
        Ok((Self::open(folder, policy)?, made))
    }

    /// Reads the folder as it is.
    ///
    /// # Errors
    /// As [`Keys::open_or_create`].
    pub fn open(folder: KeyFolder, policy: KeyPolicy) -> Result<Self, KeyFileError> {
        let stamp = folder.stamp()?;
        let ring = read_strictly(&folder, &policy)?;
        Ok(Self { folder, policy, ring: RwLock::new(Arc::new(ring)), seen: Mutex::new(Some(stamp)) })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &KeyFolder {
        &self.folder
    }

    /// The ring in force.
    #[must_use]
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what has changed in the folder since it was read last. A ring that could not sign is not taken up: a folder
    /// that has lost all of its keys at once was more likely unmounted than emptied.
    ///
    /// # Errors
    /// [`KeyFileError`] when the folder cannot be read or has no key to sign with; the ring stays what it was.
    pub fn reload(&self) -> Result<Reloaded, KeyFileError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.folder.stamp()?;
        if seen.as_ref() == Some(&stamp) {
            return Ok(Reloaded::default());
        }
        let known = self.ring();
        let is_unchanged = |path: &Path| {
            stamp.iter().any(|entry| entry.0 == path && seen.as_ref().is_some_and(|seen| seen.contains(entry)))
        };
        let contents = self.folder.read(&known.files, is_unchanged)?;
        let ring = KeyRing::new(contents.files, self.policy.clone())?;
        if let Some(alg) = ring.lacks() {
            return Err(KeyFileError::NoActiveKey { dir: self.folder.dir.clone(), alg });
        }
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        *seen = Some(stamp);
        Ok(Reloaded { changed: true, problems: contents.problems })
    }

    /// Reads every file of the folder again.
    ///
    /// # Errors
    /// As [`Keys::reload`].
    pub fn reload_all(&self) -> Result<Reloaded, KeyFileError> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.reload()
    }
}

/// Makes the keys that are missing; safe when several instances start on one folder at once.
fn make_missing(folder: &KeyFolder, policy: &KeyPolicy, now: Timestamp) -> Result<Vec<PathBuf>, KeyFileError> {
    if read_strictly(folder, policy)?.lacks().is_none() {
        return Ok(Vec::new());
    }
    let lock = folder.lock()?;
    let mut made = Vec::new();
    while let Some(alg) = read_strictly(folder, policy)?.lacks() {
        made.push(folder.add(&lock, alg, now)?);
    }
    Ok(made)
}

fn read_strictly(folder: &KeyFolder, policy: &KeyPolicy) -> Result<KeyRing, KeyFileError> {
    let mut contents = folder.read(&[], |_| false)?;
    match contents.problems.pop() {
        Some(problem) => Err(problem),
        None => KeyRing::new(contents.files, policy.clone()),
    }
}

impl Keys {
    /// Does to the folder what is `agreed` of what is due (see [`KeyRing::due`]); answers what was done. Whether it is due
    /// is asked again once nobody else changes the folder: of several instances one does it.
    ///
    /// # Errors
    /// [`KeyFileError`] when the folder cannot be written.
    pub fn do_what_is_due(&self, now: Timestamp, agreed: &[Due]) -> Result<Vec<Due>, KeyFileError> {
        if agreed.is_empty() {
            return Ok(Vec::new());
        }
        let lock = self.folder.lock()?;
        self.reload()?;
        let due: Vec<Due> = self.ring().due(now).into_iter().filter(|due| agreed.contains(due)).collect();
        for change in &due {
            match change {
                Due::Make { alg, active_from } => self.folder.add(&lock, *alg, *active_from).map(drop)?,
                Due::Remove { path, .. } => self.folder.remove(&lock, path)?,
            }
        }
        self.reload()?;
        Ok(due)
    }
}
