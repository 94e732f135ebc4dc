//! What users do with their own account: proving again who they are, and changing the password.

use super::audit;
use super::pair::{Pair, Purpose, mint};
use super::proof::{Proven, prove};
use super::users::new_password;
use crate::app::Issuer;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::{AccessClaims, TokenError};
use crate::model::audit::{EventName, Origin};
use crate::model::session::{End, EndReason};
use crate::password::Password;
use crate::secret::Secret;

/// Proves again who the owner of a session is; answers the session's pair, whose access token says when that was.
///
/// # Errors
/// [`Error::WrongPassword`], [`Error::TooManyFailures`], [`Error::TokenRefused`] when the session has ended,
/// [`Error::AccountDisabled`], [`Error::UserUnknown`], [`Error::Overloaded`], [`Error::Unavailable`].
pub fn reauthenticate(
    issuer: &Issuer,
    claims: &AccessClaims,
    password: &Secret<String>,
    origin: &Origin,
) -> Result<Pair, Error> {
    let app = &issuer.app;
    let Proven { user, password_hash, renewed } = prove_again(issuer, claims, password, origin)?;
    let now = app.clock.now();
    let event = origin.event(now, EventName::Reauthenticated).about(user.id);
    let session = app.store.write(|tx| {
        // Another password since the check, and this one has proved nothing.
        if !tx.confirm_password(user.id, &password_hash, &renewed)? {
            return Err(Error::WrongPassword);
        }
        tx.insert_event(&event)?;
        let session = tx.reauthenticate(claims.sid, now, access_expires_by(issuer, now))?;
        session.ok_or(Error::TokenRefused(TokenError::Revoked))
    })?;
    audit::tell(&app.metrics, &event);
    mint(issuer, &session, user, Purpose::find(app, None)?, now)
}

/// Changes the password and ends all other sessions; answers how many.
///
/// # Errors
/// [`Error::Invalid`] when the new one may not be a password; otherwise as [`reauthenticate`].
pub fn change_password(
    issuer: &Issuer,
    claims: &AccessClaims,
    current: &Secret<String>,
    new: &Secret<String>,
    origin: &Origin,
) -> Result<usize, Error> {
    let app = &issuer.app;
    let proven = prove_again(issuer, claims, current, origin).map_err(|error| error.in_field("current_password"));
    let Proven { user, password_hash, .. } = proven?;
    let in_field = |error: Error| error.in_field("new_password");
    let wanted = new_password(&user, new).map_err(in_field)?;
    if Password::new(current)?.is(&wanted) {
        return Err(Error::invalid("new_password", "invalid", "must be another than the current one"));
    }
    let hash = app.hasher.hash(&wanted)?;
    let now = app.clock.now();
    let end = End { at: now, reason: EndReason::PasswordChanged };
    let event = origin.event(now, EventName::PasswordChanged).about(user.id);
    let ended = app.store.write(|tx| {
        if !tx.confirm_password(user.id, &password_hash, &hash)? {
            return Err(Error::WrongPassword);
        }
        tx.insert_event(&event)?;
        // First: it locks all sessions in the order in which everybody does.
        let ended = tx.end_sessions_of(user.id, Some(claims.sid), end, app.config.lifetimes.access)?;
        let session = tx.reauthenticate(claims.sid, now, access_expires_by(issuer, now))?;
        session.map(|_| ended).ok_or(Error::TokenRefused(TokenError::Revoked))
    })?;
    audit::tell(&app.metrics, &event);
    issuer.denylist.add(ended.denials);
    Ok(ended.sessions)
}

fn prove_again(
    issuer: &Issuer,
    claims: &AccessClaims,
    password: &Secret<String>,
    origin: &Origin,
) -> Result<Proven, Error> {
    let app = &issuer.app;
    let password = Password::new(password)?;
    let known = app.store.read(|tx| tx.find_credentials_of(claims.sub))?.ok_or(Error::UserUnknown)?;
    if known.user.disabled_at.is_some() {
        return Err(Error::AccountDisabled);
    }
    let username = known.user.username.clone();
    let proven = prove(issuer, Some(&username), Some(known), &password, origin.ip.as_deref())?;
    if proven.is_none() {
        let event = origin.event(app.clock.now(), EventName::ReauthenticationFailed).about(claims.sub);
        audit::record(app, &event);
    }
    proven.ok_or(Error::WrongPassword)
}

/// For an access token that is signed now.
fn access_expires_by(issuer: &Issuer, now: Timestamp) -> Timestamp {
    now + issuer.app.config.lifetimes.access
}
