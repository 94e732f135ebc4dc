//! What users do with their own account: giving the password again, and changing it.

use super::mail::notice;
use super::own_pair;
use super::pair::Pair;
use super::proof::{Admitted, Claim, Evidence, Outcome, Proven, checked_anew, prove};
use super::second_factor::{Needs, Next, needs, stop_here};
use super::users::new_password;
use super::{second_step, sessions, shown};
use crate::app::App;
use crate::engine::limiter::Charge;
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::audit::{EventName, Origin};
use crate::model::grant::Authenticated;
use crate::model::id::{SessionId, UserId};
use crate::model::mail::Mail;
use crate::model::session::{Device, End, EndReason};
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
    (origin, by_cookie): (&Origin, bool),
) -> Result<Pair, Error> {
    let password = outcome.password.clone();
    let proven = proven(app, user, outcome, origin)?;
    let next = Next { session: Some(session), audience: None, label: None, origin, by_cookie };
    stop_here(app, &proven, &next)?;
    let mut live = sessions::authenticate_again(app, session, vec![proven.clone()], origin)?;
    if live.is_none() {
        // The user may have got a second factor just now. If not, the password was changed since the check.
        stop_here(app, &proven, &next)?;
        if let Some(password) = password
            && let Some(proven) = checked_anew(app, &proven, &password)?
        {
            live = sessions::authenticate_again(app, session, vec![proven], origin)?;
        }
    }
    own_pair::again(app, live.ok_or(Error::WrongPassword)?)
}

/// The second step of the same. A challenge of another session, or of a login, opens nothing here.
pub(crate) fn go_on(
    app: &App,
    session: SessionId,
    (claim, charge): (shown::Claim, Charge),
    device: &Device,
    origin: &Origin,
) -> Result<Pair, Error> {
    if claim.session() != Some(session) {
        return Err(Error::BadChallenge);
    }
    second_step::finish(app, claim, charge, device, origin)
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
    let Proven { user, proof, evidence } = proven(app, user, outcome, origin)?;
    let (Some(hash), Evidence::Password { checked, .. }) = (hash, evidence) else { return Err(Error::WrongPassword) };
    // The password alone is not enough for what is sensitive besides.
    let has_authenticated = needs(app, user.id, false)? != Needs::Factor;
    let amr: Vec<&str> = proof.method.amr().into_iter().collect();
    let again =
        Authenticated { at: proof.at, amr: amr.iter().copied().collect(), acr: app.config.acr(&amr), idp: None };
    let now = app.clock.now();
    let end = End { at: now, reason: EndReason::PasswordChanged };
    let event = origin.event(now, EventName::PasswordChanged).about(user.id);
    let access = app.config.lifetimes.access;
    let notice = notice(app, &user, &Mail::PasswordChanged, origin);
    app.units.run(move |tx| {
        if !tx.confirm_password(user.id, &checked, &hash)? {
            return Err(Error::WrongPassword);
        }
        tx.forget_devices(user.id)?;
        tx.record(event)?;
        notice.enqueue(tx)?;
        // First, because it locks all sessions in the common order.
        let ended = tx.end_sessions_of(user.id, Some(session), end, access)?;
        let is_live = if has_authenticated {
            tx.reauthenticate(session, &again, now + access)?.is_some()
        } else {
            tx.lock_live_session(session, now)?
        };
        if is_live { Ok(ended) } else { Err(Error::TokenRefused(TokenError::Revoked)) }
    })
}

fn proven(app: &App, user: UserId, outcome: Outcome, origin: &Origin) -> Result<Proven, Error> {
    if outcome.proven.is_none() {
        let event = origin.event(app.clock.now(), EventName::ReauthenticationFailed).about(user);
        app.units.record_best_effort(event);
    }
    outcome.proven.ok_or(Error::WrongPassword)
}
