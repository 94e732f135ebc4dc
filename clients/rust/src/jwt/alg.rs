//! The algorithms that access tokens are signed with. One algorithm per key
//! ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).

use std::fmt;
use std::str::FromStr;

use jsonwebtoken::Algorithm;

/// A public-key signature algorithm, by its JOSE name
/// ([RFC 7518 section 3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1),
/// [RFC 8037 section 3.1](https://www.rfc-editor.org/rfc/rfc8037#section-3.1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningAlg {
    /// ECDSA on P-256 with SHA-256: all common verifiers support it.
    Es256,
    /// Ed25519: the cheapest to sign.
    EdDsa,
    /// RSA PKCS#1 v1.5 with SHA-256: for old verifiers; signs sixty times slower.
    Rs256,
}

impl SigningAlg {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// The name in the `alg` header.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    /// Whether signing is so slow that other requests should not wait for it.
    #[must_use]
    pub fn is_slow_to_sign(self) -> bool {
        self == Self::Rs256
    }

    /// As `jsonwebtoken` names it.
    #[must_use]
    pub fn algorithm(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Rs256 => Algorithm::RS256,
        }
    }
}

impl fmt::Display for SigningAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is not one of [`SigningAlg::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ES256, EdDSA or RS256")]
pub struct UnknownAlg;

impl FromStr for SigningAlg {
    type Err = UnknownAlg;

    fn from_str(name: &str) -> Result<Self, UnknownAlg> {
        Self::ALL.into_iter().find(|alg| alg.name() == name).ok_or(UnknownAlg)
    }
}
