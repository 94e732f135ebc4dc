//! `postgres://USER:PASSWORD@HOST:PORT/NAME?PARAMETERS`, read as libpq reads it
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>). A URL that could be read in
//! two ways is refused: libpq might take a part of the password for a host and repeat it in its messages. libpq gets
//! the parts one by one, and no message of this file repeats them.

use std::fmt::{self, Write as _};

use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// Where a PostgreSQL server is and how to log in there. Displays neither the password nor the parameters.
#[derive(Clone, Debug)]
pub(crate) struct PostgresUrl {
    shown: String,
    parameters: Vec<(String, Secret<String>)>,
}

/// The parameters that hold a secret.
const SECRET: [&str; 5] = ["password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"];

/// Every other parameter of the libpq that is built in.
const PLAIN: [&str; 44] = [
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "host",
    "hostaddr",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "oauth_client_id",
    "oauth_issuer",
    "oauth_scope",
    "options",
    "passfile",
    "port",
    "require_auth",
    "requirepeer",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslkeylogfile",
    "sslmode",
    "sslnegotiation",
    "sslrootcert",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
    "user",
];

const ESCAPES: &str = "write @ as %40, : as %3A, # as %23, / as %2F, ? as %3F and a space as %20 in the user, the password \
                       and the parameters";
const PERCENT: &str = "a % must be followed by two hexadecimal digits (of UTF-8, and not %00); write % itself as %25";
const PORT: &str = "the port is not a number from 1 to 65535 (if it is part of the password: write @ as %40, : as %3A, # as \
                    %23, / as %2F, ? as %3F there; put an IPv6 address in brackets)";
const HOST: &str = "the host is not valid: expected a name, an address, an IPv6 address in brackets, or the folder of a \
                    socket with / written as %2F";
const PARAMETER: &str = "the text after the ? is not NAME=VALUE&NAME=VALUE with names of libpq parameters, as in \
                         ?sslmode=verify-full (a ? in the password is written %3F)";

impl PostgresUrl {
    /// Reads what follows `scheme` and `://`.
    pub(super) fn parse(scheme: &str, rest: &str) -> Result<Self, String> {
        let (location, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, name) = location.split_once('/').unwrap_or((location, ""));
        // The end of the password is certain only if there is exactly one @, before all other special characters.
        let (credentials, hosts) = authority.split_once('@').map_or((None, authority), |(c, h)| (Some(c), h));
        if hosts.contains('@') || name.contains('@') || query.contains('@') || rest.contains(is_never_raw) {
            return Err(ESCAPES.to_owned());
        }
        let mut url = Self { shown: format!("{scheme}://"), parameters: Vec::new() };
        if let Some(credentials) = credentials {
            url.add_credentials(credentials)?;
        }
        url.add_hosts(hosts)?;
        if !name.is_empty() {
            url.set("dbname", decode(name)?);
        }
        // Writing to a string cannot fail.
        let _infallible = write!(url.shown, "{hosts}{}{name}", if location.contains('/') { "/" } else { "" });
        url.add_parameters(query)?;
        Ok(url)
    }

    fn add_credentials(&mut self, credentials: &str) -> Result<(), String> {
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        if password.contains(':') {
            return Err(ESCAPES.to_owned());
        }
        if !user.is_empty() {
            self.set("user", decode(user)?);
        }
        if !password.is_empty() {
            self.set("password", decode(password)?);
        }
        self.shown.push_str(user);
        self.shown.push_str(if password.is_empty() { "@" } else { ":***@" });
        Ok(())
    }

