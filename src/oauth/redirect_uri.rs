//! Redirect URIs: which ones a client may register, and which one in a request is registered
//! ([RFC 9700 section 2.1](https://www.rfc-editor.org/rfc/rfc9700#section-2.1)).

use url::{Host, Url};

use crate::model::client::Words;
use crate::model::text::BadText;

const MAX_BYTES: usize = 2_000;

/// The only addresses whose port may change ([RFC 8252 section 7.3](https://www.rfc-editor.org/rfc/rfc8252#section-7.3)).
const LOOPBACK: [&str; 2] = ["http://127.0.0.1", "http://[::1]"];

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

/// The kind of a redirect URI that is registered.
pub(crate) fn kind(uri: &str) -> Kind {
    match Url::parse(uri) {
        Ok(url) if url.scheme() == "http" => Kind::Loopback,
        Ok(url) if url.scheme() == "https" => Kind::Site(url.origin().ascii_serialization()),
        _ => Kind::App,
    }
}

/// Checks that a client may register this URI.
pub(crate) fn check(uri: &str) -> Result<(), BadText> {
    let url = parse(uri)?;
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(uri, &url) => Ok(()),
        "http" => Err(BadText("must be https, or http to 127.0.0.1, [::1] or localhost")),
        // RFC 8252 section 7.1: the reverse of a domain name, which keeps the schemes of browsers out, too.
        scheme if scheme.contains('.') => Ok(()),
        _ => Err(BadText("must be https, or have a scheme with a dot in it, as in com.example.app:/callback")),
    }
}

/// Whether a URI in a request is one of the registered ones: the same text, except for the port of a loopback address.
pub(crate) fn is_registered(registered: &Words, uri: &str) -> bool {
    // RFC 9700 section 4.1.3: exact string matching.
    registered.contains(uri)
        || without_port(uri)
            .is_some_and(|parts| registered.all().iter().any(|known| without_port(known) == Some(parts)))
}

/// The origin of a redirect URI, of those that have one.
pub(crate) fn origin(uri: &str) -> Option<String> {
    let origin = Url::parse(uri).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// The origin of pages at this URI, or of a page that says so; none of an app. That of a loopback address is without its
/// port, which may be any.
pub(crate) fn origin_of_pages(uri: &str) -> Option<String> {
    check(uri).ok()?;
    without_port(uri).map_or_else(|| origin(uri), |(host, _)| Some(host.to_owned()))
}

/// What a user is shown of a redirect URI: the host, or the scheme of an app.
pub(crate) fn shown(uri: &str) -> String {
    let Ok(url) = Url::parse(uri) else { return uri.to_owned() };
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(host)) => host.to_owned(),
        (scheme, _) => scheme.to_owned(),
    }
}

/// The parser of the URL standard mends what is written wrongly; here it is refused, since texts are compared.
fn parse(uri: &str) -> Result<Url, BadText> {
    let may_stand = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()+,;=%".contains(&b);
    if uri.contains('#') {
        // RFC 6749 section 3.1.2.
        return Err(BadText("must not have a fragment"));
    }
    if uri.contains('*') {
        return Err(BadText("must be one URI: there are no wildcards"));
    }
    if uri.len() > MAX_BYTES || !uri.bytes().all(may_stand) {
        return Err(BadText("must be a URI of at most 2000 ASCII characters"));
    }
    let url = Url::parse(uri).map_err(|_bad: url::ParseError| BadText("must be a whole URI"))?;
    let rest = uri.split_once(':').map_or("", |(_, rest)| rest);
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(BadText("must not have a user"));
    }
    let is_web = ["http", "https"].contains(&url.scheme());
    let is_plain = match url.host() {
        Some(Host::Domain(name)) => name.split('.').all(is_label),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    };
    if is_web && !(is_plain && authority.is_some_and(|authority| !authority.is_empty())) {
        return Err(BadText("must have a host"));
    }
    Ok(url)
}

/// A part of a name ([RFC 1035 section 2.3.4](https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4)).
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

fn is_loopback(uri: &str, url: &Url) -> bool {
    // RFC 8252 section 8.3: the name is not recommended, yet what developers use; its port stays as it is registered.
    url.host_str() == Some("localhost") || without_port(uri).is_some()
}

