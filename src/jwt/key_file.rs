//! One private key in one file: PKCS#8 in PEM, bare ([RFC 7468 section 10](https://www.rfc-editor.org/rfc/rfc7468#section-10))
//! or encrypted with a passphrase (section 11, PBES2 of [RFC 8018](https://www.rfc-editor.org/rfc/rfc8018#section-6.2)),
//! readable by its owner only.
//!
//! The name of a file created here begins with the time from which its key signs, as in
//! `20261122T071500Z-ES256-1a2b3c4d.pem`. A key in a file with another name signs only until there is a newer key.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use pkcs8::der::pem::decode_vec;
use pkcs8::pkcs5::pbes2;
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, SecretDocument};
use time::OffsetDateTime;
use time::PrimitiveDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use zeroize::Zeroizing;

use super::SigningAlg;
use super::private_key::{KeyProblem, PrivateKey};
use crate::clock::Timestamp;
use crate::secret::file::{self, FileProblem};
use crate::secret::{Draft, Secret};

const ACTIVATION: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]Z");

/// The number that OWASP recommends for PBKDF2 with HMAC-SHA-256.
pub(super) const PBKDF2_ITERATIONS: u32 = 600_000;

/// The label of a PKCS#8 key in PEM.
const BARE: &str = "PRIVATE KEY";

/// The label of an encrypted PKCS#8 key in PEM.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// What encrypts the keys at rest.
pub(crate) type Passphrase = Secret<String>;

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
    /// It is not a regular file, or it is too large.
    #[error("{path}: {problem}; a private key is in a regular file of at most 64 KiB")]
    Unsuited {
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// Other users can read it, or a group that this process does not belong to.
    #[error("{path}: other users can read this private key (mode {mode:03o}); run: chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not PEM, or not a private key in PKCS#8.
    #[error(
        "{path}: not a PEM file with a PKCS#8 private key (BEGIN PRIVATE KEY or BEGIN ENCRYPTED PRIVATE KEY); openssl pkcs8 -topk8 converts other keys"
    )]
    NotPem {
        /// The file.
        path: PathBuf,
    },
    /// It is encrypted, and there is no passphrase.
    #[error("{path}: encrypted; set KEYS_PASSPHRASE or KEYS_PASSPHRASE_FILE")]
    PassphraseMissing {
        /// The file.
        path: PathBuf,
    },
    /// It is encrypted with another passphrase, or by an unknown method.
    #[error("{path}: the passphrase does not decrypt it, or it is encrypted by another method than PBES2")]
    PassphraseWrong {
        /// The file.
        path: PathBuf,
    },
    /// The key in it cannot be used.
    #[error("{path}: {problem}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with the key.
        problem: KeyProblem,
    },
    /// The same key is also in another file.
    #[error("{path}: the same key as {other}; remove one of the two")]
    Twice {
        /// The file.
        path: PathBuf,
        /// The other file.
        other: PathBuf,
    },
    /// There is no key of the wanted algorithm.
    #[error(
        "{dir}: no {alg} key to sign with; put the keys back: with a new key all tokens of the old ones are refused"
    )]
    NoActiveKey {
        /// The folder.
        dir: PathBuf,
        /// The algorithm.
        alg: SigningAlg,
    },
    /// It is not the file of a data key.
    #[error("{path}: not a data key; put the file back from a backup, since second factors were encrypted with it")]
    NotADataKey {
        /// The file.
        path: PathBuf,
    },
    /// There is no such key in the ring.
    #[error("{dir}: there is no key {kid}")]
    Unknown {
        /// The folder.
        dir: PathBuf,
        /// The `kid` that was asked for.
        kid: String,
    },
    /// The next key already exists.
    #[error("{path}: the next {alg} key already exists and signs from {active_from} on")]
    NextExists {
        /// Its file.
        path: PathBuf,
        /// The algorithm.
        alg: SigningAlg,
        /// When it starts to sign, in RFC 3339.
        active_from: String,
    },
    /// The library failed to create a key or an index of keys.
    #[error("the key could not be created")]
    Failed,
}

/// A private key and the instant from which it signs.
pub(super) struct KeyFile {
    pub(super) path: PathBuf,
    /// From the file's name; 0 if the name has another form.
    pub(super) active_from: Timestamp,
    /// When the file was written. The key cannot have signed before that.
    pub(super) written_at: Timestamp,
    pub(super) encrypted: bool,
    /// Whether a group of this process can also read it.
    pub(super) is_shared: bool,
    pub(super) key: PrivateKey,
}

