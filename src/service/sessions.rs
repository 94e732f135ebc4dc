//! Sessions: ending one or all of a user's.

use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{SessionId, UserId};
use crate::model::session::{End, EndReason};

/// Ends a session of a user; one that has ended stays as it ended.
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

/// Ends all sessions of a user, but for `except`; returns how many.
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
