//! The key ring: the keys that were read from the folder. One key of each algorithm is active; all are published and
//! verify.

use std::path::PathBuf;
use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;
use tokensmith_verifier::issuing::kid_of;

use super::key_file::{KeyFile, KeyFileError};
use super::key_plan::{Due, KeyPolicy, KeyState, Line};
use super::private_key::SignError;
use super::{
    AccessClaims, AccessKeys, Document, Expected, MAX_CLOCK_SKEW, PasskeyChallengeClaims, RefreshClaims, SigningAlg,
    TokenError, VerificationKeys, issuer_base, jwks_etag, verify,
};
use crate::clock::{Seconds, Timestamp};
use crate::model::sharing::Context;

/// The memory for cached verified tokens, in bytes.
const VERIFIED_CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// The keys of this service at one time.
pub struct KeyRing {
    /// Oldest first.
    pub(super) files: Vec<Arc<KeyFile>>,
    policy: KeyPolicy,
    access: Arc<AccessKeys>,
    jwks_json: String,
    jwks_etag: String,
    /// When the published keys change, in order.
    events: Vec<Timestamp>,
}

/// The public information about a key, and its file.
#[derive(Clone, Debug)]
pub struct RingEntry {
    /// Its file.
    pub(crate) path: PathBuf,
    /// Its algorithm.
    pub(crate) alg: SigningAlg,
    /// Its id: the RFC 7638 thumbprint.
    pub kid: String,
    /// Its state.
    pub(crate) state: KeyState,
    /// When it starts to sign; `None` if the name of its file does not say.
    pub(crate) active_from: Option<Timestamp>,
    /// When the next key replaces it, if that is known.
    pub(crate) retired_at: Option<Timestamp>,
    /// When its last token has expired, if that is known.
    pub(crate) removed_at: Option<Timestamp>,
    /// Whether its file is encrypted.
    pub(crate) encrypted: bool,
}

impl KeyRing {
    /// The ring of these files. Verifiers refuse a set with two keys of the same id; then the second key is left out
    /// and reported as a problem.
    pub(super) fn new(
        mut files: Vec<Arc<KeyFile>>,
        policy: KeyPolicy,
        problems: &mut Vec<(PathBuf, KeyFileError)>,
    ) -> Result<Self, KeyFileError> {
        // Of two equal keys, keep the one whose file name has the time from which it signs.
        files.sort_by(|a, b| {
            (a.active_from.0 == 0, a.active_from, &a.path).cmp(&(b.active_from.0 == 0, b.active_from, &b.path))
        });
        let mut kept: Vec<Arc<KeyFile>> = Vec::new();
        for file in files {
            match kept.iter().find(|other| other.key.kid == file.key.kid) {
                Some(other) => {
                    let twice = KeyFileError::Twice { path: file.path.clone(), other: other.path.clone() };
                    problems.push((file.path.clone(), twice));
                }
                None => kept.push(file),
            }
        }
        let mut files = kept;
        files.sort_by(|a, b| (a.active_from, &a.path).cmp(&(b.active_from, &b.path)));
        let mut keys = VerificationKeys::default();
        let mut jwks = JwkSet { keys: Vec::new() };
        for file in &files {
            file.key.add_to(&mut keys);
            jwks.keys.push(file.key.jwk.clone());
        }
        let jwks_json = serde_json::to_string(&jwks).map_err(|_never_for_these_types| KeyFileError::Failed)?;
        let jwks_etag = jwks_etag(&jwks_json);
        let access = Arc::new(AccessKeys::new(keys, VERIFIED_CACHE_BYTES));
        let mut events = Vec::new();
        for alg in policy.all_algs() {
            events.extend(Line::new(&files, alg).events(&policy));
        }
        events.sort();
        Ok(Self { files, policy, access, jwks_json, jwks_etag, events })
    }

    /// An algorithm of access tokens that has no key.
    pub(super) fn lacks(&self) -> Option<SigningAlg> {
        self.policy.algs.iter().copied().find(|alg| !self.has(*alg))
    }

    /// Every algorithm that has no key.
    pub(super) fn lacking(&self) -> Vec<SigningAlg> {
        self.policy.all_algs().filter(|alg| !self.has(*alg)).collect()
    }

    fn has(&self, alg: SigningAlg) -> bool {
        !Line::new(&self.files, alg).is_empty()
    }

    /// What ID tokens can be signed with.
    pub(crate) fn id_token_algs(&self) -> impl Iterator<Item = SigningAlg> {
        self.policy.id_token_algs.iter().copied().filter(|alg| self.has(*alg))
    }

