//! `tokensmith healthcheck`: for containers, which have no curl.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use clap::Args;

use super::{CliError, output};
use crate::config::Config;

/// Longer than the service takes to find out that its database is gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// More than any answer of the service.
const MAX_BYTES: usize = 8_192;

/// What to ask.
#[derive(Args)]
pub(super) struct HealthcheckCommand {
    /// Ask /healthz (whether the process lives) instead of /readyz (whether keys and database are there, too)
    #[arg(long)]
    live: bool,
}

pub(super) fn run(config: &Config, command: &HealthcheckCommand) -> Result<(), CliError> {
    let path = if command.live { "/healthz" } else { "/readyz" };
    let address = reachable(config.listen);
    let unhealthy = |reason: String| CliError::Unhealthy(format!("http://{address}{path}: {reason}"));
    let (status, answer) = ask(address, path).map_err(|error| unhealthy(error.to_string()))?;
    match status.as_str() {
        "200" => output::line(format_args!("{}", if command.live { "alive" } else { "ready" })),
        status => Err(unhealthy(format!("the answer is {status}{}", problem(&answer)))),
    }
}

/// Code and detail of the problem in an answer, if there is one.
fn problem(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let body: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let text = |member: &str| body.get(member).and_then(serde_json::Value::as_str).map(output::shown);
    text("code").zip(text("detail")).map(|(code, detail)| format!(" ({code}: {detail})")).unwrap_or_default()
}

/// Where a service that listens at every address is found on this machine.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(if listen.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() });
    }
    listen
}

/// The status of the answer, and as much of the answer as came.
fn ask(address: SocketAddr, path: &str) -> io::Result<(String, String)> {
    let started_at = Instant::now();
    let left = || Some(PATIENCE.saturating_sub(started_at.elapsed())).filter(|left| !left.is_zero());
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut part) = (Vec::new(), [0; 512]);
    while answer.len() < MAX_BYTES && !(answer.starts_with(b"HTTP/1.1 200") && answer.contains(&b'\n')) {
        let read = left().ok_or_else(|| io::ErrorKind::TimedOut.into()).and_then(|left| {
            stream.set_read_timeout(Some(left))?;
            stream.read(&mut part)
        });
        let read = match read {
            // The status is there.
            Err(_cut_off) if answer.contains(&b'\n') => 0,
            // What an elapsed timeout is called is up to the system.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(io::ErrorKind::TimedOut.into()),
            read => read?,
        };
        answer.extend(part.iter().take(read));
        if read == 0 {
            break;
        }
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let mut words = answer.split_ascii_whitespace();
    match (words.next(), words.next()) {
        (Some(version), Some(status)) if version.starts_with("HTTP/1.") => Ok((status.to_owned(), answer)),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "what listens there does not speak HTTP")),
    }
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
