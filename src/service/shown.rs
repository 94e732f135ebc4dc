//! What a user shows besides the password: finding the challenge ([`claim`]), waiting for the limits ([`admit`]), and checking
//! the code ([`check`]).

use super::mail::notice;
use super::proof::Evidence;
use super::second_factor::{Presented, is_sealed_with_the_newest, open, present, recovery_digest, seal};
use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, Kind, OTP, RECOVERY_CODE};
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{SessionId, UserId};
use crate::model::mail::Mail;
use crate::model::proof::Method;
use crate::model::second_factor::{FAILURES_TOLD_OF, MAX_FAILURES_IN_A_ROW, Totp};
use crate::model::user::User;
use crate::secret::Secret;

/// What a user shows besides the password.
pub(crate) enum Shown {
    /// A code of an authenticator app.
    Otp(Secret<String>),
    /// A recovery code.
    RecoveryCode(Secret<String>),
}

impl Shown {
    fn kind(&self) -> &'static Kind {
        match self {
            Self::Otp(_) => &OTP,
            Self::RecoveryCode(_) => &RECOVERY_CODE,
        }
    }

    /// The method of a proof by it.
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Otp(_) => Method::Otp,
            Self::RecoveryCode(_) => Method::RecoveryCode,
        }
    }

    /// Why it is refused if it is wrong.
    pub(super) fn refusal(&self) -> Error {
        match self {
            Self::Otp(_) => Error::WrongOtp,
            Self::RecoveryCode(_) => Error::WrongRecoveryCode,
        }
    }
}

/// A claim to have a second factor.
pub(crate) struct Claim {
    pub(super) presented: Presented,
    pub(super) shown: Shown,
    attempt: Attempt,
    /// Whether the user has shown a second factor from there before.
    pub(super) is_known: bool,
    ip: Option<String>,
}

impl Claim {
    /// The session whose user authenticates again; none for a login.
    pub(super) fn session(&self) -> Option<SessionId> {
        self.presented.challenge.session_id
    }
}

/// The first part of the step: finds the challenge.
pub(crate) fn claim(app: &App, text: &Secret<String>, shown: Shown, ip: Option<&str>) -> Result<Claim, Error> {
    let presented = present(app, text)?;
    let (attempt, is_known) = attempt(app, presented.user.id, &shown, ip)?;
    Ok(Claim { presented, shown, attempt, is_known, ip: ip.map(ToOwned::to_owned) })
}

/// The attempt that this is, and whether the user has shown a second factor from there before.
pub(super) fn attempt(app: &App, user: UserId, shown: &Shown, ip: Option<&str>) -> Result<(Attempt, bool), Error> {
    let attempt = Attempt::new(shown.kind(), Some(&Account::Known(user)), ip);
    let is_known = attempt.is_from_one_of(&app.store.read(|tx| tx.list_second_factor_addresses(user))?);
    Ok((if is_known { attempt.sparing_the_account() } else { attempt }, is_known))
}

/// The second part: applies the limits.
pub(crate) async fn admit(app: &App, claim: &Claim) -> Result<Charge, Error> {
    admit_attempt(app, &claim.attempt, claim.ip.as_deref()).await
}

/// The same, of an attempt that is part of something else.
pub(super) async fn admit_attempt(app: &App, attempt: &Attempt, ip: Option<&str>) -> Result<Charge, Error> {
    app.limiter.admit(attempt).await?.map_err(|retry_after| {
        let ip = ip.unwrap_or_default();
        log::warn!(ip, retry_after:% = retry_after; "second factor refused: too many failures");
        Error::TooManyFailures { retry_after }
    })
}

/// Counts and records what is wrong, and tells the owner if that was often; returns the refusal.
pub(super) fn refuse(app: &App, user: &User, shown: &Shown, charge: Charge, origin: &Origin) -> Error {
    charge.failed();
    let (id, is_otp) = (user.id, matches!(shown, Shown::Otp(_)));
    let event = origin.event(app.clock.now(), EventName::SecondFactorFailed).about(id);
    let notice = notice(app, user, &Mail::ManyWrongCodes, origin);
    let recorded = app.units.run(move |tx| {
        let failures = if is_otp { tx.count_totp_failure(id)? } else { None };
        if failures.is_some_and(|failures| failures % FAILURES_TOLD_OF == 0) {
            notice.enqueue(tx)?;
        }
        tx.record(event)
    });
    recorded.err().unwrap_or_else(|| shown.refusal())
}

/// Checks a code; `None` if it is wrong or was used.
pub(super) fn check(app: &App, totp: &Totp, shown: &Shown, is_known: bool) -> Result<Option<Evidence>, Error> {
    match shown {
        Shown::Otp(_) if totp.failures >= MAX_FAILURES_IN_A_ROW && !is_known => Err(Error::OtpLocked),
        Shown::Otp(code) => {
            let Some(secret) = &totp.secret else { return Ok(None) };
            let opened = open(app, totp.user_id, secret)?;
            let step = opened.step_of(code.expose(), app.clock.now().0).filter(|step| *step > totp.last_step);
            let Some(step) = step else { return Ok(None) };
            let renewed = match is_sealed_with_the_newest(app, secret) {
                Ok(true) => Ok(secret.clone()),
                Ok(false) => seal(app, totp.user_id, &opened),
                Err(error) => Err(error),
            };
            // The key that it is encrypted with works: a newer one that does not must not keep its user out.
            let renewed = renewed.unwrap_or_else(|error| {
                log::error!(cause = error.to_string(); "a secret for one-time codes stays encrypted with an older data key");
                secret.clone()
            });
            Ok(Some(Evidence::Otp { secret: secret.clone(), step, renewed }))
        }
        Shown::RecoveryCode(code) => {
            let digest = recovery_digest(code.expose());
            let has_it = app.store.read(|tx| tx.has_recovery_code(totp.user_id, &digest))?;
            Ok(has_it.then_some(Evidence::RecoveryCode(digest)))
        }
    }
}
