//! The service's own calls to other servers. A client that makes it call a URL must not reach what only this machine
//! and its network can reach
//! ([OWASP on SSRF](https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html)).

mod address;
mod documents;
mod guard;
mod mail;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use tokensmith_verifier::issuing::{HttpAnswer, HttpClient, HttpError, HttpProxy, HttpSettings, Limits};
use ureq::Agent;
use ureq::unversioned::resolver::{DefaultResolver, Resolver};
use ureq::unversioned::transport::DefaultConnector;

use crate::config::Config;
use crate::secret::file;
pub(crate) use documents::{Age, DocumentError, Documents};
use guard::{Guard, Rules};
pub(crate) use mail::Mailer;

const USER_AGENT: &str = concat!("tokensmith/", env!("CARGO_PKG_VERSION"));

/// The client for all calls to other servers. It follows no redirects, uses TLS outside this machine, and calls only
/// public addresses and those in the settings. A proxy resolves names itself and must decide which it allows; then only
/// URLs whose host is an address are checked here.
#[derive(Clone)]
pub struct Outbound {
    client: HttpClient,
    rules: Rules,
}

impl Outbound {
    /// Fails if the settings cannot be used, and says why.
    pub(crate) fn new(config: &Config) -> Result<Self, String> {
        Self::with_resolver(config, DefaultResolver::default())
    }

    fn with_resolver(config: &Config, resolver: impl Resolver) -> Result<Self, String> {
        let root_certificates = read_certificates(config)?;
        let settings = HttpSettings {
            user_agent: USER_AGENT,
            allows_http: false,
            root_certificates: root_certificates.as_deref(),
            proxy: config.outbound_proxy.as_ref().map_or(HttpProxy::Direct, |url| HttpProxy::Url(url.expose())),
        };
        Self::build(&settings, Rules(config.outbound_allow.as_slice().into()), resolver)
    }

    /// A client for a command that calls its own service, on any address.
    pub(crate) fn to_itself() -> Result<Self, String> {
        let anywhere = Rules([IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())].into());
        let proxy = HttpProxy::Direct;
        let settings = HttpSettings { user_agent: USER_AGENT, allows_http: true, root_certificates: None, proxy };
        Self::build(&settings, anywhere, DefaultResolver::default())
    }

    fn build(settings: &HttpSettings<'_>, rules: Rules, resolver: impl Resolver) -> Result<Self, String> {
        let guard = Guard { resolver, rules: rules.clone() };
        let client = HttpClient::new(settings, |config| Agent::with_parts(config, DefaultConnector::default(), guard))?;
        Ok(Self { client, rules })
    }

    /// Gets a URL.
    pub fn get(&self, url: &str, headers: &[(&str, &str)], limits: Limits) -> Result<HttpAnswer, HttpError> {
        self.rules.check_url(url)?;
        self.client.get(url, headers, limits)
    }

    /// Posts to a URL.
    pub fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        limits: Limits,
    ) -> Result<HttpAnswer, HttpError> {
        self.rules.check_url(url)?;
        self.client.post(url, headers, body, limits)
    }
}

fn read_certificates(config: &Config) -> Result<Option<String>, String> {
    let path = &config.outbound_ca_file;
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let of_file = |problem: String| format!("{}: {problem}", path.display());
    let (content, _) = file::read(path).map_err(|problem| of_file(problem.to_string()))?;
    String::from_utf8(content.to_vec()).map(Some).map_err(|_not_text| of_file("it is not PEM".to_owned()))
}

#[cfg(test)]
mod tests;
