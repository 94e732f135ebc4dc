//! Why a call to another service is of no use.

use std::net::IpAddr;
use std::time::Duration;

/// Why a call is of no use. Its text holds nothing of the URL but the host, and nothing of the answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// It is no URL to call.
    #[error("it is not an http:// or https:// URL of a host")]
    Url,
    /// Whoever is on the way could answer.
    #[error("it is without TLS")]
    PlainHttp,
    /// The host is where nothing may be called.
    #[error("{host} is at {address}, which is not a public address")]
    Address {
        /// Its name.
        host: String,
        /// The first such address that it has.
        address: IpAddr,
    },
    /// It says that something else is to be called.
    #[error("it answers with a redirect ({0}), and none is followed")]
    Redirect(u16),
    /// Its answer has more bytes.
    #[error("its answer is longer than {0} bytes")]
    TooLarge(u64),
    /// It compresses its answer, although that was not asked for.
    #[error("its answer has a content encoding")]
    Encoded,
    /// Its answer is not complete after this time.
    #[error("timed out after {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// It cannot be told that it is who it should be.
    #[error("TLS: {0}")]
    Tls(String),
    /// It is no server of HTTP, or ends in the middle.
    #[error("it does not speak HTTP as it should: {0}")]
    Protocol(String),
    /// It is out of reach.
    #[error("{0}")]
    Failed(String),
}
