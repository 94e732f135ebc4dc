//! Sessions: opening one, and ending one or all sessions of a user.

use super::mail::new_device;
use super::proof::Proven;
use crate::app::App;
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::authorization::Code;
use crate::model::grant::{Amr, Grant, GrantRequest, Live};
use crate::model::id::{SessionId, UserId, new_id};
use crate::model::proof::{Authentication, Proof};
use crate::model::session::{Device, End, EndReason, Session};
use crate::secret::KeyDigest;
use crate::store::GrantsOf;

/// Opens a session for a user who is authenticated. Every login ends here, whatever its steps were. Returns `None` if
/// there is no proof, if the proofs are of different users, or if one is no longer valid.
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
    let grant = Grant::new(request, &authentication.amr);
    let event = Origin { actor: Some(user.id), session: Some(session.id), ..origin.clone() };
    let event = event.event(now, EventName::Login).about(user.id);
    let notice = new_device(app, &user, device, origin);
    let (granted, device) = (grant.clone(), device.clone());
    let is_open = app.units.run(move |tx| {
        for step in &steps {
            if !step.confirm(tx, now)? {
                return Ok(false);
            }
            if let Some(name) = step.recorded_as() {
                tx.record(Event { name, ..event.clone() })?;
            }
        }
        let is_active = tx.record_login(session.user_id, now)?;
        if is_active {
            tx.insert_session(&session, &granted, &device)?;
            tx.record(event)?;
            notice.enqueue(tx)?;
        }
        Ok(is_active)
    })?;
    Ok(is_open.then_some(Live { session, grant: Some(grant), user }))
}

/// Records that the owner of a session has authenticated again, in these steps. Returns `None` if one is no longer valid.
pub(super) fn authenticate_again(
    app: &App,
    session: SessionId,
    steps: Vec<Proven>,
    origin: &Origin,
) -> Result<Option<Live>, Error> {
    let proofs: Vec<Proof> = steps.iter().map(|step| step.proof).collect();
    let user = steps.first().map(|step| step.user.clone());
    let (Some(authentication), Some(user)) = (Authentication::of(&proofs), user) else { return Ok(None) };
    let (at, now, access) = (authentication.at, app.clock.now(), app.config.lifetimes.access);
    let amr: Amr = authentication.amr.iter().copied().collect();
    let event = origin.event(now, EventName::Reauthenticated).about(user.id);
    let found = app.units.run(move |tx| {
        for step in &steps {
            if !step.confirm(tx, now)? {
                return Ok(None);
            }
            if let Some(name) = step.recorded_as() {
                tx.record(Event { name, ..event.clone() })?;
            }
        }
        tx.record(event)?;
        let found = tx.reauthenticate(session, (at, &amr), now + access)?;
        found.map(Some).ok_or(Error::TokenRefused(TokenError::Revoked))
    })?;
    Ok(found.map(|(session, grant)| Live { session, grant, user }))
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
        Ok(Granted::Open(Box::new(Live { session, grant: Some(grant), user })))
    })
}

/// Ends a session of a user, and the grants that began in it and do not outlive it. A session that has already ended is
/// not changed.
pub(crate) fn end(app: &App, user: UserId, id: SessionId, reason: EndReason, origin: &Origin) -> Result<(), Error> {
    let (end, access) = (End { at: app.clock.now(), reason }, app.config.lifetimes.access);
    let name = match reason {
        EndReason::Logout => EventName::Logout,
        // Of a code: the reuse of a refresh token is found where tokens are rotated.
        EndReason::Reuse => EventName::CodeReused,
        _ => EventName::SessionEnded,
    };
    let event = origin.event(end.at, name).about(user).of_session(id);
    app.units.run(move |tx| {
        // First: it locks all sessions in the order in which everybody does.
        let grants = tx.end_grants(user, &GrantsOf::Browser(id), end, access)?;
        if tx.end_session_of(user, id, end, access)? {
            tx.record(if grants > 0 { event.with(format_args!("{grants} grants")) } else { event })?;
        }
        Ok(())
    })
}

/// As [`end`]. A session that is not stored any more is over.
pub(crate) fn end_if_stored(
    app: &App,
    user: UserId,
    id: SessionId,
    reason: EndReason,
    origin: &Origin,
) -> Result<(), Error> {
    match end(app, user, id, reason, origin) {
        Ok(()) | Err(Error::SessionNotFound) => Ok(()),
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
