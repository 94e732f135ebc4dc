//! The keys that verify access tokens, with a cache of verified tokens. The service and the verifiers of other services
//! both use this type: there is no other way to accept an access token.

use std::sync::Arc;

use super::claims::AccessClaims;
use super::kind::Document as _;
use super::signature_cache::SignatureCache;
use super::verify::{Expected, TokenError, VerificationKeys, check, trimmed, verify};
use crate::clock::Timestamp;

/// Keys, and a cache of access tokens whose signatures they verified recently.
pub struct AccessKeys {
    keys: VerificationKeys,
    /// Dropped together with the keys, so that tokens of a removed key are not accepted.
    cache: Option<SignatureCache>,
}

impl AccessKeys {
    /// These keys. Verified tokens are cached in at most `cache_bytes` of memory; 0 caches none.
    #[must_use]
    pub fn new(keys: VerificationKeys, cache_bytes: u64) -> Self {
        Self { keys, cache: (cache_bytes > 0).then(|| SignatureCache::new(cache_bytes)) }
    }

    /// The keys, for every other kind of document.
    #[must_use]
    pub fn all(&self) -> &VerificationKeys {
        &self.keys
    }

    /// Verifies an access token. The signature of one that was verified before is not checked again; everything else is.
    ///
    /// # Errors
    /// The [`TokenError`] that says why the token is refused.
    pub fn verify(&self, token: &str, expected: Expected<'_>, now: Timestamp) -> Result<Arc<AccessClaims>, TokenError> {
        let token = trimmed(&AccessClaims::KIND, token)?;
        let Some(cache) = &self.cache else {
            return verify(token, &self.keys, expected, now).map(Arc::new);
        };
        let digest = SignatureCache::digest(token);
        if let Some(claims) = cache.find(&digest) {
            check(&*claims, expected, now)?;
            return Ok(claims);
        }
        let claims = Arc::new(verify(token, &self.keys, expected, now)?);
        cache.remember(digest, token, &claims);
        Ok(claims)
    }
}
