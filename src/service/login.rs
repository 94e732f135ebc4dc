//! Logging in: a user who proves their identity gets a new session and its first token pair.

use super::own_pair;
use super::pair::{Pair, Purpose};
use super::proof::{Claim, Outcome, checked_anew};
use super::second_factor::{Next, stop_here};
use crate::app::App;
use crate::error::Error;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::grant::GrantRequest;
use crate::model::session::Device;
use crate::model::user::ClaimedName;
use crate::password::Password;
use crate::secret::Secret;
use crate::store::{Credentials, ReadTx};

/// The first step of a login: finds the account that the client claims to own.
pub(crate) fn claim(
    app: &App,
    username: &str,
    password: &Secret<String>,
    audience: Option<&str>,
    device: &Device,
) -> Result<Claim, Error> {
    Purpose::find(app, audience)?;
    let password = Password::new(password)?;
    // A text that is not a valid username belongs to no account.
    let username = username.parse::<ClaimedName>().ok();
    let known = match &username {
        Some(username) => app.store.read(|tx| find(tx, username))?,
        None => None,
    };
    Claim::new(app, username.as_ref(), known, password, device.ip.as_deref())
}

/// The account with this username or, if there is none, with this verified e-mail address. What may be an address takes
/// both queries in any case: a difference in time would say which accounts there are.
fn find(tx: &mut ReadTx<'_>, name: &ClaimedName) -> Result<Option<Credentials>, Error> {
    let by_name = tx.find_credentials(name)?;
    let by_email = if name.folded().contains('@') { tx.find_by_verified_email(name.folded())? } else { None };
    Ok(by_name.or(by_email))
}

/// Logs in a user whose password was checked, for what is asked; the access token is for the audience that is asked for (by
/// default the first one).
///
/// An unknown user and a wrong password return the same error (ASVS 6.3.8). Only a client that knows the right password
/// learns that the account is disabled.
pub(crate) fn login(
    app: &App,
    outcome: Outcome,
    asked: GrantRequest,
    device: &Device,
    origin: &Origin,
) -> Result<Pair, Error> {
    let audience = asked.audience.clone();
    // Before a second step is asked for.
    Purpose::find(app, audience.as_deref())?;
    let Outcome { claimed, proven, password } = outcome;
    let failed = |why: &str| {
        let event = Event { user: claimed, ..origin.event(app.clock.now(), EventName::LoginFailed) };
        app.units.record_best_effort(event.with(why));
    };
    if proven.as_ref().is_some_and(|proven| proven.user.disabled_at.is_some()) {
        failed("account disabled");
        return Err(Error::AccountDisabled);
    }
    let audience = audience.as_deref();
    let next = Next { session: None, audience, label: device.label.as_deref(), origin, by_cookie: false };
    let look = || proven.as_ref().map_or(Ok(()), |proven| stop_here(app, proven, &next));
    look()?;
    let mut opened = own_pair::open(app, proven.iter().cloned().collect(), asked.clone(), device, origin)?;
    if opened.is_none() {
        // The user may have got a second factor just now.
        look()?;
        if let (Some(old), Some(password)) = (&proven, &password)
            && let Some(proven) = checked_anew(app, old, password)?
        {
            opened = own_pair::open(app, vec![proven], asked, device, origin)?;
        }
    }
    if opened.is_none() {
        failed("bad credentials");
    }
    opened.ok_or(Error::BadCredentials)
}

/// Counts a finished login, successful or not. A request that could not be read is not counted.
pub(crate) fn count(app: &App, outcome: Result<(), &Error>) {
    app.metrics.login(match outcome {
        Ok(()) => "succeeded",
        // What a provider has to do with is counted where it is told.
        Err(Error::Invalid(_) | Error::UpstreamRefused(_)) => return,
        Err(Error::BadCredentials) => "bad_credentials",
        Err(Error::SecondFactorRequired(_)) => "second_factor_required",
        Err(Error::SecondFactorEnrolmentRequired(_) | Error::SignedInElsewhere { .. }) => {
            "second_factor_enrolment_required"
        }
        Err(Error::BadChallenge | Error::WrongOtp | Error::WrongRecoveryCode | Error::OtpLocked) => "bad_second_factor",
        Err(Error::PasskeyRefused(_)) => "bad_passkey",
        Err(Error::AccountDisabled) => "account_disabled",
        Err(Error::TooManyFailures { .. }) => "too_many_failures",
        Err(Error::Overloaded { .. }) => "overloaded",
        Err(_) => "failed",
    });
}
