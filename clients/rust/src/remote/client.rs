//! What is asked of the issuer over HTTP: its metadata, its keys, its denylist.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use ureq::Agent;
use ureq::http::header::{AGE, CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::jwt::{issuer_url, metadata_url};

const USER_AGENT: &str = concat!("tokensmith-verifier/", env!("CARGO_PKG_VERSION"));

/// No answer takes longer, long polls aside.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Metadata and keys are a few kilobytes.
const MAX_DOCUMENT_BYTES: u64 = 1024 * 1024;

/// An answer of the denylist feed; larger than the largest that is accepted.
const MAX_FEED_BYTES: u64 = 17 * 1024 * 1024;

/// A copy without `Cache-Control` may be used this long.
const USUAL_MAX_AGE: Duration = Duration::from_secs(300);

/// No copy is used longer or shorter than this, whatever the issuer says.
const MAX_AGES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// Why the issuer's answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerError {
    #[error("{0}")]
    Http(#[from] Box<ureq::Error>),
    #[error("{url} answered {status}")]
    Status { url: String, status: StatusCode },
    #[error("{0} is without TLS")]
    PlainHttp(String),
    #[error("{url} is not what was expected: {why}")]
    Document { url: String, why: String },
}

/// The metadata that matters here ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2));
/// `denylist_uri` is ours.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    pub(crate) jwks_uri: String,
    pub(crate) denylist_uri: Option<String>,
}

/// The keys as they were published.
pub(crate) struct Published {
    pub(crate) json: String,
    pub(crate) etag: Option<String>,
}

/// How a URL is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// By TLS.
    Tls,
    /// Within this machine.
    Loopback,
    /// Without TLS, over a network.
    Open,
}

impl Transport {
    /// That of a URL; none when it is no URL of HTTP.
    pub(crate) fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let host = uri.host().filter(|host| !host.is_empty())?;
        match uri.scheme_str()? {
            "https" => Some(Self::Tls),
            "http" => {
                let ip = host.trim_start_matches('[').trim_end_matches(']').parse();
                // RFC 6761 section 6.3: this name always means the machine itself.
                let is_loopback = ip.map_or(host.eq_ignore_ascii_case("localhost"), |ip: IpAddr| ip.is_loopback());
                Some(if is_loopback { Self::Loopback } else { Self::Open })
            }
            _ => None,
        }
    }
}

#[derive(Clone)]
pub(crate) struct IssuerClient {
    agent: Agent,
    allows_http: bool,
}

impl IssuerClient {
    /// Fails when the certificates in PEM cannot be used, and says why.
    pub(crate) fn new(allows_http: bool, root_certificates: Option<&str>) -> Result<Self, String> {
        let tls = TlsConfig::builder()
            .root_certs(root_certificates.map_or(Ok(RootCerts::PlatformVerifier), read_certificates)?)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        // No redirects: what the issuer says is where it is, or it is not from the issuer.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(USER_AGENT)
            .max_redirects(0)
            .tls_config(tls)
            .timeout_global(Some(TIMEOUT))
            .build();
        Ok(Self { agent: config.into(), allows_http })
    }

    /// Finds an issuer's metadata: RFC 8414 first, then OpenID Connect Discovery, as many know only that.
    pub(crate) fn metadata(&self, issuer: &str) -> Result<Metadata, IssuerError> {
        let [oauth, openid] = metadata_urls(issuer);
        let found = self.metadata_at(&oauth, issuer);
        if let Err(IssuerError::Status { .. }) = found { self.metadata_at(&openid, issuer) } else { found }
    }

    fn metadata_at(&self, url: &str, issuer: &str) -> Result<Metadata, IssuerError> {
        let mut response = self.get(url, None, false, TIMEOUT)?;
        let text = body(&mut response, MAX_DOCUMENT_BYTES)?;
        let wrong = |why: String| IssuerError::Document { url: url.to_owned(), why };
        let metadata: Metadata = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        // RFC 8414 section 3.3: it must be the issuer that was asked for.
        if metadata.issuer != issuer {
            return Err(wrong(format!("it is about the issuer {:?}", metadata.issuer)));
        }
        // What was asked for under TLS does not go on without.
        let plain = |uri: &str| issuer.starts_with("https://") && !uri.starts_with("https://");
        if plain(&metadata.jwks_uri) || metadata.denylist_uri.as_deref().is_some_and(plain) {
            return Err(wrong("it names a URL without TLS".to_owned()));
        }
        Ok(metadata)
    }

