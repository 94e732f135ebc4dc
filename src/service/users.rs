//! Accounts: creating, finding and changing them, for administrators.

use super::api_tokens;
use super::fields::{collect, invalid};
use super::mail::{notice_of_address, notice_to};
use super::new_account::{NewAccount, insert, refuse_address, refuse_lookalike};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{UserId, new_id};
use crate::model::mail::Mail;
use crate::model::names::{ADMIN_ROLE, Roles};
use crate::model::session::{End, EndReason};
use crate::model::user::{ClaimedName, DisplayName, Email, User, Username};
use crate::password::{Password, check};
use crate::secret::Secret;
use crate::store::{UnitTx, WriteTx};

/// A new account as it was requested.
pub struct NewUser<'a> {
    /// The name to log in with.
    pub username: &'a str,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// The full name.
    pub name: Option<&'a str>,
    /// The roles.
    pub roles: &'a [String],
    /// The password.
    pub password: &'a Secret<String>,
}

/// An account whose fields are checked.
pub(crate) struct Prepared(NewAccount);

/// Creates an account.
pub fn create(app: &App, new: &NewUser<'_>, origin: &Origin) -> Result<User, Error> {
    add(app, prepare(app, new)?, origin)
}

/// Checks the fields of a new account and hashes its password.
pub(crate) fn prepare(app: &App, new: &NewUser<'_>) -> Result<Prepared, Error> {
    let mut problems = Vec::new();
    let username = collect(&mut problems, new.username.parse::<Username>().map_err(invalid("username")));
    let email = collect(&mut problems, new.email.map(str::parse::<Email>).transpose().map_err(invalid("email")));
    let name = collect(&mut problems, new.name.map(str::parse::<DisplayName>).transpose().map_err(invalid("name")));
    let roles = collect(&mut problems, Roles::new(new.roles).map_err(invalid("roles")));
    let known =
        known_words(username.as_ref().map(ToString::to_string).as_deref().unwrap_or(new.username), new.email, new.name);
    let password = collect(&mut problems, checked_password(new.password, &known));
    let (Some(username), Some(email), Some(name), Some(roles), Some(password)) =
        (username, email, name, roles, password)
    else {
        return Err(Error::Invalid(problems));
    };
    let now = app.clock.now();
    Ok(Prepared(NewAccount {
        id: new_id(now, &*app.entropy)?,
        created_at: now,
        username,
        // Who sets it here is trusted to know it.
        email: email.map(|email| (email, true)),
        name,
        roles,
        password_hash: Some(app.hasher.hash(&password)?),
        invitation: None,
    }))
}

/// Stores an account.
pub(crate) fn add(app: &App, prepared: Prepared, origin: &Origin) -> Result<User, Error> {
    add_and(app, prepared, origin, || Ok(()))
}

/// The same; `last` runs after everything that can be refused, and its error undoes everything.
pub(super) fn add_and(
    app: &App,
    Prepared(new): Prepared,
    origin: &Origin,
    last: impl FnOnce() -> Result<(), Error> + Send + 'static,
) -> Result<User, Error> {
    let event = origin.event(new.created_at, EventName::UserCreated).about(new.id);
    app.units.run(move |tx| {
        let user = insert(tx, new, event)?;
        last()?;
        Ok(user)
    })
}

/// The user with this name.
pub(crate) fn find_by_name(app: &App, username: &str) -> Result<User, Error> {
    let Ok(username) = username.parse::<ClaimedName>() else { return Err(Error::UserUnknown) };
    let found = app.store.read(|tx| tx.find_credentials(&username))?;
    found.map(|found| found.user).ok_or(Error::UserUnknown)
}

/// The user with this id.
pub fn find(app: &App, id: UserId) -> Result<User, Error> {
    app.store.read(|tx| tx.find_user(id))?.ok_or(Error::UserUnknown)
}

/// Disables an account, ends all its sessions, and denies access tokens of its API tokens; returns how many sessions
/// ended.
pub fn disable(app: &App, id: UserId, origin: &Origin) -> Result<usize, Error> {
    let now = app.clock.now();
    let event = origin.event(now, EventName::UserDisabled).about(id);
    let end_everything = end_everything(app, id, now);
    app.units.run(move |tx| {
        keep_an_admin(tx, id)?;
        if tx.set_disabled(id, Some(now))? {
            tx.record(event)?;
        }
        end_everything(tx)
    })
}

/// Enables an account. Its sessions stay ended; its API tokens are accepted again.
pub fn enable(app: &App, id: UserId, origin: &Origin) -> Result<(), Error> {
    let event = origin.event(app.clock.now(), EventName::UserEnabled).about(id);
    app.units.run(move |tx| {
        tx.reading().find_user(id)?.ok_or(Error::UserUnknown)?;
        if tx.set_disabled(id, None)? {
            tx.record(event)?;
        }
        Ok(())
    })
}