impl KeyFile {
    pub(super) fn read(path: &Path, passphrase: Option<&Passphrase>) -> Result<Self, KeyFileError> {
        let (pem, metadata) = read_private(path)?;
        let is_shared = metadata.permissions().mode() & 0o070 != 0;
        let (der, encrypted) = decode(&pem, passphrase, path)?;
        let key =
            PrivateKey::from_pkcs8(&der).map_err(|problem| KeyFileError::Key { path: path.to_owned(), problem })?;
        Ok(Self {
            path: path.to_owned(),
            active_from: activation(path),
            written_at: written_at(&metadata),
            encrypted,
            is_shared,
            key,
        })
    }
}

/// Reads a file that a private key may be in.
pub(super) fn read(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Metadata), KeyFileError> {
    file::read(path).map_err(|problem| match problem {
        FileProblem::Io(cause) => io_error(path)(cause),
        problem => KeyFileError::Unsuited { path: path.to_owned(), problem },
    })
}

/// The same, unless other users can read it.
pub(super) fn read_private(path: &Path) -> Result<(Zeroizing<Vec<u8>>, Metadata), KeyFileError> {
    let (content, metadata) = read(path)?;
    let mode = metadata.permissions().mode() & 0o777;
    // Kubernetes' fsGroup makes a volume's files readable for a group of the process; it has no other way.
    if mode & 0o007 != 0 || (mode & 0o070 != 0 && !file::is_own_group(metadata.gid())) {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    Ok((content, metadata))
}

pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KeyFileError + '_ {
    move |cause| KeyFileError::Io { path: path.to_owned(), cause }
}

fn activation(path: &Path) -> Timestamp {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('-').next().and_then(read_stamp).unwrap_or(Timestamp(0))
}

/// A time as the names of files begin with it.
pub(super) fn stamp(at: Timestamp) -> Result<String, KeyFileError> {
    let instant = OffsetDateTime::from_unix_timestamp(at.0).map_err(|_out_of_range| KeyFileError::Failed)?;
    instant.format(ACTIVATION).map_err(|_out_of_range| KeyFileError::Failed)
}

/// The time that [`stamp`] has written.
pub(super) fn read_stamp(text: &str) -> Option<Timestamp> {
    let instant = PrimitiveDateTime::parse(text, ACTIVATION).ok()?;
    Some(Timestamp(instant.assume_utc().unix_timestamp()))
}

fn written_at(metadata: &Metadata) -> Timestamp {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH).duration_since(UNIX_EPOCH);
    Timestamp(modified.ok().and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0))
}

/// The PKCS#8 form of the key in a PEM file, and whether it was encrypted.
pub(super) fn decode(
    pem: &[u8],
    passphrase: Option<&Passphrase>,
    path: &Path,
) -> Result<(Zeroizing<Vec<u8>>, bool), KeyFileError> {
    let path = || path.to_owned();
    let not_pem = || KeyFileError::NotPem { path: path() };
    let strict = strict(pem).ok_or_else(not_pem)?;
    let (label, content) = decode_vec(strict.as_bytes()).map_err(|_not_pem| not_pem())?;
    let content = Zeroizing::new(content);
    match label {
        BARE => Ok((content, false)),
        ENCRYPTED => {
            let Some(passphrase) = passphrase else { return Err(KeyFileError::PassphraseMissing { path: path() }) };
            let decrypted = EncryptedPrivateKeyInfoRef::try_from(content.as_slice())
                .map_err(|_other| not_pem())?
                .decrypt(passphrase.expose())
                .map_err(|_wrong| KeyFileError::PassphraseWrong { path: path() })?;
            Ok((Zeroizing::new(decrypted.as_bytes().to_vec()), true))
        }
        _ => Err(not_pem()),
    }
}

/// The first block of a PEM file in the strict form of [RFC 7468 section 3](https://www.rfc-editor.org/rfc/rfc7468#section-3):
/// copying a key may change its white space, and a certificate may follow it.
fn strict(pem: &[u8]) -> Option<Zeroizing<String>> {
    // Text of other programs around the block may have any encoding; the block itself is ASCII.
    let text = Zeroizing::new(String::from_utf8_lossy(pem).into_owned());
    let (_, block) = text.split_once("-----BEGIN ")?;
    let (label, block) = block.split_once("-----")?;
    let (content, _) = block.split_once("-----END ")?;
    // Allocated at once, since a text that grows leaves copies in memory.
    let mut strict = Zeroizing::new(String::with_capacity(text.len() * 2 + 64));
    strict.extend(["-----BEGIN ", label, "-----"]);
    for (at, character) in content.chars().filter(|character| !character.is_whitespace()).enumerate() {
        if at % 64 == 0 {
            strict.push('\n');
        }
        strict.push(character);
    }
    strict.extend(["\n-----END ", label, "-----\n"]);
    Some(strict)
}

