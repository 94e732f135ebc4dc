//! Signed tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)): what they claim, how they are signed, and the one
//! function that verifies them. The only room that knows `jsonwebtoken`.
//!
//! Every kind of document has a type, and an audience or a key, that no other kind has:
//!
//! | document | `typ` | `aud` | signed with |
//! |---|---|---|---|
//! | access token | `at+jwt` | one of `AUDIENCE` | a published key |
//! | denylist | `denylist+jwt` | the denylist's URL, which `AUDIENCE` may not name | a published key |
//! | refresh token | `rt+jwt` | the issuer | a secret of the issuer |

mod access_keys;
mod alg;
mod claims;
mod credential;
mod denylist;
mod issuer;
#[cfg(feature = "server")]
mod issuing;
mod json;
mod jwk;
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
pub use claims::{AccessClaims, Audience, RefreshClaims, RequiredClaims};
pub use credential::{API_TOKEN, Credential, Subject};
pub use denylist::{DeniedEntry, DenylistClaims, Kind, KindEntry};
pub use issuer::{DENYLIST_PATH, denylist_audience, is_reserved_audience, issuer_base, issuer_url, metadata_url};
#[cfg(feature = "server")]
pub use issuing::{Issuing, refresh_claims};
pub use jwks::{JwksError, jwks_etag, verification_keys_of_jwks, verification_keys_of_pem};
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
pub use verify::{Expected, MOST_CLOCK_SKEW, RegisteredClaims, TokenError, VerificationKeys, read_payload, verify};
