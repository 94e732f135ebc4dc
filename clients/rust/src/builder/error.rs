//! Why a verifier cannot be built.

/// Why a verifier cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The keys that were given cannot be used, and why.
    #[error("{0}")]
    Keys(String),
    /// The URL is not an HTTP URL.
    #[error("{0:?} is not an http:// or https:// URL")]
    Url(String),
    /// Without TLS an attacker on the network path could replace the issuer's keys.
    #[error("{0:?} is without TLS and not on this machine; see Builder::allow_http")]
    PlainHttp(String),
    /// The root certificates cannot be used, and why.
    #[error("the root certificates cannot be used: {0}")]
    RootCertificates(String),
    /// Only a verifier of an issuer finds its denylist.
    #[error("a denylist is required, and only a verifier made with from_issuer follows one")]
    NoDenylist,
    /// Denials do not last longer than that.
    #[error("a leeway of more than 60 seconds would accept tokens that are denied")]
    Leeway,
    /// The realm cannot be sent.
    #[error("{0:?} is no realm: printable ASCII is expected")]
    Realm(String),
    /// The types of problems would not be URIs.
    #[error("{0:?} is not the beginning of a URI")]
    ProblemTypes(String),
    /// The URL cannot identify a protected resource.
    #[error("{0:?} is no resource: a URL with TLS (or of this machine) and without query and fragment is expected")]
    Resource(String),
    /// The text cannot be a scope.
    #[error("{0:?} is no scope")]
    Scope(String),
}
