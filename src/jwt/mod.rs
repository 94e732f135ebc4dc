//! Signing: the keys of this service, how they rotate, and what they sign. What verifies is in the verifier's crate.

mod issuing;
mod key_file;
mod key_folder;
mod key_plan;
mod key_ring;
mod keys;
mod private_key;

pub use issuing::{Issuing, refresh_claims};
pub use tokensmith_verifier::issuing::{
    API_TOKEN, AccessKeys, DENYLIST_PATH, DeniedEntry, DenylistClaims, Document, DocumentKind, Expected, FIRST_PARTY,
    JwksError, KINDS, Kind, KindEntry, MAX_CLOCK_SKEW, RefreshClaims, SigningAlg, VerificationKeys, authentic_payload,
    denylist_audience, is_reserved_audience, issuer_base, issuer_url, jwks_etag, metadata_url, read_payload,
    verification_keys_of_jwks, verification_keys_of_pem, verify, verify_signature,
};
pub use tokensmith_verifier::{AccessClaims, Audience, Credential, RequiredClaims, Subject, TokenError};

pub use key_file::{KeyFileError, Passphrase};
pub use key_folder::{FolderLock, ForeignKey, KeyFolder};
pub use key_plan::{Due, KeyPolicy, KeyState};
pub use key_ring::{KeyRing, RingEntry};
pub use keys::{Keys, Reloaded};
pub use private_key::SignError;