/// A loopback URI without its port.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let host = LOOPBACK.into_iter().find(|host| uri.starts_with(host))?;
    let rest = uri.strip_prefix(host)?;
    let Some(port_and_more) = rest.strip_prefix(':') else {
        return (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest));
    };
    let end = port_and_more.find(['/', '?']).unwrap_or(port_and_more.len());
    let (port, rest) = port_and_more.split_at(end);
    let is_number = port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    let is_port = is_number && port.parse::<u16>().is_ok_and(|port| port > 0);
    is_port.then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_those_of_https_and_of_loopback_addresses_with_any_port() {
        for (uri, expected) in [
            ("https://app.example.com/callback?a=b", Some("https://app.example.com")),
            ("https://app.example.com:8443", Some("https://app.example.com:8443")),
            ("http://localhost:3000/cb", Some("http://localhost:3000")),
            ("http://127.0.0.1:5173", Some("http://127.0.0.1")),
            ("http://127.0.0.1/cb", Some("http://127.0.0.1")),
            ("http://[::1]:80/cb", Some("http://[::1]")),
            ("com.example.app:/callback", None),
            ("http://app.example.com", None),
            ("null", None),
        ] {
            assert_eq!(origin_of_pages(uri).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn rfc8252_7_a_client_may_register_https_loopback_addresses_and_schemes_with_a_dot() {
        let site = |origin: &str| Kind::Site(origin.to_owned());
        for (uri, expected) in [
            ("https://app.example.com/callback", site("https://app.example.com")),
            ("https://app.example.com", site("https://app.example.com")),
            ("https://app.example.com:8443/cb?tenant=1", site("https://app.example.com:8443")),
            ("https://192.0.2.1/cb", site("https://192.0.2.1")),
            ("https://localhost/cb", site("https://localhost")),
            ("http://127.0.0.1/cb", Kind::Loopback),
            ("http://127.0.0.1:5000/cb", Kind::Loopback),
            ("http://[::1]/cb", Kind::Loopback),
            ("http://localhost:3000/api/auth/callback/tokensmith", Kind::Loopback),
            ("com.example.app:/callback", Kind::App),
            ("com.example.app://callback", Kind::App),
        ] {
            assert_eq!(check(uri), Ok(()), "{uri}");
            assert_eq!(kind(uri), expected, "{uri}");
        }
    }

    #[test]
    fn a_client_may_register_no_fragment_wildcard_user_plain_http_or_scheme_of_the_browser() {
        for uri in [
            "",
            "/callback",
            "app.example.com/callback",
            "https://",
            "https:///callback",
            "https:app.example.com",
            "https:/app.example.com",
            "https://app.example.com/#",
            "https://app.example.com/callback#fragment",
            "com.example.app:/callback#",
            "https://*.example.com/callback",
            "https://app.example.com/*",
            "https://user@app.example.com/",
            "https://user:password@app.example.com/",
            "https://@app.example.com/",
            "com.example.app://user@callback",
            "https://app.example.com\\@evil.example/",
            "https://a;b.example.com/",
            "https://a'b.example.com/",
            "https://app..example.com/",
            "https://app.example.com./",
            "https://app.example.com:65536/",
            "https://app.example.com/a b",
            "https://app.example.com/\u{e9}",
            "https://app.example.com/\"",
            "https://app.example.com/<",
            "http://app.example.com/callback",
            "http://127.0.0.2/callback",
            "http://127.0.0.1.example.com/callback",
            "http://127.1/callback",
            "http://10.0.0.1/callback",
            "http://localhost.example.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "about:blank",
            "myapp:/callback",
            "ftp://app.example.com/",
        ] {
            assert!(check(uri).is_err(), "{uri}");
        }
        assert!(check(&format!("https://app.example.com/{}", "a".repeat(2_000))).is_err());
    }

    #[test]
    fn rfc9700_4_1_3_a_redirect_uri_is_compared_as_a_string() {
        let registered: Words = ["https://app.example.com/cb", "com.example.app:/cb"].into_iter().collect();
        for good in registered.all() {
            assert!(is_registered(&registered, good));
        }
        for bad in [
            "https://app.example.com/cb/",
            "https://app.example.com/cb?x=1",
            "https://app.example.com/cb#",
            "https://app.example.com/CB",
            "https://APP.example.com/cb",
            "https://app.example.com:443/cb",
            "https://app.example.com/a/../cb",
            "https://app.example.com/%63b",
            "https://app.example.com.evil.example/cb",
            "http://app.example.com/cb",
            "com.example.app:/cb2",
            "",
        ] {
            assert!(!is_registered(&registered, bad), "{bad}");
        }
    }

    #[test]
    fn rfc8252_7_3_a_loopback_address_may_have_any_port_and_a_name_may_not() {
        let registered = ["http://127.0.0.1/cb?x", "http://[::1]:9/cb", "http://localhost:3000/cb"];
        let registered: Words = registered.into_iter().collect();
        for good in [
            "http://127.0.0.1/cb?x",
            "http://127.0.0.1:1/cb?x",
            "http://127.0.0.1:65535/cb?x",
            "http://[::1]/cb",
            "http://[::1]:50000/cb",
            "http://localhost:3000/cb",
        ] {
            assert!(is_registered(&registered, good), "{good}");
        }
        for bad in [
            "http://127.0.0.1:1/cb",
            "http://127.0.0.1:0/cb?x",
            "http://127.0.0.1:65536/cb?x",
            "http://127.0.0.1:/cb?x",
            "http://127.0.0.1:+1/cb?x",
            "http://127.0.0.1:1@evil.example/cb?x",
            "http://127.0.0.1.evil.example/cb?x",
            "http://127.0.0.1@evil.example/cb?x",
            "http://127.0.0.2/cb?x",
            "http://localhost:3001/cb",
            "http://localhost/cb",
            "https://127.0.0.1/cb?x",
            "http://[::1]:1/cb?x",
        ] {
            assert!(!is_registered(&registered, bad), "{bad}");
        }
    }

    #[test]
    fn a_user_is_shown_where_the_answer_goes() {
        for (uri, shows, of_page) in [
            ("https://app.example.com/cb?x=1", "app.example.com", Some("https://app.example.com")),
            ("http://127.0.0.1:5000/cb", "127.0.0.1", Some("http://127.0.0.1:5000")),
            ("com.example.app:/cb", "com.example.app", None),
        ] {
            assert_eq!((shown(uri).as_str(), origin(uri).as_deref()), (shows, of_page), "{uri}");
        }
    }
}
