//! `tokensmith healthcheck`: for containers, which have no curl.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use tokensmith_verifier::issuing::{HttpError, Limits};

use super::{CliError, output};
use crate::config::Config;
use crate::outbound::Outbound;

/// Longer than the service takes to notice that its database is down, and larger than any of its answers.
const LIMITS: Limits = Limits { time: Duration::from_secs(5), bytes: 8_192 };

/// Which check to make.
#[derive(Args)]
pub(super) struct HealthcheckCommand {
    /// Ask /healthz (is the process alive?) instead of /readyz (are keys and database available, too?)
    #[arg(long)]
    live: bool,
}

pub(super) fn run(config: &Config, command: &HealthcheckCommand) -> Result<(), CliError> {
    let path = if command.live { "/healthz" } else { "/readyz" };
    let address = reachable(config.listen);
    let url = format!("http://{address}{path}");
    let unhealthy = |reason: String| CliError::Unhealthy(format!("{url}: {reason}"));
    let answer = Outbound::to_itself().map_err(unhealthy)?.get(&url, &[], LIMITS);
    let (status, body) = match answer {
        Ok(answer) if answer.status() == 200 => {
            return output::line(format_args!("{}", if command.live { "alive" } else { "ready" }));
        }
        // The status is known, even if the body cannot be read.
        Ok(answer) => (answer.status(), answer.text().unwrap_or_default()),
        Err(HttpError::Redirect(status)) => (status, String::new()),
        Err(error) => return Err(unhealthy(error.to_string())),
    };
    Err(unhealthy(format!("the answer is {status}{}", problem(&body))))
}

/// Code and detail of the problem in a response body, if there is one.
fn problem(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let text = |member: &str| body.get(member).and_then(serde_json::Value::as_str).map(output::shown);
    text("code").zip(text("detail")).map(|(code, detail)| format!(" ({code}: {detail})")).unwrap_or_default()
}

/// The address at which this machine reaches a service that listens on all addresses.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    listen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_listens_everywhere_is_asked_on_this_machine() {
        for (listen, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), expected);
        }
    }
}
