//! Signed tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)): what they claim, how they are signed, and the one
//! function that verifies them. The only room that knows `jsonwebtoken`.

mod access_keys;
mod alg;
mod claims;
mod denylist;
mod jwks;
#[cfg(feature = "server")]
mod key_file;
#[cfg(feature = "server")]
mod key_folder;
#[cfg(feature = "server")]
mod key_plan;
#[cfg(feature = "server")]
mod key_ring;
#[cfg(feature = "server")]
mod keys;
#[cfg(feature = "server")]
mod private_key;
mod verified;
mod verify;

pub use access_keys::AccessKeys;
pub use alg::SigningAlg;
pub use claims::{API_TOKEN, AccessClaims, Audience, FIRST_PARTY, RefreshClaims};
pub use denylist::{DeniedEntry, DenylistClaims};
pub use jwks::{Jwks, JwksError, jwks_etag, verification_keys_of_pem};
#[cfg(feature = "server")]
pub use key_file::{KeyFileError, Passphrase};
#[cfg(feature = "server")]
pub use key_folder::{FolderLock, ForeignKey, KeyFolder};
#[cfg(feature = "server")]
pub use key_plan::{Due, KeyPolicy, KeyState};
#[cfg(feature = "server")]
pub use key_ring::{KeyRing, RingEntry};
#[cfg(feature = "server")]
pub use keys::{Keys, Reloaded};
#[cfg(feature = "server")]
pub use private_key::SignError;
pub use verify::{Expected, RegisteredClaims, TokenError, VerificationKeys, read_payload, verify};
