//! Requests to the issuer: its metadata, its keys, its denylist.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use ureq::Agent;

use super::http::{HttpAnswer, HttpClient, HttpProxy, HttpSettings, Limits};
use super::http_error::HttpError;
use crate::jwt::{issuer_url, metadata_url};

const USER_AGENT: &str = concat!("tokensmith-verifier/", env!("CARGO_PKG_VERSION"));

/// The longest time for a response, except for long polls.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Metadata and keys are a few kilobytes.
const DOCUMENT: Limits = Limits { time: TIMEOUT, bytes: 1024 * 1024 };

/// The largest response of the denylist feed; larger than the largest accepted document.
const MAX_FEED_BYTES: u64 = 17 * 1024 * 1024;

/// The copy is still current ([RFC 9110 section 15.4.5](https://www.rfc-editor.org/rfc/rfc9110#section-15.4.5)).
const NOT_MODIFIED: u16 = 304;

/// A copy without `Cache-Control` may be used this long.
const USUAL_MAX_AGE: Duration = Duration::from_secs(300);

/// The shortest and the longest time for which a copy is used, whatever the issuer says.
const MAX_AGES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(86_400));

/// Why the issuer's response cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerError {
    #[error("{url}: {error}")]
    Http { url: String, error: HttpError },
    #[error("{url} answered {status}")]
    Status { url: String, status: u16 },
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

#[derive(Clone)]
pub(crate) struct IssuerClient(HttpClient);

impl IssuerClient {
    /// Fails if the PEM certificates cannot be used, and says why. Every address is allowed, since issuers may have
    /// private ones and the URL comes from the configuration.
    pub(crate) fn new(allows_http: bool, root_certificates: Option<&str>) -> Result<Self, String> {
        let proxy = HttpProxy::Environment;
        let settings = HttpSettings { user_agent: USER_AGENT, allows_http, root_certificates, proxy };
        HttpClient::new(&settings, Agent::from).map(Self)
    }

    /// Finds an issuer's metadata: first by RFC 8414, then by OpenID Connect Discovery, which is the only one that many
    /// issuers support.
    pub(crate) fn metadata(&self, issuer: &str) -> Result<Metadata, IssuerError> {
        let [oauth, openid] = metadata_urls(issuer);
        let found = self.metadata_at(&oauth, issuer);
        let is_elsewhere = match &found {
            Err(IssuerError::Http { error, .. }) => matches!(error, HttpError::Redirect(_)),
            Err(IssuerError::Status { .. }) => true,
            _ => false,
        };
        if is_elsewhere { self.metadata_at(&openid, issuer) } else { found }
    }

    fn metadata_at(&self, url: &str, issuer: &str) -> Result<Metadata, IssuerError> {
        let text = text(url, self.get(url, None, false, DOCUMENT)?)?;
        read_metadata(&text, issuer).map_err(|why| IssuerError::Document { url: url.to_owned(), why })
    }

    /// The keys (`None` if they still have this entity tag), and how long they may be used. `anew`: caches on the way
    /// must not respond, since the keys have probably changed.
    pub(crate) fn jwks(
        &self,
        url: &str,
        etag: Option<&str>,
        anew: bool,
    ) -> Result<(Option<Published>, Duration), IssuerError> {
        let answer = self.get(url, etag, anew, DOCUMENT)?;
        let max_age = max_age(&answer);
        if answer.status() == NOT_MODIFIED {
            return Ok((None, max_age));
        }
        let etag = answer.header("etag").map(ToOwned::to_owned);
        Ok((Some(Published { json: text(url, answer)?, etag }), max_age))
    }

    /// What was denied since `cursor`; the issuer waits for news for at most `wait`, in whole seconds.
    pub(crate) fn denylist(&self, url: &str, cursor: Option<&str>, wait: Duration) -> Result<String, IssuerError> {
        let since = cursor.map(|cursor| format!("&since={cursor}")).unwrap_or_default();
        let separator = if url.contains('?') { '&' } else { '?' };
        let url = format!("{url}{separator}wait={}{since}", wait.as_secs());
        let limits = Limits { time: TIMEOUT + wait, bytes: MAX_FEED_BYTES };
        text(&url, self.get(&url, None, true, limits)?)
    }

