//! The API tokens as the extractors of this service's own routes ask for them, and their uses that are not on record yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::SemaphorePermit;

use super::deadline;
use super::turns::Turns;
use crate::clock::{Clock, Seconds, Timestamp};
use crate::config::Config;
use crate::error::{Error, root_cause};
use crate::jwt::{AccessClaims, Issuing};
use crate::model::api_token::{ApiToken, ApiTokenId, ApiTokenRefusal, ApiTokenState};
use crate::model::id::Jti;
use crate::model::names::Scopes;
use crate::model::user::User;
use crate::secret::{ApiKey, BadApiKey, KEY_PREFIX, Secret};
use crate::store::Store;
use tokensmith_verifier::issuing::{ApiTokenError, ApiTokens, Authenticated};

/// The last use is recorded to the minute.
const USE_PRECISION: Seconds = Seconds(60);

/// White space around a key is no part of it.
fn parsed(text: &str) -> Result<ApiKey, ApiTokenRefusal> {
    text.trim().parse().map_err(|_bad_form: BadApiKey| ApiTokenRefusal::Malformed)
}

/// The API tokens, and their uses that are not on record yet.
pub struct KnownApiTokens {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    issuer: String,
    audience: String,
    scopes: Scopes,
    access_lifetime: Seconds,
    uses: Mutex<HashMap<ApiTokenId, Timestamp>>,
    turns: Turns,
}

impl KnownApiTokens {
    /// Those of this database.
    pub(crate) fn new(config: &Config, store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            issuer: config.issuer.clone(),
            audience: config.audiences.first().first().cloned().unwrap_or_default(),
            scopes: config.scopes.clone(),
            access_lifetime: config.lifetimes.access,
            uses: Mutex::default(),
            turns: Turns::new(config),
        }
    }

    /// Waits for a turn to ask the database, where a text is an API token by its form.
    pub(crate) async fn place(&self, text: &str) -> Result<Option<SemaphorePermit<'_>>, Error> {
        let Ok(_is_one) = parsed(text) else { return Ok(None) };
        self.turns.turn().await.map(Some)
    }

    /// The token with this key and its owner, whether or not they are accepted.
    pub(crate) fn find_any(&self, key: &str) -> Result<(ApiToken, User), Error> {
        // Before the database is asked: garbage costs no query.
        let key = parsed(key).map_err(Error::ApiTokenRefused)?;
        let found = self.store.read(|tx| tx.find_api_token(&key.digest()))?;
        found.ok_or(Error::ApiTokenRefused(ApiTokenRefusal::Unknown))
    }

    /// The token with this key and its owner, if they are accepted.
    pub(crate) fn find(&self, key: &str) -> Result<(ApiToken, User), Error> {
        let (token, user) = self.find_any(key)?;
        match token.state(self.clock.now()) {
            ApiTokenState::Revoked => Err(Error::ApiTokenRefused(ApiTokenRefusal::Revoked)),
            ApiTokenState::Expired => Err(Error::ApiTokenRefused(ApiTokenRefusal::Expired)),
            ApiTokenState::Active if user.disabled_at.is_some() => Err(Error::AccountDisabled),
            ApiTokenState::Active => Ok((token, user)),
        }
    }

    /// What the token is worth now.
    pub(crate) fn claims(&self, token: &ApiToken, owner: &User, now: Timestamp) -> AccessClaims {
        let lifetime_ends_at = now + self.access_lifetime;
        let exp = token.expires_at.map_or(lifetime_ends_at, |at| at.min(lifetime_ends_at));
        let (issuer, audience, jti) = (&self.issuer, &self.audience, Jti::from_bytes(*token.id.as_bytes()));
        Issuing { issuer, audience, jti, iat: now, exp }.of_api_token(token, owner, &self.scopes)
    }

    /// Remembers a use, to be recorded later.
    pub(crate) fn used(&self, token: &ApiToken, now: Timestamp) {
        if token.last_used_at.is_none_or(|at| now - at >= USE_PRECISION) {
            self.uses.lock().unwrap_or_else(PoisonError::into_inner).entry(token.id).or_insert(now);
        }
    }

    /// Records the uses since the last time.
    ///
    /// After an error they are lost.
    pub fn record_uses(&self) -> Result<(), Error> {
        let uses = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() {
            return Ok(());
        }
        let mut uses: Vec<_> = uses.into_iter().collect();
        self.store.write(|tx| tx.record_uses(&mut uses))
    }
}

impl From<ApiTokenRefusal> for ApiTokenError {
    fn from(why: ApiTokenRefusal) -> Self {
        match why {
            ApiTokenRefusal::Malformed => Self::Malformed,
            ApiTokenRefusal::Unknown => Self::Unknown,
            ApiTokenRefusal::Expired => Self::Expired,
            ApiTokenRefusal::Revoked => Self::Revoked,
        }
    }
}

/// For the extractors: those may not wait on their thread.
pub(crate) struct SharedApiTokens(pub(crate) Arc<KnownApiTokens>);

impl ApiTokens for SharedApiTokens {
    fn is_meant(&self, text: &str) -> bool {
        text.starts_with(KEY_PREFIX)
    }

    fn authenticate<'a>(&'a self, text: &'a str) -> Authenticated<'a> {
        Box::pin(async move {
            parsed(text)?;
            let (known, key) = (Arc::clone(&self.0), Secret::new(text.to_owned()));
            let look_up = move || {
                let (token, user) = known.find(key.expose())?;
                let now = known.clock.now();
                known.used(&token, now);
                Ok(Arc::new(known.claims(&token, &user, now)))
            };
            let found = match self.0.place(text).await {
                Ok(_place) => deadline::on_a_thread(look_up).await,
                Err(error) => Err(error),
            };
            found.map_err(|error| match error {
                Error::ApiTokenRefused(why) => why.into(),
                Error::AccountDisabled => ApiTokenError::AccountDisabled,
                error => {
                    log::error!(cause = root_cause(&error); "an API token cannot be looked up");
                    let gone = matches!(error, Error::Unavailable(_));
                    if gone { ApiTokenError::Unavailable } else { ApiTokenError::Internal }
                }
            })
        })
    }
}
