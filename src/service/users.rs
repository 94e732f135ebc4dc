//! Accounts: creating, finding and changing them.

use crate::app::App;
use crate::error::Error;
use crate::model::denial::Denial;
use crate::model::id::UserId;
use crate::model::session::{End, EndReason};
use crate::model::user::{BadText, Email, Roles, User, Username};
use crate::password::{Password, check};
use crate::secret::Secret;

/// What a new account is made of, as it was typed.
pub struct NewUser<'a> {
    /// The name to log in with.
    pub username: &'a str,
    /// Where to write to.
    pub email: Option<&'a str>,
    /// What the user may do.
    pub roles: &'a [String],
    /// The password.
    pub password: &'a Secret<String>,
}

/// Creates an account.
///
/// # Errors
/// [`Error::Invalid`] with every field that is not valid, [`Error::UsernameTaken`], [`Error::Unavailable`].
pub fn create(app: &App, new: &NewUser<'_>) -> Result<User, Error> {
    let mut problems = Vec::new();
    let username = collect(&mut problems, new.username.parse::<Username>().map_err(invalid("username")));
    let email = collect(&mut problems, new.email.map(str::parse::<Email>).transpose().map_err(invalid("email")));
    let roles = collect(&mut problems, Roles::new(new.roles).map_err(invalid("roles")));
    let known = [new.username, new.email.unwrap_or_default()];
    let password = collect(&mut problems, checked_password(new.password, &known));
    let (Some(username), Some(email), Some(roles), Some(password)) = (username, email, roles, password) else {
        return Err(Error::Invalid(problems));
    };
    let now = app.clock.now();
    let id = UserId::generate(now, &*app.entropy)?;
    let user = User { id, username, email, roles, disabled_at: None, created_at: now };
    let hash = app.hasher.hash(&password)?;
    app.store.write(|tx| tx.insert_user(&user, &hash))?;
    log::info!(user:% = user.id; "user created");
    Ok(user)
}

/// The user with this name.
///
/// # Errors
/// [`Error::UserUnknown`], [`Error::Unavailable`].
pub fn find_by_name(app: &App, username: &str) -> Result<User, Error> {
    let Ok(username) = username.parse::<Username>() else { return Err(Error::UserUnknown) };
    let found = app.store.read(|tx| tx.find_credentials(&username))?;
    found.map(|found| found.user).ok_or(Error::UserUnknown)
}

/// Disables an account and ends all its sessions; answers their denials.
///
/// # Errors
/// [`Error::UserUnknown`], [`Error::Unavailable`].
pub fn disable(app: &App, id: UserId) -> Result<Vec<Denial>, Error> {
    let now = app.clock.now();
    let end = End { at: now, reason: EndReason::UserDisabled };
    let denials = app.store.write(|tx| {
        tx.set_disabled(id, Some(now))?;
        tx.end_sessions_of(id, end, app.config.lifetimes.access)
    })?;
    log::info!(user:% = id, sessions_ended = denials.len(); "user disabled");
    Ok(denials)
}

/// Enables an account again; its sessions stay ended.
///
/// # Errors
/// [`Error::UserUnknown`], [`Error::Unavailable`].
pub fn enable(app: &App, id: UserId) -> Result<(), Error> {
    app.store.write(|tx| tx.set_disabled(id, None))?;
    log::info!(user:% = id; "user enabled");
    Ok(())
}

/// Sets another password and ends all sessions; answers their denials.
///
/// # Errors
/// [`Error::Invalid`] when it may not be a password, [`Error::UserUnknown`], [`Error::Unavailable`].
pub fn set_password(app: &App, user: &User, password: &Secret<String>) -> Result<Vec<Denial>, Error> {
    let email = user.email.as_ref().map(ToString::to_string).unwrap_or_default();
    let password = checked_password(password, &[&user.username.to_string(), &email])?;
    let hash = app.hasher.hash(&password)?;
    let end = End { at: app.clock.now(), reason: EndReason::PasswordChanged };
    let denials = app.store.write(|tx| {
        tx.set_password_hash(user.id, &hash)?;
        tx.end_sessions_of(user.id, end, app.config.lifetimes.access)
    })?;
    log::info!(user:% = user.id, sessions_ended = denials.len(); "password set");
    Ok(denials)
}

/// Sets other roles. Sessions go on; their tokens carry the new roles from the next refresh on.
///
/// # Errors
/// [`Error::Invalid`], [`Error::UserUnknown`], [`Error::Unavailable`].
pub fn set_roles(app: &App, id: UserId, names: &[String]) -> Result<Roles, Error> {
    let roles = Roles::new(names).map_err(invalid("roles"))?;
    app.store.write(|tx| tx.set_roles(id, &roles))?;
    log::info!(user:% = id; "roles set");
    Ok(roles)
}

fn checked_password(typed: &Secret<String>, known: &[&str]) -> Result<Password, Error> {
    let password = Password::new(typed)?;
    check(&password, known)?;
    Ok(password)
}

fn invalid(field: &'static str) -> impl Fn(BadText) -> Error {
    move |problem| Error::invalid(field, "invalid", problem.to_string())
}

fn collect<T>(problems: &mut Vec<crate::error::FieldProblem>, result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => return Some(value),
        Err(Error::Invalid(found)) => problems.extend(found),
        Err(_only_invalid_comes_here) => {}
    }
    None
}
