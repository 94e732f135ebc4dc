//! Refresh tokens of the issuer before this service. Such a token becomes a session: it counts as the session's first
//! generation, which this service has not signed itself, and the judge treats it like any other.

use std::sync::Arc;

use super::refresh::Verified;
use super::second_factor::{Needs, needs_in};
use super::{sessions, verify as verifying};
use crate::app::App;
use crate::engine::deadline;
use crate::error::Error;
use crate::jwt::{LegacyClaims, LegacyIssuer, RefreshClaims, TokenError, refresh_claims};
use crate::model::audit::{EventName, Origin};
use crate::model::id::SessionId;
use crate::model::legacy_token::LegacyToken;
use crate::model::names::ADMIN_ROLE;
use crate::model::second_factor::Required;
use crate::model::session::{Device, End, EndReason};
use crate::model::user::{ExternalId, User};
use crate::store::ReadTx;

/// The generation that such a token is of its session.
const GENERATION: i64 = 1;

/// What decides whether a refresh token of that issuer is accepted.
#[derive(Clone, Copy)]
struct Rules {
    /// Whether only those tokens are accepted that were imported.
    only_outstanding: bool,
    /// Who must have a second factor.
    required: Required,
}

impl Rules {
    fn of(app: &App) -> Self {
        let only_outstanding = app.config.legacy.as_ref().is_none_or(|legacy| legacy.only_outstanding);
        Self { only_outstanding, required: app.config.require_second_factor }
    }
}

/// Whether only imported tokens of that issuer would be accepted, and there are none.
pub(crate) fn lacks_outstanding(app: &App) -> Result<bool, Error> {
    let is_waiting = |legacy: &&LegacyIssuer| legacy.only_outstanding && app.clock.now() < legacy.until;
    let Some(_legacy) = app.config.legacy.as_ref().filter(is_waiting) else { return Ok(false) };
    Ok(!app.store.read(|tx| tx.has_outstanding_legacy_token())?)
}

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
    let rules = Rules::of(app);
    let (user, opened) = app.store.read(|tx| {
        let user = find_active_user(tx, claims)?;
        let opened = opened_by(rules, tx, &user, claims)?;
        Ok((user, opened))
    })?;
    let id = if let Some(id) = opened {
        id
    } else {
        let find = move |tx: &mut ReadTx<'_>, user: &User, claims: &_| opened_by(rules, tx, user, claims);
        sessions::open_legacy(app, user.id, claims.clone(), find, (device, origin))?
    };
    let (session, grant) = sessions::of_legacy(app, user.id, id, claims);
    Ok(RefreshClaims { exp: claims.expires_at, ..refresh_claims(&app.config.issuer, &session, &grant) })
}

/// The account that is called so there.
fn find_user(tx: &mut ReadTx<'_>, claims: &LegacyClaims) -> Result<Option<User>, Error> {
    match claims.user.parse::<ExternalId>() {
        Ok(id) => tx.find_user_by_external_id(&id),
        Err(_no_id) => Ok(None),
    }
}

/// The same, if the account is active. To a client it looks the same whether it was disabled or deleted.
fn find_active_user(tx: &mut ReadTx<'_>, claims: &LegacyClaims) -> Result<User, Error> {
    find_user(tx, claims)?.filter(|user| user.disabled_at.is_none()).ok_or(Error::AccountDisabled)
}

/// Refuses a token that was issued before all sessions of the user were ended: they would have been its session, too.
fn refuse_if_ended(tx: &mut ReadTx<'_>, user: &User, claims: &LegacyClaims) -> Result<(), Error> {
    let end = tx.find_legacy_end(user.id)?;
    if end.is_some_and(|end| claims.issued_at.is_none_or(|at| at <= end)) {
        return Err(Error::TokenRefused(TokenError::Revoked));
    }
    Ok(())
}

