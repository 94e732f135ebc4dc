//! The lists of `tokensmith users`: accounts and their password hashes, and the sessions, identities and API tokens of one account.

use std::collections::BTreeMap;

use serde_json::json;

use crate::app::App;
use crate::cli::CliError;
use crate::cli::output::List;
use crate::clock::Timestamp;
use crate::http::view;
use crate::http::view::identity::IdentityView;
use crate::http::view::user::AccountView;
use crate::model::session::Listed;
use crate::model::user::User;
use crate::model::user_search::UserSearch;
use crate::password::scheme;
use crate::service::{identities, queries};
use crate::store::Credentials;

/// Number of rows that are read at a time.
const PAGE: i64 = 500;

pub(super) fn list(app: &App, search: Option<String>, json: bool) -> Result<(), CliError> {
    let search = UserSearch { text: search, ..UserSearch::default() };
    let mut table = List::new(json, ["ID", "USERNAME", "STATE", "E-MAIL", "NAME", "ROLES", "CREATED"]);
    let mut after: Option<String> = None;
    loop {
        let page = queries::list_users(app, &search, after.as_deref(), PAGE)?;
        for user in &page {
            let cells = [
                user.id.to_string(),
                user.username.to_string(),
                if user.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
                user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
                user.name.as_ref().map(ToString::to_string).unwrap_or_default(),
                user.roles.to_string(),
                user.created_at.to_rfc3339(),
            ];
            table.add(cells, &AccountView::from(user))?;
        }
        let Some(last) = page.last() else { return table.finish() };
        after = Some(last.username.to_string());
    }
}

/// Counts the password hashes by scheme, and by whether the next login replaces them.
pub(super) fn list_hashes(app: &App, json: bool) -> Result<(), CliError> {
    let mut counted: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = queries::list_credentials(app, after.as_deref(), PAGE)?;
        for account in &page {
            *counted.entry(kind(app, account)).or_default() += 1;
        }
        let Some(last) = page.last() else { break };
        after = Some(last.user.username.to_string());
    }
    let mut table = List::new(json, ["SCHEME", "AT THE NEXT LOGIN", "ACCOUNTS"]);
    for ((scheme, next), accounts) in counted {
        let object = json!({"scheme": scheme, "at_the_next_login": next, "accounts": accounts});
        table.add([scheme, next.to_owned(), accounts.to_string()], &object)?;
    }
    table.finish()
}

/// The scheme of an account's password hash, and what the next login does with it.
fn kind(app: &App, account: &Credentials) -> (String, &'static str) {
    if !account.has_password() {
        return ("none".to_owned(), "none");
    }
    let next = if app.hasher.is_outdated(&account.password_hash) { "replaced" } else { "kept" };
    (scheme(&account.password_hash).unwrap_or("unknown").to_owned(), next)
}

pub(super) fn list_sessions(app: &App, user: &User, json: bool) -> Result<(), CliError> {
    let now = app.clock.now();
    let headers = ["ID", "STATE", "WHY", "ENDED", "OPENED", "REFRESHED", "APPLICATION", "FROM", "LABEL", "USER AGENT"];
    let mut table = List::new(json, headers);
    let mut before = None;
    loop {
        let page = queries::list_sessions(app, user.id, before, PAGE)?;
        for listed in &page {
            let Listed { session, device, application } = listed;
            let end = session.end_by(now);
            let cells = [
                session.id.to_string(),
                if end.is_some() { "ended" } else { "live" }.to_owned(),
                end.map(|end| end.reason.to_string()).unwrap_or_default(),
                end.map(|end| end.at.to_rfc3339()).unwrap_or_default(),
                session.created_at.to_rfc3339(),
                session.rotated_at.to_rfc3339(),
                application.clone().unwrap_or_default(),
                device.ip.clone().unwrap_or_default(),
                device.label.clone().unwrap_or_default(),
                device.user_agent.clone().unwrap_or_default(),
            ];
            table.add(cells, &view::session::view(listed, None, now))?;
        }
        let Some(last) = page.last() else { return table.finish() };
        before = Some(last.session.id);
    }
}

pub(super) fn list_api_tokens(app: &App, user: &User, json: bool) -> Result<(), CliError> {
    let now = app.clock.now();
    let mut table = List::new(json, ["ID", "STATE", "NAME", "SCOPES", "ROLES", "CREATED", "EXPIRES", "USED"]);
    for token in queries::list_api_tokens(app, user.id)? {
        let at = |at: Option<Timestamp>, never: &str| at.map_or(never.to_owned(), Timestamp::to_rfc3339);
        let cells = [
            token.id.to_string(),
            token.state(now).text().to_owned(),
            token.name.to_string(),
            token.scopes.to_string(),
            token.roles.to_string(),
            token.created_at.to_rfc3339(),
            at(token.expires_at, "never"),
            at(token.last_used_at, "never"),
        ];
        table.add(cells, &view::api_token::view(&token, now))?;
    }
    table.finish()
}

pub(super) fn list_identities(app: &App, user: &User, json: bool) -> Result<(), CliError> {
    let mut table = List::new(json, ["ID", "PROVIDER", "SUBJECT", "E-MAIL", "NAME", "LINKED", "USED"]);
    for identity in identities::list(app, user.id)? {
        let cells = [
            identity.id.to_string(),
            identity.provider_id.to_string(),
            identity.subject.clone(),
            identity.email.as_ref().map(ToString::to_string).unwrap_or_default(),
            identity.name.as_ref().map(ToString::to_string).unwrap_or_default(),
            identity.created_at.to_rfc3339(),
            identity.last_used_at.map_or("never".to_owned(), Timestamp::to_rfc3339),
        ];
        table.add(cells, &IdentityView::from(&identity))?;
    }
    table.finish()
}
