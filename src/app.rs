//! What the service is made of, built once and shared; no statics.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::entropy::Entropy;
use crate::error::{Error, root_cause};
use crate::jwt::{Expected, KeyFileError, KeyRing};
use crate::password::{HashError, Hasher};
use crate::service::denied::DeniedSet;
use crate::service::login_limit::LoginLimit;
use crate::service::rotator::Rotator;
use crate::store::Store;

/// What every use case needs: settings, rows, password hashes, time and randomness.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The rows.
    pub store: Arc<Store>,
    /// The password hashes.
    pub hasher: Hasher,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// What issues and verifies tokens: the app with its keys and its copy of the denylist.
pub struct Issuer {
    /// The app.
    pub app: App,
    /// The keys.
    pub keys: KeyRing,
    /// What is denied, in memory.
    pub denied: Arc<DeniedSet>,
    /// Judges and records refreshes.
    pub rotator: Rotator,
    /// How often logins failed of late.
    pub login_limit: LoginLimit,
}

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database.
    #[error("database {url}: {}", root_cause(.error))]
    Database {
        /// Its URL, without the password.
        url: String,
        /// What happened.
        error: Error,
    },
    /// The keys.
    #[error("keys: {0}")]
    Keys(#[from] KeyFileError),
    /// The password hashes.
    #[error("password hashing: {0}")]
    Hasher(#[from] HashError),
}

impl App {
    /// Opens the database, applies missing migrations and starts the hashing threads.
    ///
    /// # Errors
    /// [`StartError`] when one of them fails.
    pub fn build(config: Config, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<Self, StartError> {
        let database = |error| StartError::Database { url: config.database.to_string(), error };
        let store = Arc::new(Store::open(&config).map_err(database)?);
        let applied = store.migrate().map_err(database)?;
        if !applied.is_empty() {
            log::info!(database:% = config.database, migrations = applied.len(); "database migrated");
        }
        let hasher = Hasher::start(config.argon2, Arc::clone(&entropy))?;
        Ok(Self { config, store, hasher, clock, entropy })
    }

    /// What our own access tokens must say.
    #[must_use]
    pub fn expected(&self) -> Expected<'_> {
        Expected { issuer: &self.config.issuer, audience: &self.config.audience }
    }
}

impl Issuer {
    /// Loads the keys (after making a first one) and the denylist; answers also the file of a key that was made.
    ///
    /// # Errors
    /// [`StartError`] when one of them fails.
    pub fn build(app: App) -> Result<(Self, Option<PathBuf>), StartError> {
        let now = app.clock.now();
        let (keys, made) = KeyRing::load_or_create(&app.config.keys_dir, app.config.signing_alg, now)?;
        let denied = Arc::new(DeniedSet::default());
        let database = |error| StartError::Database { url: app.config.database.to_string(), error };
        denied.follow(&app.store, now).map_err(database)?;
        let rotator = Rotator::start(&app.store, &denied, &app.clock, app.config.lifetimes);
        Ok((Self { app, keys, denied, rotator, login_limit: LoginLimit::default() }, made))
    }
}
