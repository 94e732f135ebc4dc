//! Reads each variable, then checks what they mean together.

use std::net::SocketAddr;
use std::str::FromStr;

use ipnet::IpNet;
use zeroize::Zeroizing;

use super::{Argon2Cost, Audiences, Config, ConfigProblem, LogFormat, VARIABLES, machine};
use crate::clock::Seconds;
use crate::jwt::{KeyFolder, KeyPolicy, Passphrase};
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::Windows;
use crate::model::user::BadText;
use crate::secret::Secret;

/// OWASP ASVS 5.0 appendix C: argon2id with t=1 needs 47104 KiB, with t=2 19456, with t>=3 12288.
const WEAKEST_ARGON2: [(u32, u32); 3] = [(1, 47_104), (2, 19_456), (3, 12_288)];

/// 4 GiB: beyond it a typing mistake is likelier than a wish.
const MOST_ARGON2_MEMORY_KIB: u32 = 4_194_304;

/// Beyond it a hash takes seconds.
pub const MOST_ARGON2_ITERATIONS: u32 = 100;

/// Below it verifiers would do little else than fetch keys.
const LEAST_JWKS_MAX_AGE: Seconds = Seconds(10);

/// Beyond it a leaked key would be believed for too long.
const MOST_JWKS_MAX_AGE: Seconds = Seconds(86_400);

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
        // The value of DATABASE_URL may hold a password, that of the other may be one by mistake.
        let secret = ["DATABASE_URL", "KEYS_PASSPHRASE_FILE"].contains(&name);
        let shown = if secret { String::new() } else { format!(" (it is {text:?})") };
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
    let listen = reader.read("LISTEN", address);
    let database = reader.parsed("DATABASE_URL");
    let database_pool_size = reader.number_between("DATABASE_POOL_SIZE", 1, 500);
    let issuer = reader.read("ISSUER", issuer);
    let default_alg = reader.parsed("SIGNING_ALG");
    let audiences = match (&issuer, default_alg) {
        (Some(issuer), Some(alg)) => reader.read("AUDIENCE", |text| Audiences::parse(text, issuer, alg)),
        _ => None,
    };
    let scopes = reader.read("SCOPES", |text| text.replace(',', " ").parse().map_err(|bad: BadText| bad.to_string()));
    let keys_passphrase_file = reader.text("KEYS_PASSPHRASE_FILE");
    let passphrase = passphrase(reader, &keys_passphrase_file);
    let lifetimes = lifetimes(reader);
    let key_policy = key_policy(reader, audiences.as_ref(), lifetimes.as_ref());
    let audit_retention = reader.positive_duration("AUDIT_RETENTION");
    let reauthentication_period = reader.positive_duration("REAUTHENTICATION_PERIOD");
    let basic_auth = reader.read("BASIC_AUTH", on_or_off);
    let argon2 = argon2(reader);
    let cors_origins = reader.read("CORS_ORIGINS", |text| items(text).map(origin).collect());
    if cors_origins.as_ref().is_some_and(|origins: &Vec<String>| origins.len() > 1 && origins.contains(&"*".to_owned()))
    {
        reader.problem("CORS_ORIGINS", "* means any origin and stands alone".to_owned());
    }
    let trusted_proxies = reader.read("TRUSTED_PROXIES", |text| items(text).map(network).collect());
    let request_timeout = reader.positive_duration("REQUEST_TIMEOUT");
    let shutdown_timeout = reader.duration("SHUTDOWN_TIMEOUT");
    let metrics_listen =
        reader.read("METRICS_LISTEN", |text| Some(text).filter(|text| !text.is_empty()).map(address).transpose());
    let log_format = reader.read("LOG_FORMAT", log_format);
    Some(Config {
        listen: listen?,
        database: database?,
        database_pool_size: database_pool_size?,
        issuer: issuer?,
        audiences: audiences?,
        scopes: scopes?,
        keys: KeyFolder { dir: reader.text("KEYS_DIR").into(), passphrase },
        keys_passphrase_file,
        key_policy: key_policy?,
        lifetimes: lifetimes?,
        audit_retention: audit_retention?,
        reauthentication_period: reauthentication_period?,
        basic_auth: basic_auth?,
        argon2: argon2?,
        cors_origins: cors_origins?,
        trusted_proxies: trusted_proxies?,
        request_timeout: request_timeout?,
        shutdown_timeout: shutdown_timeout?,
        metrics_listen: metrics_listen?,
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

fn passphrase(reader: &mut Reader<'_>, file: &str) -> Option<Passphrase> {
    let given = Some(reader.text("KEYS_PASSPHRASE")).filter(|text| !text.is_empty()).map(Passphrase::new);
    if file.is_empty() {
        return given;
    }
    if given.is_some() {
        reader.problem("KEYS_PASSPHRASE_FILE", "set this or KEYS_PASSPHRASE, not both".to_owned());
    }
    reader.read("KEYS_PASSPHRASE_FILE", |file| {
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(|error| error.to_string())?);
        let line = text.lines().next().unwrap_or_default().trim();
        if line.is_empty() { Err("its first line is empty".to_owned()) } else { Ok(Secret::new(line.to_owned())) }
    })
}

fn key_policy(
    reader: &mut Reader<'_>,
    audiences: Option<&Audiences>,
    lifetimes: Option<&Lifetimes>,
) -> Option<KeyPolicy> {
    let rotation_period = if reader.text("KEY_ROTATION_PERIOD") == "off" {
        Some(None)
    } else {
        reader.duration("KEY_ROTATION_PERIOD").map(Some)
    };
    if rotation_period.is_none() {
        reader.problem("KEY_ROTATION_PERIOD", "off, in small letters, turns it off".to_owned());
    }
    let jwks_max_age = reader.duration("JWKS_MAX_AGE")?;
    if !(LEAST_JWKS_MAX_AGE..=MOST_JWKS_MAX_AGE).contains(&jwks_max_age) {
        reader.problem("JWKS_MAX_AGE", format!("must be from {LEAST_JWKS_MAX_AGE} to {MOST_JWKS_MAX_AGE}"));
    }
    let policy = KeyPolicy {
        algs: audiences?.algs(),
        rotation_period: rotation_period?,
        jwks_max_age,
        token_lifetime: lifetimes?.refresh_idle,
    };
    let lead = policy.publication_lead();
    if policy.rotation_period.is_some_and(|period| period <= lead) {
        let message = format!("must be longer than {lead}, for which each key is published before it signs, or off");
        reader.problem("KEY_ROTATION_PERIOD", message);
    }
    Some(policy)
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

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_bad| "expected an IP address and a port, as in 0.0.0.0:8080".to_owned())
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("expected text or json".to_owned()),
    }
}
