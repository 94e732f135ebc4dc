//! API tokens: creating, replacing and revoking them, and exchanging them for access tokens.

use std::sync::Arc;

use super::fields::invalid;
use super::pair::Purpose;
use super::signing::sign_access;
use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::Audience;
use crate::model::api_token::{ApiToken, ApiTokenId, ApiTokenState};
use crate::model::audit::{EventName, Origin};
use crate::model::custom_claim::About;
use crate::model::id::{Jti, SessionId, UserId, new_id};
use crate::model::names::{Roles, Scopes};
use crate::model::user::DisplayName;
use crate::secret::ApiKey;
use crate::store::{UnitTx, WriteTx};

/// The most active API tokens of a user. More are probably a mistake in a script.
const MAX_API_TOKENS: usize = 100;

/// The most stored API tokens of a user, including expired and revoked ones.
const MAX_STORED_API_TOKENS: usize = 1_000;

/// Ten years. For more, use a token that does not expire.
const MAX_LIFETIME: Seconds = Seconds(3_650 * 86_400);

/// A new API token as it was requested.
pub(crate) struct NewApiToken<'a> {
    /// The owner's name for it.
    pub(crate) name: &'a str,
    /// The scopes.
    pub(crate) scopes: &'a [String],
    /// Roles of the owner that it gets.
    pub(crate) roles: &'a [String],
    /// How long it is valid; `None`: it does not expire.
    pub(crate) lifetime: Option<Seconds>,
}

/// The result of exchanging an API token.
pub(crate) struct Exchanged {
    /// The access token.
    pub(crate) access_token: String,
    /// How long it is valid.
    pub(crate) expires_in: Seconds,
    /// Its scopes.
    pub(crate) scope: Option<String>,
}

/// Creates a token; returns it with its key, which cannot be shown again.
pub(crate) fn create(
    app: &App,
    owner: UserId,
    new: &NewApiToken<'_>,
    origin: &Origin,
) -> Result<(ApiToken, ApiKey), Error> {
    let now = app.clock.now();
    let name = new.name.parse::<DisplayName>().map_err(invalid("name"))?;
    let scopes = Scopes::new(new.scopes).map_err(invalid("scopes"))?;
    let roles = Roles::new(new.roles).map_err(invalid("roles"))?;
    if let Some(other) = scopes.names().iter().find(|scope| !app.config.scopes.contains(scope)) {
        return Err(Error::invalid("scopes", "invalid", format!("{other} is not a scope of this service")));
    }
    if new.lifetime.is_some_and(|lifetime| !(Seconds(1)..=MAX_LIFETIME).contains(&lifetime)) {
        let message = format!("must be from 1 to {} seconds", MAX_LIFETIME.0);
        return Err(Error::invalid("expires_in", "invalid", message));
    }
    let key = ApiKey::generate(&*app.entropy)?;
    let token = ApiToken {
        id: new_id(now, &*app.entropy)?,
        user_id: owner,
        name,
        sid: new_id(now, &*app.entropy)?,
        scopes,
        roles,
        created_at: now,
        expires_at: new.lifetime.map(|lifetime| now + lifetime),
        last_used_at: None,
        access_expires_by: now,
        revoked_at: None,
    };
    let event = origin.event(now, EventName::ApiTokenCreated).about(owner).with(described(token.id, token.sid));
    let digest = key.digest();
    let token = app.units.run(move |tx| {
        let user = tx.reading().find_user(owner)?.ok_or(Error::UserUnknown)?;
        if user.disabled_at.is_some() {
            return Err(Error::AccountDisabled);
        }
        if let Some(other) = token.roles.names().iter().find(|role| !user.roles.contains(role)) {
            return Err(Error::invalid("roles", "invalid", format!("{other} is not one of your roles")));
        }
        check_room(&tx.lock_api_tokens_of(owner)?, now)?;
        tx.insert_api_token(&token, &digest)?;
        tx.record(event)?;
        Ok(token)
    })?;
    Ok((token, key))
}

/// Checks that a user with these tokens may have one more.
fn check_room(others: &[ApiToken], now: Timestamp) -> Result<(), Error> {
    if others.len() >= MAX_STORED_API_TOKENS {
        return Err(Error::TooManyApiTokens(MAX_STORED_API_TOKENS));
    }
    if others.iter().filter(|other| other.state(now) == ApiTokenState::Active).count() >= MAX_API_TOKENS {
        return Err(Error::TooManyApiTokens(MAX_API_TOKENS));
    }
    Ok(())
}