/// Deletes an account with its sessions and API tokens; returns how many sessions. Its events in the audit log stay.
pub(crate) fn delete(app: &App, id: UserId, origin: &Origin) -> Result<usize, Error> {
    let now = app.clock.now();
    let event = origin.event(now, EventName::UserDeleted).about(id);
    let end_everything = end_everything(app, id, now);
    app.units.run(move |tx| {
        keep_an_admin(tx, id)?;
        // From here on the user cannot log in.
        tx.set_disabled(id, Some(now))?;
        let ended = end_everything(tx)?;
        tx.delete_user(id, now)?;
        tx.record(event)?;
        Ok(ended)
    })
}

/// Sets a new password and ends all sessions; returns how many. API tokens stay valid.
pub(crate) fn set_password(app: &App, user: &User, password: &Secret<String>, origin: &Origin) -> Result<usize, Error> {
    set_password_hash(app, user.id, hash_for(app, user, password)?, origin)
}

/// Checks a new password of this user and returns its hash.
pub(crate) fn hash_for(app: &App, user: &User, password: &Secret<String>) -> Result<String, Error> {
    Ok(app.hasher.hash(&new_password(user, password)?)?)
}

/// As [`set_password`], with the hash of the password.
pub(crate) fn set_password_hash(app: &App, id: UserId, hash: String, origin: &Origin) -> Result<usize, Error> {
    let end = End { at: app.clock.now(), reason: EndReason::PasswordChanged };
    let event = origin.event(end.at, EventName::PasswordReset).about(id);
    let access = app.config.lifetimes.access;
    let notice = notice_to(app, id, &Mail::PasswordChanged, origin);
    app.units.run(move |tx| {
        tx.set_password_hash(id, &hash)?;
        tx.forget_devices(id)?;
        tx.record(event)?;
        notice.enqueue(tx)?;
        tx.end_sessions_of(id, None, end, access)
    })
}

/// Sets the roles. Sessions continue; their tokens carry the new roles from the next refresh on.
pub fn set_roles(app: &App, id: UserId, names: &[String], origin: &Origin) -> Result<Roles, Error> {
    let roles = Roles::new(names).map_err(invalid("roles"))?;
    let event = origin.event(app.clock.now(), EventName::RolesChanged).about(id);
    app.units.run(move |tx| {
        if !roles.contains(ADMIN_ROLE) {
            keep_an_admin(tx, id)?;
        }
        let before = tx.reading().find_user(id)?.ok_or(Error::UserUnknown)?.roles;
        if before == roles {
            return Ok(roles);
        }
        tx.set_roles(id, &roles)?;
        tx.record(event.with(format_args!("from [{before}] to [{roles}]")))?;
        Ok(roles)
    })
}

/// New names of an account as they were requested. A missing field is not changed.
#[derive(Debug, Default)]
pub(crate) struct NewProfile {
    /// The name to log in with.
    pub(crate) username: Option<String>,
    /// The e-mail address; an inner `None` removes it.
    pub(crate) email: Option<Option<String>>,
    /// Whether an administrator sets it: then an address counts as verified, and a username may look like one.
    pub(crate) by_administrator: bool,
    /// What people call the user.
    pub(crate) name: Option<Option<String>>,
}

/// Changes username, e-mail address or name; returns the changed account.
pub(crate) fn set_profile(app: &App, id: UserId, new: &NewProfile, origin: &Origin) -> Result<User, Error> {
    set_profile_and(app, id, new, origin, |_| Ok(()))
}