    fn get(&self, url: &str, etag: Option<&str>, anew: bool, limits: Limits) -> Result<HttpAnswer, IssuerError> {
        let mut headers = Vec::new();
        if anew {
            headers.push(("cache-control", "no-cache"));
        }
        headers.extend(etag.map(|etag| ("if-none-match", etag)));
        let answer = self.0.get(url, &headers, limits).map_err(|error| of_http(url, error))?;
        match answer.status() {
            200 => Ok(answer),
            NOT_MODIFIED if etag.is_some() => Ok(answer),
            status => Err(IssuerError::Status { url: url.to_owned(), status }),
        }
    }
}

/// Reads the metadata of this issuer; if it cannot be used, says why.
fn read_metadata(text: &str, issuer: &str) -> Result<Metadata, String> {
    // Read as an object first: a derived type would also accept a list.
    let metadata: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let metadata: Metadata = serde_json::from_value(metadata.into()).map_err(|error| error.to_string())?;
    // RFC 8414 section 3.3: it must be the requested issuer.
    if metadata.issuer != issuer {
        return Err(format!("it is about the issuer {:?}", metadata.issuer));
    }
    // An issuer with TLS must not name URLs without TLS.
    let plain = |uri: &str| issuer.starts_with("https://") && !uri.starts_with("https://");
    if plain(&metadata.jwks_uri) || metadata.denylist_uri.as_deref().is_some_and(plain) {
        return Err("it names a URL without TLS".to_owned());
    }
    Ok(metadata)
}

fn text(url: &str, answer: HttpAnswer) -> Result<String, IssuerError> {
    answer.text().map_err(|error| of_http(url, error))
}

fn of_http(url: &str, error: HttpError) -> IssuerError {
    IssuerError::Http { url: url.to_owned(), error }
}

/// The URLs of an issuer's metadata by RFC 8414 and by OpenID Connect Discovery 1.0 section 4, which appends to the
/// issuer's path.
fn metadata_urls(issuer: &str) -> [String; 2] {
    let (host, path) = metadata_url(issuer);
    [format!("{host}{path}"), issuer_url(issuer, "/.well-known/openid-configuration")]
}

/// How long a response is fresh ([RFC 9111 section 4.2](https://www.rfc-editor.org/rfc/rfc9111#section-4.2)).
fn max_age(answer: &HttpAnswer) -> Duration {
    let mut directives = answer.header("cache-control").unwrap_or_default().split(',').map(str::trim);
    let said = directives.find_map(|directive| directive.strip_prefix("max-age=")?.parse().ok());
    let age = answer.header("age").and_then(|age| age.trim().parse().ok()).unwrap_or(0);
    let fresh = said.map_or(USUAL_MAX_AGE, Duration::from_secs).saturating_sub(Duration::from_secs(age));
    fresh.clamp(MAX_AGES.0, MAX_AGES.1)
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn metadata_is_read_as_the_corpus_says() {
        let file: Value = serde_json::from_str(include_str!("../../../corpus/metadata.json")).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert!(cases.len() > 30);
        for case in cases {
            let issuer = case.get("issuer").unwrap_or(&file["issuer"]).as_str().unwrap();
            let read = read_metadata(case["document"].as_str().unwrap(), issuer);
            let read = read.ok().map(|metadata| (metadata.jwks_uri, metadata.denylist_uri));
            let expected = case["jwks_uri"]
                .as_str()
                .map(|uri| (uri.to_owned(), case["denylist_uri"].as_str().map(ToOwned::to_owned)));
            assert_eq!(read, expected, "{}", case["name"]);
            assert_eq!(case["expected"], if expected.is_some() { "ok" } else { "refused" }, "{}", case["name"]);
        }
    }
}
