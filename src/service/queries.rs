//! Read-only queries, one function for each question of a handler or a command.

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::api_token::ApiToken;
use crate::model::audit::{EventFilter, Recorded};
use crate::model::id::{SessionId, UserId};
use crate::model::names::ADMIN_ROLE;
use crate::model::session::Listed;
use crate::model::user::User;
use crate::model::user_search::UserSearch;
use crate::store::Credentials;

/// Users sorted by username, starting after `after`; at most `limit`.
pub(crate) fn list_users(app: &App, search: &UserSearch, after: Option<&str>, limit: i64) -> Result<Vec<User>, Error> {
    app.store.read(|tx| tx.list_users(search, after, limit))
}

/// Users sorted by username, starting after `after`, with their password hashes; at most `limit`.
pub(crate) fn list_credentials(app: &App, after: Option<&str>, limit: i64) -> Result<Vec<Credentials>, Error> {
    app.store.read(|tx| tx.list_credentials(after, limit))
}

/// A user's sessions, newest first, starting after `before`; at most `limit`.
pub(crate) fn list_sessions(
    app: &App,
    user: UserId,
    before: Option<SessionId>,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    app.store.read(|tx| tx.list_sessions(user, before, limit))
}

/// Whether a user has a live session besides this one.
pub(crate) fn has_other_live_session(app: &App, user: UserId, id: SessionId, now: Timestamp) -> Result<bool, Error> {
    app.store.read(|tx| tx.has_other_live_session(user, id, now))
}

/// All stored API tokens of a user.
pub(crate) fn list_api_tokens(app: &App, user: UserId) -> Result<Vec<ApiToken>, Error> {
    app.store.read(|tx| tx.list_api_tokens(user))
}

/// When a user set up their authenticator app, if they have one, and how many recovery codes are left.
pub(crate) fn find_app(app: &App, user: UserId) -> Result<(Option<Timestamp>, i64), Error> {
    app.store.read(|tx| {
        let since = tx.find_totp(user)?.filter(|totp| totp.secret.is_some()).and_then(|totp| totp.confirmed_at);
        Ok((since, tx.count_recovery_codes(user)?))
    })
}

/// Events of the audit log, the newest first; at most `limit`.
pub(crate) fn list_events(app: &App, filter: &EventFilter, limit: i64) -> Result<Vec<(i64, Recorded)>, Error> {
    app.store.read(|tx| tx.list_events(filter, limit))
}

/// Whether this user may administer the service now, according to the database.
pub(crate) fn is_administrator(app: &App, id: UserId) -> Result<bool, Error> {
    let user = app.store.read(|tx| tx.find_user(id))?;
    Ok(user.is_some_and(|user| user.disabled_at.is_none() && user.roles.contains(ADMIN_ROLE)))
}

/// Whether there is an active administrator.
pub(crate) fn has_administrator(app: &App) -> Result<bool, Error> {
    let search = UserSearch { role: Some(ADMIN_ROLE.to_owned()), disabled: Some(false), ..UserSearch::default() };
    Ok(!list_users(app, &search, None, 1)?.is_empty())
}

/// Whether there is no user at all.
pub(crate) fn has_no_users(app: &App) -> Result<bool, Error> {
    app.store.read(|tx| tx.has_no_users())
}

/// Whether there is no session at all, live or ended.
pub(crate) fn has_no_sessions(app: &App) -> Result<bool, Error> {
    app.store.read(|tx| tx.has_no_sessions())
}

/// Whether the database accepted a write within the last second.
pub(crate) fn check_database(app: &App) -> Result<(), Error> {
    app.store.check()
}
