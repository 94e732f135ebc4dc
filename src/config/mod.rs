//! Settings: from strings to a validated [`Config`], with every problem reported at once. The only room that reads
//! the environment.

mod audiences;
mod database_url;
mod env_file;
mod log_filter;
mod machine;
mod parse;
mod postgres_url;
mod urls;
mod variables;
mod warnings;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;

pub use audiences::Audiences;
pub use database_url::DatabaseUrl;
pub use env_file::EnvFile;
pub use parse::{MOST_ARGON2_ITERATIONS, least_argon2_memory_kib};
pub use postgres_url::PostgresUrl;
pub use variables::{VARIABLES, Variable, env_example};

use crate::clock::Seconds;
use crate::jwt::{KeyFolder, KeyPolicy};
use crate::model::grant::Grant;
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::{Limits, Rules};
use crate::model::user::Scopes;

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port to serve HTTP on.
    pub listen: SocketAddr,
    /// Where the rows are.
    pub database: DatabaseUrl,
    /// Connections in the pool.
    pub database_pool_size: u32,
    /// The `iss` of every token.
    pub issuer: String,
    /// The `aud` of access tokens.
    pub audiences: Audiences,
    /// Scopes of access tokens.
    pub scopes: Scopes,
    /// Folder of the private keys, and what decrypts them.
    pub keys: KeyFolder,
    /// The file that the passphrase was read from, if it was.
    pub keys_passphrase_file: String,
    /// When keys are made and go, and the algorithms that they are of; the first is `SIGNING_ALG`.
    pub key_policy: KeyPolicy,
    /// How long tokens and sessions live.
    pub lifetimes: Lifetimes,
    /// How often a session may be shared.
    pub sharing_limits: Limits,
    /// How long events of the audit log are kept.
    pub audit_retention: Seconds,
    /// How long ago the password may have been given for what is sensitive.
    pub reauthentication_period: Seconds,
    /// Where the first admin's password goes when there is no terminal to show it on.
    pub first_admin_password_file: PathBuf,
    /// Whether HTTP Basic is taken where tokens are got.
    pub basic_auth: bool,
    /// Cost of a password hash.
    pub argon2: Argon2Cost,
    /// Origins of browser apps.
    pub cors_origins: Vec<String>,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Time for a client to send a request.
    pub request_timeout: Seconds,
    /// Time for requests under way to finish at shutdown.
    pub shutdown_timeout: Seconds,
    /// Address and port to serve metrics on.
    pub metrics_listen: Option<SocketAddr>,
    /// Shape of log lines.
    pub log_format: LogFormat,
    /// Filter of log lines, in `env_logger`'s words.
    pub log_filter: String,
}

/// Cost of a password hash (argon2id, one lane).
#[derive(Clone, Copy, Debug)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Hashes at the same time.
    pub threads: usize,
    /// What all hashing together may use, in KiB: half of what the process may.
    pub budget_kib: u32,
}

impl Argon2Cost {
    /// The most memory that a stored hash may ask for in KiB. Those that ask for more than today's cost are done one at a
    /// time, by a thread that lets go of its own memory first: whatever cost fitted once still does.
    #[must_use]
    pub fn most_stored_kib(&self) -> u32 {
        let others = u32::try_from(self.threads).unwrap_or(u32::MAX).saturating_sub(1);
        self.budget_kib.saturating_sub(self.memory_kib.saturating_mul(others)).max(self.memory_kib)
    }

    /// The most memory that each of the threads could have in KiB.
    #[must_use]
    pub fn most_memory_kib_of_a_thread(&self) -> u32 {
        self.budget_kib / u32::try_from(self.threads).unwrap_or(u32::MAX).max(1)
    }
}

/// Shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// One thing that is wrong with the settings, or risky.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with its value.
    pub message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.message)
    }
}