/// The same; `last` runs in the same unit, and its error undoes everything.
pub(super) fn set_profile_and(
    app: &App,
    id: UserId,
    new: &NewProfile,
    origin: &Origin,
    last: impl FnOnce(&mut UnitTx<'_>) -> Result<(), Error> + Send + 'static,
) -> Result<User, Error> {
    let mut problems = Vec::new();
    let username = match new.username.as_deref() {
        // The current name is not set again, since new rules may refuse it.
        Some(username) if is_already_of(app, id, username)? => Ok(None),
        username => username.map(str::parse::<Username>).transpose().map_err(invalid("username")),
    };
    let email = new.email.as_ref().map(|email| email.as_deref().map(str::parse::<Email>).transpose()).transpose();
    let name = new.name.as_ref().map(|name| name.as_deref().map(str::parse::<DisplayName>).transpose()).transpose();
    let username = collect(&mut problems, username);
    let email = collect(&mut problems, email.map_err(invalid("email")));
    let name = collect(&mut problems, name.map_err(invalid("name")));
    let (Some(username), Some(email), Some(name)) = (username, email, name) else {
        return Err(Error::Invalid(problems));
    };
    let changed = [("username", username.is_some()), ("email", email.is_some()), ("name", name.is_some())];
    let changed: Vec<&str> = changed.iter().filter(|(_, is_new)| *is_new).map(|(field, _)| *field).collect();
    let (now, by_administrator) = (app.clock.now(), new.by_administrator);
    let notice = match &email {
        Some(email) => Some(notice_of_address(app, &find(app, id)?, email.as_ref(), origin)),
        None => None,
    };
    let event = origin.event(now, EventName::ProfileChanged).about(id).with(changed.join(" "));
    app.units.run(move |tx| {
        if username.is_some() && !by_administrator {
            // Of two who choose names that look alike at the same moment, one comes first.
            tx.lock_addresses()?;
        }
        let before = tx.reading().find_user(id)?.ok_or(Error::UserUnknown)?;
        if let Some(username) = username.as_ref().filter(|_| !by_administrator) {
            refuse_address(username, before.verified_email())?;
        }
        if username.is_some() || name.is_some() {
            tx.set_names(id, username.as_ref(), name.as_ref())?;
        }
        if let Some(username) = username.filter(|_| !by_administrator) {
            refuse_lookalike(&mut tx.reading(), id, &username)?;
        }
        if let Some(email) = email.filter(|email| needs_setting(&before, email.as_ref(), by_administrator)) {
            tx.set_email(id, email.as_ref(), by_administrator, now)?;
            if let Some(notice) = notice.filter(|_| before.email != email) {
                notice.enqueue(tx)?;
            }
        }
        let user = tx.reading().find_user(id)?.ok_or(Error::UserUnknown)?;
        if user != before {
            tx.record(event)?;
        }
        last(tx)?;
        Ok(user)
    })
}

/// Whether an address changes something. Who sets their own again does not lose that it is verified.
fn needs_setting(before: &User, email: Option<&Email>, is_verified: bool) -> bool {
    before.email.as_ref() != email || (is_verified && before.verified_email().is_none())
}

fn is_already_of(app: &App, id: UserId, username: &str) -> Result<bool, Error> {
    let Ok(username) = username.parse::<ClaimedName>() else { return Ok(false) };
    let user = find(app, id)?;
    Ok(username.formerly() == user.username.to_string())
}

/// Part of a unit: ends all sessions (returns how many) and denies access tokens of API tokens.
fn end_everything(
    app: &App,
    id: UserId,
    now: Timestamp,
) -> impl FnOnce(&mut UnitTx<'_>) -> Result<usize, Error> + Send + 'static {
    let (end, access) = (End { at: now, reason: EndReason::UserDisabled }, app.config.lifetimes.access);
    let deny_all = api_tokens::deny_all(app, id, now);
    move |tx| {
        let ended = tx.end_sessions_of(id, None, end, access)?;
        deny_all(tx)?;
        Ok(ended)
    }
}

/// Refuses the change if this user is the last active administrator. Until the end of the transaction no other change
/// can remove an administrator.
pub(super) fn keep_an_admin(tx: &mut WriteTx<'_>, id: UserId) -> Result<(), Error> {
    tx.lock_administration()?;
    tx.lock_user(id)?;
    let user = tx.reading().find_user(id)?.ok_or(Error::UserUnknown)?;
    let is_admin = user.disabled_at.is_none() && user.roles.contains(ADMIN_ROLE);
    if is_admin && !tx.reading().has_another_active_user_with(ADMIN_ROLE, id)? {
        return Err(Error::LastAdmin);
    }
    Ok(())
}

/// Checks a new password of this user.
pub(super) fn new_password(user: &User, typed: &Secret<String>) -> Result<Password, Error> {
    let (email, name) = (user.email.as_ref().map(ToString::to_string), user.name.as_ref().map(ToString::to_string));
    checked_password(typed, &known_words(&user.username.to_string(), email.as_deref(), name.as_deref()))
}

/// Words that an attacker tries first.
pub(super) fn known_words(username: &str, email: Option<&str>, name: Option<&str>) -> Vec<String> {
    let local_part = email.and_then(|email| email.rsplit_once('@')).map(|(local_part, _)| local_part);
    let of_name = name.unwrap_or_default().split_whitespace();
    // The whole address first, because it contains the others.
    email.into_iter().chain([username]).chain(local_part).chain(of_name).map(ToOwned::to_owned).collect()
}

pub(super) fn checked_password(typed: &Secret<String>, known: &[String]) -> Result<Password, Error> {
    let password = Password::new(typed)?;
    check(&password, &known.iter().map(String::as_str).collect::<Vec<_>>())?;
    Ok(password)
}
