//! Why a call to another server failed.

use std::net::IpAddr;
use std::time::Duration;

/// Why a call failed. Its text contains only the host of the URL, and nothing of the response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The URL cannot be called.
    #[error("it is not an http:// or https:// URL of a host")]
    Url,
    /// Without TLS an attacker on the network path could respond.
    #[error("it is without TLS")]
    PlainHttp,
    /// The host has a forbidden address.
    #[error("{host} is at {address}, which is neither a public address nor an allowed one")]
    Address {
        /// Its name.
        host: String,
        /// The first such address that it has.
        address: IpAddr,
    },
    /// The response is a redirect.
    #[error("it returned a redirect ({0}), and redirects are not followed")]
    Redirect(u16),
    /// The response is too large.
    #[error("its response is longer than {0} bytes")]
    TooLarge(u64),
    /// The response is encoded, although that was not requested.
    #[error("its response has a content encoding")]
    Encoded,
    /// The response was not complete after this time.
    #[error("timed out after {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// TLS failed, so its identity is not proven.
    #[error("TLS: {0}")]
    Tls(String),
    /// It does not speak HTTP, or the response is incomplete.
    #[error("it does not speak HTTP correctly: {0}")]
    Protocol(String),
    /// It cannot be reached.
    #[error("{0}")]
    Failed(String),
}
