//! What users do with their own account: giving the password again, and changing it.

use super::pair::{Pair, Purpose, mint};
use super::proof::{Admitted, Claim, Outcome, Proven, prove};
use super::users::new_password;
use crate::app::App;
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::audit::{EventName, Origin};
use crate::model::grant::Live;
use crate::model::id::{SessionId, UserId};
use crate::model::session::{End, EndReason};
use crate::password::Password;
use crate::secret::Secret;

/// The first step of both: finds the account of the session.
pub(crate) fn claim(app: &App, user: UserId, password: &Secret<String>, origin: &Origin) -> Result<Claim, Error> {
    let password = Password::new(password)?;
    let known = app.store.read(|tx| tx.find_credentials_of(user))?.ok_or(Error::UserUnknown)?;
    if known.user.disabled_at.is_some() {
        return Err(Error::AccountDisabled);
    }
    Claim::new(app, None, Some(known), password, origin.ip.as_deref()).map(Claim::of_session)
}

/// Records that the owner of a session has given the password; returns a pair of the session whose access token says
/// when.
pub(crate) fn reauthenticate(
    app: &App,
    user: UserId,
    session: SessionId,
    outcome: Outcome,
    origin: &Origin,
) -> Result<Pair, Error> {
    let proven = proven(app, user, outcome, origin)?;
    let (user, at) = (proven.user.clone(), proven.proof.at);
    let now = app.clock.now();
    let event = origin.event(now, EventName::Reauthenticated).about(user.id);
    let access = app.config.lifetimes.access;
    let (session, grant) = app.units.run(move |tx| {
        // The password was changed since the check, so the proof is no longer valid.
        if !proven.confirm(tx)? {
            return Err(Error::WrongPassword);
        }
        tx.record(event)?;
        let found = tx.reauthenticate(session, at, now + access)?;
        found.ok_or(Error::TokenRefused(TokenError::Revoked))
    })?;
    // For this service, not for the audience of the session: the sensitive action follows at this service.
    mint(app, Live { session, grant, user }, Purpose::find(app, None)?, now)
}

/// The result of checking the current password, and the hash of the new one.
pub(crate) struct NextPassword {
    outcome: Outcome,
    /// `None` if the current password was wrong.
    hash: Option<String>,
}

/// Checks the current password and, if it is right, hashes the new one.
pub(crate) fn next_password(
    app: &App,
    admitted: Admitted,
    current: &Secret<String>,
    new: &Secret<String>,
) -> Result<NextPassword, Error> {
    let outcome = prove(app, admitted)?;
    let Some(Proven { user, .. }) = &outcome.proven else { return Ok(NextPassword { outcome, hash: None }) };
    let wanted = new_password(user, new).map_err(|error| error.in_field("new_password"))?;
    if Password::new(current)?.is(&wanted) {
        return Err(Error::invalid("new_password", "invalid", "must differ from the current one"));
    }
    let hash = Some(app.hasher.hash(&wanted)?);
    Ok(NextPassword { outcome, hash })
}

/// Changes the password and ends all other sessions; returns how many.
pub(crate) fn change_password(
    app: &App,
    user: UserId,
    session: SessionId,
    next: NextPassword,
    origin: &Origin,
) -> Result<usize, Error> {
    let NextPassword { outcome, hash } = next;
    let Proven { user, proof, checked, .. } = proven(app, user, outcome, origin)?;
    let hash = hash.ok_or(Error::WrongPassword)?;
    let now = app.clock.now();
    let end = End { at: now, reason: EndReason::PasswordChanged };
    let event = origin.event(now, EventName::PasswordChanged).about(user.id);
    let access = app.config.lifetimes.access;
    app.units.run(move |tx| {
        if !tx.confirm_password(user.id, &checked, &hash)? {
            return Err(Error::WrongPassword);
        }
        tx.record(event)?;
        // First, because it locks all sessions in the common order.
        let ended = tx.end_sessions_of(user.id, Some(session), end, access)?;
        let session = tx.reauthenticate(session, proof.at, now + access)?;
        session.map(|_| ended).ok_or(Error::TokenRefused(TokenError::Revoked))
    })
}

fn proven(app: &App, user: UserId, outcome: Outcome, origin: &Origin) -> Result<Proven, Error> {
    if outcome.proven.is_none() {
        let event = origin.event(app.clock.now(), EventName::ReauthenticationFailed).about(user);
        app.units.record_best_effort(event);
    }
    outcome.proven.ok_or(Error::WrongPassword)
}
