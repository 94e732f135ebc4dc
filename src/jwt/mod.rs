//! Signing: the keys of this service, their rotation, and what they sign. Verification is in the verifier's crate.

mod client_assertion;
mod data_keys;
mod issuing;
mod key_file;
mod key_folder;
mod key_plan;
mod key_ring;
mod keys;
mod legacy;
mod legacy_secret;
mod private_key;
mod upstream_id_token;

pub(crate) use client_assertion::{AssertionClaims, BadAssertion, ClientKeys, claimed_client};
pub(crate) use issuing::{IdToken, Issuing, refresh_claims};
pub(crate) use tokensmith_verifier::issuing::{
    AccessKeys, DENYLIST_PATH, DeniedEntry, DenylistClaims, Document, Expected, Kind, KindEntry, MAX_CLOCK_SKEW,
    PasskeyChallengeClaims, RefreshClaims, SigningAlg, VerificationKeys, denylist_audience, is_reserved_audience,
    issuer_base, issuer_url, jwks_etag, metadata_url, verify, verify_signature,
};
pub(crate) use tokensmith_verifier::{AccessClaims, Audience, Credential, TokenError};

pub(crate) use data_keys::{DataKeys, RANDOM as DATA_KEY_RANDOM};
pub(crate) use key_file::{KeyFileError, Passphrase};
pub(crate) use key_folder::KeyFolder;
pub(crate) use key_plan::{Due, KeyPolicy, KeyState};
pub(crate) use key_ring::{KeyRing, RingEntry};
pub(crate) use keys::{Keys, Reloaded};
pub(crate) use legacy::{LegacyClaims, LegacyIssuer, unverified_expiry};
pub(crate) use private_key::SignError;
pub(crate) use upstream_id_token::{ExpectedIdToken, is_allowed_alg, verify_upstream_id_token};
