//! Signed tokens ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)): what they claim, how they are signed, and the one
//! function that verifies them. The only room that knows `jsonwebtoken`.

mod alg;
mod claims;
mod jwks;
#[cfg(feature = "server")]
mod key_file;
#[cfg(feature = "server")]
mod key_ring;
#[cfg(feature = "server")]
mod private_key;
#[cfg(feature = "server")]
mod verified;
mod verify;

pub use alg::SigningAlg;
pub use claims::{AccessClaims, Audience, RefreshClaims};
pub use jwks::{Jwks, JwksError};
#[cfg(feature = "server")]
pub use key_file::{KeyFileError, write_new_key};
#[cfg(feature = "server")]
pub use key_ring::{KeyRing, RingEntry};
#[cfg(feature = "server")]
pub use private_key::SignError;
pub use verify::{Expected, RegisteredClaims, TokenError, VerificationKeys, verify};
