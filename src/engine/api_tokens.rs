//! Looking up API tokens for the extractors of this service's own routes, and recording their uses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::deadline;
use super::turns::Turns;
use crate::clock::{Clock, Seconds, Timestamp};
use crate::config::Config;
use crate::error::{Error, root_cause};
use crate::jwt::{AccessClaims, Issuing};
use crate::model::api_token::{ApiToken, ApiTokenId, ApiTokenRefusal, ApiTokenState};
use crate::model::compat::Compat;
use crate::model::id::Jti;
use crate::model::names::Scopes;
use crate::model::user::User;
use crate::secret::{ApiKey, BadApiKey, DrfKey, KEY_PREFIX, KeyDigest, Secret};
use crate::store::Store;
use tokensmith_verifier::issuing::{ApiTokenError, ApiTokens, Authenticated};

/// The last use is recorded to the minute.
const USE_PRECISION: Seconds = Seconds(60);

/// The number of lookups that may wait for a turn. More are refused with a time to retry.
const MAX_WAITING: usize = 4_096;

/// When to retry after too many were waiting.
pub(crate) const BUSY_RETRY_AFTER: Seconds = Seconds(1);

/// The API tokens, and their uses that are not recorded yet.
pub struct KnownApiTokens {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    issuer: String,
    audience: String,
    scopes: Scopes,
    access_lifetime: Seconds,
    compat: Compat,
    uses: Mutex<HashMap<ApiTokenId, Timestamp>>,
    turns: Turns,
    /// Places to wait for a turn.
    waiting: Semaphore,
}

impl KnownApiTokens {
    /// The API tokens of this database.
    pub(crate) fn new(config: &Config, store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            issuer: config.issuer.clone(),
            audience: config.audiences.first().first().cloned().unwrap_or_default(),
            scopes: config.scopes.clone(),
            access_lifetime: config.lifetimes.access,
            compat: config.compat,
            uses: Mutex::default(),
            turns: Turns::new(config),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    /// The digest of a key. White space around it is ignored.
    fn digest(&self, text: &str) -> Result<KeyDigest, ApiTokenRefusal> {
        let text = text.trim();
        if let Some(digest) = self.digest_of_drf(text) {
            return Ok(digest);
        }
        let key = text.parse().map_err(|_bad_form: BadApiKey| ApiTokenRefusal::Malformed);
        key.map(|key: ApiKey| key.digest())
    }

    /// Whether a text looks like the key of an API token; a JWT never does.
    pub(crate) fn looks_like_one(&self, text: &str) -> bool {
        let text = text.trim_start();
        text.starts_with(KEY_PREFIX) || self.digest_of_drf(text.trim_end()).is_some()
    }

    /// The digest of a key of Django REST framework, where those are accepted.
    fn digest_of_drf(&self, text: &str) -> Option<KeyDigest> {
        let key = text.parse::<DrfKey>().ok().filter(|_| self.compat == Compat::SimpleJwt);
        key.map(|key| key.digest())
    }

    /// If a text has the form of an API token, waits for a turn to ask the database: in order, and at most as long as a
    /// request may wait for the database.
    pub(crate) async fn place(&self, text: &str) -> Result<Option<SemaphorePermit<'_>>, Error> {
        let Ok(_is_one) = self.digest(text) else { return Ok(None) };
        let busy = |_full| Error::Overloaded { retry_after: BUSY_RETRY_AFTER };
        let _waiting = self.waiting.try_acquire().map_err(busy)?;
        self.turns.turn().await.map(Some)
    }

    /// The token with this key and its owner, even if they are not accepted.
    pub(crate) fn find_any(&self, key: &str) -> Result<(ApiToken, User), Error> {
        // Before the database is asked, so that garbage costs no query.
        let digest = self.digest(key).map_err(Error::ApiTokenRefused)?;
        let found = self.store.read(|tx| tx.find_api_token(&digest))?;
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

    /// The claims that the token has now.
    pub(crate) fn claims(&self, token: &ApiToken, owner: &User, now: Timestamp) -> AccessClaims {
        let lifetime_ends_at = now + self.access_lifetime;
        let exp = token.expires_at.map_or(lifetime_ends_at, |at| at.min(lifetime_ends_at));
        let (issuer, audience, jti) = (&self.issuer, &self.audience, Jti::from_bytes(*token.id.as_bytes()));
        Issuing { issuer, audience, jti, iat: now, exp, compat: self.compat }.of_api_token(token, owner, &self.scopes)
    }

    /// Notes a use, which is recorded later.
    pub(crate) fn used(&self, token: &ApiToken, now: Timestamp) {
        if token.last_used_at.is_none_or(|at| now - at >= USE_PRECISION) {
            self.uses.lock().unwrap_or_else(PoisonError::into_inner).entry(token.id).or_insert(now);
        }
    }

    /// Records the uses since the last call.
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

/// For the extractors, which must not block their thread.
pub(crate) struct SharedApiTokens(pub(crate) Arc<KnownApiTokens>);

impl ApiTokens for SharedApiTokens {
    fn is_meant(&self, text: &str) -> bool {
        self.0.looks_like_one(text)
    }

    fn authenticate<'a>(&'a self, text: &'a str) -> Authenticated<'a> {
        Box::pin(async move {
            self.0.digest(text)?;
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
                Error::Overloaded { .. } => ApiTokenError::Overloaded,
                error => {
                    log::error!(cause = root_cause(&error); "cannot look up an API token");
                    let gone = matches!(error, Error::Unavailable(_));
                    if gone { ApiTokenError::Unavailable } else { ApiTokenError::Internal }
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::clock::ManualClock;
    use crate::entropy::SeededEntropy;
    use crate::store::IfMissing;

    #[test]
    fn those_who_wait_to_be_looked_up_go_in_order_and_only_so_many_may() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("test.db").display());
        let config = Config::from_lookup(|name| (name == "DATABASE_URL").then(|| url.clone())).unwrap();
        let store = Arc::new(Store::open(&config, IfMissing::Create).unwrap());
        let known = KnownApiTokens::new(&config, store, Arc::new(ManualClock::new(Timestamp(0))));
        let key = ApiKey::generate(&SeededEntropy::new(1)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let _for_timeouts = runtime.enter();
        let poll = |place: Pin<&mut dyn Future<Output = _>>| place.poll(&mut Context::from_waker(Waker::noop()));
        let (mut turns, mut waiting) = (Vec::new(), Vec::new());
        let refused = loop {
            let mut place = Box::pin(known.place(key.expose()));
            match poll(place.as_mut()) {
                Poll::Ready(Ok(turn)) => turns.push(turn),
                Poll::Ready(Err(error)) => break error,
                Poll::Pending => waiting.push(place),
            }
        };
        assert!(matches!(refused, Error::Overloaded { retry_after: Seconds(1) }), "{refused}");
        assert_eq!(waiting.len(), MAX_WAITING);
        turns.pop();
        // A place that was given is kept.
        let next: Vec<_> = waiting.iter_mut().take(3).map(|place| poll(place.as_mut())).collect();
        assert_eq!(next.iter().map(Poll::is_ready).collect::<Vec<_>>(), [true, false, false]);
    }
}
