//! The transport of a URL.

use std::net::IpAddr;

use ureq::http::Uri;

/// The transport of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// With TLS.
    Tls,
    /// Within this machine.
    Loopback,
    /// Without TLS, over a network.
    Open,
}

impl Transport {
    /// The transport of an HTTP URL; `None` for other URLs.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        Self::of(&url.parse().ok()?)
    }

    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let host = uri.host().filter(|host| !host.is_empty())?;
        match uri.scheme_str()? {
            "https" => Some(Self::Tls),
            "http" => Some(if is_loopback(host) { Self::Loopback } else { Self::Open }),
            _ => None,
        }
    }
}

/// Whether a URL's host is this machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
    // RFC 6761 section 6.3: this name always means the machine itself.
    ip.map_or(host.eq_ignore_ascii_case("localhost"), |ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_that_is_this_machine_is_asked_without_tls() {
        for (url, transport) in [
            ("https://id.example.com", Some(Transport::Tls)),
            ("HTTPS://id.example.com/auth", Some(Transport::Tls)),
            ("http://127.0.0.1:8080", Some(Transport::Loopback)),
            ("http://127.9.9.9", Some(Transport::Loopback)),
            ("http://[::1]:8080/auth", Some(Transport::Loopback)),
            ("http://LocalHost", Some(Transport::Loopback)),
            ("http://id.example.com", Some(Transport::Open)),
            ("http://localhost.example.com", Some(Transport::Open)),
            ("http://127.0.0.1.example.com", Some(Transport::Open)),
            ("http://localhost@example.com", Some(Transport::Open)),
            ("http://0.0.0.0", Some(Transport::Open)),
            ("http://10.0.0.1", Some(Transport::Open)),
            ("ftp://127.0.0.1", None),
            ("http://", None),
            ("https:///keys", None),
            ("id.example.com", None),
            ("", None),
        ] {
            assert_eq!(Transport::of_url(url), transport, "{url}");
        }
    }
}
