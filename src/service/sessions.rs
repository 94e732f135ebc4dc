//! Sessions: ending one or all of a user's.

use super::audit;
use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::denial::Ended;
use crate::model::id::{SessionId, UserId};
use crate::model::session::{End, EndReason};

/// Ends a session of a user; one that has ended stays as it ended.
///
/// # Errors
/// [`Error::SessionNotFound`] when the user has no such session, [`Error::Unavailable`].
pub fn end(app: &App, user: UserId, id: SessionId, reason: EndReason, origin: &Origin) -> Result<(), Error> {
    let end = End { at: app.clock.now(), reason };
    let name = if reason == EndReason::Logout { EventName::Logout } else { EventName::SessionEnded };
    let event = origin.event(end.at, name).about(user).of_session(id);
    let denial = app.store.write(|tx| {
        let denial = tx.end_session_of(user, id, end, app.config.lifetimes.access)?;
        if denial.is_some() {
            tx.insert_event(&event)?;
        }
        Ok(denial)
    })?;
    if denial.is_some() {
        audit::tell(&app.metrics, &event);
    }
    app.denylist.add(denial);
    Ok(())
}

/// Ends all sessions of a user, but for `except`; answers how many.
///
/// # Errors
/// [`Error::Unavailable`].
pub fn end_all(
    app: &App,
    user: UserId,
    except: Option<SessionId>,
    reason: EndReason,
    origin: &Origin,
) -> Result<usize, Error> {
    let ended = end_all_of(app, user, except, reason, origin)?;
    app.denylist.add(ended.denials);
    Ok(ended.sessions)
}

/// As [`end_all`], where nobody verifies tokens.
///
/// # Errors
/// [`Error::Unavailable`].
pub fn end_all_of(
    app: &App,
    user: UserId,
    except: Option<SessionId>,
    reason: EndReason,
    origin: &Origin,
) -> Result<Ended, Error> {
    let end = End { at: app.clock.now(), reason };
    let event = origin.event(end.at, EventName::SessionsEnded).about(user);
    let (ended, event) = app.store.write(|tx| {
        let ended = tx.end_sessions_of(user, except, end, app.config.lifetimes.access)?;
        let event = event.with(format_args!("{} sessions", ended.sessions));
        if ended.sessions > 0 {
            tx.insert_event(&event)?;
        }
        Ok((ended, event))
    })?;
    if ended.sessions > 0 {
        audit::tell(&app.metrics, &event);
    }
    Ok(ended)
}