impl Config {
    /// Reads the settings from the process's environment, and those that it lacks from a file.
    ///
    /// # Errors
    /// Every problem found, not only the first.
    pub fn from_env(file: &EnvFile) -> Result<Self, Vec<ConfigProblem>> {
        #[expect(clippy::disallowed_methods, reason = "this is the room that reads the environment")]
        let variable = |name: &str| std::env::var_os(name);
        let not_text =
            VARIABLES.iter().filter(|known| variable(known.name).is_some_and(|text| text.to_str().is_none()));
        let mut problems: Vec<ConfigProblem> = not_text
            .map(|known| ConfigProblem { variable: known.name, message: "is not UTF-8 text".to_owned() })
            .collect();
        let read = Self::from_lookup(|name| match variable(name) {
            Some(text) => text.into_string().ok(),
            None => file.get(name).map(ToOwned::to_owned),
        });
        match read {
            Ok(config) if problems.is_empty() => Ok(config),
            Ok(_) => Err(problems),
            Err(others) => {
                problems.extend(others);
                Err(problems)
            }
        }
    }

    /// Reads the settings from anywhere.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigProblem>> {
        parse::config(&lookup)
    }

    /// What a login with a password grants today.
    #[must_use]
    pub fn grant(&self, audience: Option<&str>) -> Grant {
        Grant::of_password(self.scopes.to_string(), audience.map(str::to_owned))
    }

    /// What refreshes are judged by.
    #[must_use]
    pub fn rotation_rules(&self) -> Rules {
        Rules { windows: self.lifetimes.windows, limits: self.sharing_limits }
    }

    /// Every variable with its value in force; the password in the database's URL is hidden.
    #[must_use]
    pub fn effective(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LISTEN", self.listen.to_string()),
            ("DATABASE_URL", self.database.to_string()),
            ("DATABASE_POOL_SIZE", self.database_pool_size.to_string()),
            ("ISSUER", self.issuer.clone()),
            ("AUDIENCE", self.audiences.to_string()),
            ("SCOPES", self.scopes.names().join(",")),
            ("KEYS_DIR", self.keys.dir.display().to_string()),
            ("KEYS_PASSPHRASE", self.keys.passphrase.as_ref().map_or("", |_| "<secret>").to_owned()),
            ("KEYS_PASSPHRASE_FILE", self.keys_passphrase_file.clone()),
            ("KEY_ROTATION_PERIOD", self.key_policy.rotation_period.map_or("off".to_owned(), |span| span.to_string())),
            ("JWKS_MAX_AGE", self.key_policy.jwks_max_age.to_string()),
            ("SIGNING_ALG", self.audiences.default_alg().to_string()),
            ("ACCESS_TOKEN_LIFETIME", self.lifetimes.access.to_string()),
            ("REFRESH_IDLE_LIFETIME", self.lifetimes.refresh_idle.to_string()),
            ("SESSION_LIFETIME", self.lifetimes.session.to_string()),
            ("REFRESH_SETTLE_WINDOW", self.lifetimes.windows.settle.to_string()),
            ("REFRESH_RETRY_WINDOW", self.lifetimes.windows.retry.to_string()),
            ("REFRESH_STRANGE_LIMIT", self.sharing_limits.strange.to_string()),
            ("REFRESH_SHARED_LIMIT", self.sharing_limits.shared.to_string()),
            ("SESSION_RETENTION", self.lifetimes.retention.to_string()),
            ("AUDIT_RETENTION", self.audit_retention.to_string()),
            ("REAUTHENTICATION_PERIOD", self.reauthentication_period.to_string()),
            ("FIRST_ADMIN_PASSWORD_FILE", self.first_admin_password_file.display().to_string()),
            ("BASIC_AUTH", if self.basic_auth { "on" } else { "off" }.to_owned()),
            ("ARGON2_MEMORY_KIB", self.argon2.memory_kib.to_string()),
            ("ARGON2_ITERATIONS", self.argon2.iterations.to_string()),
            ("ARGON2_THREADS", self.argon2.threads.to_string()),
            ("CORS_ORIGINS", self.cors_origins.join(",")),
            ("TRUSTED_PROXIES", self.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")),
            ("REQUEST_TIMEOUT", self.request_timeout.to_string()),
            ("SHUTDOWN_TIMEOUT", self.shutdown_timeout.to_string()),
            ("METRICS_LISTEN", self.metrics_listen.map(|address| address.to_string()).unwrap_or_default()),
            ("LOG_FORMAT", if self.log_format == LogFormat::Json { "json" } else { "text" }.to_owned()),
            ("RUST_LOG", self.log_filter.clone()),
        ]
    }
}

#[cfg(test)]
mod tests;
