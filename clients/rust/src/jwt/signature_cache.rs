//! The signature cache: access tokens that were verified before. Their signatures are not checked again; everything
//! else is checked each time.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::claims::AccessClaims;

/// The usual size of our tokens without roles.
const USUAL_BYTES: u64 = 640;

/// Claims by the digest of their token; the tokens themselves are not stored.
pub(super) struct SignatureCache(Cache<Digest, Remembered, ByLength>);

/// The digest of a token, under which its claims are found.
pub(super) type Digest = [u8; SHA256_OUTPUT_LEN];

#[derive(Clone)]
struct Remembered {
    claims: Arc<AccessClaims>,
    token_bytes: u64,
}

#[derive(Clone)]
struct ByLength;

impl Weighter<Digest, Remembered> for ByLength {
    fn weight(&self, _digest: &Digest, remembered: &Remembered) -> u64 {
        remembered.token_bytes
    }
}

impl SignatureCache {
    /// A cache for tokens with at most `max_bytes` of text, since the stored claims of a token are about as large as
    /// its text.
    pub(super) fn new(max_bytes: u64) -> Self {
        let usual_count = usize::try_from(max_bytes / USUAL_BYTES).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(usual_count, max_bytes, ByLength))
    }

    pub(super) fn digest(token: &str) -> Digest {
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        bytes.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        bytes
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Arc<AccessClaims>> {
        self.0.get(digest).map(|remembered| remembered.claims)
    }

    pub(super) fn remember(&self, digest: Digest, token: &str, claims: &Arc<AccessClaims>) {
        let token_bytes = token.len().try_into().unwrap_or(u64::MAX);
        self.0.insert(digest, Remembered { claims: Arc::clone(claims), token_bytes });
    }
}
