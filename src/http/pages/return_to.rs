//! Where a user goes after a login: a path of this host, and nowhere else.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::model::provider::ProviderId;
use crate::oauth::authorization::MAX_VALUE_BYTES;

const PARAMETER: &str = "return_to=";
const ROOT: &str = "/";

/// The login page of a service at `base`, which leads back to a path of this host.
pub(super) fn login_page(base: &str, return_to: &str) -> String {
    with_return(&format!("{base}/login"), return_to)
}

/// The page where somebody opens an account whom a provider knows, which leads to a path of this host then.
pub(super) fn registration_page(base: &str, return_to: &str) -> String {
    with_return(&format!("{base}/registration/provider"), return_to)
}

/// The last part of the link of an invitation, if a path is one.
pub(super) fn invitation_at<'a>(base: &str, path: &'a str) -> Option<&'a str> {
    path.strip_prefix(base)?.strip_prefix("/invitation/")
}

/// A page of ours that leads to a path of this host then.
pub(super) fn with_return(page: &str, return_to: &str) -> String {
    format!("{page}?{PARAMETER}{}", utf8_percent_encode(return_to, NON_ALPHANUMERIC))
}

/// The page that sends users to a provider, and leads to a path of this host after that.
pub(super) fn provider_page(base: &str, provider: &ProviderId, return_to: &str) -> String {
    with_return(&format!("{base}/login/{provider}"), return_to)
}

/// Reads `return_to` from a raw query; `None` if it is not a path of this host. Without it that is `otherwise`.
///
/// nginx cannot encode a URL for a query, so a value that begins with a slash is the rest of the query as it is. One that
/// begins with an encoded slash is decoded once.
pub(super) fn read(query: &str, otherwise: &str) -> Option<String> {
    let mut rest = query;
    while !rest.is_empty() {
        let (parameter, after) = rest.split_once('&').unwrap_or((rest, ""));
        match rest.strip_prefix(PARAMETER) {
            Some(value) if value.starts_with('/') => return path_of_this_host(value),
            Some(_) => {
                let encoded = parameter.strip_prefix(PARAMETER)?;
                return path_of_this_host(&percent_decode_str(encoded).decode_utf8().ok()?);
            }
            None => rest = after,
        }
    }
    Some(otherwise.to_owned())
}

/// A path that is too long for the URL of the form is no reason to refuse a login: that leads to the root.
fn path_of_this_host(value: &str) -> Option<String> {
    let fitting = if value.len() <= MAX_VALUE_BYTES { value } else { ROOT };
    is_path_of_this_host(value).then(|| fitting.to_owned())
}

/// Browsers take `//` and `/\` for the begin of another host, and drop control characters before they look
/// ([URL standard](https://url.spec.whatwg.org/#relative-state)).
fn is_path_of_this_host(value: &str) -> bool {
    let is_plain = value.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    is_plain && value.starts_with('/') && !value.starts_with("//")
}

#[cfg(test)]
mod tests {
    use url::Url;

    fn read(query: &str) -> Option<String> {
        super::read(query, "/account")
    }

    #[test]
    fn a_path_of_this_host_is_taken_as_it_is_or_decoded_once() {
        for (query, expected) in [
            ("", "/account"),
            ("ui_locales=de", "/account"),
            ("return_to=/", "/"),
            ("return_to=/notes", "/notes"),
            ("return_to=/notes?a=1&b=2", "/notes?a=1&b=2"),
            ("return_to=/notes?return_to=/x&return_to=//evil.example", "/notes?return_to=/x&return_to=//evil.example"),
            ("ui_locales=de&return_to=/notes&a=1", "/notes&a=1"),
            ("return_to=/a%20b%2F%5C%09", "/a%20b%2F%5C%09"),
            ("return_to=%2Fnotes", "/notes"),
            ("return_to=%2fnotes%3Fa%3D1%26b%3D2&ui_locales=de", "/notes?a=1&b=2"),
            ("return_to=%2Fa%2520b%252F", "/a%20b%2F"),
            ("return_to=%2Fa+b", "/a+b"),
            ("xreturn_to=//evil.example&return_to=/notes", "/notes"),
            ("return_to=/.//evil.example", "/.//evil.example"),
            ("return_to=/@evil.example", "/@evil.example"),
            ("return_to=/%2F/evil.example", "/%2F/evil.example"),
        ] {
            assert_eq!(read(query).as_deref(), Some(expected), "{query}");
            let issuer = Url::parse("https://id.example.com/login").unwrap();
            assert_eq!(issuer.join(expected).unwrap().host_str(), Some("id.example.com"), "{query}");
        }
        let longest = format!("/{}", "x".repeat(2_047));
        assert_eq!(read(&format!("return_to={longest}")), Some(longest.clone()));
        assert_eq!(read(&format!("return_to={longest}x")).as_deref(), Some("/"));
        assert_eq!(read(&format!("return_to=/{longest}")), None);
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        for value in [
            "",
            "notes",
            "https://evil.example",
            "https:/evil.example",
            "https:evil.example",
            "HTTPS://evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "//evil.example",
            "///evil.example",
            "////evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/notes\\..\\evil",
            "/\t/evil.example",
            "/\n/evil.example",
            "/\r\nSet-Cookie: a=b",
            "\t//evil.example",
            " //evil.example",
            " /notes",
            "/notes x",
            "/\u{0}",
            "/\u{7f}",
            "/\u{e9}",
            "/\u{ff0f}evil.example",
            "\u{2f}\u{2f}evil.example",
            "?next=x",
            "#x",
            ".",
            "@evil.example",
        ] {
            let encoded = value.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02x}"));
            assert_eq!(read(&format!("return_to={encoded}")), None, "{value:?}");
            assert_eq!(read(&format!("a=1&return_to={encoded}&return_to=/notes")), None, "{value:?}");
            if !value.contains(['&', '%', '\u{0}']) && !value.is_empty() {
                assert_eq!(read(&format!("return_to={value}")), None, "{value:?}");
            }
        }
        for encoded in [
            "%252Fnotes",
            "%",
            "%2",
            "%2Fa%ff",
            "%2F%2Fevil.example",
            "%2F/evil.example",
            "%2F%5Cevil.example",
            "%5C%2Fevil",
        ] {
            assert_eq!(read(&format!("return_to={encoded}")), None, "{encoded}");
        }
    }
}
