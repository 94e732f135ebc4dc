//! Where a browser may be sent with an answer: comparing a redirect URI with those of its client, and what kind it is.

use url::Url;

use crate::model::client::Words;

/// Hosts whose port an app chooses when it starts
/// ([RFC 8252 section 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

/// Whether a redirect URI is one of a client's: the same text
/// ([RFC 9700 section 2.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1)), but for the port of a loopback address.
pub(crate) fn is_registered(registered: &Words, uri: &str) -> bool {
    registered.contains(uri)
        || without_port(uri)
            .is_some_and(|parts| registered.all().iter().any(|known| without_port(known) == Some(parts)))
}

/// The host and what follows the port of a loopback address.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let host = LOOPBACK.into_iter().find(|host| uri.starts_with(host))?;
    let rest = uri.strip_prefix(host)?;
    let after = match rest.strip_prefix(':') {
        Some(port) => {
            let after = port.trim_start_matches(|c: char| c.is_ascii_digit());
            port.strip_suffix(after)?.parse::<u16>().ok()?;
            after
        }
        None => rest,
    };
    (after.is_empty() || after.starts_with(['/', '?'])).then_some((host, after))
}

/// What kind of place a redirect URI is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A site, by its origin.
    Site(String),
    /// A program on the user's machine.
    Loopback,
    /// An app that has the scheme for itself
    /// ([RFC 8252 section 7.1](https://www.rfc-editor.org/rfc/rfc8252#section-7.1)).
    App,
}

/// The kind of a redirect URI.
pub(crate) fn kind(uri: &str) -> Kind {
    let Ok(url) = Url::parse(uri) else { return Kind::App };
    let is_loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "http" | "https" if is_loopback => Kind::Loopback,
        "http" | "https" => Kind::Site(url.origin().ascii_serialization()),
        _ => Kind::App,
    }
}

/// What a user is shown of a redirect URI: the host, or the scheme of an app.
pub(crate) fn shown(uri: &str) -> String {
    let Ok(url) = Url::parse(uri) else { return uri.to_owned() };
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(host)) => host.to_owned(),
        (scheme, _) => format!("{scheme}:"),
    }
}

/// The origin of a redirect URI, of those that have one.
pub(crate) fn origin(uri: &str) -> Option<String> {
    let url = Url::parse(uri).ok().filter(|url| ["http", "https"].contains(&url.scheme()))?;
    Some(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_uri_is_compared_as_text() {
        let registered: Words = ["https://app.example/cb", "com.example.app:/cb"].into_iter().collect();
        for uri in ["https://app.example/cb", "com.example.app:/cb"] {
            assert!(is_registered(&registered, uri), "{uri}");
        }
        for uri in [
            "https://app.example/cb/",
            "https://app.example/cb?x=1",
            "https://app.example/cb#x",
            "https://APP.example/cb",
            "https://app.example:443/cb",
            "https://app.example/other/../cb",
            "https://app.example.evil.example/cb",
            "http://app.example/cb",
            "com.example.app:/cb/x",
            "",
        ] {
            assert!(!is_registered(&registered, uri), "{uri}");
        }
    }

    #[test]
    fn the_port_of_a_loopback_address_is_free_and_nothing_else() {
        let registered: Words =
            ["http://127.0.0.1/cb", "http://[::1]:1/cb", "http://localhost:3000/cb"].into_iter().collect();
        for uri in ["http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", "http://[::1]:2/cb", "http://[::1]/cb"] {
            assert!(is_registered(&registered, uri), "{uri}");
        }
        for uri in [
            "http://127.0.0.1:51004/cb/x",
            "http://127.0.0.1:51004@evil.example/cb",
            "http://127.0.0.1:x/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1.evil.example/cb",
            "http://127.0.0.2:80/cb",
            "https://127.0.0.1:80/cb",
            "http://localhost:3001/cb",
        ] {
            assert!(!is_registered(&registered, uri), "{uri}");
        }
    }

    #[test]
    fn a_redirect_uri_is_of_a_site_of_a_program_or_of_an_app() {
        assert_eq!(kind("https://app.example:8443/cb"), Kind::Site("https://app.example:8443".to_owned()));
        for uri in ["http://127.0.0.1:1/cb", "http://[::1]/cb", "http://localhost:3000/cb"] {
            assert_eq!(kind(uri), Kind::Loopback, "{uri}");
        }
        assert_eq!(kind("com.example.app:/cb"), Kind::App);
        assert_eq!(shown("https://app.example:8443/cb"), "app.example");
        assert_eq!(shown("com.example.app:/cb"), "com.example.app:");
    }
}
