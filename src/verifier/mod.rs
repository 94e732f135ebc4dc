//! For backend services: verifies access tokens offline with the issuer's published keys (feature `verifier`).
//!
//! A [`Verifier`] fetches the keys, follows the issuer's denylist, and answers without asking anybody: the request to
//! your service waits for the issuer at the start, and otherwise only while a key is fetched that is new. With actix-web, put it into the app's data and take a [`Bearer`]:
//!
//! ```
//! use actix_web::{HttpResponse, get, web};
//! use tokensmith::verifier::{Bearer, Role, Verifier, WithRole};
//!
//! # fn setup() -> Result<(), tokensmith::verifier::BuildError> {
//! let verifier = Verifier::from_issuer("https://id.example.com", "https://api.example.com").build()?;
//! let app = actix_web::App::new().app_data(web::Data::new(verifier)).service(hello).service(delete_all);
//! # Ok(())
//! # }
//!
//! #[get("/hello")]
//! async fn hello(Bearer(claims): Bearer) -> String {
//!     format!("user {} with roles {:?}", claims.sub, claims.roles)
//! }
//!
//! struct Admin;
//! impl Role for Admin {
//!     const NAME: &'static str = "admin";
//! }
//!
//! #[get("/delete-all")]
//! async fn delete_all(_admin: WithRole<Admin>) -> HttpResponse {
//!     HttpResponse::NoContent().finish()
//! }
//! ```
//!
//! Elsewhere call [`Verifier::authenticate`], or [`Verifier::verify`] where nothing can be awaited.

mod api_token;
mod bearer;
mod builder;
mod extract;
mod feed;
mod issuer;
mod key_source;
mod remote_keys;

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;

pub use crate::jwt::{AccessClaims, Audience, Credential, JwksError, RequiredClaims, Subject, TokenError};
pub use api_token::{ApiTokenError, ApiTokens, Authenticated};
pub use bearer::BearerError;
pub use builder::{BuildError, Builder, Denylist};
pub use extract::{Admin, Bearer, BearerOrReadOnly, LoggedIn, MaybeBearer, Role, Scope, WithRole, WithScope};
#[cfg(feature = "server")]
pub(crate) use extract::{Presented, presented};
pub use key_source::KeySource;

use crate::clock::{Clock, Seconds};
use crate::jwt::{self, Expected};
use crate::model::denied_set::DeniedSet;
use feed::Feed;

/// Verifies the access tokens of one issuer. Cheap to clone; clones share keys, denylist and cache.
#[derive(Clone)]
pub struct Verifier(Arc<Parts>);

struct Parts {
    keys: Arc<dyn KeySource>,
    denied: Option<Arc<DeniedSet>>,
    feed: Option<Feed>,
    api_tokens: Option<Arc<dyn ApiTokens>>,
    issuer: String,
    audiences: Vec<String>,
    leeway: Seconds,
    clock: Arc<dyn Clock>,
}

/// What the issuer's own verifier verifies with.
#[cfg(feature = "server")]
pub(crate) struct Inside<'a> {
    pub keys: Arc<dyn KeySource>,
    pub denied: Arc<DeniedSet>,
    pub api_tokens: Arc<dyn ApiTokens>,
    pub issuer: &'a str,
    pub audiences: &'a [String],
    pub clock: Arc<dyn Clock>,
}

/// Why an access token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The token is refused; answer 401 and `error="invalid_token"`
    /// ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// The issuer's keys could not be fetched yet; answer 503.
    #[error("the issuer's keys are not known yet")]
    NoKeys,
    /// The denylist is not known yet, or older than [`Denylist::Require`] allows; answer 503.
    #[error("the issuer's denylist is out of reach")]
    DenylistStale,
}

impl Verifier {
    /// A verifier of the issuer with this URL: it finds the keys and the denylist through the issuer's metadata
    /// ([RFC 8414](https://www.rfc-editor.org/rfc/rfc8414), or OpenID Connect Discovery).
    pub fn from_issuer(issuer: &str, audience: &str) -> Builder {
        Builder::new(builder::Source::Issuer, issuer, audience)
    }

