//! The data keys: they encrypt the secrets of second factors and of providers in the database, and sign nothing. Each is in
//! a file of its own in the folder of the signing keys, as in `data-20261126T071500Z-1a2b3c4d.key`. The newest encrypts, all
//! decrypt. Nothing here or elsewhere deletes one, since what it has encrypted would be lost.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::key_file::{self, DRAFT, KeyFileError, PBKDF2_ITERATIONS, Passphrase, io_error};
use super::key_folder::{FolderLock, KeyFolder};
use crate::clock::{Seconds, Timestamp};
use crate::secret::{DATA_KEY_LEN, DataKey, Draft, key_id_of};

const EXTENSION: &str = "key";

/// What a file begins with: the form of a bare key, and of one that is encrypted with the passphrase.
const BARE: &str = "tokensmith-data-key";
const ENCRYPTED: &str = "tokensmith-data-key-encrypted";

/// The rounds of PBKDF2 for a file that is encrypted.
const ROUNDS: NonZeroU32 = match NonZeroU32::new(PBKDF2_ITERATIONS) {
    Some(rounds) => rounds,
    None => NonZeroU32::MIN,
};

/// The data keys that were read so far.
pub(crate) struct DataKeys {
    folder: KeyFolder,
    known: Mutex<BTreeMap<String, Arc<DataKey>>>,
}

impl DataKeys {
    /// The keys of a folder, which is not read yet.
    pub(crate) fn new(folder: KeyFolder) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// The key that a text was sealed with.
    pub(crate) fn of(&self, sealed: &str) -> Result<Arc<DataKey>, KeyFileError> {
        self.find(key_id_of(sealed))
    }

    /// Whether a text was sealed with the newest key.
    pub(crate) fn is_newest(&self, sealed: &str) -> Result<bool, KeyFileError> {
        Ok(self.list()?.pop().as_deref() == Some(key_id_of(sealed)))
    }

    /// The newest key, which encrypts. The first one is made here.
    pub(crate) fn newest_or_new(&self, random: [u8; RANDOM], now: Timestamp) -> Result<Arc<DataKey>, KeyFileError> {
        if let Some(newest) = self.list()?.pop() {
            return self.find(&newest);
        }
        self.folder.create()?;
        let lock = self.folder.lock()?;
        match self.list()?.pop() {
            Some(newest) => self.find(&newest),
            None => self.find(&self.add_locked(&lock, random, now)?),
        }
    }

    /// Makes another key, which encrypts from now on; returns its file.
    pub(crate) fn add(&self, random: [u8; RANDOM], now: Timestamp) -> Result<PathBuf, KeyFileError> {
        self.folder.create()?;
        let lock = self.folder.lock()?;
        Ok(self.path(&self.add_locked(&lock, random, now)?))
    }

    /// The ids of all keys, oldest first.
    pub(crate) fn list(&self) -> Result<Vec<String>, KeyFileError> {
        let files = match self.folder.files_with(EXTENSION) {
            Err(KeyFileError::Io { cause, .. }) if cause.kind() == ErrorKind::NotFound => Vec::new(),
            files => files?,
        };
        let ids = files.iter().filter_map(|path| path.file_stem()?.to_str()?.strip_prefix("data-"));
        Ok(ids.map(ToOwned::to_owned).collect())
    }

    /// The file of a key.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.folder.dir.join(format!("data-{id}.{EXTENSION}"))
    }

    fn find(&self, id: &str) -> Result<Arc<DataKey>, KeyFileError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = known.get(id) {
            return Ok(Arc::clone(key));
        }
        let path = self.path(id);
        let (text, _) = key_file::read_private(&path)?;
        let key = decode(id, &text, self.folder.passphrase.as_ref(), &path)?;
        let key = Arc::new(key);
        known.insert(id.to_owned(), Arc::clone(&key));
        Ok(key)
    }

    /// The time that the next key is named by: later than that of the newest, which a clock that was ahead may have named.
    fn next_time(&self, now: Timestamp) -> Result<Timestamp, KeyFileError> {
        let Some(newest) = self.list()?.pop() else { return Ok(now) };
        let named = newest.split_once('-').and_then(|(time, _)| key_file::read_stamp(time));
        let named = named.ok_or_else(|| KeyFileError::NotADataKey { path: self.path(&newest) })?;
        Ok(now.max(named + Seconds(1)))
    }

    fn add_locked(&self, _lock: &FolderLock, random: [u8; RANDOM], now: Timestamp) -> Result<String, KeyFileError> {
        let [a, b, c, d, random @ ..] = random;
        let id = format!("{}-{a:02x}{b:02x}{c:02x}{d:02x}", key_file::stamp(self.next_time(now)?)?);
        let (salt, bytes) = random.split_at(SALT);
        let text = encode(salt, bytes, self.folder.passphrase.as_ref())?;
        let path = self.path(&id);
        let draft_path = path.with_extension(DRAFT);
        let mut draft = Draft::create(&draft_path).map_err(io_error(&draft_path))?;
        draft.file().write_all(text.as_bytes()).map_err(io_error(&draft_path))?;
        draft.place(&path).map_err(io_error(&path))?;
        log::info!(file:% = path.display(); "data key made: back it up with the signing keys, since stored secrets need it");
        Ok(id)
    }
}

const SALT: usize = 16;

/// How many random bytes a new key takes: for its name, its salt and itself.
pub(crate) const RANDOM: usize = 4 + SALT + DATA_KEY_LEN;

