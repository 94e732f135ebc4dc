//! The rules for addresses. They are checked where names are resolved, so that the checked address is the one that is
//! connected to, even if the name resolves to another address a moment later.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use tokensmith_verifier::issuing::HttpError;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::address::is_public;

/// Which addresses may be called: public ones, and those in the settings.
#[derive(Clone, Debug)]
pub(super) struct Rules(pub(super) Arc<[IpNet]>);

impl Rules {
    fn check(&self, host: &str, address: IpAddr) -> Result<(), HttpError> {
        let address = address.to_canonical();
        let is_allowed = is_public(address) || self.0.iter().any(|network| network.contains(&address));
        if is_allowed { Ok(()) } else { Err(HttpError::Address { host: host.to_owned(), address }) }
    }

    /// Checks a URL whose host is an address, since it may go to a proxy without being resolved here.
    pub(super) fn check_url(&self, url: &str) -> Result<(), HttpError> {
        let uri: Uri = url.parse().map_err(|_bad: ureq::http::uri::InvalidUri| HttpError::Url)?;
        let host = uri.host().ok_or(HttpError::Url)?;
        match host.trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(address) => self.check(host, address),
            // 127.1, 2130706433 or 0x7f000001: what ends in a number is an address, too
            // (https://url.spec.whatwg.org/#ends-in-a-number-checker), and there is no honest reason to write an address like this.
            Err(_) if ends_in_a_number(host) => Err(HttpError::Url),
            Err(_) => Ok(()),
        }
    }
}

fn ends_in_a_number(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_decimal = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    let hex = last.strip_prefix("0x").or(last.strip_prefix("0X"));
    is_decimal || hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Resolves names to allowed addresses. If a name has several addresses and one is forbidden, the name is refused: the
/// result must not depend on chance, and no honest name is public and private at the same time.
#[derive(Debug)]
pub(super) struct Guard<R> {
    pub(super) resolver: R,
    pub(super) rules: Rules,
}

impl<R: Resolver> Resolver for Guard<R> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.resolver.resolve(uri, config, timeout)?;
        // The operator has set the proxy, which resolves the other names itself.
        if config.proxy().is_some_and(|proxy| proxy.uri() == uri) {
            return Ok(addresses);
        }
        let host = uri.host().unwrap_or_default();
        for address in &addresses {
            self.rules.check(host, address.ip()).map_err(|error| ureq::Error::Other(Box::new(error)))?;
        }
        Ok(addresses)
    }
}
