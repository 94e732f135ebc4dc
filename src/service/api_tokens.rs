//! API tokens: making, listing, replacing and revoking them, and what they are exchanged for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::pair::Purpose;
use super::users::invalid;
use super::{audit, deadline};
use crate::app::{App, Issuer};
use crate::clock::{Clock, Seconds, Timestamp};
use crate::error::{Error, root_cause};
use crate::jwt::{AccessClaims, Audience, Issuing};
use crate::model::api_token::{ApiToken, ApiTokenId, ApiTokenState};
use crate::model::audit::{EventName, Origin};
use crate::model::denial::Denial;
use crate::model::id::{Jti, SessionId, UserId};
use crate::model::user::{DisplayName, Roles, Scopes, User};
use crate::secret::{ApiKey, BadApiKey, KEY_PREFIX, Secret};
use crate::store::{Store, WriteTx};
use crate::verifier::{ApiTokenError, ApiTokens, Authenticated, BearerError};

/// So many a user may have that are accepted; more would be a mistake of a script.
const MOST_API_TOKENS: usize = 100;

/// So many may be on record, with those that have expired or were revoked.
const MOST_ON_RECORD: usize = 1_000;

/// Ten years: beyond it a token that never expires is meant.
const LONGEST_LIFETIME: Seconds = Seconds(3_650 * 86_400);

/// The last use is recorded to the minute.
const USE_PRECISION: Seconds = Seconds(60);

/// What a new token is made of, as it was typed.
pub struct NewApiToken<'a> {
    /// The owner's name for it.
    pub name: &'a str,
    /// What it may be used for.
    pub scopes: &'a [String],
    /// Roles of the owner that it shall have.
    pub roles: &'a [String],
    /// How long it shall live.
    pub lifetime: Option<Seconds>,
}

/// What an API token is exchanged for.
pub struct Exchanged {
    /// The access token.
    pub access_token: String,
    /// How long it is valid.
    pub expires_in: Seconds,
    /// Its scopes.
    pub scope: Option<String>,
}

/// Makes a token; answers it with its key, which nobody can see again.
///
/// # Errors
/// [`Error::Invalid`], [`Error::TooManyApiTokens`], [`Error::UserUnknown`], [`Error::AccountDisabled`],
/// [`Error::Unavailable`].
pub fn create(app: &App, owner: UserId, new: &NewApiToken<'_>, origin: &Origin) -> Result<(ApiToken, ApiKey), Error> {
    let now = app.clock.now();
    let name = new.name.parse::<DisplayName>().map_err(invalid("name"))?;
    let scopes = Scopes::new(new.scopes).map_err(invalid("scopes"))?;
    let roles = Roles::new(new.roles).map_err(invalid("roles"))?;
    if let Some(other) = scopes.names().iter().find(|scope| !app.config.scopes.contains(scope)) {
        return Err(Error::invalid("scopes", "invalid", format!("{other} is none of this service's scopes")));
    }
    if new.lifetime.is_some_and(|lifetime| !(Seconds(1)..=LONGEST_LIFETIME).contains(&lifetime)) {
        let message = format!("must be from 1 to {} seconds", LONGEST_LIFETIME.0);
        return Err(Error::invalid("expires_in", "invalid", message));
    }
    let key = ApiKey::generate(&*app.entropy)?;
    let token = ApiToken {
        id: ApiTokenId::generate(now, &*app.entropy)?,
        user_id: owner,
        name,
        sid: SessionId::generate(now, &*app.entropy)?,
        scopes,
        roles,
        created_at: now,
        expires_at: new.lifetime.map(|lifetime| now + lifetime),
        last_used_at: None,
        access_expires_by: now,
        revoked_at: None,
    };
    let event = origin.event(now, EventName::ApiTokenCreated).about(owner).with(described(token.id, token.sid));
    app.store.write(|tx| {
        let user = tx.reading().find_user(owner)?.ok_or(Error::UserUnknown)?;
        if user.disabled_at.is_some() {
            return Err(Error::AccountDisabled);
        }
        if let Some(other) = token.roles.names().iter().find(|role| !user.roles.contains(role)) {
            return Err(Error::invalid("roles", "invalid", format!("{other} is none of your roles")));
        }
        let others = tx.lock_api_tokens_of(owner)?;
        if others.len() >= MOST_ON_RECORD {
            return Err(Error::TooManyApiTokens(MOST_ON_RECORD));
        }
        if others.iter().filter(|other| other.state(now) == ApiTokenState::Active).count() >= MOST_API_TOKENS {
            return Err(Error::TooManyApiTokens(MOST_API_TOKENS));
        }
        tx.insert_api_token(&token, &key.digest())?;
        tx.insert_event(&event)
    })?;
    audit::tell(&app.metrics, &event);
    Ok((token, key))
}

