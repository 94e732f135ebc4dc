//! The parts of the service, built once and shared; no statics.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::clock::{Clock, Seconds};
use crate::config::Config;
use crate::engine::api_tokens::{KnownApiTokens, SharedApiTokens};
use crate::engine::claims_hook::ClaimsHook;
use crate::engine::denylist::Denylist;
use crate::engine::feed::Feed;
use crate::engine::known_claims::KnownClaims;
use crate::engine::known_clients::KnownClients;
use crate::engine::known_keys::KnownKeys;
use crate::engine::limiter::Limiter;
use crate::engine::mail;
use crate::engine::outbox::Outbox;
use crate::engine::provider_turns::ProviderTurns;
use crate::engine::rotator::{Batches, Rotator};
use crate::engine::turns::Turns;
use crate::engine::unit::Units;
use crate::entropy::{Entropy, NoEntropy};
use crate::error::{Error, root_cause};
use crate::jwt::{DataKeys, Expected, KeyFileError, Keys};
use crate::metrics::Metrics;
use crate::oauth::redirect_uri::check;
use crate::outbound::{Documents, Mailer, Outbound};
use crate::password::{HashError, Hasher};
use crate::store::{IfMissing, Store};
use tokensmith_verifier::Verifier;
use tokensmith_verifier::issuing::{Inside, KeySource};

