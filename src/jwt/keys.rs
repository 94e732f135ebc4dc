//! The key ring in force, which follows changes of its folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

use super::SigningAlg;
use super::key_file::{KeyFile, KeyFileError};
use super::key_folder::{Contents, KeyFolder, Stamp};
use super::key_plan::{Due, KeyPolicy};
use super::key_ring::KeyRing;
use crate::clock::Timestamp;

/// The folder's keys and the ring that was made from them.
pub struct Keys {
    folder: KeyFolder,
    policy: KeyPolicy,
    ring: RwLock<Arc<KeyRing>>,
    /// Held while the folder is read.
    seen: Mutex<Seen>,
}

/// The folder as the ring was read from it.
#[derive(Default)]
struct Seen {
    /// Without the files that could not be read, so that they are tried again. `None`: everything must be read again.
    stamp: Option<Stamp>,
    /// Problems that were already reported, so that each is reported once.
    told: Vec<String>,
}

/// The result of reading the folder again.
#[derive(Debug, Default)]
pub struct Reloaded {
    /// Whether the ring has changed.
    pub(crate) changed: bool,
    /// The `kid` of each key that is no longer in force.
    pub(crate) gone: Vec<String>,
    /// Files that could not be read and were not reported before. Keys that were read from them earlier are still in
    /// force.
    pub problems: Vec<KeyFileError>,
}

impl Keys {
    /// No keys yet: the folder is not read.
    pub(crate) fn none(folder: KeyFolder, policy: KeyPolicy) -> Result<Self, KeyFileError> {
        let empty = KeyRing::new(Vec::new(), policy.clone(), &mut Vec::new())?;
        Ok(Self { folder, policy, ring: RwLock::new(Arc::new(empty)), seen: Mutex::default() })
    }

    /// Reads the folder for the first time. Creates the folder and the missing keys first, and returns their files.
    pub(crate) fn load_or_create(&self, now: Timestamp) -> Result<Vec<PathBuf>, KeyFileError> {
        // At its first use the crypto library collects randomness for some 40 ms; no request should wait for it.
        std::thread::spawn(|| SystemRandom::new().fill(&mut [0]));
        self.folder.create()?;
        let made = make_missing(&self.folder, &self.policy, now)?;
        let mut problems = self.read_again(&mut self.seen())?.problems;
        if !problems.is_empty() {
            return Err(problems.remove(0));
        }
        self.warn_of_shared(None);
        Ok(made)
    }

