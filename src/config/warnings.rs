//! Settings that are valid but risky. They are logged at each start.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::{Config, MailUrl};
use crate::clock::Seconds;

pub(super) fn issuer(config: &Config, default: &str) -> Vec<String> {
    let (issuer, listen, mut warnings) = (&config.issuer, config.listen, Vec::new());
    let Ok(url) = Url::parse(issuer) else {
        return warnings;
    };
    if is_loopback(&url) {
        if is_open(listen) {
            warnings.push(format!(
                "is reachable from this machine only, but LISTEN={listen} accepts requests from other machines"
            ));
        } else if issuer == default && !leads_to(&url, listen) {
            warnings.push(format!("is still {issuer}, but LISTEN={listen}: set it to the URL of this service"));
        }
    } else if url.scheme() == "http" {
        warnings.push("is not https: anyone on the network path can read passwords and tokens".to_owned());
    }
    if url.as_str() != issuer && url.as_str().strip_suffix('/') != Some(issuer) {
        warnings.push(format!("is used exactly as it is written, but some clients write it as {url}"));
    }
    warnings
}

pub(super) fn retry_window(config: &Config) -> Vec<String> {
    let message = "is 0s: a client that loses a response, or refreshes twice at the same time, is logged out";
    if_so(config.lifetimes.windows.retry == Seconds::ZERO, message)
}

pub(super) fn cors_origins(config: &Config) -> Vec<String> {
    let warning = |origin: &String| {
        if origin == "*" {
            Some("any web page may call this service from its visitors' browsers".to_owned())
        } else if Url::parse(origin).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url)) {
            Some(format!("{origin} is not https: anyone on the network path can change that app"))
        } else {
            None
        }
    };
    config.cors_origins.iter().filter_map(warning).collect()
}

pub(super) fn trusted_proxies(config: &Config) -> Vec<String> {
    let is_any = config.trusted_proxies.iter().any(|network| network.prefix_len() == 0);
    if_so(is_any, "trusts every address: any client can forge its address")
}

pub(super) fn metrics_listen(config: &Config) -> Vec<String> {
    let message = "is open to other machines, and metrics need no authentication";
    if_so(config.metrics_listen.is_some_and(is_open), message)
}

pub(super) fn mail_url(config: &Config) -> Vec<String> {
    let message = "is log: anyone who reads the log can reset passwords and confirm addresses";
    if_so(matches!(config.mail_url, Some(MailUrl::Log)), message)
}

pub(super) fn legacy_secret(config: &Config) -> Vec<String> {
    let message = "has a secret of less than 32 bytes, which can be guessed: who has a token can try to";
    if_so(config.legacy.as_ref().is_some_and(|legacy| legacy.has_short_secret), message)
}

fn if_so(is_risky: bool, message: &str) -> Vec<String> {
    if is_risky { vec![message.to_owned()] } else { Vec::new() }
}

/// Whether other machines can reach this address.
fn is_open(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}