/// Gives a token a new key. The old key, and access tokens that it was exchanged for, are refused from now on.
pub(crate) fn rotate(app: &App, owner: UserId, id: ApiTokenId, origin: &Origin) -> Result<(ApiToken, ApiKey), Error> {
    let now = app.clock.now();
    let key = ApiKey::generate(&*app.entropy)?;
    let sid = new_id(now, &*app.entropy)?;
    let event = origin.event(now, EventName::ApiTokenRotated).about(owner).with(described(id, sid));
    let (digest, access) = (key.digest(), app.config.lifetimes.access);
    let token = app.units.run(move |tx| {
        let token = find(tx, owner, id)?;
        if token.state(now) != ApiTokenState::Active {
            return Err(Error::ApiTokenNotFound);
        }
        tx.deny_api_token(&token, now, access)?;
        tx.set_api_key(id, &digest, now)?;
        tx.set_api_token_sid(id, sid)?;
        tx.record(event)?;
        Ok(ApiToken { sid, ..token })
    })?;
    Ok((token, key))
}

/// Revokes a token and denies its access tokens; returns false if it was already revoked.
pub(crate) fn revoke(app: &App, owner: UserId, id: ApiTokenId, origin: &Origin) -> Result<bool, Error> {
    let now = app.clock.now();
    let event = origin.event(now, EventName::ApiTokenRevoked).about(owner).with(id);
    let access = app.config.lifetimes.access;
    app.units.run(move |tx| {
        let token = find(tx, owner, id)?;
        if token.revoked_at.is_some() {
            return Ok(false);
        }
        tx.revoke_api_token(id, now)?;
        tx.record(event)?;
        tx.deny_api_token(&token, now, access)?;
        Ok(true)
    })
}

/// Revokes all tokens of a user; returns how many.
///
/// After an error some of them may be revoked.
pub(crate) fn revoke_all(app: &App, owner: UserId, origin: &Origin) -> Result<usize, Error> {
    let now = app.clock.now();
    let mut revoked = 0;
    for token in app.store.read(|tx| tx.list_api_tokens(owner))? {
        if token.state(now) == ApiTokenState::Active && revoke(app, owner, token.id, origin)? {
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

/// The detail for the audit log, which records what is done with a token under its `sid`.
fn described(id: ApiTokenId, sid: SessionId) -> String {
    format!("{id} session {sid}")
}

/// Part of a unit: denies the access tokens of a user's API tokens. Later access tokens get another `sid` and are not
/// denied.
pub(super) fn deny_all(
    app: &App,
    owner: UserId,
    now: Timestamp,
) -> impl FnOnce(&mut UnitTx<'_>) -> Result<(), Error> + Send + 'static {
    let (access, entropy) = (app.config.lifetimes.access, Arc::clone(&app.entropy));
    move |tx| {
        for token in tx.lock_api_tokens_of(owner)? {
            if token.state(now) == ApiTokenState::Active {
                tx.deny_api_token(&token, now, access)?;
                tx.set_api_token_sid(token.id, new_id(now, &*entropy)?)?;
            }
        }
        Ok(())
    }
}

/// Exchanges a key for an access token for `audience` (by default the first one), for other services. There is no
/// refresh token, since the key can be exchanged again.
pub(crate) fn exchange(app: &App, key: &str, audience: Option<&str>) -> Result<Exchanged, Error> {
    let purpose = Purpose::find(app, audience)?;
    let known = &app.api_tokens;
    let (token, user) = known.find(key)?;
    let now = app.clock.now();
    let mut claims = known.claims(&token, &user, now);
    claims.aud = Audience::One(purpose.audience.to_owned());
    claims.jti = Jti::from_bytes(app.entropy.bytes()?);
    if token.access_expires_by < claims.exp {
        // Stored before the token is signed, and for longer than needed, so that there is one write per lifetime.
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
            // It has changed since then; `find` returns the reason.
            known.find(key)?;
            return Err(Error::Overloaded { retry_after: Seconds(1) });
        }
    }
    let about = About { user: Some(&user), ..About::default() };
    let access_token = sign_access(app, &mut claims, about, purpose.alg, now)?;
    known.used(&token, now);
    app.metrics.exchange();
    Ok(Exchanged { access_token, expires_in: claims.exp - now, scope: claims.scope })
}
