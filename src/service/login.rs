//! Logging in with a password: a new session and its first pair.

use super::pair::{Pair, Purpose, mint};
use super::proof::{Claim, Proof, Proven};
use crate::app::App;
use crate::error::Error;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::grant::{Grant, Live};
use crate::model::id::{UserId, new_id};
use crate::model::session::Device;
use crate::model::user::ClaimedName;
use crate::password::Password;
use crate::secret::Secret;

/// Who wants to log in, and may be let in: the first step of a login.
pub(crate) fn claim(
    app: &App,
    username: &str,
    password: &Secret<String>,
    audience: Option<&str>,
    device: &Device,
) -> Result<Claim, Error> {
    Purpose::find(app, audience)?;
    let password = Password::new(password)?;
    // A text that no username can be is the name of nobody.
    let username = username.parse::<ClaimedName>().ok();
    let known = match &username {
        Some(username) => app.store.read(|tx| tx.find_credentials(username))?,
        None => None,
    };
    Claim::new(app, username.as_ref(), known, password, device.ip.as_deref())
}

/// Logs in who has proved to be somebody; the access token is for `audience`, or the first.
///
/// An unknown user and a wrong password get the same answer (ASVS 6.3.8); only who knows the right password learns that
/// the account is disabled.
pub(crate) fn login(
    app: &App,
    proof: Proof,
    audience: Option<&str>,
    device: &Device,
    origin: &Origin,
) -> Result<Pair, Error> {
    let purpose = Purpose::find(app, audience)?;
    let live = open(app, proof, app.config.grant(audience), device, origin)?;
    mint(app, live, purpose, app.clock.now())
}

/// Counts a login that has come to its end, however it did. One that could not be read is none.
pub(crate) fn count(app: &App, outcome: Result<(), &Error>) {
    app.metrics.login(match outcome {
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
fn open(app: &App, proof: Proof, grant: Grant, device: &Device, origin: &Origin) -> Result<Live, Error> {
    let failed = |user: Option<UserId>, why: &str| {
        let event = Event { user, ..origin.event(app.clock.now(), EventName::LoginFailed) }.with(why);
        app.units.record_best_effort(event);
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
    let session = app.config.lifetimes.opened(new_id(now, &*app.entropy)?, user.id, now);
    let event = Origin { actor: Some(user.id), session: Some(session.id), ..origin.clone() };
    let event = event.event(now, EventName::Login).about(user.id);
    let (id, granted, device) = (user.id, grant.clone(), device.clone());
    let recorded = app.units.run(move |tx| {
        let recorded = tx.record_login(id, &password_hash, &renewed, now)?;
        if recorded {
            tx.insert_session(&session, &granted, &device)?;
            tx.record(event)?;
        }
        Ok(recorded)
    })?;
    if !recorded {
        // Another password, or a disabled account, since the check above: what was true then is not any more.
        failed(claimed, "bad credentials");
        return Err(Error::BadCredentials);
    }
    Ok(Live { session, grant: Some(grant), user })
}
