//! For the tests of your own service: an issuer in the test process, which signs any token that a test needs.
//!
//! ```
//! use tokensmith_verifier::testing::TestIssuer;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let issuer = TestIssuer::new("https://id.example.com", "https://api.example.com")?;
//! let verifier = issuer.verifier().build()?;
//! let user = "019a0000-0000-7000-8000-000000000001";
//! let token = issuer.token(user).role("editor").scope("notes:read notes:write").sign()?;
//! assert!(verifier.verify(&token)?.has_role("editor"));
//! let expired = issuer.token(user).lives_for(-1).sign()?;
//! assert!(verifier.verify(&expired).is_err());
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;

use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use crate::builder::Builder;
use crate::clock::{Clock, Seconds, SystemClock};
use crate::id::{Jti, SessionId};
use crate::jwt::{AccessClaims, Document as _, FIRST_PARTY, SigningAlg, jwk_set_of};
use crate::verifier::Verifier;

/// The crypto library failed, or there is no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signing failed")]
pub struct SignError;

/// An issuer with a key of its own.
pub struct TestIssuer {
    key: EcdsaKeyPair,
    kid: String,
    jwks: String,
    issuer: String,
    audience: String,
    clock: Arc<dyn Clock>,
}

/// A builder of an access token. By default it comes from a login, is valid for five minutes, and has no roles and no
/// scopes.
#[must_use = "it is not a token before sign()"]
pub struct TestToken<'a> {
    issuer: &'a TestIssuer,
    claims: Map<String, Value>,
    left_out: Vec<String>,
}

impl TestIssuer {
    /// An issuer with this URL, whose tokens are for this audience.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn new(issuer: &str, audience: &str) -> Result<Self, SignError> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_unspecified| SignError)?;
        let (kid, jwks) = jwk_set_of(key.public_key().as_ref(), SigningAlg::Es256).map_err(|_unusable| SignError)?;
        let (issuer, audience) = (issuer.to_owned(), audience.to_owned());
        Ok(Self { key, kid, jwks, issuer, audience, clock: Arc::new(SystemClock) })
    }

    /// Uses another clock than the machine's.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// A verifier of its tokens. It follows no denylist.
    pub fn verifier(&self) -> Builder {
        Verifier::from_jwks(&self.jwks, &self.issuer, &self.audience).clock(Arc::clone(&self.clock))
    }

    /// Its keys as a JWK Set.
    #[must_use]
    pub fn jwks(&self) -> &str {
        &self.jwks
    }

    /// An access token of this user, as its `sub`.
    pub fn token(&self, subject: &str) -> TestToken<'_> {
        let claims = json!({
            "iss": self.issuer, "sub": subject, "aud": self.audience, "client_id": FIRST_PARTY, "amr": ["pwd"],
        });
        let claims = if let Value::Object(claims) = claims { claims } else { Map::new() };
        TestToken { issuer: self, claims, left_out: Vec::new() }.lives_for(300)
    }
}

impl TestToken<'_> {
    /// Adds a role.
    pub fn role(mut self, role: &str) -> Self {
        let roles = self.claims.entry("roles").or_insert_with(|| json!([]));
        if let Value::Array(roles) = roles {
            roles.push(json!(role));
        }
        self
    }

    /// Sets the scopes, separated by spaces.
    pub fn scope(self, scope: &str) -> Self {
        self.claim("scope", scope)
    }

    /// Sets the lifetime in seconds from now. With a negative number the token has already expired.
    pub fn lives_for(self, seconds: i64) -> Self {
        let now = self.issuer.clock.now();
        let begin = now + Seconds(seconds.min(0));
        self.claim("iat", begin.0).claim("auth_time", begin.0).claim("exp", (now + Seconds(seconds)).0)
    }

    /// Sets any claim, replacing an existing one.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self.left_out.push(name.to_owned());
        self
    }

    /// Signs the token, with a new `jti` and `sid` unless you have set or removed them.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn sign(mut self) -> Result<String, SignError> {
        let TestIssuer { key, kid, clock, .. } = self.issuer;
        let mut random = [0; 26];
        fill(&mut random).map_err(|_unspecified| SignError)?;
        let (jti, sid) = random.split_at(16);
        let jti = Jti::from_bytes(jti.try_into().map_err(|_never| SignError)?);
        let sid = SessionId::new(clock.now(), sid.try_into().map_err(|_never| SignError)?);
        for (name, value) in [("jti", json!(jti)), ("sid", json!(sid))] {
            if !self.left_out.iter().any(|left_out| left_out == name) {
                self.claims.entry(name).or_insert(value);
            }
        }
        let header = json!({"typ": AccessClaims::KIND.typ, "alg": SigningAlg::Es256.name(), "kid": kid});
        let [header, claims] =
            [header, Value::Object(self.claims)].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = key.sign(&SystemRandom::new(), message.as_bytes()).map_err(|_unspecified| SignError)?;
        Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ManualClock, Timestamp, TokenError, VerifyError};

    const USER: &str = "019a0000-0000-7000-8000-000000000001";

    fn refused(error: TokenError) -> Result<(), VerifyError> {
        Err(VerifyError::Refused(error))
    }

    #[test]
    fn a_token_is_what_the_test_says_of_it() {
        let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000)));
        let issuer = TestIssuer::new("https://id.test", "https://api.test").unwrap().with_clock(Arc::clone(&clock));
        let verifier = issuer.verifier().build().unwrap();
        let verify = |token: TestToken<'_>| verifier.verify(&token.sign().unwrap()).map(|_claims| ());
        let claims = verifier.verify(&issuer.token(USER).role("a").role("b").scope("x y").sign().unwrap()).unwrap();
        assert!(claims.has_role("a") && claims.has_role("b") && !claims.has_role("c"));
        assert!(claims.has_scope("y") && !claims.has_scope("z"));
        assert_eq!(verify(issuer.token(USER).lives_for(0)), refused(TokenError::Expired));
        assert_eq!(verify(issuer.token(USER).claim("aud", "https://other.test")), refused(TokenError::WrongAudience));
        assert_eq!(verify(issuer.token(USER).claim("iss", "https://other.test")), refused(TokenError::WrongIssuer));
        assert_eq!(verify(issuer.token(USER).without("exp")), refused(TokenError::Malformed));
        assert_eq!(verify(issuer.token(USER).without("jti")), refused(TokenError::Malformed));
        let of_a_client = issuer.token(USER).without("sid").claim("client_id", "my-job").sign().unwrap();
        let of_a_client = verifier.verify(&of_a_client).unwrap();
        assert!(of_a_client.sid.is_none() && !of_a_client.is_logged_in());
        let token = issuer.token(USER).sign().unwrap();
        clock.advance(Seconds(300));
        assert_eq!(verifier.verify(&token).map(|_claims| ()), refused(TokenError::Expired));
    }

    #[test]
    fn the_token_of_another_issuer_is_not_accepted() {
        let [one, other] = [(); 2].map(|()| TestIssuer::new("https://id.test", "https://api.test").unwrap());
        let token = other.token(USER).sign().unwrap();
        let verifier = one.verifier().build().unwrap();
        assert_eq!(verifier.verify(&token).map(|_claims| ()), refused(TokenError::UnknownKey));
    }
}
