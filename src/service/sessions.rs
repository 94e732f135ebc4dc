//! Sessions: opening one, and ending one or all sessions of a user.

use std::sync::Arc;

use super::mail::new_device;
use super::proof::Proven;
use super::second_factor::{Needs, needs_in};
use super::told::Told;
use crate::app::App;
use crate::clock::Timestamp;
use crate::engine::rotator::Ending;
use crate::error::Error;
use crate::jwt::{LegacyClaims, TokenError};
use crate::model::audit::{Event, EventName, Origin};
use crate::model::authorization::Code;
use crate::model::grant::{Authenticated, Grant, GrantRequest, Live};
use crate::model::id::{SessionId, UserId, new_id};
use crate::model::legacy_token::LegacyToken;
use crate::model::names::ADMIN_ROLE;
use crate::model::proof::{Authentication, MFA, Proof};
use crate::model::provider::ProviderId;
use crate::model::session::{Device, End, EndReason, Session};
use crate::model::user::User;
use crate::secret::KeyDigest;
use crate::store::{ReadTx, UnitTx};

/// Opens a session for a user who is authenticated. Every login ends here, whatever its steps were. Returns `None` if
/// there is no proof, if the proofs are of different users, if one is no longer valid, or if the user needs more. Then
/// nothing is used up.
pub(super) fn open(
    app: &App,
    steps: Vec<Proven>,
    request: GrantRequest,
    device: &Device,
    origin: &Origin,
) -> Result<Option<Live>, Error> {
    let proofs: Vec<Proof> = steps.iter().map(|step| step.proof).collect();
    let user = steps.first().map(|step| step.user.clone());
    let (Some(authentication), Some(user)) = (Authentication::of(&proofs), user) else { return Ok(None) };
    let now = app.clock.now();
    let opened = app.config.lifetimes.opened(new_id(now, &*app.entropy)?, user.id, now);
    let authenticated_at = Some(authentication.at).filter(|at| *at != opened.created_at);
    let session = Session { authenticated_at, ..opened };
    let grant = Grant::new(request, &authentication.amr, app.config.acr(&authentication.amr));
    let grant = Grant { idp: idp_of(&steps), ..grant };
    let event = Origin { actor: Some(user.id), session: Some(session.id), ..origin.clone() };
    let event = with_idp(event.event(now, EventName::Login).about(user.id), grant.idp.as_ref());
    let notice = new_device(app, &user, device, origin);
    let (device, required) = (device.clone(), app.config.require_second_factor);
    let browsers = (origin.browser, origin.next_browser);
    let opened = app.units.run(move |tx| {
        let told = Told::lock(tx, &steps)?;
        use_up(tx, &steps, &event)?;
        told.take(tx, &event)?;
        let user = tx.lock_active_user(session.user_id)?.ok_or(NO_LONGER_VALID)?;
        // All that a user can need is two factors. A factor of theirs may have been confirmed since the first step.
        let is_mfa = grant.amr.names().iter().any(|name| name == MFA);
        if !is_mfa && needs_in(required, &mut tx.reading(), user.id, user.roles.contains(ADMIN_ROLE))? != Needs::Nothing
        {
            return Err(NO_LONGER_VALID);
        }
        if is_mfa {
            remember_browser(tx, user.id, browsers, now)?;
        }
        tx.record_login(user.id, now)?;
        tx.insert_session(&session, &grant, &device)?;
        notice.enqueue(tx)?;
        tx.record(event)?;
        // With the roles that a provider has told just now.
        Ok(Live { session, grant: Some(Arc::new(grant)), user: Arc::new(user) })
    });
    if_valid(opened)
}

/// Part of a unit: a browser whose user has shown two factors is known by its next cookie, and no more by the one before.
fn remember_browser(
    tx: &mut UnitTx<'_>,
    user: UserId,
    (before, next): (Option<[u8; 32]>, Option<[u8; 32]>),
    now: Timestamp,
) -> Result<(), Error> {
    let Some(next) = next.map(KeyDigest) else { return Ok(()) };
    if let Some(before) = before.map(KeyDigest) {
        tx.replace_device(before, next)?;
    }
    tx.remember_device(user, next, now)
}

/// Why a unit that uses proofs is rolled back: one is not valid any more.
const NO_LONGER_VALID: Error = Error::BadCredentials;