fn encode(salt: &[u8], bytes: &[u8], passphrase: Option<&Passphrase>) -> Result<Zeroizing<String>, KeyFileError> {
    let Some(passphrase) = passphrase else {
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes));
        return Ok(Zeroizing::new(format!("{BARE} {}\n", *text)));
    };
    let sealed = DataKey::of_passphrase(passphrase.expose(), salt, ROUNDS).and_then(|key| key.seal(bytes, b""));
    let sealed = sealed.map_err(|_failed| KeyFileError::Failed)?;
    Ok(Zeroizing::new(format!("{ENCRYPTED} {} {sealed}\n", URL_SAFE_NO_PAD.encode(salt))))
}

fn decode(id: &str, text: &[u8], passphrase: Option<&Passphrase>, path: &Path) -> Result<DataKey, KeyFileError> {
    let path = || path.to_owned();
    let not_one = || KeyFileError::NotADataKey { path: path() };
    let text = Zeroizing::new(String::from_utf8_lossy(text).into_owned());
    let words: Vec<&str> = text.split_whitespace().collect();
    let bytes = match (words.as_slice(), passphrase) {
        ([BARE, bytes], _) => Zeroizing::new(URL_SAFE_NO_PAD.decode(bytes).map_err(|_other| not_one())?),
        ([ENCRYPTED, ..], None) => return Err(KeyFileError::PassphraseMissing { path: path() }),
        ([ENCRYPTED, salt, sealed], Some(passphrase)) => {
            let salt = URL_SAFE_NO_PAD.decode(salt).map_err(|_other| not_one())?;
            let key = DataKey::of_passphrase(passphrase.expose(), &salt, ROUNDS);
            let opened = key.and_then(|key| key.open(sealed, b""));
            opened.map_err(|_wrong| KeyFileError::PassphraseWrong { path: path() })?
        }
        _ => return Err(not_one()),
    };
    DataKey::new(id, &bytes).map_err(|_wrong_length| not_one())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::secret::Secret;

    fn folder(dir: &Path, passphrase: Option<&str>) -> KeyFolder {
        let passphrase = passphrase.map(|text| Secret::new(text.to_owned()));
        KeyFolder { dir: dir.to_owned(), passphrase }
    }

    #[test]
    fn the_newest_key_encrypts_and_all_decrypt_in_any_process() {
        let dir = tempfile::tempdir().unwrap();
        let keys = DataKeys::new(folder(dir.path(), None));
        let first = keys.newest_or_new([1; RANDOM], Timestamp(0)).unwrap().seal(b"old", b"ada").unwrap();
        keys.newest_or_new([2; RANDOM], Timestamp(10)).unwrap();
        assert_eq!(keys.list().unwrap().len(), 1, "there was one");
        let file = keys.add([3; RANDOM], Timestamp(20)).unwrap();
        assert_eq!(file.file_name().unwrap(), "data-19700101T000020Z-03030303.key");
        let second = keys.newest_or_new([4; RANDOM], Timestamp(30)).unwrap().seal(b"new", b"ada").unwrap();
        let elsewhere = DataKeys::new(folder(dir.path(), None));
        for (sealed, secret) in [(&first, b"old"), (&second, b"new")] {
            assert_eq!(*elsewhere.of(sealed).unwrap().open(sealed, b"ada").unwrap(), secret);
        }
        assert_ne!(key_id_of(&first), key_id_of(&second));
    }

    #[test]
    fn a_new_key_is_the_newest_whatever_clock_has_named_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let keys = DataKeys::new(folder(dir.path(), None));
        // A clock that is ahead, the right one twice in a second, and once more.
        for (random, now) in [(9, 1_000), (8, 20), (7, 20), (1, 30)] {
            let file = keys.add([random; RANDOM], Timestamp(now)).unwrap();
            assert_eq!(keys.path(&keys.list().unwrap().pop().unwrap()), file);
        }
        fs::write(dir.path().join("data-zz.key"), "").unwrap();
        assert!(matches!(keys.add([1; RANDOM], Timestamp(0)), Err(KeyFileError::NotADataKey { .. })));
    }

    #[test]
    fn a_key_that_is_missing_or_damaged_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let keys = || DataKeys::new(folder(dir.path(), None));
        let sealed = keys().newest_or_new([1; RANDOM], Timestamp(0)).unwrap().seal(b"old", b"ada").unwrap();
        let file = keys().path(key_id_of(&sealed));
        fs::write(&file, "something else").unwrap();
        let damaged = keys().of(&sealed).err().unwrap();
        assert!(matches!(damaged, KeyFileError::NotADataKey { .. }), "{damaged}");
        fs::remove_file(&file).unwrap();
        let missing = keys().of(&sealed).err().unwrap();
        assert!(missing.to_string().contains("data-19700101T000000Z-01010101.key"), "{missing}");
    }

    #[test]
    fn a_passphrase_encrypts_the_file_and_another_one_does_not_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let keys = |passphrase| DataKeys::new(folder(dir.path(), passphrase));
        let sealed =
            keys(Some("a passphrase")).newest_or_new([1; RANDOM], Timestamp(0)).unwrap().seal(b"old", b"ada").unwrap();
        let text = fs::read_to_string(keys(None).path(key_id_of(&sealed))).unwrap();
        assert!(!text.contains(&URL_SAFE_NO_PAD.encode([1; DATA_KEY_LEN])));
        assert!(matches!(keys(None).of(&sealed).err(), Some(KeyFileError::PassphraseMissing { .. })));
        assert!(matches!(keys(Some("another")).of(&sealed).err(), Some(KeyFileError::PassphraseWrong { .. })));
        assert_eq!(*keys(Some("a passphrase")).of(&sealed).unwrap().open(&sealed, b"ada").unwrap(), b"old");
    }
}
