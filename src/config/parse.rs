//! Reads each variable, then checks what they mean together.

use std::str::FromStr;

use ipnet::IpNet;

use super::{Argon2Cost, Config, ConfigProblem, LogFormat, VARIABLES, machine};
use crate::clock::Seconds;
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::Windows;

/// OWASP ASVS 5.0 appendix C: argon2id with t=1 needs 47104 KiB, with t=2 19456, with t>=3 12288.
const WEAKEST_ARGON2: [(u32, u32); 3] = [(1, 47_104), (2, 19_456), (3, 12_288)];

/// 4 GiB: beyond it a typing mistake is likelier than a wish.
const MOST_ARGON2_MEMORY_KIB: u32 = 4_194_304;

/// Beyond it a hash takes seconds.
pub const MOST_ARGON2_ITERATIONS: u32 = 100;

/// Ten years: beyond it a typing mistake is likelier than a wish.
const LONGEST: Seconds = Seconds(3_650 * 86_400);

struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<ConfigProblem>,
}

impl Reader<'_> {
    fn text(&self, name: &'static str) -> String {
        let default = VARIABLES.iter().find(|v| v.name == name).map_or("", |v| v.default);
        (self.lookup)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
            .unwrap_or(default.to_owned())
    }

    fn read<T>(&mut self, name: &'static str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text(name);
        // The value of DATABASE_URL may hold a password and is never repeated.
        let shown = if name == "DATABASE_URL" { String::new() } else { format!(" (it is {text:?})") };
        parse(&text).map_err(|message| self.problem(name, format!("{message}{shown}"))).ok()
    }

    fn parsed<T: FromStr<Err: ToString>>(&mut self, name: &'static str) -> Option<T> {
        self.read(name, |text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    fn number_between(&mut self, name: &'static str, least: u32, most: u32) -> Option<u32> {
        self.read(name, |text| {
            let number = text.parse().ok().filter(|number| (least..=most).contains(number));
            number.ok_or_else(|| format!("expected a whole number from {least} to {most}"))
        })
    }

    fn duration(&mut self, name: &'static str) -> Option<Seconds> {
        self.read(name, |text| match text.parse::<Seconds>() {
            Ok(span) if span > LONGEST => Err(format!("must be at most {LONGEST}")),
            Ok(span) => Ok(span),
            Err(error) => Err(error.to_string()),
        })
    }

    fn positive_duration(&mut self, name: &'static str) -> Option<Seconds> {
        let span = self.duration(name);
        if span == Some(Seconds::ZERO) {
            self.problem(name, "must be longer than 0s".to_owned());
        }
        span
    }

    fn problem(&mut self, variable: &'static str, message: String) {
        self.problems.push(ConfigProblem { variable, message });
    }
}

pub(super) fn config(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<ConfigProblem>> {
    let mut reader = Reader { lookup, problems: Vec::new() };
    let config = read_all(&mut reader);
    match config {
        Some(config) if reader.problems.is_empty() => Ok(config),
        _ => Err(reader.problems),
    }
}

/// Every field is read before the first `?`, so that one bad value does not hide the next.
fn read_all(reader: &mut Reader<'_>) -> Option<Config> {
    let listen = reader.read("LISTEN", |text| {
        text.parse().map_err(|_bad| "expected an IP address and a port, as in 0.0.0.0:8080".to_owned())
    });
    let database = reader.parsed("DATABASE_URL");
    let database_pool_size = reader.number_between("DATABASE_POOL_SIZE", 1, 500);
    let issuer = reader.read("ISSUER", issuer);
    let audience = Some(reader.text("AUDIENCE")).filter(|text| !text.is_empty()).or_else(|| issuer.clone());
    let signing_alg = reader.parsed("SIGNING_ALG");
    let lifetimes = lifetimes(reader);
    let argon2 = argon2(reader);
    let cors_origins = reader.read("CORS_ORIGINS", |text| items(text).map(origin).collect());
    if cors_origins.as_ref().is_some_and(|origins: &Vec<String>| origins.len() > 1 && origins.contains(&"*".to_owned()))
    {
        reader.problem("CORS_ORIGINS", "* means any origin and stands alone".to_owned());
    }
    let trusted_proxies = reader.read("TRUSTED_PROXIES", |text| items(text).map(network).collect());
    let request_timeout = reader.positive_duration("REQUEST_TIMEOUT");
    let shutdown_timeout = reader.duration("SHUTDOWN_TIMEOUT");
    let log_format = reader.read("LOG_FORMAT", log_format);
    Some(Config {
        listen: listen?,
        database: database?,
        database_pool_size: database_pool_size?,
        issuer: issuer?,
        audience: audience?,
        keys_dir: reader.text("KEYS_DIR").into(),
        signing_alg: signing_alg?,
        lifetimes: lifetimes?,
        argon2: argon2?,
        cors_origins: cors_origins?,
        trusted_proxies: trusted_proxies?,
        request_timeout: request_timeout?,
        shutdown_timeout: shutdown_timeout?,
        log_format: log_format?,
        log_filter: reader.text("RUST_LOG"),
    })
}

fn lifetimes(reader: &mut Reader<'_>) -> Option<Lifetimes> {
    let access = reader.positive_duration("ACCESS_TOKEN_LIFETIME");
    let refresh_idle = reader.positive_duration("REFRESH_IDLE_LIFETIME");
    let session = reader.positive_duration("SESSION_LIFETIME");
    let settle = reader.duration("REFRESH_SETTLE_WINDOW");
    let retry = reader.duration("REFRESH_RETRY_WINDOW");
    let retention = reader.duration("SESSION_RETENTION");
    let (access, refresh_idle, session) = (access?, refresh_idle?, session?);
    let windows = Windows { settle: settle?, retry: retry? };
    if refresh_idle <= access {
        reader.problem("REFRESH_IDLE_LIFETIME", format!("must be longer than ACCESS_TOKEN_LIFETIME ({access})"));
    }
    if session < refresh_idle {
        reader.problem("SESSION_LIFETIME", format!("must be at least REFRESH_IDLE_LIFETIME ({refresh_idle})"));
    }
    if windows.settle > windows.retry {
        reader.problem("REFRESH_SETTLE_WINDOW", format!("must be at most REFRESH_RETRY_WINDOW ({})", windows.retry));
    }
    if windows.retry >= access {
        reader.problem("REFRESH_RETRY_WINDOW", format!("must be shorter than ACCESS_TOKEN_LIFETIME ({access})"));
    }
    Some(Lifetimes { access, refresh_idle, session, windows, retention: retention? })
}

fn argon2(reader: &mut Reader<'_>) -> Option<Argon2Cost> {
    let iterations = reader.number_between("ARGON2_ITERATIONS", 1, MOST_ARGON2_ITERATIONS);
    let memory_kib = reader.number_between("ARGON2_MEMORY_KIB", 1, MOST_ARGON2_MEMORY_KIB);
    let threads = reader.number_between("ARGON2_THREADS", 0, 1_024);
    let (iterations, memory_kib) = (iterations?, memory_kib?);
    let least = least_argon2_memory_kib(iterations);
    if memory_kib < least {
        reader.problem("ARGON2_MEMORY_KIB", format!("must be at least {least} with ARGON2_ITERATIONS={iterations}"));
    }
    // The other half is for everything else.
    let budget_kib = u32::try_from(machine::memory_kib() / 2).unwrap_or(u32::MAX);
    let threads = match usize::try_from(threads?).unwrap_or(0) {
        0 => machine::cores().min(fitting(budget_kib, memory_kib)).max(1),
        set => set,
    };
    if threads > fitting(budget_kib, memory_kib) {
        let message =
            format!("{threads} hashes of {memory_kib} KiB are more than half of the memory that is to be had");
        reader.problem("ARGON2_MEMORY_KIB", message);
    }
    Some(Argon2Cost { memory_kib, iterations, threads, budget_kib })
}

/// The least memory that a hash with so many passes must take.
#[must_use]
pub fn least_argon2_memory_kib(iterations: u32) -> u32 {
    WEAKEST_ARGON2.iter().rev().find(|(passes, _)| iterations >= *passes).map_or(0, |(_, kib)| *kib)
}

/// How many hashes fit into the budget.
pub(super) fn fitting(budget_kib: u32, memory_kib: u32) -> usize {
    usize::try_from(budget_kib / memory_kib.max(1)).unwrap_or(usize::MAX)
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// The issuer identifier is a URL with no query or fragment
/// ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2)).
fn issuer(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.contains(['?', '#', ' ', '@']) && !rest.starts_with('/') => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected an http:// or https:// URL without user, query or fragment".to_owned()),
    }
}

fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain =
        |host: &str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
    if text == "*" || host.is_some_and(plain) {
        Ok(text.to_owned())
    } else {
        Err("expected origins as in https://app.example.com, without a path".to_owned())
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
    address
        .or_else(|_not_an_address| text.parse())
        .map_err(|_bad| "expected addresses or networks, as in 10.0.0.0/8".to_owned())
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected text or json".to_owned()),
    }
}
