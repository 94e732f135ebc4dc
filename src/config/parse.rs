//! Reads each variable, then checks what they mean together.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};
use zeroize::Zeroizing;

use super::log_filter::log_filter;
use super::urls::{issuer, origin};
use super::{Argon2Cost, Audiences, Config, ConfigProblem, DatabaseUrl, LogFormat, VARIABLES, machine};
use crate::clock::Seconds;
use crate::jwt::{KeyFolder, KeyPolicy, Passphrase};
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::{Limits, Windows};
use crate::model::user::BadText;
use crate::secret::{Secret, file};

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

/// Beyond it a thief has the session for days.
const MOST_SHARED: u32 = 1_000;

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
        // The value of DATABASE_URL may hold a password, as may any other URL; that of a file may be one by mistake.
        let secret = name == "DATABASE_URL" || name.ends_with("_FILE") || text.contains('@');
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
    let sharing_limits = sharing_limits(reader);
    let key_policy = key_policy(reader, audiences.as_ref(), lifetimes.as_ref());
    let audit_retention = reader.positive_duration("AUDIT_RETENTION");
    let reauthentication_period = reader.positive_duration("REAUTHENTICATION_PERIOD");
    let first_admin_password_file = first_admin_password_file(reader, database.as_ref());
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
    let log_filter = reader.read("RUST_LOG", log_filter);
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
        sharing_limits: sharing_limits?,
        audit_retention: audit_retention?,
        reauthentication_period: reauthentication_period?,
        first_admin_password_file,
        basic_auth: basic_auth?,
        argon2: argon2?,
        cors_origins: cors_origins?,
        trusted_proxies: trusted_proxies?,
        request_timeout: request_timeout?,
        shutdown_timeout: shutdown_timeout?,
        metrics_listen: metrics_listen?,
        log_format: log_format?,
        log_filter: log_filter?,
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

fn sharing_limits(reader: &mut Reader<'_>) -> Option<Limits> {
    let strange = reader.number_between("REFRESH_STRANGE_LIMIT", 0, MOST_SHARED);
    let shared = reader.number_between("REFRESH_SHARED_LIMIT", 0, MOST_SHARED);
    Some(Limits { strange: strange?, shared: shared? })
}

fn passphrase(reader: &mut Reader<'_>, file: &str) -> Option<Passphrase> {
    let given = Zeroizing::new((reader.lookup)("KEYS_PASSPHRASE").unwrap_or_default());
    let given = if given.trim().is_empty() { None } else { Some(whole_passphrase(&given)) };
    let given = given.and_then(|given| given.map_err(|message| reader.problem("KEYS_PASSPHRASE", message)).ok());
    if file.is_empty() {
        return given;
    }
    if given.is_some() {
        reader.problem("KEYS_PASSPHRASE_FILE", "set this or KEYS_PASSPHRASE, not both".to_owned());
    }
    reader.read("KEYS_PASSPHRASE_FILE", |path| {
        let path = Path::new(path);
        let (content, _) = file::read(path).map_err(|problem| format!("{}: {problem}", shown_path(path)))?;
        let text = std::str::from_utf8(&content).map_err(|_not_text| "it is not text in UTF-8".to_owned())?;
        let line = text.lines().next().unwrap_or_default();
        if line.trim().is_empty() { Err("its first line is empty".to_owned()) } else { whole_passphrase(line) }
    })
}

/// A value without a folder that exists may be the passphrase itself, set here by mistake.
fn shown_path(path: &Path) -> String {
    let in_a_folder = path.parent().is_some_and(|folder| folder.file_name().is_some() && folder.is_dir());
    if in_a_folder { path.display().to_string() } else { "the file that it names".to_owned() }
}

/// A passphrase was always without the white space around it; one that has some was meant otherwise.
fn whole_passphrase(text: &str) -> Result<Passphrase, String> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim() == text {
        Ok(Secret::new(text.to_owned()))
    } else {
        Err("begins or ends with white space, which cannot be part of a passphrase".to_owned())
    }
}

/// Beside the database, where that is a file.
fn first_admin_password_file(reader: &Reader<'_>, database: Option<&DatabaseUrl>) -> PathBuf {
    let named = reader.text("FIRST_ADMIN_PASSWORD_FILE");
    if !named.is_empty() {
        return named.into();
    }
    let folder = match database {
        Some(DatabaseUrl::Sqlite(file)) => file.parent(),
        _ => Some(Path::new("data")),
    };
    folder.unwrap_or(Path::new("")).join("first-admin-password")
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

pub(super) fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// A network of IPv4-mapped addresses is one of IPv4: that is how clients' addresses are compared.
fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(|ip| IpNet::from(ip.to_canonical()));
    let network = address
        .or_else(|_not_an_address| text.parse())
        .map_err(|_bad| "expected addresses or networks, as in 10.0.0.0/8".to_owned())?;
    let prefix_len = network.prefix_len().checked_sub(96);
    Ok(match (network.addr().to_canonical(), prefix_len) {
        (IpAddr::V4(ip), Some(prefix_len)) if network.addr().is_ipv6() => {
            Ipv4Net::new(ip, prefix_len).map_or(network, IpNet::V4)
        }
        _ => network,
    })
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