    /// The keys, or `None` when they are still those with this entity tag; and for how long they may be used. `anew`: no
    /// cache on the way may answer, since there is reason to believe that they have changed.
    pub(crate) fn jwks(
        &self,
        url: &str,
        etag: Option<&str>,
        anew: bool,
    ) -> Result<(Option<Published>, Duration), IssuerError> {
        let mut response = self.get(url, etag, anew, TIMEOUT)?;
        let max_age = max_age(&response);
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok((None, max_age));
        }
        let etag = header(&response, &ETAG).map(ToOwned::to_owned);
        Ok((Some(Published { json: body(&mut response, MAX_DOCUMENT_BYTES)?, etag }), max_age))
    }

    /// What was denied since `cursor`; waits at the issuer for news, but not longer than `wait` whole seconds.
    pub(crate) fn denylist(&self, url: &str, cursor: Option<&str>, wait: Duration) -> Result<String, IssuerError> {
        let since = cursor.map(|cursor| format!("&since={cursor}")).unwrap_or_default();
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}wait={}{since}", wait.as_secs());
        body(&mut self.get(&url, None, true, TIMEOUT + wait)?, MAX_FEED_BYTES)
    }

    fn get(
        &self,
        url: &str,
        etag: Option<&str>,
        anew: bool,
        timeout: Duration,
    ) -> Result<Response<ureq::Body>, IssuerError> {
        if !self.allows_http && Transport::of(url) == Some(Transport::Open) {
            return Err(IssuerError::PlainHttp(url.to_owned()));
        }
        let mut request = self.agent.get(url);
        if anew {
            request = request.header(CACHE_CONTROL, "no-cache");
        }
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let mut request = request.config().timeout_global(Some(timeout));
        if Transport::of(url) == Some(Transport::Loopback) {
            // A proxy of the environment is another machine, to which this one's loopback interface means nothing.
            request = request.proxy(None);
        }
        let response = request.build().call().map_err(Box::new)?;
        match response.status() {
            StatusCode::OK => Ok(response),
            StatusCode::NOT_MODIFIED if etag.is_some() => Ok(response),
            status => Err(IssuerError::Status { url: url.to_owned(), status }),
        }
    }
}

fn read_certificates(pem: &str) -> Result<RootCerts, String> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem.as_bytes()) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() { Err("there is none".to_owned()) } else { Ok(certificates.into()) }
}

/// Where the metadata of an issuer is, after RFC 8414 and after OpenID Connect Discovery 1.0 section 4, which appends to
/// the issuer's path.
fn metadata_urls(issuer: &str) -> [String; 2] {
    let (host, path) = metadata_url(issuer);
    [format!("{host}{path}"), issuer_url(issuer, "/.well-known/openid-configuration")]
}

fn body(response: &mut Response<ureq::Body>, max_bytes: u64) -> Result<String, IssuerError> {
    Ok(response.body_mut().with_config().limit(max_bytes).read_to_string().map_err(Box::new)?)
}

fn header<'a>(response: &'a Response<ureq::Body>, name: &ureq::http::HeaderName) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// For how long an answer is fresh ([RFC 9111 section 4.2](https://www.rfc-editor.org/rfc/rfc9111#section-4.2)).
fn max_age(response: &Response<ureq::Body>) -> Duration {
    let mut directives = header(response, &CACHE_CONTROL).unwrap_or_default().split(',').map(str::trim);
    let said = directives.find_map(|directive| directive.strip_prefix("max-age=")?.parse().ok());
    let age = header(response, &AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let fresh = said.map_or(USUAL_MAX_AGE, Duration::from_secs).saturating_sub(Duration::from_secs(age));
    fresh.clamp(MAX_AGES.0, MAX_AGES.1)
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
            assert_eq!(Transport::of(url), transport, "{url}");
        }
    }

    #[test]
    fn the_metadata_of_an_issuer_with_a_path_is_looked_for_at_both_places() {
        assert_eq!(
            metadata_urls("https://example.com/auth"),
            [
                "https://example.com/.well-known/oauth-authorization-server/auth",
                "https://example.com/auth/.well-known/openid-configuration"
            ]
        );
        assert_eq!(
            metadata_urls("https://example.com:8443"),
            [
                "https://example.com:8443/.well-known/oauth-authorization-server",
                "https://example.com:8443/.well-known/openid-configuration"
            ]
        );
    }
}