/// `localhost` and its subdomains always mean this machine
/// ([RFC 6761 section 6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3)).
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether a URL whose host is an address reaches a service that listens on `listen`.
fn leads_to(url: &Url, listen: SocketAddr) -> bool {
    // With port 0 the system chooses a port.
    [0, url.port_or_known_default().unwrap_or_default()].contains(&listen.port())
        && url.host_str().and_then(|host| host.parse().ok()) == Some(listen.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables that cause a warning.
    fn warned(variables: &[(&str, &str)]) -> Vec<&'static str> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(find).unwrap().warnings().iter().map(|warning| warning.variable).collect()
    }

    /// Variables, and those of them that cause a warning.
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

    const HTTPS: (&str, &str) = ("ISSUER", "https://id.example.com");

    #[test]
    fn what_is_risky_is_warned_of_and_nothing_else() {
        let table: [Case; 37] = [
            (&[], &[]),
            (&[HTTPS], &[]),
            (&[HTTPS, ("LISTEN", "0.0.0.0:8080")], &[]),
            (&[("LISTEN", "127.0.0.1:9090")], &["ISSUER"]),
            (&[("LISTEN", "127.0.0.2:8080")], &["ISSUER"]),
            (&[("LISTEN", "[::1]:8080")], &["ISSUER"]),
            (&[("LISTEN", "127.0.0.1:9090"), ("ISSUER", "http://localhost:9090")], &[]),
            (&[("LISTEN", "127.0.0.1:9090"), ("ISSUER", "http://localhost:8081")], &[]),
            (&[("LISTEN", "127.0.0.1:0")], &[]),
            (&[("LISTEN", "127.0.0.1:9090"), HTTPS], &[]),
            (&[("LISTEN", "[::ffff:127.0.0.1]:8080")], &[]),
            (&[("LISTEN", "0.0.0.0:8080")], &["ISSUER"]),
            (&[("LISTEN", "[::]:8080")], &["ISSUER"]),
            (&[("LISTEN", "192.0.2.1:8080"), ("ISSUER", "http://localhost:8080")], &["ISSUER"]),
            (&[("LISTEN", "192.0.2.1:8080"), ("ISSUER", "https://id.localhost")], &["ISSUER"]),
            (&[("LISTEN", "192.0.2.1:8080"), ("ISSUER", "http://[::1]")], &["ISSUER"]),
            (&[("LISTEN", "192.0.2.1:8080"), ("ISSUER", "http://id.example.com")], &["ISSUER"]),
            (&[("ISSUER", "http://id.example.com")], &["ISSUER"]),
            (&[("ISSUER", "https://id.example.com/")], &[]),
            (&[("ISSUER", "https://id.example.com/a/")], &[]),
            (&[("ISSUER", "https://ID.example.com")], &["ISSUER"]),
            (&[("ISSUER", "https://id.example.com:443")], &["ISSUER"]),
            (&[("ISSUER", "https://id.example.com/a/../b")], &["ISSUER"]),
            (&[("METRICS_LISTEN", "127.0.0.1:9464")], &[]),
            (&[("METRICS_LISTEN", "0.0.0.0:9464")], &["METRICS_LISTEN"]),
            (&[("CORS_ORIGINS", "*")], &["CORS_ORIGINS"]),
            (&[("CORS_ORIGINS", "https://a.example, http://localhost:3000, http://127.0.0.1")], &[]),
            (&[("CORS_ORIGINS", "capacitor://localhost")], &[]),
            (&[("CORS_ORIGINS", "http://a.example, http://b.example")], &["CORS_ORIGINS", "CORS_ORIGINS"]),
            (&[("MAIL_URL", "log:"), ("MAIL_FROM", "id@example.com")], &["MAIL_URL"]),
            (&[("MAIL_URL", "smtp://mail.example.com"), ("MAIL_FROM", "id@example.com")], &[]),
            (&[("TRUSTED_PROXIES", "10.0.0.0/8")], &[]),
            (&[("TRUSTED_PROXIES", "0.0.0.0/0")], &["TRUSTED_PROXIES"]),
            (&[("TRUSTED_PROXIES", "10.0.0.1, ::/0")], &["TRUSTED_PROXIES"]),
            (&[("REFRESH_SETTLE_WINDOW", "0s")], &[]),
            (&[("REFRESH_SETTLE_WINDOW", "0s"), ("REFRESH_RETRY_WINDOW", "0s")], &["REFRESH_RETRY_WINDOW"]),
            (
                &[("LISTEN", "0.0.0.0:1"), ("CORS_ORIGINS", "*"), ("METRICS_LISTEN", "[::]:2")],
                &["ISSUER", "CORS_ORIGINS", "METRICS_LISTEN"],
            ),
        ];
        for (variables, expected) in table {
            assert_eq!(warned(variables), expected, "{variables:?}");
        }
    }
}
