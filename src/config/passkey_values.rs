//! The domain that passkeys are for, and the origins that may use them.

use url::Host;

use super::urls;

/// What the origin of an Android app begins with; the hash of its certificate follows.
pub(super) const ANDROID: &str = "android:apk-key-hash:";

/// A domain name in the form in which browsers compare it.
pub(super) fn domain(text: &str) -> Result<String, String> {
    let url = urls::origin(&format!("https://{text}"))?;
    let name = url.strip_prefix("https://").unwrap_or_default();
    match Host::parse(name) {
        Ok(Host::Domain(domain)) if domain == text => Ok(domain),
        Ok(Host::Domain(domain)) => Err(format!("expected a domain name alone, as in {domain}")),
        _ => Err("expected a domain name, as in example.com".to_owned()),
    }
}

/// The origin of a page, or of an Android app.
pub(super) fn origin(text: &str) -> Result<String, String> {
    match text.strip_prefix(ANDROID) {
        Some(hash) if !hash.is_empty() && !hash.contains(char::is_whitespace) => Ok(text.to_owned()),
        Some(_) => Err(format!("expected the hash of the app's certificate after {ANDROID}")),
        None if text == "*" => Err("passkeys are for known origins only".to_owned()),
        None => urls::origin(text),
    }
}
