//! Refresh tokens of the issuer before this service. Such a token becomes a session: it counts as the session's first
//! generation, which this service has not signed itself, and the judge treats it like any other.

use std::sync::Arc;

use super::refresh::Verified;
use super::{sessions, verify as verifying};
use crate::app::App;
use crate::engine::deadline;
use crate::error::Error;
use crate::jwt::{LegacyClaims, RefreshClaims, TokenError, refresh_claims};
use crate::model::audit::{EventName, Origin};
use crate::model::id::SessionId;
use crate::model::legacy_token::LegacyToken;
use crate::model::session::{Device, End, EndReason};
use crate::model::user::{ExternalId, User};
use crate::store::ReadTx;

/// The generation that such a token is of its session.
const GENERATION: i64 = 1;

/// What a token of that issuer says. What cannot be one is another kind of token of our own, which is not expected here.
fn read(app: &App, token: &str) -> Result<LegacyClaims, Error> {
    let Some(legacy) = &app.config.legacy else { return Err(Error::TokenRefused(TokenError::WrongType)) };
    legacy.verify(token, app.clock.now()).map_err(Error::TokenRefused)
}

/// The same, of a refresh token.
fn read_refresh(app: &App, token: &str) -> Result<LegacyClaims, Error> {
    let claims = read(app, token)?;
    if claims.is_refresh { Ok(claims) } else { Err(Error::TokenRefused(TokenError::WrongType)) }
}

/// Makes such a refresh token one of this service: its session is opened, unless an earlier request has done so.
pub(super) async fn take_over(
    app: &Arc<App>,
    token: &str,
    device: &Device,
    origin: &Origin,
) -> Result<Verified, Error> {
    let claims = read_refresh(app, token)?;
    let (asked, turn) = (Arc::clone(app), app.lookups.turn().await?);
    let (device, origin) = (device.clone(), origin.clone());
    let claims = deadline::on_a_thread(move || session_of(&asked, &claims, &device, &origin)).await?;
    drop(turn);
    Ok(Verified { claims, ring: app.keys.ring() })
}

/// The claims that the token would have if this service had issued it.
fn session_of(app: &App, claims: &LegacyClaims, device: &Device, origin: &Origin) -> Result<RefreshClaims, Error> {
    let only_outstanding = only_outstanding(app);
    let (user, opened) = app.store.read(|tx| {
        // To a client it looks the same whether the account was disabled or deleted.
        let user = find_user(tx, claims)?.filter(|user| user.disabled_at.is_none()).ok_or(Error::AccountDisabled)?;
        let opened = opened_by(only_outstanding, tx, &user, claims)?;
        Ok((user, opened))
    })?;
    let id = if let Some(id) = opened {
        id
    } else {
        let find = move |tx: &mut ReadTx<'_>, user: &User, claims: &_| opened_by(only_outstanding, tx, user, claims);
        sessions::open_legacy(app, user.id, claims.clone(), find, (device, origin))?
    };
    let (session, grant) = sessions::of_legacy(app, user.id, id, claims);
    Ok(RefreshClaims { exp: claims.expires_at, ..refresh_claims(&app.config.issuer, &session, &grant) })
}

/// Whether only those tokens are accepted that were imported.
fn only_outstanding(app: &App) -> bool {
    app.config.legacy.as_ref().is_none_or(|legacy| legacy.only_outstanding)
}

/// The account that is called so there.
fn find_user(tx: &mut ReadTx<'_>, claims: &LegacyClaims) -> Result<Option<User>, Error> {
    match claims.user.parse::<ExternalId>() {
        Ok(id) => tx.find_user_by_external_id(&id),
        Err(_no_id) => Ok(None),
    }
}

/// The session that a token of this user has become, if there is one yet. An error if the token is not accepted.
fn opened_by(
    only_outstanding: bool,
    tx: &mut ReadTx<'_>,
    user: &User,
    claims: &LegacyClaims,
) -> Result<Option<SessionId>, Error> {
    match tx.find_legacy_token(&claims.jti)? {
        Some(known) if known.is_denied => Err(Error::TokenRefused(TokenError::Revoked)),
        // It was issued to another user.
        Some(known) if known.user_id.is_some_and(|owner| owner != user.id) => {
            Err(Error::TokenRefused(TokenError::Malformed))
        }
        None if only_outstanding => Err(Error::TokenRefused(TokenError::Malformed)),
        Some(LegacyToken { session_id: Some(session), .. }) => Ok(Some(session)),
        // All sessions of the user were ended since: that one would have been, too.
        _ if tx.find_legacy_end(user.id)?.is_some_and(|end| claims.issued_at.is_none_or(|at| at <= end)) => {
            Err(Error::TokenRefused(TokenError::Revoked))
        }
        _ => Ok(None),
    }
}

/// Verifies a token of that issuer: a refresh token is valid if a refresh with it would succeed.
pub(super) fn verify(app: &App, token: &str) -> Result<(), Error> {
    let claims = read(app, token)?;
    if !claims.is_refresh {
        return Ok(());
    }
    let opened = app.store.read(|tx| {
        let user = find_user(tx, &claims)?.filter(|user| user.disabled_at.is_none()).ok_or(Error::AccountDisabled)?;
        opened_by(only_outstanding(app), tx, &user, &claims)
    })?;
    opened.map_or(Ok(()), |session| verifying::refresh_token(app, session, GENERATION))
}

/// Denies a refresh token of that issuer, and ends the session that it has become.
pub(super) fn deny(app: &App, token: &str, origin: &Origin) -> Result<(), Error> {
    let claims = read_refresh(app, token)?;
    let user = app.store.read(|tx| find_user(tx, &claims))?.map(|user| user.id);
    let (end, access) = (End { at: app.clock.now(), reason: EndReason::Logout }, app.config.lifetimes.access);
    let event = origin.event(end.at, EventName::LegacyTokenDenied);
    app.units.run(move |tx| {
        if let Some(user) = user {
            tx.lock_user(user)?;
        }
        let known = tx.reading().find_legacy_token(&claims.jti)?;
        if known.as_ref().is_some_and(|known| known.is_denied) {
            return Err(Error::TokenRefused(TokenError::Revoked));
        }
        let session_id = known.as_ref().and_then(|known| known.session_id);
        let LegacyClaims { jti, expires_at, .. } = claims;
        let user_id = known.and_then(|known| known.user_id).or(user);
        tx.keep_legacy_token(&LegacyToken { jti, user_id, expires_at, is_denied: true, session_id })?;
        let event = user_id.map_or(event.clone(), |user| event.about(user));
        match (user_id, session_id) {
            (Some(user), Some(session)) => {
                tx.end_session_of(user, session, end, access)?;
                tx.record(event.of_session(session))
            }
            _ => tx.record(event),
        }
    })
}
