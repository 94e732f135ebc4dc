//! Origins and the issuer's URL. The parser of the URL standard silently corrects mistakes. Here they are refused,
//! since the corrected value would never match what clients send.

use url::{Host, Url};

/// Schemes whose pages have no origin of their own.
const WITHOUT_ORIGIN: [&str; 8] = ["about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"];

/// An origin in the form in which a browser sends it
/// ([RFC 6454 section 6.2](https://www.rfc-editor.org/rfc/rfc6454#section-6.2)). Origins of apps have their own
/// schemes, as in `capacitor://localhost`.
pub(super) fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    if text.contains(char::is_whitespace) {
        return Err("separate origins by commas, as in https://app.example.com, https://www.example.com".to_owned());
    }
    if text.eq_ignore_ascii_case("null") {
        return Err(
            "null is the origin of every sandboxed page and of every local file, so it cannot be trusted".to_owned()
        );
    }
    let url = url(text)?;
    let text = text.strip_suffix('/').unwrap_or(text);
    let has_path = text.split_once("://").is_none_or(|(_, rest)| rest.contains('/'));
    if has_path || WITHOUT_ORIGIN.contains(&url.scheme()) {
        return Err("expected origins as in https://app.example.com, without a path".to_owned());
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default()))
}

pub(super) fn any_origin_stands_alone(origins: &[String]) -> Result<(), String> {
    if origins.len() > 1 && origins.iter().any(|origin| origin == "*") {
        Err("* means any origin and must be the only value".to_owned())
    } else {
        Ok(())
    }
}

/// The issuer identifier is a URL with no query or fragment
/// ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)). Clients compare it character by character
/// ([RFC 8414 section 3.3](https://www.rfc-editor.org/rfc/rfc8414#section-3.3)), so it is not changed.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    let url = url(text)?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("expected an http:// or https:// URL".to_owned());
    }
    if !text.is_ascii() {
        return Err(format!("must be ASCII, as in {url}"));
    }
    Ok(text.to_owned())
}

/// A URL that this service calls: with TLS, except on this machine.
pub(super) fn hook(text: &str) -> Result<String, String> {
    let url = url(text)?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url.to_string()),
        "http" if is_here => Ok(url.to_string()),
        _ => Err("expected an https:// URL, or http:// of this machine".to_owned()),
    }
}

fn url(text: &str) -> Result<Url, String> {
    let is_mended = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    let location = text.split_once("://").map(|(_, rest)| rest).filter(|rest| !rest.starts_with('/'));
    if location.is_none() || text.contains(is_mended) {
        return Err("expected a URL as in https://id.example.com".to_owned());
    }
    if text.contains(['@', '?', '#']) {
        return Err("expected a URL without user, query or fragment".to_owned());
    }
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let is_plain = match url.host() {
        Some(Host::Domain(name)) => name.split('.').all(is_label),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    };
    if is_plain { Ok(url) } else { Err("its host is neither a name nor an address".to_owned()) }
}

/// A label of a host name ([RFC 1035 section 2.3.4](https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4)). The
/// underscore is not allowed there, but it is used in practice.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_gets_the_form_in_which_browsers_send_it() {
        for (typed, expected) in [
            ("https://app.example.com", "https://app.example.com"),
            ("HTTPS://App.Example.COM", "https://app.example.com"),
            ("https://app.example.com/", "https://app.example.com"),
            ("http://localhost:3000/", "http://localhost:3000"),
            ("capacitor://localhost/", "capacitor://localhost"),
            ("https://app.example.com:443", "https://app.example.com"),
            ("http://app.example.com:80", "http://app.example.com"),
            ("https://app.example.com:80", "https://app.example.com:80"),
            ("http://localhost:03000", "http://localhost:3000"),
            ("https://app.example.com:", "https://app.example.com"),
            ("http://[::1]:5173", "http://[::1]:5173"),
            ("http://[0:0::1]", "http://[::1]"),
            ("http://127.1", "http://127.0.0.1"),
            ("https://bücher.example", "https://xn--bcher-kva.example"),
            ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
            ("https://my_app.example", "https://my_app.example"),
            ("capacitor://localhost", "capacitor://localhost"),
            ("Ionic://localhost", "ionic://localhost"),
            ("tauri://localhost", "tauri://localhost"),
            ("app://localhost:8100", "app://localhost:8100"),
            ("chrome-extension://abcdefghijklmnop", "chrome-extension://abcdefghijklmnop"),
            (
                "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
                "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
            ),
            ("*", "*"),
        ] {
            assert_eq!(origin(typed).as_deref(), Ok(expected), "{typed}");
        }
    }

    #[test]
    fn what_no_browser_sends_is_no_origin() {
        for typed in [
            "",
            "null",
            "app.example.com",
            "localhost:3000",
            "https://",
            "https:///a",
            "https:app.example.com",
            "https:/app.example.com",
            "https://app.example.com//",
            "https://app.example.com/path",
            "https://app.example.com/path/",
            "https://app.example.com?x",
            "https://app.example.com#x",
            "https://user@app.example.com",
            "https://@app.example.com",
            "https://app.example.com:65536",
            "https://app.example.com:x",
            "https://app..example.com",
            "https://.example.com",
            "https://example.com.",
            "https://*.example.com",
            "https://app example.com",
            "https://app\texample.com",
            "https:\\\\app.example.com",
            "https://[::1",
            "https://256.1.1.1",
            "capacitor://",
            "capacitor://localhost/x",
            "capacitor://a..b",
            "file:///index.html",
            "file://localhost",
            "data:text/html,x",
            "javascript://x",
            "wss://app.example.com",
        ] {
            assert!(origin(typed).is_err(), "{typed}");
        }
        assert!(origin(&format!("https://{}.example.com", "a".repeat(64))).is_err());
        for separator in [" ", "\t", "\n", " ; "] {
            let message = origin(&format!("https://a.example{separator}https://b.example")).unwrap_err();
            assert!(message.contains("commas"), "{message}");
        }
    }

    #[test]
    fn an_issuer_is_kept_as_it_is_written() {
        for typed in [
            "https://id.example.com",
            "https://id.example.com/",
            "https://id.example.com/tenant",
            "https://id.example.com/tenant/",
            "https://ID.example.com:443",
            "http://127.0.0.1:8080",
            "http://[::1]:8080",
            "http://localhost",
        ] {
            assert_eq!(issuer(typed).as_deref(), Ok(typed));
        }
        for typed in [
            "",
            "id.example.com",
            "ftp://id.example.com",
            "capacitor://localhost",
            "https://",
            "https:///x",
            "https://id.example.com?x",
            "https://id.example.com/#",
            "https://user:secret@id.example.com",
            "https://id.example.com:65536",
            "https://id..example.com",
            "https://*.example.com",
            "https://id.example.com/a b",
            "https://bücher.example",
        ] {
            assert!(issuer(typed).is_err(), "{typed}");
        }
    }
}