/// Gives a token another key. The old one is refused from now on, and so is what it was exchanged for.
///
/// # Errors
/// [`Error::ApiTokenNotFound`] when the owner has no such token that is accepted, [`Error::Unavailable`].
pub fn rotate(issuer: &Issuer, owner: UserId, id: ApiTokenId, origin: &Origin) -> Result<(ApiToken, ApiKey), Error> {
    let app = &issuer.app;
    let now = app.clock.now();
    let key = ApiKey::generate(&*app.entropy)?;
    let sid = SessionId::generate(now, &*app.entropy)?;
    let event = origin.event(now, EventName::ApiTokenRotated).about(owner).with(described(id, sid));
    let (token, denial) = app.store.write(|tx| {
        let token = find(tx, owner, id)?;
        if token.state(now) != ApiTokenState::Active {
            return Err(Error::ApiTokenNotFound);
        }
        let denial = tx.deny_api_token(&token, now, app.config.lifetimes.access)?;
        tx.set_api_key(id, &key.digest())?;
        tx.set_api_token_sid(id, sid)?;
        tx.insert_event(&event)?;
        Ok((ApiToken { sid, ..token }, denial))
    })?;
    audit::tell(&app.metrics, &event);
    issuer.denylist.add([denial]);
    Ok((token, key))
}

/// Revokes a token, and denies what it was exchanged for; answers whether it was not revoked before.
///
/// # Errors
/// [`Error::ApiTokenNotFound`] when the owner has no such token, [`Error::Unavailable`].
pub fn revoke(issuer: &Issuer, owner: UserId, id: ApiTokenId, origin: &Origin) -> Result<bool, Error> {
    let app = &issuer.app;
    let now = app.clock.now();
    let event = origin.event(now, EventName::ApiTokenRevoked).about(owner).with(id);
    let denial = app.store.write(|tx| {
        let token = find(tx, owner, id)?;
        if token.revoked_at.is_some() {
            return Ok(None);
        }
        tx.revoke_api_token(id, now)?;
        tx.insert_event(&event)?;
        tx.deny_api_token(&token, now, app.config.lifetimes.access).map(Some)
    })?;
    if denial.is_some() {
        audit::tell(&app.metrics, &event);
    }
    let was_active = denial.is_some();
    issuer.denylist.add(denial);
    Ok(was_active)
}

/// Revokes all tokens of a user; answers how many.
///
/// # Errors
/// [`Error::Unavailable`]; those that were revoked until then stay so.
pub fn revoke_all(issuer: &Issuer, owner: UserId, origin: &Origin) -> Result<usize, Error> {
    let now = issuer.app.clock.now();
    let mut revoked = 0;
    for token in issuer.app.store.read(|tx| tx.list_api_tokens(owner))? {
        if token.state(now) == ApiTokenState::Active && revoke(issuer, owner, token.id, origin)? {
            revoked += 1;
        }
    }
    Ok(revoked)
}

/// A user's token, locked.
fn find(tx: &mut WriteTx<'_>, owner: UserId, id: ApiTokenId) -> Result<ApiToken, Error> {
    let token = tx.lock_api_token(id)?;
    token.filter(|token| token.user_id == owner).ok_or(Error::ApiTokenNotFound)
}

/// For the audit log: what is done with a token is recorded with its `sid` as the session.
fn described(id: ApiTokenId, sid: SessionId) -> String {
    format!("{id} session {sid}")
}

/// Denies what a user's tokens were exchanged for; answers the denials. What they will be exchanged for later has another
/// `sid`, and is not denied.
pub(super) fn deny_all(app: &App, tx: &mut WriteTx<'_>, owner: UserId, now: Timestamp) -> Result<Vec<Denial>, Error> {
    let mut denials = Vec::new();
    for token in tx.lock_api_tokens_of(owner)? {
        if token.state(now) == ApiTokenState::Active {
            denials.push(tx.deny_api_token(&token, now, app.config.lifetimes.access)?);
            tx.set_api_token_sid(token.id, SessionId::generate(now, &*app.entropy)?)?;
        }
    }
    Ok(denials)
}

/// Exchanges a key for an access token for `audience`, or the first: what other services take. There is no refresh token:
/// the key is there to be exchanged again.
///
/// # Errors
/// [`Error::Invalid`] for an audience that is not served, [`Error::Bearer`] with an [`ApiTokenError`],
/// [`Error::Unavailable`].
pub fn exchange(issuer: &Issuer, key: &str, audience: Option<&str>) -> Result<Exchanged, Error> {
    let app = &issuer.app;
    let purpose = Purpose::find(app, audience)?;
    let known = &issuer.api_tokens;
    let (token, user) = known.find(key)?;
    let now = app.clock.now();
    let mut claims = known.claims(&token, &user, now);
    claims.aud = Audience::One(purpose.audience.to_owned());
    claims.jti = Jti::from_bytes(app.entropy.bytes()?);
    if token.access_expires_by < claims.exp {
        // Promised before it is signed, and beyond what is needed: one write each lifetime.
        let promised = claims.exp + app.config.lifetimes.access;
        let is_the_same = app.store.write(|tx| {
            let found = tx.lock_api_token(token.id)?;
            let is_the_same = found.as_ref().is_some_and(|found| found.sid == token.sid && found.revoked_at.is_none());
            if is_the_same && found.is_some_and(|found| found.access_expires_by < promised) {
                tx.promise_access(token.id, promised)?;
            }
            Ok(is_the_same)
        })?;
        if !is_the_same {
            // Something has happened to it since: what, it says itself.
            known.find(key)?;
            return Err(Error::Overloaded { retry_after: Seconds(1) });
        }
    }
    let access_token = issuer.keys.ring().sign_access(&claims, purpose.alg, now)?;
    known.used(&token, now);
    app.metrics.exchange();
    Ok(Exchanged { access_token, expires_in: claims.exp - now, scope: claims.scope })
}

