//! Tokens and the keys that verify them. Every kind of document has a type, and an audience or a key, that no other kind
//! has:
//!
//! | document | `typ` | `aud` | signed with |
//! |---|---|---|---|
//! | access token | `at+jwt` | one of `AUDIENCE` | a published key |
//! | denylist | `denylist+jwt` | the denylist's URL, which `AUDIENCE` may not name | a published key |
//! | refresh token | `rt+jwt` | the issuer | a secret of the issuer |

mod access_keys;
mod alg;
mod audience;
mod claims;
mod credential;
mod denylist;
mod issuer;
mod json;
mod jwk;
mod jwks;
mod signature_cache;
mod verify;

pub use access_keys::AccessKeys;
pub use alg::SigningAlg;
pub use audience::Audience;
pub use claims::{AccessClaims, RefreshClaims, RequiredClaims};
pub use credential::{API_TOKEN, Credential, FIRST_PARTY, Subject};
pub use denylist::{DeniedEntry, DenylistClaims, Kind, KindEntry};
pub use issuer::{DENYLIST_PATH, denylist_audience, is_reserved_audience, issuer_base, issuer_url, metadata_url};
#[cfg(feature = "testing")]
pub(crate) use jwks::jwk_set_of;
pub use jwks::{JwksError, jwks_etag, published, verification_keys_of_jwks, verification_keys_of_pem};
pub use verify::{
    Expected, MAX_CLOCK_SKEW, RegisteredClaims, TokenError, VerificationKey, VerificationKeys, kid_of, read_payload,
    verify, verify_signature,
};