    pub(super) fn kids(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.key.kid.as_str())
    }

    /// Whether it was made from the same files.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let pairs = || self.files.iter().zip(&other.files);
        self.files.len() == other.files.len() && pairs().all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// The rules of the ring.
    pub(crate) fn policy(&self) -> &KeyPolicy {
        &self.policy
    }

    /// The same keys, with a cache of access tokens that they verified recently.
    pub fn access_keys(&self) -> &Arc<AccessKeys> {
        &self.access
    }

    /// The keys that verify every kind of document.
    pub fn keys(&self) -> &VerificationKeys {
        self.access.all()
    }

    /// Every key, oldest first.
    pub(crate) fn entries(&self, now: Timestamp) -> Vec<RingEntry> {
        let entry = |file: &Arc<KeyFile>| {
            let line = Line::new(&self.files, file.key.alg);
            let used = self.policy.all_algs().any(|alg| alg == file.key.alg);
            RingEntry {
                path: file.path.clone(),
                alg: file.key.alg,
                kid: file.key.kid.clone(),
                state: if used { line.state(file, now) } else { KeyState::Unused },
                active_from: Some(file.active_from).filter(|at| *at > Timestamp(0)),
                retired_at: line.successor_at(file).filter(|_| used),
                removed_at: line.removed_at(file, &self.policy).filter(|_| used),
                encrypted: file.encrypted,
            }
        };
        self.files.iter().map(entry).collect()
    }

    /// The changes of the folder that are due now.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Due> {
        let is_kept = |alg: &SigningAlg| self.policy.algs.contains(alg) || self.has(*alg);
        let algs = self.policy.all_algs().filter(is_kept);
        algs.flat_map(|alg| Line::new(&self.files, alg).due(alg, &self.policy, now)).collect()
    }

    /// How long the published keys may be cached from now on: until their next change, at most the configured time, and
    /// at least a fifth of it, so that not all verifiers fetch them at the same moment. This does not affect when a key
    /// starts to sign: see [`KeyPolicy::publication_lead`].
    pub(crate) fn jwks_max_age(&self, now: Timestamp) -> Seconds {
        let most = self.policy.jwks_max_age;
        let next = self.events.iter().find(|at| **at > now);
        next.map_or(most, |at| (*at - now).max(Seconds(most.0 / 5)).min(most))
    }

    /// The published JWK Set, as JSON.
    pub fn jwks_json(&self) -> &str {
        &self.jwks_json
    }

    /// The entity tag of [`KeyRing::jwks_json`] ([RFC 9110 section 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)).
    pub fn jwks_etag(&self) -> &str {
        &self.jwks_etag
    }

    /// Signs a document with the active key of an algorithm, or of the first one.
    pub fn sign<D: Document>(&self, claims: &D, alg: Option<SigningAlg>, now: Timestamp) -> Result<String, SignError> {
        let alg = alg.map_or_else(|| self.first_alg(), Ok)?;
        self.active(alg, now)?.key.sign(claims)
    }

    /// The context of a client, of which `client` is [`hashed_of_client`](crate::model::sharing::hashed_of_client). Instances
    /// that share the folder agree on it.
    pub fn context(&self, client: &[u8], now: Timestamp) -> Result<Context, SignError> {
        Ok(self.active(self.first_alg()?, now)?.key.context(client))
    }

    /// A keyed hash of a text that an attacker must not find by guessing. Instances that share the folder agree on it
    /// until another key becomes active. It never equals a [`Context`].
    pub(crate) fn keyed_hash(&self, text: &[u8], now: Timestamp) -> Result<i64, SignError> {
        Ok(self.context(&[&b"text "[..], text].concat(), now)?.number())
    }

    /// The same under every key that is published, the active one first: what was given out before a rotation is still known.
    pub(crate) fn keyed_hashes(&self, text: &[u8], now: Timestamp) -> Result<Vec<i64>, SignError> {
        let text = [&b"text "[..], text].concat();
        let mut hashes = vec![self.context(&text, now)?.number()];
        hashes.extend(self.files.iter().map(|file| file.key.context(&text).number()));
        Ok(hashes)
    }

    /// The algorithm of documents that have no audience of their own.
    pub(crate) fn first_alg(&self) -> Result<SigningAlg, SignError> {
        self.policy.algs.first().copied().ok_or(SignError)
    }

    fn active(&self, alg: SigningAlg, now: Timestamp) -> Result<&KeyFile, SignError> {
        Line::new(&self.files, alg).active(now).map(|file| &**file).ok_or(SignError)
    }

    /// Verifies a refresh token of ours; its audience is the issuer itself. It is accepted for a hundredth of its
    /// lifetime (at most one minute) after it has expired, so that an instance whose clock is ahead does not refuse it
    /// too early.
    pub fn verify_refresh(&self, token: &str, issuer: &str, now: Timestamp) -> Result<RefreshClaims, TokenError> {
        let issuer = issuer_base(issuer);
        let leeway = Seconds(self.policy.token_lifetime.0 / 100).min(MAX_CLOCK_SKEW);
        verify(token, self.keys(), Expected { issuer, audiences: &[], leeway }, now)
    }

    /// Verifies a challenge for a passkey, which is one of ours; its audience is the issuer itself.
    pub(crate) fn verify_passkey_challenge(
        &self,
        text: &str,
        issuer: &str,
        now: Timestamp,
    ) -> Result<PasskeyChallengeClaims, TokenError> {
        verify(text, self.keys(), Expected { issuer: issuer_base(issuer), audiences: &[], leeway: Seconds::ZERO }, now)
    }

    /// Whether a text has the form of our tokens but its key is not in this ring.
    pub(crate) fn lacks_key_of(&self, token: &str) -> bool {
        let kid = kid_of(&RefreshClaims::KIND, token).or_else(|| kid_of(&AccessClaims::KIND, token));
        kid.is_some_and(|kid| self.kids().all(|known| known != kid))
    }
}