fn if_valid<T>(used: Result<T, Error>) -> Result<Option<T>, Error> {
    match used {
        Err(Error::BadCredentials) => Ok(None),
        used => used.map(Some),
    }
}

/// The provider that has said who the user is, if that was one.
fn idp_of(steps: &[Proven]) -> Option<ProviderId> {
    steps.iter().find_map(Proven::identity).map(|identity| identity.provider_id.clone())
}

fn with_idp(event: Event, idp: Option<&ProviderId>) -> Event {
    match idp {
        Some(provider) => event.with(provider),
        None => event,
    }
}

/// Part of a unit: uses the proofs, all of them or none.
fn use_up(tx: &mut UnitTx<'_>, steps: &[Proven], event: &Event) -> Result<(), Error> {
    for step in steps {
        if !step.confirm(tx, event.at)? {
            return Err(NO_LONGER_VALID);
        }
        if let Some(name) = step.recorded_as() {
            tx.record(Event { name, ..event.clone() })?;
        }
    }
    Ok(())
}

/// Records that the owner of a session has authenticated again, in these steps. Returns `None` if one is no longer valid, or
/// if the user has a second factor that they do not show. Then nothing is used up.
pub(super) fn authenticate_again(
    app: &App,
    session: SessionId,
    steps: Vec<Proven>,
    origin: &Origin,
) -> Result<Option<Live>, Error> {
    let proofs: Vec<Proof> = steps.iter().map(|step| step.proof).collect();
    let Some(authentication) = Authentication::of(&proofs) else { return Ok(None) };
    let (now, access) = (app.clock.now(), app.config.lifetimes.access);
    let again = Authenticated {
        at: authentication.at,
        amr: authentication.amr.iter().copied().collect(),
        acr: app.config.acr(&authentication.amr),
        idp: idp_of(&steps),
    };
    let event = with_idp(origin.event(now, EventName::Reauthenticated).about(authentication.user), again.idp.as_ref());
    let (required, id) = (app.config.require_second_factor, authentication.user);
    let browsers = (origin.browser, origin.next_browser);
    let found = app.units.run(move |tx| {
        let told = Told::lock(tx, &steps)?;
        use_up(tx, &steps, &event)?;
        told.take(tx, &event)?;
        let user = tx.reading().find_user(id)?.ok_or(NO_LONGER_VALID)?;
        let is_mfa = again.amr.names().iter().any(|name| name == MFA);
        if !is_mfa && needs_in(required, &mut tx.reading(), id, false)? == Needs::Factor {
            return Err(NO_LONGER_VALID);
        }
        if is_mfa {
            remember_browser(tx, id, browsers, now)?;
        }
        tx.record(event)?;
        let found = tx.reauthenticate(session, &again, now + access)?;
        let (session, grant) = found.ok_or(Error::TokenRefused(TokenError::Revoked))?;
        Ok(Live { session, grant: grant.map(Arc::new), user: Arc::new(user) })
    });
    if_valid(found)
}

/// A code that is redeemed, and what for.
pub(super) struct Granting {
    pub(super) code: Code,
    pub(super) digest: KeyDigest,
    pub(super) grant: Grant,
    /// Whether the client gets a refresh token. Otherwise the grant is over with its access token.
    pub(super) goes_on: bool,
}

/// What has come of a code.
pub(super) enum Granted {
    /// A session.
    Open(Box<Live>),
    /// It was redeemed before.
    Redeemed,
    /// Its user may not go on, or has logged out in the browser meanwhile.
    LoggedOut,
}

/// Opens the session of a registered application's grant, for a user who has proved who they are in a browser.
pub(super) fn open_granted(app: &App, granting: Granting, device: &Device, origin: &Origin) -> Result<Granted, Error> {
    let Granting { code, digest, grant, goes_on } = granting;
    let (now, lifetimes) = (app.clock.now(), &app.config.lifetimes);
    let opened = lifetimes.opened(new_id(now, &*app.entropy)?, code.user_id, now);
    let opened = if goes_on { opened } else { lifetimes.for_one_token(opened, now) };
    let session = Session { authenticated_at: Some(code.auth_time), ..opened };
    let event = Origin { session: Some(session.id), ..origin.clone() }.event(now, EventName::GrantOpened);
    let event = event.about(code.user_id).with(&grant.client_id);
    let (granted, device) = (grant.clone(), device.clone());
    app.units.run(move |tx| {
        let user = tx.lock_active_user(code.user_id)?;
        let is_logged_in = tx.lock_live_session(code.browser_session_id, now)?;
        let (Some(user), true) = (user, is_logged_in) else { return Ok(Granted::LoggedOut) };
        if !tx.redeem_code(&digest, session.id)? {
            return Ok(Granted::Redeemed);
        }
        tx.insert_session(&session, &granted, &device)?;
        tx.record(event)?;
        Ok(Granted::Open(Box::new(Live { session, grant: Some(Arc::new(grant)), user: Arc::new(user) })))
    })
}

