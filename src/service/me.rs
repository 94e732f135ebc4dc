//! What users do with their own account: proving again who they are, and changing the password.

use super::audit;
use super::pair::{Pair, Purpose, mint};
use super::proof::{Admitted, Claim, Proof, Proven, prove};
use super::users::new_password;
use crate::app::Issuer;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::audit::{EventName, Origin};
use crate::model::grant::Live;
use crate::model::id::{SessionId, UserId};
use crate::model::session::{End, EndReason};
use crate::password::Password;
use crate::secret::Secret;

/// Who owns a session and wants to prove it again: the first step of both.
///
/// # Errors
/// [`Error::Invalid`] for a password that is too long, [`Error::AccountDisabled`], [`Error::UserUnknown`],
/// [`Error::Unavailable`].
pub fn claim(issuer: &Issuer, user: UserId, password: &Secret<String>, origin: &Origin) -> Result<Claim, Error> {
    let password = Password::new(password)?;
    let known = issuer.app.store.read(|tx| tx.find_credentials_of(user))?.ok_or(Error::UserUnknown)?;
    if known.user.disabled_at.is_some() {
        return Err(Error::AccountDisabled);
    }
    Claim::new(issuer, None, Some(known), password, origin.ip.as_deref()).map(Claim::of_session)
}

/// Records that the owner of a session has proved who they are; returns the session's pair, whose access token says when.
///
/// # Errors
/// [`Error::WrongPassword`], [`Error::TokenRefused`] when the session has ended, [`Error::Unavailable`].
pub fn reauthenticate(
    issuer: &Issuer,
    user: UserId,
    session: SessionId,
    proof: Proof,
    origin: &Origin,
) -> Result<Pair, Error> {
    let app = &issuer.app;
    let Proven { user, password_hash, renewed } = proven(issuer, user, proof, origin)?;
    let now = app.clock.now();
    let event = origin.event(now, EventName::Reauthenticated).about(user.id);
    let (session, grant) = app.store.write(|tx| {
        // Another password since the check, and this one has proved nothing.
        if !tx.confirm_password(user.id, &password_hash, &renewed)? {
            return Err(Error::WrongPassword);
        }
        tx.insert_event(&event)?;
        let found = tx.reauthenticate(session, now, access_expires_by(issuer, now))?;
        found.ok_or(Error::TokenRefused(TokenError::Revoked))
    })?;
    audit::tell(&app.metrics, &event);
    // For this service, whatever the session was opened for: what is to be done now is done here.
    mint(issuer, Live { session, grant, user }, Purpose::find(app, None)?, now)
}

/// A password that was proved, and the hash of the next one.
pub struct NextPassword {
    proof: Proof,
    /// Nothing when the current one was not proved.
    hash: Option<String>,
}

/// Looks at the current password, and if it is right, hashes the new one.
///
/// # Errors
/// [`Error::Invalid`] when the new one may not be a password, [`Error::Overloaded`].
pub fn next_password(
    issuer: &Issuer,
    admitted: Admitted,
    current: &Secret<String>,
    new: &Secret<String>,
) -> Result<NextPassword, Error> {
    let proof = prove(issuer, admitted)?;
    let Some(Proven { user, .. }) = &proof.proven else { return Ok(NextPassword { proof, hash: None }) };
    let wanted = new_password(user, new).map_err(|error| error.in_field("new_password"))?;
    if Password::new(current)?.is(&wanted) {
        return Err(Error::invalid("new_password", "invalid", "must be another than the current one"));
    }
    let hash = Some(issuer.app.hasher.hash(&wanted)?);
    Ok(NextPassword { proof, hash })
}

/// Changes the password and ends all other sessions; returns how many.
///
/// # Errors
/// As [`reauthenticate`].
pub fn change_password(
    issuer: &Issuer,
    user: UserId,
    session: SessionId,
    next: NextPassword,
    origin: &Origin,
) -> Result<usize, Error> {
    let app = &issuer.app;
    let NextPassword { proof, hash } = next;
    let Proven { user, password_hash, .. } = proven(issuer, user, proof, origin)?;
    let hash = hash.ok_or(Error::WrongPassword)?;
    let now = app.clock.now();
    let end = End { at: now, reason: EndReason::PasswordChanged };
    let event = origin.event(now, EventName::PasswordChanged).about(user.id);
    let ended = app.store.write(|tx| {
        if !tx.confirm_password(user.id, &password_hash, &hash)? {
            return Err(Error::WrongPassword);
        }
        tx.insert_event(&event)?;
        // First: it locks all sessions in the order in which everybody does.
        let ended = tx.end_sessions_of(user.id, Some(session), end, app.config.lifetimes.access)?;
        let session = tx.reauthenticate(session, now, access_expires_by(issuer, now))?;
        session.map(|_| ended).ok_or(Error::TokenRefused(TokenError::Revoked))
    })?;
    audit::tell(&app.metrics, &event);
    issuer.denylist.add(ended.denials);
    Ok(ended.sessions)
}

fn proven(issuer: &Issuer, user: UserId, proof: Proof, origin: &Origin) -> Result<Proven, Error> {
    if proof.proven.is_none() {
        let event = origin.event(issuer.app.clock.now(), EventName::ReauthenticationFailed).about(user);
        audit::record(&issuer.app, &event);
    }
    proof.proven.ok_or(Error::WrongPassword)
}

/// For an access token that is signed now.
fn access_expires_by(issuer: &Issuer, now: Timestamp) -> Timestamp {
    now + issuer.app.config.lifetimes.access
}
