//! What the service is made of, built once and shared; no statics.

use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, Seconds};
use crate::config::Config;
use crate::entropy::{Entropy, NoEntropy};
use crate::error::{Error, root_cause};
use crate::jwt::{Expected, KeyFileError, Keys};
use crate::metrics::Metrics;
use crate::password::{HashError, Hasher};
use crate::service::api_tokens::{KnownApiTokens, SharedApiTokens};
use crate::service::denylist::Denylist;
use crate::service::feed::LastAnswers;
use crate::service::known_keys::KnownKeys;
use crate::service::login_limit::LoginLimit;
use crate::service::proof::Lookups;
use crate::service::rotator::Rotator;
use crate::service::unit::Units;
use crate::store::{IfMissing, Store};
use crate::verifier::{Inside, KeySource, Verifier};

/// What every use case needs: settings, rows, password hashes, time and randomness.
pub struct App {
    /// The settings.
    pub config: Config,
    /// The rows.
    pub store: Arc<Store>,
    /// Writes what has to be recorded or denied, and tells of it.
    pub units: Units,
    /// What is denied, in memory.
    pub denylist: Arc<Denylist>,
    /// The password hashes.
    pub hasher: Hasher,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What issues and verifies tokens: the app with its keys and its copy of the denylist.
pub struct Issuer {
    /// The app.
    pub app: App,
    /// The keys.
    pub keys: Arc<Keys>,
    /// The same, searched for keys that are not known yet.
    pub known_keys: Arc<KnownKeys>,
    /// The app's denylist.
    pub denylist: Arc<Denylist>,
    /// What the feed of the denylist answered last.
    pub last_feed_answers: LastAnswers,
    /// The API tokens.
    pub api_tokens: Arc<KnownApiTokens>,
    /// Verifies the access tokens of requests to this service.
    pub verifier: Verifier,
    /// Judges and records refreshes.
    pub rotator: Rotator,
    /// How often logins failed of late.
    pub login_limit: LoginLimit,
    /// Turns to look up who wants to log in.
    pub lookups: Lookups,
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
    #[error("signing keys: {0}")]
    Keys(#[from] KeyFileError),
    /// The password hashes.
    #[error("password hashing: {0}")]
    Hasher(#[from] HashError),
    /// The randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

impl App {
    /// Opens the database, applies missing migrations and starts the hashing threads.
    ///
    /// # Errors
    /// [`StartError`] when one of them fails.
    pub fn build(
        config: Config,
        if_missing: IfMissing,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StartError> {
        let database = |error| StartError::Database { url: config.database.to_string(), error };
        let store = Store::open(&config, if_missing).map_err(database)?;
        let store = Arc::new(store.with_probe_row(entropy.bytes()?));
        let applied = store.migrate().map_err(database)?;
        if !applied.is_empty() {
            log::info!(database:% = config.database, migrations = applied.len(); "database migrated");
        }
        let hasher = Hasher::start(config.argon2, Arc::clone(&entropy))?;
        let denylist = Arc::new(Denylist::new(entropy.bytes()?));
        let metrics = Arc::<Metrics>::default();
        let units = Units::new(Arc::clone(&store), Arc::clone(&denylist), Arc::clone(&metrics));
        Ok(Self { config, store, units, denylist, hasher, clock, entropy, metrics })
    }

    /// What our own access tokens must say, whoever they are for.
    #[must_use]
    pub fn expected(&self) -> Expected<'_> {
        let Config { issuer, audiences, .. } = &self.config;
        Expected { issuer, audiences: audiences.names(), leeway: Seconds::ZERO }
    }
}

impl Issuer {
    /// Loads the keys (after making those that are missing) and the denylist; answers also the files of the keys that were
    /// made.
    ///
    /// # Errors
    /// [`StartError`] when one of them fails.
    pub fn build(app: App) -> Result<(Self, Vec<PathBuf>), StartError> {
        let now = app.clock.now();
        let Config { keys, key_policy, issuer, audiences, .. } = &app.config;
        let (keys, made) = Keys::open_or_create(keys.clone(), key_policy.clone(), now)?;
        let keys = Arc::new(keys);
        let denylist = Arc::clone(&app.denylist);
        let database = |error| StartError::Database { url: app.config.database.to_string(), error };
        denylist.follow(&app.store, now).map_err(database)?;
        let known_keys = Arc::new(KnownKeys::new(Arc::clone(&keys), Arc::clone(&denylist)));
        let source: Arc<dyn KeySource> = Arc::clone(&known_keys) as Arc<dyn KeySource>;
        let api_tokens = Arc::new(KnownApiTokens::new(&app));
        let verifier = Verifier::inside(Inside {
            keys: source,
            denied: Arc::clone(denylist.set()),
            api_tokens: Arc::new(SharedApiTokens(Arc::clone(&api_tokens))),
            issuer,
            // Tokens for other audiences are for those alone.
            audiences: audiences.first(),
            clock: Arc::clone(&app.clock),
        });
        let rotator = Rotator::start(&app);
        let lookups = Lookups::new(&app);
        let issuer = Self {
            app,
            keys,
            known_keys,
            denylist,
            last_feed_answers: LastAnswers::default(),
            api_tokens,
            verifier,
            rotator,
            login_limit: LoginLimit::default(),
            lookups,
        };
        Ok((issuer, made))
    }
}