/// The session that a refresh token of the issuer before this service becomes, as it is when it is opened: that token is its
/// first generation.
pub(super) fn of_legacy(app: &App, user: UserId, id: SessionId, claims: &LegacyClaims) -> (Session, Grant) {
    let opened = app.config.lifetimes.opened(id, user, app.clock.now());
    // Nothing says when and how its user has logged in, so that is never recent.
    let session = Session { authenticated_at: Some(Timestamp(0)), ..opened };
    // Where refresh tokens are not replaced, it lasts as long as its token.
    let kept = Session {
        expires_at: session.expires_at.max(claims.expires_at),
        refresh_expires_at: claims.expires_at,
        ..session
    };
    let session = if app.config.compat_rotation { session } else { kept };
    (session, Grant::new(app.config.simplejwt(), &[], None))
}

/// Opens that session, unless `find` says that another request has just done so, or that the token is not accepted any more;
/// returns its id.
pub(super) fn open_legacy(
    app: &App,
    user: UserId,
    claims: LegacyClaims,
    find: impl FnOnce(&mut ReadTx<'_>, &User, &LegacyClaims) -> Result<Option<SessionId>, Error> + Send + 'static,
    (device, origin): (&Device, &Origin),
) -> Result<SessionId, Error> {
    let (now, id) = (app.clock.now(), new_id(app.clock.now(), &*app.entropy)?);
    let (session, grant) = of_legacy(app, user, id, &claims);
    let event = origin.event(now, EventName::LegacyTokenTaken).about(user).of_session(id);
    let device = device.clone();
    app.units.run(move |tx| {
        // Others that present the token wait here.
        let user = tx.lock_active_user(user)?.ok_or(Error::AccountDisabled)?;
        if let Some(opened) = find(&mut tx.reading(), &user, &claims)? {
            return Ok(opened);
        }
        let LegacyClaims { jti, expires_at, .. } = claims;
        let (user_id, session_id) = (Some(user.id), Some(id));
        tx.keep_legacy_token(&LegacyToken { jti, user_id, expires_at, is_denied: false, session_id })?;
        tx.insert_session(&session, &grant, &device)?;
        tx.record(event)?;
        Ok(id)
    })
}

/// Ends a session of a user, and the grants that began in it and do not outlive it; returns it as it was before. A session that
/// has already ended is not changed. Unlike other use cases it waits without holding a thread.
pub(crate) async fn end(
    app: &App,
    user: UserId,
    session: SessionId,
    reason: EndReason,
    origin: Origin,
) -> Result<Session, Error> {
    let before = app.rotator.end(Ending { user, session, reason, origin }).await?;
    Ok(before.session)
}

/// As [`end`]. A session that is not stored any more is over.
pub(crate) async fn end_if_stored(
    app: &App,
    user: UserId,
    session: SessionId,
    reason: EndReason,
    origin: Origin,
) -> Result<(), Error> {
    match end(app, user, session, reason, origin).await {
        Ok(_) | Err(Error::SessionNotFound) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Ends all sessions of a user except `except`; returns how many.
pub(crate) fn end_all(
    app: &App,
    user: UserId,
    except: Option<SessionId>,
    reason: EndReason,
    origin: &Origin,
) -> Result<usize, Error> {
    let (end, access) = (End { at: app.clock.now(), reason }, app.config.lifetimes.access);
    let event = origin.event(end.at, EventName::SessionsEnded).about(user);
    app.units.run(move |tx| {
        let ended = tx.end_sessions_of(user, except, end, access)?;
        if ended > 0 {
            tx.record(event.with(format_args!("{ended} sessions")))?;
        }
        Ok(ended)
    })
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
