//! Settings: from strings to a validated [`Config`], with every problem reported at once. The only room that reads
//! the environment.

mod audiences;
mod claims_file;
mod claims_hook;
mod compat;
mod compat_values;
mod database_url;
mod env_file;
mod log_filter;
mod machine;
mod mail;
mod page_values;
mod passkey_values;
mod passkeys;
mod pooler;
mod postgres_url;
mod proxy_url;
mod reader;
mod reference;
mod setting;
mod settings;
mod table;
mod together;
mod urls;
mod values;
mod warnings;

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

pub(crate) use audiences::Audiences;
pub(crate) use claims_hook::{ClaimsHook, HookFail};
pub(crate) use database_url::DatabaseUrl;
pub(crate) use env_file::EnvFile;
pub(crate) use mail::{Encryption, MailFrom, MailServer, MailUrl};
pub(crate) use pooler::Pooler;
pub(crate) use postgres_url::PostgresUrl;
pub(crate) use proxy_url::ProxyUrl;
pub use reference::{env_example, settings_reference};
pub(crate) use setting::{Secrecy, Setting};
pub(crate) use settings::{MAX_ARGON2_ITERATIONS, SETTINGS, Settings};
pub(crate) use together::min_argon2_memory_kib;

use crate::jwt::{KeyFolder, KeyPolicy, LegacyIssuer};
use crate::model::custom_claim::CustomClaim;
use crate::model::grant::{Grant, GrantRequest};
use crate::model::lifetimes::Lifetimes;
use crate::model::proof::{MFA, Method};
use crate::model::rotation::{Limits, Rules};
use crate::webauthn::RelyingParty;

/// Every setting: those that are used as they are, and values made from several settings.
#[derive(Clone, Debug)]
pub struct Config {
    settings: Settings,
    /// The `aud` of access tokens.
    pub(crate) audiences: Audiences,
    /// Folder of the private keys, and what decrypts them.
    pub(crate) keys: KeyFolder,
    /// When keys are created and removed, and their algorithms; the first is `SIGNING_ALG`.
    pub key_policy: KeyPolicy,
    /// What is asked for claims.
    pub(crate) claims_hook: Option<ClaimsHook>,
    /// The custom claims of `CLAIMS_FILE`.
    pub(crate) custom_claims: Vec<CustomClaim>,
    /// How long tokens are valid and sessions last.
    pub lifetimes: Lifetimes,
    /// How many late retries a session may have before it counts as shared.
    pub(crate) sharing_limits: Limits,
    /// Cost of a password hash.
    pub argon2: Argon2Cost,
    /// The issuer before this service, if its tokens are accepted.
    pub(crate) legacy: Option<LegacyIssuer>,
    /// Who asks for passkeys; none if browsers have no passkeys at the issuer.
    pub(crate) relying_party: Option<RelyingParty>,
}

/// Gives access to each setting, so that a new one needs no change in this file.
impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// Cost of a password hash (argon2id, one lane).
#[derive(Clone, Copy, Debug)]
pub struct Argon2Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// Number of hashes computed at the same time.
    pub threads: usize,
    /// Memory that all hashing together may use, in KiB: half of the memory of the process.
    pub budget_kib: u32,
}

impl Argon2Cost {
    /// The most memory that a stored hash may need, in KiB. A thread frees its own memory first and then waits for the
    /// rest, which other threads may be using. So every hash that was made within the budget can still be checked.
    pub(crate) fn max_stored_kib(&self) -> u32 {
        let others = u32::try_from(self.threads).unwrap_or(u32::MAX).saturating_sub(1);
        self.budget_kib.saturating_sub(self.memory_kib.saturating_mul(others)).max(self.memory_kib)
    }

    /// The most memory that each thread could have, in KiB.
    pub(crate) fn max_thread_memory_kib(&self) -> u32 {
        self.budget_kib / u32::try_from(self.threads).unwrap_or(u32::MAX).max(1)
    }
}

/// Shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("expected text or json"),
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// One thing that is wrong with the settings, or risky.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The variable.
    pub(crate) variable: &'static str,
    /// What is wrong with its value.
    pub(crate) message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.message)
    }
}

impl Config {
    /// Reads the settings from the process's environment, and the missing ones from a file.
    ///
    /// The error holds every problem found, not only the first.
    pub(crate) fn from_env(file: &EnvFile) -> Result<Self, Vec<ConfigProblem>> {
        #[expect(clippy::disallowed_methods, reason = "this is the room that reads the environment")]
        let variable = |name: &str| std::env::var_os(name);
        let not_text = SETTINGS.iter().filter(|known| variable(known.name).is_some_and(|text| text.to_str().is_none()));
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
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Vec<ConfigProblem>> {
        together::config(&lookup)
    }

    /// What a login with a password grants.
    pub fn grant(&self, audience: Option<&str>) -> Grant {
        let amr: Vec<&str> = Method::Password.amr().into_iter().collect();
        Grant::new(self.first_party(audience), &amr, self.acr(&amr))
    }

    /// The name of the strength of an authentication by these methods, if it has one.
    pub(crate) fn acr(&self, amr: &[&str]) -> Option<String> {
        if amr.contains(&MFA) { self.acr_two_factors.clone() } else { self.acr_one_factor.clone() }
    }

    /// What a login at the service itself asks for.
    pub(crate) fn first_party(&self, audience: Option<&str>) -> GrantRequest {
        GrantRequest::first_party(self.scopes.to_string(), audience.map(str::to_owned))
    }

    /// What a login at the endpoints of simplejwt asks for.
    pub(crate) fn simplejwt(&self) -> GrantRequest {
        GrantRequest::simplejwt(self.scopes.to_string())
    }

    /// The rules that decide about refreshes.
    pub fn rotation_rules(&self) -> Rules {
        Rules { windows: self.lifetimes.windows, limits: self.sharing_limits, rotates: true }
    }

    /// The same settings with another database.
    pub(crate) fn with_database(mut self, database: DatabaseUrl) -> Self {
        self.settings.database = database;
        self
    }

    /// Every setting with its value in force; secrets, and the password in the database's URL, are hidden.
    pub(crate) fn effective(&self) -> Vec<(&'static str, String)> {
        SETTINGS.iter().map(|setting| (setting.name, (setting.show)(self))).collect()
    }

    /// Settings that are valid but risky.
    pub(crate) fn warnings(&self) -> Vec<ConfigProblem> {
        let of_setting = |setting: &Setting| {
            let variable = setting.name;
            (setting.warn)(self).into_iter().map(move |message| ConfigProblem { variable, message })
        };
        SETTINGS.iter().flat_map(of_setting).collect()
    }
}

#[cfg(test)]
mod tests;