/// What every use case needs: settings, database, machines, time and randomness.
pub struct App {
    /// The settings.
    pub config: Config,
    /// Whether browsers get cookies for TLS only: everywhere but at a loopback address without TLS.
    pub(crate) has_secure_cookies: bool,
    /// The database.
    pub store: Arc<Store>,
    /// Writes changes with their events and denials, and reports them.
    pub(crate) units: Units,
    /// The password hashes.
    pub hasher: Hasher,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The keys; empty before [`App::load`].
    pub keys: Arc<Keys>,
    /// The keys, with the search for unknown ones.
    pub(crate) known_keys: Arc<KnownKeys>,
    /// The keys that encrypt stored secrets.
    pub(crate) data_keys: Arc<DataKeys>,
    /// The denylist in memory; empty before [`App::load`].
    pub denylist: Arc<Denylist>,
    /// The denylist for other services.
    pub(crate) feed: Feed,
    /// The registered applications: none before [`App::load`].
    pub known_clients: KnownClients,
    /// The custom claims: only those of the settings before [`App::load`].
    pub known_claims: KnownClaims,
    /// What is asked for claims, if there is something.
    pub(crate) claims_hook: Option<ClaimsHook>,
    /// The API tokens.
    pub api_tokens: Arc<KnownApiTokens>,
    /// Verifies the access tokens of requests to this service.
    pub verifier: Verifier,
    /// Judges and records refreshes.
    pub(crate) rotator: Rotator,
    /// Limits on wrong guesses.
    pub limiter: Limiter,
    /// Turns for looking up accounts at logins.
    pub(crate) lookups: Arc<Turns>,
    /// Turns for calls to providers.
    pub(crate) provider_turns: ProviderTurns,
    /// Sends mail.
    pub outbox: Outbox,
    /// Calls other servers.
    pub outbound: Outbound,
    /// What they publish.
    pub(crate) documents: Documents,
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
    /// Calls to other servers.
    #[error("calls to other servers: {0}")]
    Outbound(String),
    /// Mail.
    #[error("mail: {0}")]
    Mail(String),
    /// The threads that refreshes are written by.
    #[error("cannot start threads: {0}")]
    Threads(#[from] io::Error),
    /// The randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

impl App {
    /// Opens the database, applies missing migrations, and starts the machines and their threads. It does not use the
    /// folder of the keys, which commands for users do not need.
    pub fn build(
        config: Config,
        if_missing: IfMissing,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, StartError> {
        let outbound = Outbound::new(&config).map_err(StartError::Outbound)?;
        let mailer = Mailer::new(&config).map_err(StartError::Mail)?;
        let store = open(&config, if_missing, &*entropy)?;
        let metrics = Arc::<Metrics>::default();
        let keys = Arc::new(Keys::none(config.keys.clone(), config.key_policy.clone())?);
        let denylist = Arc::new(Denylist::new(entropy.bytes()?));
        let known_keys = Arc::new(KnownKeys::new(Arc::clone(&keys), Arc::clone(&denylist)));
        let api_tokens = Arc::new(KnownApiTokens::new(&config, Arc::clone(&store), Arc::clone(&clock)));
        let verifier = Verifier::inside(Inside {
            keys: Arc::clone(&known_keys) as Arc<dyn KeySource>,
            denied: Arc::clone(denylist.set()),
            api_tokens: Arc::new(SharedApiTokens(Arc::clone(&api_tokens))),
            issuer: &config.issuer,
            // Tokens for other audiences are not accepted here.
            audiences: config.audiences.first(),
            clock: Arc::clone(&clock),
        });
        let units = Units::new(Arc::clone(&store), Arc::clone(&denylist), Arc::clone(&metrics));
        let batches =
            Batches::new(&config, Arc::clone(&store), units.clone(), Arc::clone(&clock), Arc::clone(&metrics));
        let lookups = Arc::new(Turns::new(&config));
        let data_keys = Arc::new(DataKeys::new(config.keys.clone()));
        let senders = mailer.map(|mailer| mail::sender(Arc::clone(&data_keys), mailer)).into_iter().collect();
        let hook = |settings| {
            ClaimsHook::new(settings, outbound.clone(), Arc::clone(&clock), Arc::clone(&entropy), Arc::clone(&metrics))
        };
        Ok(Self {
            claims_hook: config.claims_hook.clone().map(hook),
            rotator: Rotator::start(batches)?,
            hasher: Hasher::start(config.argon2, Arc::clone(&entropy), Arc::clone(&metrics))?,
            feed: Feed::new(config.issuer.clone(), Arc::clone(&keys), Arc::clone(&denylist), Arc::clone(&clock)),
            limiter: Limiter::new(Arc::clone(&store), Arc::clone(&keys), Arc::clone(&clock), Arc::clone(&lookups)),
            known_claims: KnownClaims::new(config.custom_claims.clone(), Arc::clone(&store)),
            known_clients: KnownClients::new(Arc::clone(&store), Arc::clone(&clock)),
            outbox: Outbox::new(store.clone(), clock.clone(), entropy.clone(), metrics.clone(), senders),
            lookups,
            provider_turns: ProviderTurns::default(),
            data_keys,
            documents: Documents::new(outbound.clone()),
            outbound,
            has_secure_cookies: !(config.issuer.starts_with("http://") && check(&config.issuer).is_ok()),
            config,
            store,
            units,
            clock,
            entropy,
            metrics,
            keys,
            known_keys,
            denylist,
            api_tokens,
            verifier,
        })
    }

    /// Loads the keys (after creating missing ones), the denylist, the registered applications and the custom claims, which
    /// are needed to issue and verify tokens. Returns the files of the new keys.
    pub fn load(&self) -> Result<Vec<PathBuf>, StartError> {
        let now = self.clock.now();
        let made = self.keys.load_or_create(now)?;
        let lacks_data_keys = self.lacks_data_keys().map_err(|error| of_database(&self.config, error))?;
        if self.config.mail_url.is_some() && !lacks_data_keys {
            // A command that runs as another user could make it so that the service cannot read it.
            self.data_keys.newest_or_new(self.entropy.bytes()?, now)?;
        }
        self.denylist.follow(&self.store, now).map_err(|error| of_database(&self.config, error))?;
        self.known_clients.follow().map_err(|error| of_database(&self.config, error))?;
        self.known_claims.follow().map_err(|error| of_database(&self.config, error))?;
        // OpenID Connect Core section 2: a client is the audience of its ID tokens.
        for audience in self.config.audiences.names() {
            if audience.parse().is_ok_and(|id| self.known_clients.find_known(&id).is_some()) {
                log::warn!(client:% = audience; "AUDIENCE names a registered application: a service that looks only at the \
                    audience would accept its ID tokens as access tokens");
            }
        }
        Ok(made)
    }

    /// Whether stored secrets are encrypted with a data key, and the folder has none. A first one that is made here would be one
    /// that no other instance and no backup has.
    pub(crate) fn lacks_data_keys(&self) -> Result<bool, Error> {
        let is_empty = self.data_keys.list().map_err(|error| Error::DataKeyUnavailable(error.into()))?.is_empty();
        Ok(is_empty && self.store.read(|tx| Ok(tx.has_totp()? || tx.has_providers()?))?)
    }

    /// What every access token of ours must claim, for any audience.
    pub fn expected(&self) -> Expected<'_> {
        let config = &self.config;
        Expected { issuer: &config.issuer, audiences: config.audiences.names(), leeway: Seconds::ZERO }
    }
}

/// The database with all migrations.
fn open(config: &Config, if_missing: IfMissing, entropy: &dyn Entropy) -> Result<Arc<Store>, StartError> {
    let store = Store::open(config, if_missing).map_err(|error| of_database(config, error))?;
    let store = store.with_probe_row(entropy.bytes()?);
    let applied = store.migrate().map_err(|error| of_database(config, error))?;
    if !applied.is_empty() {
        log::info!(database:% = config.database, migrations = applied.len(); "database migrated");
    }
    Ok(Arc::new(store))
}

fn of_database(config: &Config, error: Error) -> StartError {
    StartError::Database { url: config.database.to_string(), error }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};
    use crate::config::Argon2Cost;
    use crate::entropy::SeededEntropy;

    impl App {
        /// One whose clock stands still and whose hashes are cheap.
        pub(crate) fn on_an_empty_database(now: Timestamp) -> (TempDir, Self) {
            let dir = tempfile::tempdir().unwrap();
            let path = |name: &str| dir.path().join(name).display().to_string();
            let config = Config::from_lookup(|name| match name {
                "DATABASE_URL" => Some(format!("sqlite://{}", path("test.db"))),
                "KEYS_DIR" => Some(path("keys")),
                _ => None,
            });
            let mut config = config.unwrap();
            config.argon2 = Argon2Cost { memory_kib: 64, iterations: 1, threads: 1, budget_kib: 64 };
            let clock = Arc::new(ManualClock::new(now));
            let entropy = Arc::new(SeededEntropy::new(1));
            let app = Self::build(config, IfMissing::Create, clock, entropy).unwrap();
            (dir, app)
        }
    }
}
