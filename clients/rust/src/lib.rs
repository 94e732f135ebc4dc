//! Verifies the access tokens of a tokensmith issuer in backend services, offline, with its published keys.
//!
//! A [`Verifier`] fetches the keys, follows the issuer's denylist, and verifies tokens without a request to the issuer.
//! Requests to your service only wait for the issuer at the start and while a new key is fetched. With actix-web
//! (feature `actix`), put it into the app's data and take a `Bearer`:
//!
#![cfg_attr(feature = "actix", doc = "```")]
#![cfg_attr(not(feature = "actix"), doc = "```ignore")]
//! use actix_web::{HttpResponse, get, web};
//! use tokensmith_verifier::{Bearer, Role, Verifier, WithRole};
//!
//! # fn setup() -> Result<(), tokensmith_verifier::BuildError> {
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
//! A program that calls your service on its own behalf has an access token, too
//! ([RFC 6749 section 4.4](https://www.rfc-editor.org/rfc/rfc6749#section-4.4)): it passes `Bearer` and `WithScope`,
//! its `sub` is its `client_id`, and [`AccessClaims::user_id`] is `None`. If you need a user, take `LoggedIn` or check
//! [`AccessClaims::user_id`]; if programs may call, require a scope.
//!
//! Without actix-web call [`Verifier::authenticate`], or [`Verifier::verify`] in code that is not async.

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "actix")]
mod api_token;
mod builder;
mod clock;
mod denied_set;
mod id;
mod jwt;
mod remote;
#[cfg(feature = "actix")]
mod rendering;
#[cfg(feature = "actix")]
mod resource;
#[cfg(feature = "testing")]
pub mod testing;
mod verifier;

#[cfg(feature = "actix")]
pub use actix::{
    Admin, Bearer, BearerError, BearerErrorKind, BearerOrReadOnly, LoggedIn, MaybeBearer, Role, Scope, WithRole,
    WithScope,
};
pub use builder::{BuildError, Builder, DenylistPolicy};
pub use clock::{BadDuration, BadTimestamp, Clock, ManualClock, Seconds, SystemClock, Timestamp};
pub use id::{BadId, Id, Jti, SessionId, SessionTag, UserId, UserTag};
pub use jwt::{AccessClaims, Audience, Credential, RequiredClaims, Subject, TokenError};
pub use verifier::{Verifier, VerifyError};

/// Code that the issuer shares with its verifiers. It may change with every version.
#[doc(hidden)]
pub mod issuing {
    #[cfg(feature = "actix")]
    pub use crate::actix::{Presented, presented};
    #[cfg(feature = "actix")]
    pub use crate::api_token::{ApiTokenError, ApiTokenRefusal, ApiTokens, Authenticated};
    pub use crate::denied_set::{DeniedSet, DeniedSubject};
    pub use crate::jwt::{
        API_TOKEN, AccessKeys, DENYLIST_PATH, DeniedEntry, DenylistClaims, Document, DocumentKind, Expected,
        FIRST_PARTY, IdTokenClaims, JwksError, KINDS, KeyUse, Kind, KindEntry, MAX_CLOCK_SKEW, PasskeyChallengeClaims,
        RefreshClaims, SigningAlg, TOKEN_PATH, VerificationKey, VerificationKeys, authentic_payload, denylist_audience,
        is_reserved_audience, issuer_base, issuer_url, jwks_etag, kid_of, metadata_url, published, read_jwk,
        read_object, read_payload, verification_keys_of_jwks, verification_keys_of_pem, verify, verify_signature,
    };
    pub use crate::remote::{HttpAnswer, HttpClient, HttpError, HttpProxy, HttpSettings, KeySource, Limits};
    #[cfg(feature = "actix")]
    pub use crate::rendering::challenge;
    #[cfg(feature = "actix")]
    pub use crate::verifier::Inside;
}

/// Compiles the README's code with the documentation's.
#[cfg(all(doctest, feature = "actix"))]
#[doc = include_str!("../README.md")]
struct Readme;
