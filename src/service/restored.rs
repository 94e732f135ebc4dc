//! What a restored database needs, since it does not contain what was ended after the backup.

use super::api_tokens;
use crate::app::App;
use crate::error::Error;
use crate::model::api_token::{ApiToken, ApiTokenState};
use crate::model::audit::{EventName, Origin};
use crate::model::client::Client;
use crate::model::identity::LinkedIdentity;
use crate::model::names::ADMIN_ROLE;
use crate::model::passkey::Passkey;
use crate::model::session::{End, EndReason};
use crate::model::user::User;
use crate::model::user_search::UserSearch;

/// Number of users that are read at a time.
const PAGE: i64 = 500;

/// What was found in a restored database.
#[derive(Default)]
pub(crate) struct Restored {
    /// How many sessions were ended.
    pub(crate) sessions: usize,
    /// The active API tokens. Some of them may have been revoked after the backup.
    pub(crate) api_tokens: Vec<(User, ApiToken)>,
    /// The identities and the passkeys of administrators: how each logs in without a password. Some may have been removed after the
    /// backup.
    pub(crate) identities: Vec<(User, LinkedIdentity)>,
    pub(crate) passkeys: Vec<(User, Passkey)>,
    /// The registered applications that are not disabled. Some of them may have been disabled or deleted after the backup, or
    /// have got another secret.
    pub(crate) clients: Vec<Client>,
}

/// Ends every session (unless `keep_sessions`), denies access tokens of API tokens, deletes waiting messages, and lists API
/// tokens, clients and what administrators log in by. If it fails, it can be repeated.
pub(crate) fn take_over(app: &App, keep_sessions: bool, origin: &Origin) -> Result<Restored, Error> {
    let mut restored = Restored::default();
    let mut after: Option<String> = None;
    loop {
        let page = app.store.read(|tx| tx.list_users(&UserSearch::default(), after.as_deref(), PAGE))?;
        let Some(last) = page.last() else { break };
        after = Some(last.username.to_string());
        for user in page {
            if keep_sessions {
                let deny_all = api_tokens::deny_all(app, user.id, app.clock.now());
                app.units.run(deny_all)?;
            } else {
                restored.sessions += end_all_of(app, &user, origin)?;
            }
            let now = app.clock.now();
            let tokens = app.store.read(|tx| tx.list_api_tokens(user.id))?;
            let active = tokens.into_iter().filter(|token| token.state(now) == ApiTokenState::Active);
            restored.api_tokens.extend(active.map(|token| (user.clone(), token)));
            if user.roles.contains(ADMIN_ROLE) {
                let identities = app.store.read(|tx| tx.list_identities(user.id))?;
                restored.identities.extend(identities.into_iter().map(|identity| (user.clone(), identity)));
                let passkeys = app.store.read(|tx| tx.list_passkeys(user.id))?;
                restored.passkeys.extend(passkeys.into_iter().map(|passkey| (user.clone(), passkey)));
            }
        }
    }
    restored.clients = app.store.read(|tx| tx.list_clients())?;
    restored.clients.retain(|client| client.disabled_at.is_none());
    let event = origin.event(app.clock.now(), EventName::DatabaseRestored);
    let (sessions, api_tokens) = (restored.sessions, restored.api_tokens.len());
    let event = event.with(format_args!("sessions ended: {sessions}, active API tokens: {api_tokens}"));
    app.units.run(move |tx| {
        // Messages that waited at the time of the backup have been sent since, or are of no use any more.
        tx.delete_messages()?;
        tx.delete_registrations()?;
        tx.delete_invitations()?;
        tx.delete_mail_tokens()?;
        tx.record(event)
    })?;
    Ok(restored)
}

fn end_all_of(app: &App, user: &User, origin: &Origin) -> Result<usize, Error> {
    let end = End { at: app.clock.now(), reason: EndReason::Admin };
    let event = origin.event(end.at, EventName::SessionsEnded).about(user.id);
    let (id, access) = (user.id, app.config.lifetimes.access);
    let deny_all = api_tokens::deny_all(app, id, end.at);
    app.units.run(move |tx| {
        let sessions = tx.end_sessions_of(id, None, end, access)?;
        deny_all(tx)?;
        if sessions > 0 {
            tx.record(event.with(format_args!("{sessions} sessions")))?;
        }
        Ok(sessions)
    })
}
