//! Which issuers a provider may have.

use url::{Host, Url};

use crate::model::text::BadText;

/// Where Microsoft's issuers are, in each of its clouds.
const MICROSOFT: [&str; 8] = [
    "microsoftonline.com",
    "microsoftonline.us",
    "microsoftonline.cn",
    "microsoft.com",
    "windows.net",
    "ciamlogin.com",
    "b2clogin.com",
    "live.com",
];

/// The issuers that every tenant shares, and the tenant of all personal accounts.
const SHARED_TENANTS: [&str; 4] = ["common", "organizations", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"];

/// Checks the URL of a provider
/// ([OpenID Connect Discovery section 3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata)).
pub(crate) fn check_issuer(issuer: &str) -> Result<(), BadText> {
    let url = Url::parse(issuer).map_err(|_bad: url::ParseError| BadText("must be a whole URL"))?;
    let is_plain = issuer.bytes().all(|b| b.is_ascii_graphic()) && !issuer.contains(['?', '#', '@']);
    if !is_plain || issuer.len() > 500 {
        return Err(BadText("must be a URL without user, query and fragment"));
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return Err(BadText("must be https, or http to this machine"));
    }
    // Every tenant's administrator decides what its users' addresses are.
    if is_microsoft(issuer) && is_shared(issuer) { Err(BadText(SHARED_ISSUER)) } else { Ok(()) }
}

/// Why an issuer is refused that all tenants share.
pub(super) const SHARED_ISSUER: &str = "must be the issuer of one tenant, as in \
    https://login.microsoftonline.com/TENANT-ID/v2.0: at a shared issuer anybody can have an account with any e-mail address";

/// Whether an issuer, if it is one of Microsoft's, is one that all tenants share.
pub(super) fn is_shared(issuer: &str) -> bool {
    let Ok(url) = Url::parse(issuer) else { return false };
    let mut segments = url.path_segments().into_iter().flatten();
    segments.any(|segment| SHARED_TENANTS.iter().any(|shared| segment.eq_ignore_ascii_case(shared)))
}

/// Whether an issuer is one of Microsoft's, which do not verify e-mail addresses.
pub(crate) fn is_microsoft(issuer: &str) -> bool {
    let Ok(url) = Url::parse(issuer) else { return false };
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    MICROSOFT.iter().any(|domain| host == *domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_this_machine_and_nothing_more_than_a_url() {
        for good in [
            "https://accounts.google.com",
            "https://id.example.com/realms/a/",
            "http://127.0.0.1:8080",
            "http://localhost/a",
            "https://login.microsoftonline.com/8eaef023-2b34-4da1-9baa-8bc8c9d6a490/v2.0",
            "https://example.com/common",
        ] {
            assert_eq!(check_issuer(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "accounts.google.com",
            "http://example.com",
            "http://localhost.example.com",
            "ftp://127.0.0.1",
            "https://a@example.com",
            "https://example.com?a",
            "https://example.com#a",
            "https://example.com/a b",
        ] {
            assert!(check_issuer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_issuer_that_all_tenants_of_microsoft_share_is_refused_however_it_is_written() {
        for bad in [
            "https://login.microsoftonline.com/common/v2.0",
            "https://login.microsoftonline.com/organizations/v2.0",
            "https://login.microsoftonline.com/consumers/v2.0",
            "https://LOGIN.microsoftonline.com/Common/v2.0",
            "https://login.microsoftonline.com./common/v2.0",
            "https://login.microsoftonline.com//common/v2.0",
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            "https://login.microsoftonline.us/common/v2.0",
            "https://login.partner.microsoftonline.cn/common/v2.0",
            "https://sts.windows.net/common/",
            "https://login.microsoft.com/common/v2.0",
        ] {
            assert!(check_issuer(bad).unwrap_err().to_string().contains("one tenant"), "{bad}");
        }
        assert!(!is_microsoft("https://notmicrosoft.com/") && !is_microsoft("https://microsoftonline.com.example.com"));
    }
}
