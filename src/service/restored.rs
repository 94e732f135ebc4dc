//! What a database needs that was restored from a backup: it does not know what has ended since.

use super::{api_tokens, audit};
use crate::app::App;
use crate::error::Error;
use crate::model::api_token::{ApiToken, ApiTokenState};
use crate::model::audit::{EventName, Origin};
use crate::model::session::{End, EndReason};
use crate::model::user::User;
use crate::model::user_search::UserSearch;

/// So many users are read at a time.
const PAGE: i64 = 500;

/// What was found in a restored database.
#[derive(Default)]
pub struct Restored {
    /// How many sessions were ended.
    pub sessions: usize,
    /// The API tokens that are accepted: some of them may have been revoked since the backup.
    pub api_tokens: Vec<(User, ApiToken)>,
}

/// Ends every session (unless they are to be kept), denies what API tokens were exchanged for, and lists those tokens. When
/// it fails, it can be done again.
///
/// # Errors
/// [`Error::Unavailable`].
pub fn take_over(app: &App, keep_sessions: bool, origin: &Origin) -> Result<Restored, Error> {
    let mut restored = Restored::default();
    let mut after: Option<String> = None;
    loop {
        let page = app.store.read(|tx| tx.list_users(&UserSearch::default(), after.as_deref(), PAGE))?;
        let Some(last) = page.last() else { break };
        after = Some(last.username.to_string());
        for user in page {
            if keep_sessions {
                let now = app.clock.now();
                app.store.write(|tx| api_tokens::deny_all(app, tx, user.id, now))?;
            } else {
                restored.sessions += end_all_of(app, &user, origin)?;
            }
            let now = app.clock.now();
            let tokens = app.store.read(|tx| tx.list_api_tokens(user.id))?;
            let active = tokens.into_iter().filter(|token| token.state(now) == ApiTokenState::Active);
            restored.api_tokens.extend(active.map(|token| (user.clone(), token)));
        }
    }
    let event = origin.event(app.clock.now(), EventName::DatabaseRestored);
    let (sessions, api_tokens) = (restored.sessions, restored.api_tokens.len());
    let event = event.with(format_args!("sessions ended: {sessions}, active API tokens: {api_tokens}"));
    app.store.write(|tx| tx.insert_event(&event))?;
    audit::tell(&app.metrics, &event);
    Ok(restored)
}

fn end_all_of(app: &App, user: &User, origin: &Origin) -> Result<usize, Error> {
    let end = End { at: app.clock.now(), reason: EndReason::Admin };
    let event = origin.event(end.at, EventName::SessionsEnded).about(user.id);
    let (sessions, event) = app.store.write(|tx| {
        let sessions = tx.end_sessions_of(user.id, None, end, app.config.lifetimes.access)?.sessions;
        api_tokens::deny_all(app, tx, user.id, end.at)?;
        let event = event.with(format_args!("{sessions} sessions"));
        if sessions > 0 {
            tx.insert_event(&event)?;
        }
        Ok((sessions, event))
    })?;
    if sessions > 0 {
        audit::tell(&app.metrics, &event);
    }
    Ok(sessions)
}