    /// One or more hosts; each may be empty and may have a port.
    fn add_hosts(&mut self, text: &str) -> Result<(), String> {
        let (mut hosts, mut ports) = (Vec::new(), Vec::new());
        for part in text.split(',') {
            let (host, port) = match part.strip_prefix('[') {
                Some(rest) => {
                    let (address, port) = rest.split_once(']').ok_or(HOST)?;
                    let is_address = address.split('%').next().is_some_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok());
                    if !is_address || !(port.is_empty() || port.starts_with(':')) {
                        return Err(HOST.to_owned());
                    }
                    (address, port.trim_start_matches(':'))
                }
                None => part.split_once(':').unwrap_or((part, "")),
            };
            if !port.is_empty() && !is_port(port) {
                return Err(PORT.to_owned());
            }
            let host = decode(host)?;
            check_host(&host)?;
            hosts.push(host);
            ports.push(port);
        }
        if hosts.iter().any(|host| !host.is_empty()) {
            self.set("host", hosts.join(","));
        }
        if ports.iter().any(|port| !port.is_empty()) {
            self.set("port", ports.join(","));
        }
        Ok(())
    }

    fn add_parameters(&mut self, query: &str) -> Result<(), String> {
        for parameter in query.strip_suffix('&').unwrap_or(query).split('&').filter(|_| !query.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(PARAMETER)?;
            let (name, value) = (decode(name)?, decode(value)?);
            // libpq accepts this form, too, for users of JDBC.
            let (name, value) = match (name.as_str(), value.as_str()) {
                ("ssl", "true") => ("sslmode".to_owned(), "require".to_owned()),
                _ => (name, value),
            };
            if parameter.matches('=').count() != 1
                || !(SECRET.contains(&name.as_str()) || PLAIN.contains(&name.as_str()))
            {
                return Err(PARAMETER.to_owned());
            }
            match name.as_str() {
                "port" if !value.split(',').all(|port| port.is_empty() || is_port(port)) => return Err(PORT.to_owned()),
                "host" | "hostaddr" => value.split(',').try_for_each(check_host)?,
                _ => {}
            }
            self.set(&name, value);
        }
        Ok(())
    }

    /// A later value replaces an earlier one.
    fn set(&mut self, name: &str, value: String) {
        self.parameters.retain(|(known, _)| known != name);
        self.parameters.push((name.to_owned(), Secret::new(value)));
    }

    /// The parameters in libpq's form, with `defaults` for those that are not in the URL.
    pub(crate) fn conninfo(&self, defaults: &[(&str, &str)]) -> Secret<String> {
        let missing = defaults.iter().filter(|(name, _)| !self.parameters.iter().any(|(known, _)| known == name));
        let given = self.parameters.iter().map(|(name, value)| (name.as_str(), value.expose().as_str()));
        let mut text = String::with_capacity(1024);
        for (name, value) in given.chain(missing.copied()) {
            let value = Secret::new(value.replace('\\', "\\\\").replace('\'', "\\'"));
            let _infallible = write!(text, "{name}='{}' ", value.expose());
        }
        Secret::new(text)
    }

    /// The same without secrets, for another program.
    pub(crate) fn conninfo_without_secrets(&self) -> String {
        let plain = self.parameters.iter().filter(|(name, _)| !SECRET.contains(&name.as_str()));
        let is_bare = |c: char| c.is_ascii_alphanumeric() || "-._/:,%@".contains(c);
        let written = plain.map(|(name, value)| match value.expose() {
            value if !value.is_empty() && value.chars().all(is_bare) => format!("{name}={value}"),
            value => format!("{name}='{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
        });
        written.collect::<Vec<_>>().join(" ")
    }

    /// A message of the driver with the secrets of this URL hidden.
    pub(crate) fn hide_secrets(&self, text: &str) -> String {
        let secrets = self
            .parameters
            .iter()
            .filter(|(name, value)| SECRET.contains(&name.as_str()) && !value.expose().is_empty());
        secrets.fold(text.to_owned(), |text, (_, secret)| text.replace(secret.expose(), "***"))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn is_never_raw(c: char) -> bool {
    c == '#' || c.is_whitespace() || c.is_control()
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Accepts whatever libpq may be able to resolve or open; refuses what is clearly part of something else.
fn check_host(host: &str) -> Result<(), String> {
    let is_socket = host.starts_with(['/', '@']);
    let is_wrong = |c: char| c == ',' || c.is_control() || (!is_socket && "/@'\"\\?# ".contains(c));
    if host.contains(is_wrong) { Err(HOST.to_owned()) } else { Ok(()) }
}

fn decode(text: &str) -> Result<String, String> {
    let is_hex = |digits: &str| digits.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_not_utf8| PERCENT.to_owned())?;
    if !text.split('%').skip(1).all(is_hex) || decoded.contains('\0') {
        return Err(PERCENT.to_owned());
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
#[path = "postgres_url_tests.rs"]
mod tests;
