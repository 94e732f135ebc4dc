//! The verifier, with which a service checks access tokens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

#[cfg(feature = "actix")]
use crate::api_token::ApiTokens;
use crate::clock::{Clock, Seconds};
use crate::denied_set::DeniedSet;
use crate::jwt::{self, AccessClaims, Expected, TokenError};
use crate::remote::{Feed, KeySource};
#[cfg(feature = "actix")]
use crate::rendering::Rendering;

/// Verifies the access tokens of one issuer. Cheap to clone; clones share keys, denylist and cache.
#[derive(Clone)]
pub struct Verifier(pub(crate) Arc<Parts>);

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { issuer, audiences, leeway, .. } = &*self.0;
        let mut shown = f.debug_struct("Verifier");
        shown.field("issuer", issuer).field("audiences", audiences).field("leeway", leeway).finish_non_exhaustive()
    }
}

pub(crate) struct Parts {
    pub(crate) keys: Arc<dyn KeySource>,
    pub(crate) denied: Option<Arc<DeniedSet>>,
    pub(crate) feed: Option<Feed>,
    #[cfg(feature = "actix")]
    pub(crate) api_tokens: Option<Arc<dyn ApiTokens>>,
    #[cfg(feature = "actix")]
    pub(crate) rendering: Arc<Rendering>,
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) leeway: Seconds,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What the issuer's own verifier uses.
#[cfg(feature = "actix")]
pub struct Inside<'a> {
    /// Its key ring.
    pub keys: Arc<dyn KeySource>,
    /// Its denylist.
    pub denied: Arc<DeniedSet>,
    /// Its API tokens.
    pub api_tokens: Arc<dyn ApiTokens>,
    /// Its URL.
    pub issuer: &'a str,
    /// The audiences that are accepted here.
    pub audiences: &'a [String],
    /// Its clock.
    pub clock: Arc<dyn Clock>,
}

/// Why an access token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The token is refused; return 401 and `error="invalid_token"`
    /// ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// The issuer's keys could not be fetched yet; return 503.
    #[error("the issuer's keys are not known yet")]
    NoKeys,
    /// The denylist is not known yet, or older than [`DenylistPolicy::Require`](crate::DenylistPolicy::Require) allows;
    /// return 503.
    #[error("the issuer's denylist is unavailable")]
    DenylistStale,
}

impl Verifier {
    /// A verifier inside the issuer itself, with its key ring, its denylist and its API tokens.
    #[cfg(feature = "actix")]
    #[doc(hidden)]
    #[must_use]
    pub fn inside(inside: Inside<'_>) -> Self {
        let Inside { keys, denied, api_tokens, issuer, audiences, clock } = inside;
        let (issuer, audiences) = (issuer.to_owned(), audiences.to_vec());
        let (denied, api_tokens) = (Some(denied), Some(api_tokens));
        let rendering = Arc::new(Rendering { realm: issuer.clone(), problem_types: None, resource: None });
        let (feed, leeway) = (None, Seconds::ZERO);
        Self(Arc::new(Parts { keys, denied, feed, api_tokens, rendering, issuer, audiences, leeway, clock }))
    }

    /// Verifies type, key, algorithm, signature, issuer, audience and time of an access token
    /// ([RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4)), and that it is not denied; returns its
    /// claims. It never waits: an unknown key is fetched in the background.
    ///
    /// # Errors
    /// The [`VerifyError`] that says why the token is not accepted.
    pub fn verify(&self, token: &str) -> Result<Arc<AccessClaims>, VerifyError> {
        let verified = self.verify_with_known_keys(token);
        if is_about_keys(&verified) || self.0.keys.is_stale() {
            self.0.keys.ask();
        }
        verified
    }

    /// As [`Verifier::verify`], but waits for some seconds at most: while keys are fetched because the token's key is
    /// unknown (at most once per cooldown) or the copy has expired (unless the last attempt failed), and at the start
    /// for the denylist.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub async fn authenticate(&self, token: &str) -> Result<Arc<AccessClaims>, VerifyError> {
        if self.0.keys.is_stale() {
            self.0.keys.renew().await;
        }
        let mut verified = self.verify_with_known_keys(token);
        if is_about_keys(&verified) && self.0.keys.renew().await {
            verified = self.verify_with_known_keys(token);
        }
        if let (Err(VerifyError::DenylistStale), Some(feed)) = (&verified, &self.0.feed) {
            feed.settle().await;
            return self.verify_with_known_keys(token);
        }
        verified
    }

    /// As [`Verifier::verify`], but returns the claims as your own type.
    ///
    /// # Errors
    /// As [`Verifier::verify`]; [`TokenError::Malformed`] also if the claims do not fit that type.
    pub fn verify_as<C: DeserializeOwned>(&self, token: &str) -> Result<C, VerifyError> {
        self.verify(token)?;
        Ok(jwt::read_payload(token)?)
    }

    /// The greatest possible age of the local copy of the denylist; `None` if no denylist is followed, or before the
    /// first response.
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        self.0.feed.as_ref()?.staleness()
    }

    /// Whether the login of a token was strong and recent enough
    /// ([RFC 9470](https://www.rfc-editor.org/rfc/rfc9470)): its `acr` is one of `acr_values`, which are separated by spaces,
    /// and its `auth_time` is at most `max_age` seconds ago.
    #[must_use]
    pub fn is_authenticated(&self, claims: &AccessClaims, acr_values: Option<&str>, max_age: Option<u32>) -> bool {
        let is_one =
            |values: &str| claims.acr.as_deref().is_some_and(|acr| values.split(' ').any(|value| value == acr));
        let is_within =
            |seconds: u32| claims.auth_time.is_some_and(|at| self.0.clock.now() <= at + Seconds(seconds.into()));
        acr_values.is_none_or(is_one) && max_age.is_none_or(is_within)
    }

    fn verify_with_known_keys(&self, token: &str) -> Result<Arc<AccessClaims>, VerifyError> {
        let parts = &*self.0;
        let keys = parts.keys.keys().ok_or(VerifyError::NoKeys)?;
        let expected = Expected { issuer: &parts.issuer, audiences: &parts.audiences, leeway: parts.leeway };
        let claims = keys.verify(token, expected, parts.clock.now())?;
        // Before the denials are looked at: otherwise one that arrives in between would make the list current, and be missed.
        let is_too_stale = parts.feed.as_ref().is_some_and(Feed::is_too_stale);
        if parts.denied.as_ref().is_some_and(|denied| claims.is_denied(denied)) {
            return Err(TokenError::Revoked.into());
        }
        if is_too_stale { Err(VerifyError::DenylistStale) } else { Ok(claims) }
    }
}

/// Whether other keys could change the result.
fn is_about_keys<T>(verified: &Result<T, VerifyError>) -> bool {
    matches!(verified, Err(VerifyError::NoKeys | VerifyError::Refused(TokenError::UnknownKey)))
}
