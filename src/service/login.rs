//! Logging in with a password: a new session and its first pair.

use super::audit;
use super::pair::{Pair, Purpose, mint};
use super::proof::{Claim, Proof, Proven};
use crate::app::Issuer;
use crate::error::Error;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::grant::{Grant, Live};
use crate::model::id::{SessionId, UserId};
use crate::model::session::Device;
use crate::model::user::ClaimedName;
use crate::password::Password;
use crate::secret::Secret;

/// Who wants to log in, and may be let in: the first step of a login.
///
/// # Errors
/// [`Error::Invalid`] for a password that is too long or an audience that is not served, [`Error::Unavailable`].
pub fn claim(
    issuer: &Issuer,
    username: &str,
    password: &Secret<String>,
    audience: Option<&str>,
    device: &Device,
) -> Result<Claim, Error> {
    let app = &issuer.app;
    Purpose::find(app, audience)?;
    let password = Password::new(password)?;
    // A text that no username can be is the name of nobody.
    let username = username.parse::<ClaimedName>().ok();
    let known = match &username {
        Some(username) => app.store.read(|tx| tx.find_credentials(username))?,
        None => None,
    };
    Claim::new(issuer, username.as_ref(), known, password, device.ip.as_deref())
}

/// Logs in who has proved to be somebody; the access token is for `audience`, or the first.
///
/// An unknown user and a wrong password get the same answer (ASVS 6.3.8); only who knows the right password learns that
/// the account is disabled.
///
/// # Errors
/// [`Error::BadCredentials`], [`Error::AccountDisabled`], [`Error::Unavailable`].
pub fn login(issuer: &Issuer, proof: Proof, audience: Option<&str>, device: &Device) -> Result<Pair, Error> {
    let purpose = Purpose::find(&issuer.app, audience)?;
    let live = open(issuer, proof, issuer.app.config.grant(audience), device)?;
    mint(issuer, live, purpose, issuer.app.clock.now())
}

/// Counts a login that has come to its end, however it did. One that could not be read is none.
pub fn count(issuer: &Issuer, outcome: Result<(), &Error>) {
    issuer.app.metrics.login(match outcome {
        Ok(()) => "succeeded",
        Err(Error::Invalid(_)) => return,
        Err(Error::BadCredentials) => "bad_credentials",
        Err(Error::AccountDisabled) => "account_disabled",
        Err(Error::TooManyFailures { .. }) => "too_many_failures",
        Err(Error::Overloaded { .. }) => "overloaded",
        Err(_) => "failed",
    });
}

/// Opens a session for who knows the password.
fn open(issuer: &Issuer, proof: Proof, grant: Grant, device: &Device) -> Result<Live, Error> {
    let app = &issuer.app;
    let origin = Origin { ip: device.ip.clone(), ..Origin::default() };
    let failed = |user: Option<UserId>, why: &str| {
        let event = Event { user, ..origin.event(app.clock.now(), EventName::LoginFailed) }.with(why);
        audit::record(app, &event);
    };
    let Proof { claimed, proven } = proof;
    let Some(Proven { user, password_hash, renewed }) = proven else {
        failed(claimed, "bad credentials");
        return Err(Error::BadCredentials);
    };
    if user.disabled_at.is_some() {
        failed(claimed, "account disabled");
        return Err(Error::AccountDisabled);
    }
    let now = app.clock.now();
    let session = app.config.lifetimes.opened(SessionId::generate(now, &*app.entropy)?, user.id, now);
    let event = Origin { actor: Some(user.id), session: Some(session.id), ..origin.clone() };
    let event = event.event(now, EventName::Login).about(user.id);
    let recorded = app.store.write(|tx| {
        let recorded = tx.record_login(user.id, &password_hash, &renewed, now)?;
        if recorded {
            tx.insert_session(&session, &grant, device)?;
            tx.insert_event(&event)?;
        }
        Ok(recorded)
    })?;
    if !recorded {
        // Another password, or a disabled account, since the check above: what was true then is not any more.
        failed(claimed, "bad credentials");
        return Err(Error::BadCredentials);
    }
    audit::tell(&app.metrics, &event);
    Ok(Live { session, grant: Some(grant), user })
}
