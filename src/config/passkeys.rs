//! Who asks for passkeys: a domain, and the origins of pages and apps that may use them.

use url::{Host, Url};

use super::passkey_values::ANDROID;
use super::reader::Reader;
use super::settings::{Draft, PASSKEY_ORIGINS, PASSKEY_RP_ID};
use crate::webauthn::RelyingParty;

/// By default the host and the origin of the issuer. `None` if browsers have no passkeys there: at an IP address, or
/// without https ([secure contexts](https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy)).
pub(super) fn relying_party(draft: &mut Draft, reader: &mut Reader<'_>) -> Option<Option<RelyingParty>> {
    let issuer = Url::parse(draft.issuer.as_ref()?).ok()?;
    let (id, mut origins) = (draft.passkey_rp_id.clone()?, draft.passkey_origins.clone()?);
    let of_issuer = issuer.host_str().filter(|_| is_secure(&issuer)).map(ToOwned::to_owned);
    let Some(id) = id.or(of_issuer) else { return Some(None) };
    if origins.is_empty() {
        origins = vec![issuer.origin().ascii_serialization()];
    }
    for origin in &origins {
        if !may_use(origin, &id) {
            let setting = if reader.is_given(&PASSKEY_ORIGINS) { &PASSKEY_ORIGINS } else { &PASSKEY_RP_ID };
            let message =
                format!("pages of {origin} cannot use passkeys of {id}: it must be their host or end with it");
            reader.problem(setting, message);
        }
    }
    draft.passkey_rp_id = Some(Some(id.clone()));
    draft.passkey_origins = Some(origins.clone());
    Some(Some(RelyingParty { id, origins }))
}

/// Whether browsers let pages of this origin use passkeys of this domain
/// ([HTML](https://html.spec.whatwg.org/multipage/browsers.html#is-a-registrable-domain-suffix-of-or-is-equal-to)). Only they
/// know which domains anybody may register below.
fn may_use(origin: &str, id: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    let ends_with_it = |host: &str| host == id || host.strip_suffix(id).is_some_and(|rest| rest.ends_with('.'));
    origin.starts_with(ANDROID) || (is_secure(&url) && url.host_str().is_some_and(ends_with_it))
}

/// Whether an origin has a name, and browsers trust that what they get from there is from there.
fn is_secure(url: &Url) -> bool {
    let Some(Host::Domain(name)) = url.host() else { return false };
    let is_here = name == "localhost" || name.ends_with(".localhost");
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::webauthn::RelyingParty;

    fn read(variables: &[(&str, &str)]) -> Result<Option<RelyingParty>, String> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        let config = Config::from_lookup(find);
        config.map(|config| config.relying_party.clone()).map_err(|problems| problems[0].to_string())
    }

    #[test]
    fn passkeys_are_for_the_issuer_unless_settings_widen_that() {
        let party = |id: &str, origins: &[&str]| {
            let origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
            Ok(Some(RelyingParty { id: id.to_owned(), origins }))
        };
        let issuer = ("ISSUER", "https://id.example.com/tenant");
        assert_eq!(read(&[issuer]), party("id.example.com", &["https://id.example.com"]));
        let local = ("ISSUER", "http://localhost:8080");
        assert_eq!(read(&[local]), party("localhost", &["http://localhost:8080"]));
        let wide = ("PASSKEY_RP_ID", "example.com");
        assert_eq!(read(&[issuer, wide]), party("example.com", &["https://id.example.com"]));
        let app = "android:apk-key-hash:c2hhMjU2";
        let origins = format!("https://id.example.com, https://example.com:8443,{app}");
        let read_wide = read(&[issuer, wide, ("PASSKEY_ORIGINS", &origins)]);
        assert_eq!(read_wide, party("example.com", &["https://id.example.com", "https://example.com:8443", app]));
    }

    #[test]
    fn an_issuer_where_browsers_have_no_passkeys_has_none() {
        for issuer in ["http://127.0.0.1:8080", "https://192.0.2.1", "http://[::1]", "http://id.example.com"] {
            assert_eq!(read(&[("ISSUER", issuer)]), Ok(None), "{issuer}");
        }
    }

    #[test]
    fn what_browsers_would_refuse_is_refused() {
        let issuer = ("ISSUER", "https://id.example.com");
        for (setting, value) in [
            ("PASSKEY_RP_ID", "example.org"),
            ("PASSKEY_RP_ID", "ample.com"),
            ("PASSKEY_RP_ID", "www.id.example.com"),
            ("PASSKEY_RP_ID", "https://example.com"),
            ("PASSKEY_RP_ID", "example.com:8443"),
            ("PASSKEY_RP_ID", "192.0.2.1"),
            ("PASSKEY_ORIGINS", "https://app.example.com"),
            ("PASSKEY_ORIGINS", "http://id.example.com"),
            ("PASSKEY_ORIGINS", "https://id.example.com/path"),
            ("PASSKEY_ORIGINS", "*"),
            ("PASSKEY_ORIGINS", "android:apk-key-hash:"),
        ] {
            let problem = read(&[issuer, (setting, value)]).unwrap_err();
            assert!(problem.starts_with(setting), "{setting} {value}: {problem}");
        }
    }
}