fn encode(der: &[u8], passphrase: Option<&Passphrase>) -> Result<Zeroizing<String>, KeyFileError> {
    let Some(passphrase) = passphrase else {
        let document = SecretDocument::try_from(der).and_then(|document| document.to_pem(BARE, LineEnding::LF));
        return document.map_err(|_failed| KeyFileError::Failed);
    };
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    let random = SystemRandom::new();
    random.fill(&mut salt).and_then(|()| random.fill(&mut iv)).map_err(|_no_entropy| KeyFileError::Failed)?;
    let encrypted = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(PBKDF2_ITERATIONS, &salt, iv)
        .map_err(pkcs8::Error::from)
        .and_then(|parameters| PrivateKeyInfoRef::try_from(der)?.encrypt_with_params(parameters, passphrase.expose()))
        .map_err(|_failed| KeyFileError::Failed)?;
    encrypted.to_pem(ENCRYPTED, LineEnding::LF).map_err(|_failed| KeyFileError::Failed)
}

/// Writes a PKCS#8 key that signs from `active_from` on; returns its file. It replaces the file `instead` in one step,
/// so that the folder always holds exactly one of the two.
pub(super) fn write(
    dir: &Path,
    passphrase: Option<&Passphrase>,
    der: &[u8],
    active_from: Timestamp,
    now: Timestamp,
    instead: Option<&Path>,
) -> Result<PathBuf, KeyFileError> {
    let key = PrivateKey::from_pkcs8(der).map_err(|problem| KeyFileError::Key { path: dir.to_owned(), problem })?;
    let stamp = stamp(active_from)?;
    let short_kid: String = key.kid.chars().filter(char::is_ascii_alphanumeric).take(8).collect();
    let path = dir.join(format!("{stamp}-{}-{short_kid}.pem", key.alg));
    let pem = encode(der, passphrase)?;
    // Written under another name first, so that incomplete keys are never read.
    let draft_path = path.with_extension(DRAFT);
    let draft = draft_of(&draft_path, pem.as_bytes(), now).map_err(io_error(&draft_path))?;
    let first = instead.unwrap_or(&path);
    draft.replace(first).map_err(io_error(first))?;
    if let Some(instead) = instead {
        fs::rename(instead, &path).map_err(io_error(&path))?;
        sync(dir)?;
    }
    Ok(path)
}

/// Makes changes of the folder durable.
pub(super) fn sync(dir: &Path) -> Result<(), KeyFileError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error(dir))
}

/// The extension of a file that is being written.
pub(super) const DRAFT: &str = "draft";

fn draft_of(path: &Path, content: &[u8], now: Timestamp) -> io::Result<Draft> {
    let mut draft = Draft::create(path)?;
    draft.file().write_all(content)?;
    draft.file().set_modified(UNIX_EPOCH + Duration::from_secs(now.0.try_into().unwrap_or(0)))?;
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::private_key::generate;

    #[test]
    fn a_key_is_read_however_it_was_carried_here() {
        let der = generate(SigningAlg::Es256).unwrap();
        let pem = encode(&der, None).unwrap();
        assert!(pem.lines().all(|line| line.len() <= 64) && pem.ends_with(" KEY-----\n"), "{}", *pem);
        let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        for carried in [
            pem.to_string(),
            pem.trim_end().to_owned(),
            format!("{}\n\n", *pem),
            pem.replace('\n', "\r\n"),
            pem.replace('\n', " \n  "),
            pem.replace('\n', " "),
            pem.replace('\n', ""),
            format!("Bag Attributes\n    friendlyName: of a key\n{}", *pem),
            format!("{}{certificate}", *pem),
        ] {
            let (read, is_encrypted) = decode(carried.as_bytes(), None, Path::new("")).unwrap();
            assert_eq!((read.as_slice(), is_encrypted), (&**der, false), "{carried}");
        }
        let latin_1 = [b"    friendlyName: cl\xe9\n", pem.as_bytes()].concat();
        assert_eq!(decode(&latin_1, None, Path::new("")).unwrap().0.as_slice(), &**der);
    }

    #[test]
    fn what_is_not_a_private_key_in_pem_is_refused() {
        let der = generate(SigningAlg::EdDsa).unwrap();
        let pem = encode(&der, None).unwrap();
        for other in [
            "",
            "-----BEGIN ",
            &pem.replace("PRIVATE KEY", "EC PRIVATE KEY"),
            &pem.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\nM"),
            &pem.replace("-----END", "-----"),
            &pem.replace("-----END", "=-----END"),
        ] {
            let refused = decode(other.as_bytes(), None, Path::new("")).err();
            assert!(matches!(refused, Some(KeyFileError::NotPem { .. })), "{other}: {refused:?}");
        }
    }
}