    /// A verifier with the keys at this URL, as in `https://id.example.com/.well-known/jwks.json`; it follows no denylist.
    pub fn from_jwks_url(url: &str, issuer: &str, audience: &str) -> Builder {
        Builder::new(builder::Source::JwksUrl(url.to_owned()), issuer, audience)
    }

    /// A verifier with the keys of this JWK Set and no others.
    pub fn from_jwks(json: &str, issuer: &str, audience: &str) -> Builder {
        Builder::new(builder::Source::Jwks(json.to_owned()), issuer, audience)
    }

    /// A verifier with this one public key in PEM (`BEGIN PUBLIC KEY`).
    pub fn from_pem(pem: &str, issuer: &str, audience: &str) -> Builder {
        Builder::new(builder::Source::Pem(pem.to_owned()), issuer, audience)
    }

    /// A verifier inside of the issuer itself: with its ring, its own denylist, and its API tokens.
    #[cfg(feature = "server")]
    pub(crate) fn inside(inside: Inside<'_>) -> Self {
        let Inside { keys, denied, api_tokens, issuer, audiences, clock } = inside;
        let (issuer, audiences) = (issuer.to_owned(), audiences.to_vec());
        let (denied, api_tokens) = (Some(denied), Some(api_tokens));
        Self(Arc::new(Parts { keys, denied, feed: None, api_tokens, issuer, audiences, leeway: Seconds::ZERO, clock }))
    }

    /// The claims of an access token whose type, key, algorithm, signature, issuer, audience and time are all right
    /// ([RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4)), and that is not denied. Waits for
    /// nothing: a key that is not known (yet) is asked for in the background.
    ///
    /// # Errors
    /// The [`VerifyError`] that says why not.
    pub fn verify(&self, token: &str) -> Result<Arc<AccessClaims>, VerifyError> {
        let verified = self.verify_with_known_keys(token);
        if is_about_keys(&verified) || self.0.keys.is_stale() {
            self.0.keys.ask();
        }
        verified
    }

    /// As [`Verifier::verify`], but waits, at most for some seconds, while the keys are being fetched because the token's
    /// key is not known (at most once for each cooldown) or the copy is over (unless the last attempt failed), and at the
    /// start until the issuer has told what is denied.
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

    /// The claims of an access token as a type of your own.
    ///
    /// # Errors
    /// As [`Verifier::verify`]; [`TokenError::Malformed`] also when the claims do not have that shape.
    pub fn verify_as<C: DeserializeOwned>(&self, token: &str) -> Result<C, VerifyError> {
        self.verify(token)?;
        Ok(jwt::read_payload(token)?)
    }

    /// How old what is known of the denylist may be; `None` when no denylist is followed, or before its first answer.
    #[must_use]
    pub fn staleness(&self) -> Option<Duration> {
        self.0.feed.as_ref()?.staleness()
    }

    fn verify_with_known_keys(&self, token: &str) -> Result<Arc<AccessClaims>, VerifyError> {
        let parts = &*self.0;
        let keys = parts.keys.keys().ok_or(VerifyError::NoKeys)?;
        let expected = Expected { issuer: &parts.issuer, audiences: &parts.audiences, leeway: parts.leeway };
        let claims = keys.verify(token, expected, parts.clock.now())?;
        if parts.denied.as_ref().is_some_and(|denied| claims.is_denied(denied)) {
            return Err(TokenError::Revoked.into());
        }
        if parts.feed.as_ref().is_some_and(Feed::is_too_stale) {
            return Err(VerifyError::DenylistStale);
        }
        Ok(claims)
    }
}

/// Whether other keys could change the outcome.
fn is_about_keys<T>(verified: &Result<T, VerifyError>) -> bool {
    matches!(verified, Err(VerifyError::NoKeys | VerifyError::Refused(TokenError::UnknownKey)))
}
