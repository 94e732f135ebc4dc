//! What is valid and risky all the same: said at each start.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::{Config, ConfigProblem, VARIABLES};
use crate::clock::Seconds;

impl Config {
    /// What is risky about the settings, if anything is.
    #[must_use]
    pub fn warnings(&self) -> Vec<ConfigProblem> {
        let is_exposed = !self.listen.ip().to_canonical().is_loopback();
        let mut warnings = Vec::new();
        let mut warn = |variable, message: String| warnings.push(ConfigProblem { variable, message });
        if let Ok(url) = Url::parse(&self.issuer) {
            let listen = self.listen;
            if is_loopback(&url) {
                if is_exposed {
                    let message =
                        format!("names this machine only, but LISTEN={listen} accepts requests from other machines");
                    warn("ISSUER", message);
                } else if self.issuer == default_of("ISSUER") && !leads_to(&url, listen) {
                    let issuer = &self.issuer;
                    let message = format!("is still {issuer}, but LISTEN={listen}: set it to the URL of this service");
                    warn("ISSUER", message);
                }
            } else if url.scheme() == "http" {
                warn("ISSUER", "is not https: anyone on the network path can read passwords and tokens".to_owned());
            }
            if url.as_str() != self.issuer && url.as_str().strip_suffix('/') != Some(self.issuer.as_str()) {
                warn("ISSUER", format!("is kept as it is written, but some clients write it as {url}"));
            }
        }
        if self.metrics_listen.is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
            warn("METRICS_LISTEN", "is open to other machines, and metrics need no authentication".to_owned());
        }
        for origin in &self.cors_origins {
            if origin == "*" {
                warn("CORS_ORIGINS", "any web page may call this service from its visitors' browsers".to_owned());
            } else if Url::parse(origin).is_ok_and(|url| url.scheme() == "http" && !is_loopback(&url)) {
                warn("CORS_ORIGINS", format!("{origin} is not https: anyone on the network path can change that app"));
            }
        }
        if self.trusted_proxies.iter().any(|network| network.prefix_len() == 0) {
            warn("TRUSTED_PROXIES", "trusts every address: any client can forge its address".to_owned());
        }
        if self.lifetimes.windows.retry == Seconds::ZERO {
            let message = "is 0s: a client that loses one answer, or asks twice at once, is logged out";
            warn("REFRESH_RETRY_WINDOW", message.to_owned());
        }
        warnings
    }
}

/// `localhost` and what is below it never leave the machine
/// ([RFC 6761 section 6.3](https://www.rfc-editor.org/rfc/rfc6761#section-6.3)).
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).to_canonical().is_loopback(),
        None => false,
    }
}

fn default_of(name: &str) -> &'static str {
    VARIABLES.iter().find(|variable| variable.name == name).map_or("", |variable| variable.default)
}

/// Whether a URL with the address of a host reaches a service that listens there.
fn leads_to(url: &Url, listen: SocketAddr) -> bool {
    // Port 0 is one that the system chooses.
    [0, url.port_or_known_default().unwrap_or_default()].contains(&listen.port())
        && url.host_str().and_then(|host| host.parse().ok()) == Some(listen.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The variables that are warned of.
    fn warned(variables: &[(&str, &str)]) -> Vec<&'static str> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Config::from_lookup(find).unwrap().warnings().iter().map(|warning| warning.variable).collect()
    }

    /// Variables, and those that are warned of.
    type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

    const HTTPS: (&str, &str) = ("ISSUER", "https://id.example.com");

    #[test]
    fn what_is_risky_is_warned_of_and_nothing_else() {
        let table: [Case; 35] = [
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
            (&[("TRUSTED_PROXIES", "10.0.0.0/8")], &[]),
            (&[("TRUSTED_PROXIES", "0.0.0.0/0")], &["TRUSTED_PROXIES"]),
            (&[("TRUSTED_PROXIES", "10.0.0.1, ::/0")], &["TRUSTED_PROXIES"]),
            (&[("REFRESH_SETTLE_WINDOW", "0s")], &[]),
            (&[("REFRESH_SETTLE_WINDOW", "0s"), ("REFRESH_RETRY_WINDOW", "0s")], &["REFRESH_RETRY_WINDOW"]),
            (
                &[("LISTEN", "0.0.0.0:1"), ("CORS_ORIGINS", "*"), ("METRICS_LISTEN", "[::]:2")],
                &["ISSUER", "METRICS_LISTEN", "CORS_ORIGINS"],
            ),
        ];
        for (variables, expected) in table {
            assert_eq!(warned(variables), expected, "{variables:?}");
        }
    }
}
