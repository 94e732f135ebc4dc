//! Signed documents and the keys that verify them. `kind` has the table of what each kind of document must be.

mod access_keys;
mod alg;
mod audience;
mod claims;
mod credential;
mod denylist;
mod id_token;
mod issuer;
mod json;
mod jwk;
mod jwks;
mod kind;
mod passkey_challenge;
mod signature_cache;
mod verify;

pub use access_keys::AccessKeys;
pub use alg::SigningAlg;
pub use audience::Audience;
pub use claims::{AccessClaims, RefreshClaims, RequiredClaims};
pub use credential::{API_TOKEN, Credential, FIRST_PARTY, Subject};
pub use denylist::{DeniedEntry, DenylistClaims, Kind, KindEntry};
pub use id_token::IdTokenClaims;
pub use issuer::{
    DENYLIST_PATH, TOKEN_PATH, denylist_audience, is_reserved_audience, issuer_base, issuer_url, metadata_url,
};
pub use json::read_object;
pub use jwk::read_jwk;
#[cfg(feature = "testing")]
pub(crate) use jwks::jwk_set_of;
pub use jwks::{JwksError, jwks_etag, published, verification_keys_of_jwks, verification_keys_of_pem};
pub use kind::{Document, DocumentKind, KINDS, KeyUse};
pub use passkey_challenge::PasskeyChallengeClaims;
pub use verify::{
    Expected, MAX_CLOCK_SKEW, TokenError, VerificationKey, VerificationKeys, authentic_payload, kid_of, read_payload,
    verify, verify_signature,
};