/// White space around a key is no part of it.
fn parsed(text: &str) -> Result<ApiKey, ApiTokenError> {
    text.trim().parse().map_err(|_bad_form: BadApiKey| ApiTokenError::Malformed)
}

fn refused(why: ApiTokenError) -> Error {
    Error::Bearer(BearerError::ApiToken(why))
}

/// The API tokens as the extractors of this service's own routes ask for them, and their uses that are not on record yet.
pub struct KnownApiTokens {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    issuer: String,
    audience: String,
    scopes: Scopes,
    access_lifetime: Seconds,
    uses: Mutex<HashMap<ApiTokenId, Timestamp>>,
    places: Semaphore,
}

impl KnownApiTokens {
    /// Those of this app.
    #[must_use]
    pub fn new(app: &App) -> Self {
        let config = &app.config;
        Self {
            store: Arc::clone(&app.store),
            clock: Arc::clone(&app.clock),
            issuer: config.issuer.clone(),
            audience: config.audiences.first().first().cloned().unwrap_or_default(),
            scopes: config.scopes.clone(),
            access_lifetime: config.lifetimes.access,
            uses: Mutex::default(),
            places: Semaphore::new(usize::try_from(config.database_pool_size / 2).unwrap_or(1).max(1)),
        }
    }

    /// Waits for its turn, where a text is an API token that the database must be asked for: anybody may send as many as they
    /// like, and half of the connections are for everything else. Given back when dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the turn does not come in time.
    pub async fn place(&self, text: &str) -> Result<Option<SemaphorePermit<'_>>, Error> {
        let Ok(_is_one) = parsed(text) else { return Ok(None) };
        Ok(deadline::in_time(self.places.acquire()).await?.ok())
    }

    /// The token with this key and its owner, whether or not they are accepted.
    ///
    /// # Errors
    /// [`Error::Bearer`] with the [`ApiTokenError`] when there is none, [`Error::Unavailable`].
    pub fn find_any(&self, key: &str) -> Result<(ApiToken, User), Error> {
        // Before the database is asked: garbage costs no query.
        let key = parsed(key).map_err(refused)?;
        let found = self.store.read(|tx| tx.find_api_token(&key.digest()))?;
        found.ok_or(refused(ApiTokenError::Unknown))
    }

    /// The token with this key and its owner, if they are accepted.
    ///
    /// # Errors
    /// [`Error::Bearer`] with the [`ApiTokenError`], [`Error::Unavailable`].
    pub fn find(&self, key: &str) -> Result<(ApiToken, User), Error> {
        let (token, user) = self.find_any(key)?;
        match token.state(self.clock.now()) {
            ApiTokenState::Revoked => Err(refused(ApiTokenError::Revoked)),
            ApiTokenState::Expired => Err(refused(ApiTokenError::Expired)),
            ApiTokenState::Active if user.disabled_at.is_some() => Err(refused(ApiTokenError::AccountDisabled)),
            ApiTokenState::Active => Ok((token, user)),
        }
    }

    /// What the token is worth now.
    #[must_use]
    pub fn claims(&self, token: &ApiToken, owner: &User, now: Timestamp) -> AccessClaims {
        let lifetime_ends_at = now + self.access_lifetime;
        let exp = token.expires_at.map_or(lifetime_ends_at, |at| at.min(lifetime_ends_at));
        let (issuer, audience, jti) = (&self.issuer, &self.audience, Jti::from_bytes(*token.id.as_bytes()));
        Issuing { issuer, audience, jti, iat: now, exp }.of_api_token(token, owner, &self.scopes)
    }

    /// Remembers a use, to be recorded later.
    fn used(&self, token: &ApiToken, now: Timestamp) {
        if token.last_used_at.is_none_or(|at| now - at >= USE_PRECISION) {
            self.uses.lock().unwrap_or_else(PoisonError::into_inner).entry(token.id).or_insert(now);
        }
    }

    /// Records the uses since the last time.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: they are lost.
    pub fn record_uses(&self) -> Result<(), Error> {
        let uses = std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner));
        if uses.is_empty() {
            return Ok(());
        }
        let mut uses: Vec<_> = uses.into_iter().collect();
        self.store.write(|tx| tx.record_uses(&mut uses))
    }
}

/// For the extractors: those may not wait on their thread.
pub struct SharedApiTokens(pub Arc<KnownApiTokens>);

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
                Error::Bearer(BearerError::ApiToken(why)) => why,
                error => {
                    log::error!(cause = root_cause(&error); "an API token cannot be looked up");
                    let gone = matches!(error, Error::Unavailable(_));
                    if gone { ApiTokenError::Unavailable } else { ApiTokenError::Internal }
                }
            })
        })
    }
}
