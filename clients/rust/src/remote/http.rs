//! The HTTP client for all calls to other servers. Every call has limits of time and size, and its error says why it
//! failed. Redirects are not followed, content encodings are not decoded, and TLS is only left out where that is
//! allowed.

use std::io::{ErrorKind, Read as _};
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use ureq::http::uri::InvalidUri;
use ureq::http::{Method, Request, Response, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, AsSendBody, Body, Proxy, ProxyProtocol};

use super::http_error::HttpError;
use super::transport::{Transport, is_loopback};

/// How long a connection may have been idle to be used again. Most servers keep theirs for 2 seconds or more; a request on a
/// connection that is being closed at that moment is lost.
const MAX_IDLE_TIME: Duration = Duration::from_secs(1);

/// How a client reaches its targets.
pub struct HttpSettings<'a> {
    /// The `User-Agent` header.
    pub user_agent: &'a str,
    /// Whether other machines may be called without TLS.
    pub allows_http: bool,
    /// The certificate authorities in PEM that it trusts instead of the machine's.
    pub root_certificates: Option<&'a str>,
    /// The proxy for other machines.
    pub proxy: HttpProxy<'a>,
}

/// The proxy for other machines. This machine is never called through a proxy, since there `localhost` would mean the
/// proxy's machine.
pub enum HttpProxy<'a> {
    /// None.
    Direct,
    /// As set by the environment variables `ALL_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
    Environment,
    /// A proxy that supports CONNECT ([RFC 9110 section 9.3.6](https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6)).
    Url(&'a str),
}

/// The limits of one call.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time from resolving the name to the last byte of the response.
    pub time: Duration,
    /// The size of the response body.
    pub bytes: u64,
}

/// The client. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct HttpClient {
    agent: Agent,
    allows_http: bool,
}

/// A response whose body has not been read yet.
pub struct HttpAnswer {
    response: Response<Body>,
    limits: Limits,
}

impl HttpClient {
    /// A client; `agent` makes the agent that sends requests.
    ///
    /// # Errors
    /// If the settings cannot be used, says why.
    pub fn new(settings: &HttpSettings<'_>, agent: impl FnOnce(Config) -> Agent) -> Result<Self, String> {
        let tls = TlsConfig::builder()
            .root_certs(settings.root_certificates.map_or(Ok(RootCerts::PlatformVerifier), read_certificates)?)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .build();
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(settings.user_agent)
            // A response must come from the target itself.
            .max_redirects(0)
            .max_idle_age(MAX_IDLE_TIME)
            .tls_config(tls);
        config = match settings.proxy {
            HttpProxy::Environment => config,
            HttpProxy::Direct => config.proxy(None),
            HttpProxy::Url(url) => config.proxy(Some(read_proxy(url)?)),
        };
        Ok(Self { agent: agent(config.build()), allows_http: settings.allows_http })
    }

    /// Gets a URL.
    ///
    /// # Errors
    /// [`HttpError`] if there is no response, or a redirect.
    pub fn get(&self, url: &str, headers: &[(&str, &str)], limits: Limits) -> Result<HttpAnswer, HttpError> {
        self.send(request(Method::GET, url, headers, ())?, limits)
    }

    /// Posts to a URL.
    ///
    /// # Errors
    /// As [`HttpClient::get`].
    pub fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        limits: Limits,
    ) -> Result<HttpAnswer, HttpError> {
        self.send(request(Method::POST, url, headers, body)?, limits)
    }

    fn send(&self, request: Request<impl AsSendBody>, limits: Limits) -> Result<HttpAnswer, HttpError> {
        let transport = Transport::of(request.uri()).ok_or(HttpError::Url)?;
        if transport == Transport::Open && !self.allows_http {
            return Err(HttpError::PlainHttp);
        }
        let is_loopback = request.uri().host().is_some_and(is_loopback);
        let mut config = self.agent.configure_request(request).timeout_global(Some(limits.time));
        if is_loopback {
            config = config.proxy(None);
        }
        let response = self.agent.run(config.build()).map_err(|error| limits.error(error))?;
        match response.status().as_u16() {
            304 => Ok(HttpAnswer { response, limits }),
            status @ 300..400 => Err(HttpError::Redirect(status)),
            _ => Ok(HttpAnswer { response, limits }),
        }
    }
}

impl HttpAnswer {
    /// Its status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// A header by its lower-case name; the first one if there are several.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// Reads its body.
    ///
    /// # Errors
    /// [`HttpError`] if it is too large, encoded, late or incomplete.
    pub fn text(mut self) -> Result<String, HttpError> {
        let limits = self.limits;
        let has = |name, is: &dyn Fn(&str) -> bool| {
            self.response.headers().get(name).is_some_and(|value| value.to_str().map_or(true, is))
        };
        // No encoding was requested, and decoding could turn a megabyte into a gigabyte.
        if has(CONTENT_ENCODING, &|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(HttpError::Encoded);
        }
        if has(CONTENT_LENGTH, &|length| length.parse().map_or(true, |length: u64| length > limits.bytes)) {
            return Err(HttpError::TooLarge(limits.bytes));
        }
        // Counted here, because ureq's own limit counts encoded bytes if the program has enabled decoding.
        let mut body = Vec::new();
        let mut reader = self.response.body_mut().as_reader().take(limits.bytes.saturating_add(1));
        reader.read_to_end(&mut body).map_err(|error| limits.error(error.into()))?;
        if u64::try_from(body.len()).is_ok_and(|bytes| bytes > limits.bytes) {
            return Err(HttpError::TooLarge(limits.bytes));
        }
        String::from_utf8(body).map_err(|error| HttpError::Protocol(error.to_string()))
    }
}

fn request<B>(method: Method, url: &str, headers: &[(&str, &str)], body: B) -> Result<Request<B>, HttpError> {
    let uri: Uri = url.parse().map_err(|_bad: InvalidUri| HttpError::Url)?;
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).map_err(|error| HttpError::Failed(error.to_string()))
}

impl Limits {
    /// The error of a call with these limits.
    fn error(self, error: ureq::Error) -> HttpError {
        use ureq::Error::{Io, LargeResponseHeader, Other, Protocol, Rustls, Timeout, Tls};
        match error {
            Timeout(_) => HttpError::TimedOut(self.time),
            LargeResponseHeader(_, most) => HttpError::TooLarge(u64::try_from(most).unwrap_or(u64::MAX)),
            Tls(why) => HttpError::Tls(why.to_owned()),
            Protocol(error) => HttpError::Protocol(error.to_string()),
            Rustls(error) => HttpError::Tls(error.to_string()),
            Io(error) => match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
                Some(cause) => HttpError::Tls(cause.to_string()),
                None if error.kind() == ErrorKind::UnexpectedEof => HttpError::Protocol(error.to_string()),
                None => HttpError::Failed(error.to_string()),
            },
            // From a resolver that refuses forbidden addresses.
            Other(cause) => cause.downcast().map_or_else(|cause| HttpError::Failed(cause.to_string()), |error| *error),
            other => HttpError::Failed(other.to_string()),
        }
    }
}

fn read_proxy(url: &str) -> Result<Proxy, String> {
    let proxy = Proxy::new(url).map_err(|error| error.to_string())?;
    let is_usable = matches!(proxy.protocol(), ProxyProtocol::Http | ProxyProtocol::Https);
    if is_usable { Ok(proxy) } else { Err("a proxy is an http:// or https:// URL".to_owned()) }
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

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
