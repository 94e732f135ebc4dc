//! The ring: every key of the folder, one of them active. All are published and verify; the active one signs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;

use super::claims::{AccessClaims, RefreshClaims};
use super::key_file::{self, KeyFile, KeyFileError};
use super::private_key::SignError;
use super::verified::Verified;
use super::verify::{MOST_TOKEN_BYTES, VerificationKeys, check};
use super::{Expected, SigningAlg, TokenError, verify};
use crate::clock::Timestamp;

/// The keys of this service.
pub struct KeyRing {
    /// Oldest first.
    files: Vec<KeyFile>,
    alg: SigningAlg,
    access_keys: VerificationKeys,
    refresh_keys: VerificationKeys,
    /// Goes with the ring: what a key verified is forgotten with the key.
    verified: Verified,
    jwks_json: String,
    jwks_etag: String,
}

/// What may be told about a key.
#[derive(Clone, Debug)]
pub struct RingEntry {
    /// Its file.
    pub path: PathBuf,
    /// Its algorithm.
    pub alg: SigningAlg,
    /// Its name: the RFC 7638 thumbprint.
    pub kid: String,
    /// From when on it signs, unless a newer one does.
    pub active_from: Timestamp,
    /// Whether it is the one that signs.
    pub active: bool,
}

impl KeyRing {
    /// Loads the folder, after making a first key if it is empty; answers also the file of the key that was made.
    ///
    /// # Errors
    /// [`KeyFileError`] when a key is unreadable, exposed or weak, or none can sign with `alg`.
    pub fn load_or_create(
        dir: &Path,
        alg: SigningAlg,
        now: Timestamp,
    ) -> Result<(Self, Option<PathBuf>), KeyFileError> {
        // The crypto library gathers its own randomness for some 40 ms at the first use; no request should wait for it.
        std::thread::spawn(|| SystemRandom::new().fill(&mut [0]));
        let made = key_file::ensure_key(dir, alg, now)?;
        Ok((Self::load(dir, alg, now)?, made))
    }

    /// Loads the folder as it is.
    ///
    /// # Errors
    /// As [`KeyRing::load_or_create`].
    pub fn load(dir: &Path, alg: SigningAlg, now: Timestamp) -> Result<Self, KeyFileError> {
        let mut files = key_file::read_all(dir)?;
        files.sort_by(|a, b| (a.active_from, &a.path).cmp(&(b.active_from, &b.path)));
        let (mut access_keys, mut refresh_keys) = (VerificationKeys::default(), VerificationKeys::default());
        let mut jwks = JwkSet { keys: Vec::new() };
        for file in &files {
            // Verifiers refuse a set in which two keys have one name.
            if let Some(other) = files.iter().find(|other| other.path != file.path && other.key.kid == file.key.kid) {
                return Err(KeyFileError::Twice { path: file.path.clone(), other: other.path.clone() });
            }
            file.key.add_to(&mut access_keys, &mut refresh_keys);
            jwks.keys.push(file.key.jwk.clone());
        }
        let jwks_json = serde_json::to_string(&jwks).map_err(|_never_for_these_types| KeyFileError::Failed)?;
        let jwks_etag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, jwks_json.as_bytes())));
        let ring = Self { files, alg, access_keys, refresh_keys, verified: Verified::default(), jwks_json, jwks_etag };
        match ring.active(now) {
            Some(_) => Ok(ring),
            None => Err(KeyFileError::NoActiveKey { dir: dir.to_owned(), alg }),
        }
    }

    /// The key that signs: the newest of its algorithm whose time has come. When that of none has, because this clock is
    /// behind the one that stamped the first key, the oldest.
    fn active(&self, now: Timestamp) -> Option<&KeyFile> {
        let mut able = self.files.iter().filter(|file| file.key.alg == self.alg);
        let due = able.clone().rfind(|file| file.active_from <= now);
        due.or_else(|| able.next())
    }

    /// Every key, oldest first.
    #[must_use]
    pub fn entries(&self, now: Timestamp) -> Vec<RingEntry> {
        let active = self.active(now).map(|file| &file.path);
        let entry = |file: &KeyFile| RingEntry {
            path: file.path.clone(),
            alg: file.key.alg,
            kid: file.key.kid.clone(),
            active_from: file.active_from,
            active: active == Some(&file.path),
        };
        self.files.iter().map(entry).collect()
    }

    /// The published JWK Set, as JSON.
    #[must_use]
    pub fn jwks_json(&self) -> &str {
        &self.jwks_json
    }

    /// The entity tag of [`KeyRing::jwks_json`] ([RFC 9110 section 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)).
    #[must_use]
    pub fn jwks_etag(&self) -> &str {
        &self.jwks_etag
    }

    /// Signs an access token.
    ///
    /// # Errors
    /// [`SignError`] when the crypto library fails.
    pub fn sign_access(&self, claims: &AccessClaims, now: Timestamp) -> Result<String, SignError> {
        self.active(now).ok_or(SignError)?.key.sign_access(claims)
    }

    /// Signs a refresh token.
    ///
    /// # Errors
    /// [`SignError`] when the crypto library fails.
    pub fn sign_refresh(&self, claims: &RefreshClaims, now: Timestamp) -> Result<String, SignError> {
        self.active(now).ok_or(SignError)?.key.sign_refresh(claims)
    }

    /// Verifies an access token of ours; the signature of one that was verified before is not checked again.
    ///
    /// # Errors
    /// The [`TokenError`] that says why not.
    pub fn verify_access(
        &self,
        token: &str,
        expected: Expected<'_>,
        now: Timestamp,
    ) -> Result<Arc<AccessClaims>, TokenError> {
        if token.len() > MOST_TOKEN_BYTES {
            return Err(TokenError::Malformed);
        }
        let digest = Verified::digest(token);
        if let Some(claims) = self.verified.find(&digest) {
            check(&*claims, expected, now)?;
            return Ok(claims);
        }
        let claims = Arc::new(verify(token, &self.access_keys, expected, now)?);
        self.verified.remember(digest, token, &claims);
        Ok(claims)
    }

    /// Verifies a refresh token of ours; its audience is the issuer itself.
    ///
    /// # Errors
    /// The [`TokenError`] that says why not.
    pub fn verify_refresh(&self, token: &str, issuer: &str, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        verify(token, &self.refresh_keys, Expected { issuer, audience: issuer }, now)
    }
}