    /// Reads the folder as it is. Leaves out what cannot be read, and returns these problems, too.
    pub(crate) fn open(folder: KeyFolder, policy: KeyPolicy) -> Result<(Self, Vec<KeyFileError>), KeyFileError> {
        let keys = Self::none(folder, policy)?;
        let problems = keys.read_again(&mut keys.seen())?.problems;
        Ok((keys, problems))
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &KeyFolder {
        &self.folder
    }

    /// The ring in force.
    pub fn ring(&self) -> Arc<KeyRing> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads what has changed in the folder since the last reading. If all keys are missing at once, the folder was
    /// probably unmounted; then the ring does not change.
    ///
    /// After an error the ring has not changed.
    pub(crate) fn reload(&self) -> Result<(), KeyFileError> {
        self.read_again(&mut self.seen()).map(drop)
    }

    /// As [`Keys::reload`], but returns what is new.
    pub fn follow(&self) -> Result<Reloaded, KeyFileError> {
        let mut seen = self.seen();
        let known = self.ring();
        let mut reloaded = self.read_again(&mut seen)?;
        self.warn_of_shared(Some(&known));
        let told = std::mem::take(&mut seen.told);
        seen.told = reloaded.problems.iter().map(ToString::to_string).collect();
        reloaded.problems.retain(|problem| !told.contains(&problem.to_string()));
        Ok(reloaded)
    }

    /// Reads every file of the folder again.
    pub(crate) fn follow_all(&self) -> Result<Reloaded, KeyFileError> {
        *self.seen() = Seen::default();
        self.follow()
    }

    /// Whether a file could not be read the last time.
    pub(crate) fn has_problems(&self) -> bool {
        !self.seen().told.is_empty()
    }

    /// Logs which files a group can read, except those that it could read before.
    fn warn_of_shared(&self, known: Option<&KeyRing>) {
        for file in self.ring().files.iter().filter(|file| file.is_shared) {
            let is_known = |other: &KeyFile| other.is_shared && other.path == file.path;
            if !known.is_some_and(|known| known.files.iter().any(|other| is_known(other))) {
                log::warn!(file:% = file.path.display(); "a group can read this signing key (with mode 600 only its owner can)");
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_again(&self, seen: &mut Seen) -> Result<Reloaded, KeyFileError> {
        let known = self.ring();
        let mut stamp = self.folder.stamp()?;
        if seen.stamp.as_ref() == Some(&stamp) {
            return Ok(Reloaded::default());
        }
        let (files, mut problems) = loop {
            let was_seen = |entry| seen.stamp.as_ref().is_some_and(|seen| seen.contains(entry));
            let is_unchanged = |path: &Path| stamp.iter().any(|entry| entry.0 == path && was_seen(entry));
            let Contents { files, problems } = self.folder.read(&known.files, is_unchanged)?;
            let before = std::mem::replace(&mut stamp, self.folder.stamp()?);
            // A file that was renamed during the listing may be missing under both names.
            if before == stamp {
                break (files, problems);
            }
        };
        let ring = KeyRing::new(files, self.policy.clone(), &mut problems)?;
        if let Some(alg) = ring.lacks().filter(|_| known.lacks().is_none()) {
            let problem = KeyFileError::NoActiveKey { dir: self.folder.dir.clone(), alg };
            if stamp.is_empty() {
                return Err(problem);
            }
            // A key that an operator has removed verifies no token, even if there is no other key that can sign.
            problems.push((self.folder.dir.clone(), problem));
        }
        stamp.retain(|entry| problems.iter().all(|(path, _)| *path != entry.0));
        seen.stamp = Some(stamp);
        let changed = !ring.is_same_as(&known);
        let gone = known.kids().filter(|kid| !ring.kids().any(|there| there == *kid)).map(ToOwned::to_owned).collect();
        if changed {
            *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        }
        Ok(Reloaded { changed, gone, problems: problems.into_iter().map(|(_, problem)| problem).collect() })
    }
}

/// Creates the missing keys; safe if several instances start on one folder at the same time.
fn make_missing(folder: &KeyFolder, policy: &KeyPolicy, now: Timestamp) -> Result<Vec<PathBuf>, KeyFileError> {
    // A key that cannot be read is not missing.
    let lacking = || match Keys::open(folder.clone(), policy.clone())? {
        (keys, problems) if problems.is_empty() => Ok(keys.ring().lacking()),
        (_, mut problems) => Err(problems.remove(0)),
    };
    let missing = lacking()?;
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let is_needed = |alg: &SigningAlg| policy.algs.contains(alg);
    let without = |error: &KeyFileError| {
        log::warn!(cause = error.to_string(); "some ID tokens cannot be signed: no key can be made for ID_TOKEN_SIGNING_ALGS");
    };
    let lock = match folder.lock() {
        Err(error) if !missing.iter().any(is_needed) => {
            without(&error);
            return Ok(Vec::new());
        }
        lock => lock?,
    };
    let mut made = Vec::new();
    for alg in lacking()? {
        match folder.add(&lock, alg, now, now) {
            Err(error) if !is_needed(&alg) => without(&error),
            added => made.push(added?),
        }
    }
    Ok(made)
}

impl Keys {
    /// Makes those changes of the folder that are `agreed` and due (see [`KeyRing::due`]); returns what was done.
    /// Whether they are due is checked again under the lock, so that only one of several instances makes them.
    pub(crate) fn do_what_is_due(&self, now: Timestamp, agreed: &[Due]) -> Result<Vec<Due>, KeyFileError> {
        if agreed.is_empty() {
            return Ok(Vec::new());
        }
        let lock = self.folder.lock()?;
        self.reload()?;
        let due: Vec<Due> = self.ring().due(now).into_iter().filter(|due| agreed.contains(due)).collect();
        for change in &due {
            match change {
                Due::Make { alg, active_from } => self.folder.add(&lock, *alg, *active_from, now).map(drop)?,
                Due::Remove { path, .. } => self.folder.remove(&lock, path)?,
            }
        }
        self.reload()?;
        Ok(due)
    }
}