/// Refuses to open a session for a user who needs more than one factor, as a login does: nothing says that two were shown.
fn refuse_if_more_is_needed(rules: Rules, tx: &mut ReadTx<'_>, user: &User) -> Result<(), Error> {
    match needs_in(rules.required, tx, user.id, user.roles.contains(ADMIN_ROLE))? {
        Needs::Nothing => Ok(()),
        Needs::Factor => Err(Error::SecondFactorRequired(None)),
        Needs::Enrolment => Err(Error::SecondFactorEnrolmentRequired(None)),
    }
}

/// The session that a token of this user has become, if there is one yet. An error if the token is not accepted.
fn opened_by(
    rules: Rules,
    tx: &mut ReadTx<'_>,
    user: &User,
    claims: &LegacyClaims,
) -> Result<Option<SessionId>, Error> {
    match tx.find_legacy_token(&claims.jti)? {
        Some(known) if known.is_denied => Err(Error::TokenRefused(TokenError::Revoked)),
        // It was issued to another user, or to one who was deleted.
        Some(known) if known.user_id != Some(user.id) => Err(Error::TokenRefused(TokenError::Malformed)),
        None if rules.only_outstanding => {
            log::info!(user:% = user.id; "a refresh token of the issuer before this service is refused: it was not imported");
            Err(Error::TokenRefused(TokenError::Malformed))
        }
        Some(LegacyToken { session_id: Some(session), .. }) => Ok(Some(session)),
        _ => {
            refuse_if_ended(tx, user, claims)?;
            refuse_if_more_is_needed(rules, tx, user)?;
            Ok(None)
        }
    }
}

/// Verifies a token of that issuer: a refresh token is valid if a refresh with it would succeed. No access token was imported.
pub(super) fn verify(app: &App, token: &str) -> Result<(), Error> {
    let (claims, rules) = (read(app, token)?, Rules::of(app));
    if !claims.is_refresh && rules.only_outstanding {
        return Err(Error::TokenRefused(TokenError::Malformed));
    }
    let opened = app.store.read(|tx| {
        let user = find_active_user(tx, &claims)?;
        if claims.is_refresh {
            return opened_by(rules, tx, &user, &claims);
        }
        refuse_if_ended(tx, &user, &claims).map(|()| None)
    })?;
    opened.map_or(Ok(()), |session| verifying::refresh_token(app, session, GENERATION))
}

/// Denies a refresh token of that issuer, and ends the session that it has become.
pub(super) fn deny(app: &App, token: &str, origin: &Origin) -> Result<(), Error> {
    let claims = read_refresh(app, token)?;
    let user_id = app.store.read(|tx| find_user(tx, &claims))?.map(|user| user.id);
    let LegacyClaims { jti, expires_at, .. } = claims;
    deny_known(app, LegacyToken { jti, user_id, expires_at, is_denied: true, session_id: None }, origin)
}

/// The same, of a token of which this much is known.
pub(super) fn deny_known(app: &App, token: LegacyToken, origin: &Origin) -> Result<(), Error> {
    let (end, access) = (End { at: app.clock.now(), reason: EndReason::Logout }, app.config.lifetimes.access);
    let event = origin.event(end.at, EventName::LegacyTokenDenied);
    app.units.run(move |tx| {
        if let Some(user) = token.user_id {
            tx.lock_user(user)?;
        }
        let known = tx.reading().find_legacy_token(&token.jti)?;
        if known.as_ref().is_some_and(|known| known.is_denied) {
            return Err(Error::TokenRefused(TokenError::Revoked));
        }
        let session_id = known.as_ref().and_then(|known| known.session_id);
        let user_id = known.and_then(|known| known.user_id).or(token.user_id);
        tx.keep_legacy_token(&LegacyToken { user_id, session_id, ..token })?;
        let event = user_id.map_or(event.clone(), |user| event.about(user));
        match (user_id, session_id) {
            (Some(user), Some(session)) => {
                match tx.end_session_of(user, session, end, access) {
                    // It ended so long ago that it is not stored any more.
                    Ok(_) | Err(Error::SessionNotFound) => tx.record(event.of_session(session)),
                    Err(error) => Err(error),
                }
            }
            _ => tx.record(event),
        }
    })
}
