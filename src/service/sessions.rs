//! Sessions: opening one, and ending one or all sessions of a user.

use super::proof::Proven;
use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::grant::{Grant, GrantRequest, Live};
use crate::model::id::{SessionId, UserId, new_id};
use crate::model::proof::{Authentication, Proof};
use crate::model::session::{Device, End, EndReason, Session};

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
    let (granted, device) = (grant.clone(), device.clone());
    let is_open = app.units.run(move |tx| {
        for step in &steps {
            if !step.confirm(tx)? {
                return Ok(false);
            }
        }
        let is_active = tx.record_login(session.user_id, now)?;
        if is_active {
            tx.insert_session(&session, &granted, &device)?;
            tx.record(event)?;
        }
        Ok(is_active)
    })?;
    Ok(is_open.then_some(Live { session, grant: Some(grant), user }))
}

/// Ends a session of a user. A session that has already ended is not changed.
pub(crate) fn end(app: &App, user: UserId, id: SessionId, reason: EndReason, origin: &Origin) -> Result<(), Error> {
    let (end, access) = (End { at: app.clock.now(), reason }, app.config.lifetimes.access);
    let name = if reason == EndReason::Logout { EventName::Logout } else { EventName::SessionEnded };
    let event = origin.event(end.at, name).about(user).of_session(id);
    app.units.run(move |tx| {
        if tx.end_session_of(user, id, end, access)? {
            tx.record(event)?;
        }
        Ok(())
    })
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
