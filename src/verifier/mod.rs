//! For backend services: verifies access tokens offline with the issuer's published keys (feature `verifier`).
//!
//! ```
//! # fn run(jwks_json: &str, token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use tokensmith::verifier::Verifier;
//!
//! let verifier = Verifier::from_jwks(jwks_json, "https://id.example.com", "https://api.example.com")?;
//! let claims = verifier.verify(token)?;
//! println!("user {} with roles {:?}", claims.sub, claims.roles);
//! # Ok(())
//! # }
//! ```

use crate::clock::{Clock, SystemClock};
use crate::jwt::{self, Expected, Jwks, JwksError, VerificationKeys};

pub use crate::jwt::{AccessClaims, TokenError};

/// Verifies the access tokens of one issuer for one audience.
pub struct Verifier {
    keys: VerificationKeys,
    issuer: String,
    audience: String,
    clock: Box<dyn Clock>,
}

impl Verifier {
    /// A verifier with the keys of a JWK Set, as the issuer publishes it under `/.well-known/jwks.json`.
    ///
    /// # Errors
    /// [`JwksError`] when the text is not a JWK Set or a key in it is damaged.
    pub fn from_jwks(json: &str, issuer: &str, audience: &str) -> Result<Self, JwksError> {
        let keys = Jwks::from_json(json)?.verification_keys()?;
        Ok(Self { keys, issuer: issuer.to_owned(), audience: audience.to_owned(), clock: Box::new(SystemClock) })
    }

    /// The same verifier with another clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// The claims of an access token whose type, key, algorithm, signature, issuer, audience and time are all right
    /// ([RFC 9068 section 4](https://www.rfc-editor.org/rfc/rfc9068#section-4)).
    ///
    /// # Errors
    /// The [`TokenError`] that says why not; answer it with 401 and `error="invalid_token"`
    /// ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
    pub fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        let expected = Expected { issuer: &self.issuer, audience: &self.audience };
        jwt::verify(token, &self.keys, expected, self.clock.now())
    }
}
