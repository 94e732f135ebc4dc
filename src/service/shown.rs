//! What a user shows besides the password: finding the challenge ([`claim`]), waiting for the limits ([`admit`]), and checking
//! the code ([`check`]).

use super::mail::notice;
use super::passkey_proof::{self, Ceremony};
use super::proof::Evidence;
use super::second_factor::{Presented, is_sealed_with_the_newest, open, present, recovery_digest, seal};
use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, Kind, OTP, PASSKEY, RECOVERY_CODE};
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{SessionId, UserId};
use crate::model::mail::Mail;
use crate::model::proof::Method;
use crate::model::second_factor::{FAILURES_TOLD_OF, MAX_FAILURES_IN_A_ROW, Totp};
use crate::model::user::User;
use crate::secret::{KeyDigest, Secret};
use crate::webauthn::{Assertion, Refusal};

/// What a user shows besides the password.
pub(crate) enum Shown {
    /// A code of an authenticator app.
    Otp(Secret<String>),
    /// A recovery code.
    RecoveryCode(Secret<String>),
    /// What a passkey has signed.
    Passkey(Box<Assertion>),
}

impl Shown {
    pub(super) fn kind(&self) -> &'static Kind {
        match self {
            Self::Otp(_) => &OTP,
            Self::RecoveryCode(_) => &RECOVERY_CODE,
            Self::Passkey(_) => &PASSKEY,
        }
    }

    /// Why it is refused if it is wrong, or if another request was faster with it.
    pub(super) fn refusal(&self) -> Error {
        match self {
            Self::Otp(_) => Error::WrongOtp,
            Self::RecoveryCode(_) => Error::WrongRecoveryCode,
            Self::Passkey(_) => Error::PasskeyRefused(Refusal::ChallengeOver),
        }
    }
}

/// A code that may be guessed, for the limits.
pub(crate) struct Guess {
    attempt: Attempt,
    /// Whether the user has shown a second factor in that browser or from that address before.
    is_known: bool,
    ip: Option<String>,
}

impl Guess {
    pub(super) fn new(app: &App, kind: &Kind, user: UserId, origin: &Origin) -> Result<Self, Error> {
        let (account, ip) = (Account::Known(user), origin.ip.clone());
        let attempt = Attempt::new(kind, Some(&account), ip.as_deref());
        if let Some(browser) = origin.browser
            && app.store.read(|tx| tx.is_known_device(user, &KeyDigest(browser)))?
        {
            let attempt = attempt.in_browser(kind, account, browser);
            return Ok(Self { attempt, is_known: true, ip });
        }
        let is_known = attempt.is_from_one_of(&app.store.read(|tx| tx.list_second_factor_addresses(user))?);
        let attempt = if is_known { attempt.sparing_the_account() } else { attempt };
        Ok(Self { attempt, is_known, ip })
    }

    /// A signature cannot be guessed: only addresses are counted, which bounds what a flood can write.
    pub(crate) fn of_passkey(ip: Option<&str>) -> Self {
        Self { attempt: Attempt::new(&PASSKEY, None, ip), is_known: false, ip: ip.map(ToOwned::to_owned) }
    }
}

/// A claim to have a second factor.
pub(crate) struct Claim {
    pub(super) presented: Presented,
    pub(super) shown: Shown,
    pub(super) guess: Guess,
}

impl AsRef<Guess> for Claim {
    fn as_ref(&self) -> &Guess {
        &self.guess
    }
}

impl Claim {
    /// Whether the pair goes into cookies, since a cookie authenticated the request before.
    pub(crate) fn is_by_cookie(&self) -> bool {
        self.presented.challenge.by_cookie
    }

    /// The session whose user authenticates again; none for a login.
    pub(super) fn session(&self) -> Option<SessionId> {
        self.presented.challenge.session_id
    }
}

/// The first part of the step: finds the challenge.
pub(crate) fn claim(app: &App, text: &Secret<String>, shown: Shown, origin: &Origin) -> Result<Claim, Error> {
    let presented = present(app, text)?;
    let guess = match &shown {
        // It cannot be guessed.
        Shown::Passkey(_) => Guess::of_passkey(origin.ip.as_deref()),
        _ => Guess::new(app, shown.kind(), presented.user.id, origin)?,
    };
    Ok(Claim { presented, shown, guess })
}

/// The second part: applies the limits.
pub(crate) async fn admit(app: &App, guess: &Guess) -> Result<Charge, Error> {
    app.limiter.admit(&guess.attempt).await?.map_err(|retry_after| {
        let ip = guess.ip.as_deref().unwrap_or_default();
        log::warn!(ip, retry_after:% = retry_after; "second factor refused: too many failures");
        Error::TooManyFailures { retry_after }
    })
}

/// Counts and records what is wrong, and tells the owner if that was often; returns the refusal.
pub(super) fn refuse(
    app: &App,
    user: &User,
    (shown, refusal): (&Shown, Error),
    charge: Charge,
    origin: &Origin,
) -> Error {
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
    recorded.err().unwrap_or(refusal)
}

/// Checks what is shown: [`Shown::refusal`] if it is wrong or was used, or what a passkey is refused for. A passkey has
/// signed for the challenge of a login.
pub(super) fn check(
    app: &App,
    user: UserId,
    (shown, guess): (&Shown, &Guess),
    challenge: Option<KeyDigest>,
    origin: &Origin,
) -> Result<(Method, Evidence), Error> {
    match shown {
        Shown::Otp(code) => {
            let totp = app.store.read(|tx| tx.find_totp(user))?.ok_or(Error::WrongOtp)?;
            if totp.failures >= MAX_FAILURES_IN_A_ROW && !guess.is_known {
                return Err(Error::OtpLocked);
            }
            Ok((Method::Otp, check_otp(app, &totp, code)?.ok_or(Error::WrongOtp)?))
        }
        Shown::RecoveryCode(code) => {
            let digest = recovery_digest(code.expose());
            let has_it = app.store.read(|tx| tx.has_recovery_code(user, &digest))?;
            let evidence = has_it.then_some(Evidence::RecoveryCode(digest)).ok_or(Error::WrongRecoveryCode)?;
            Ok((Method::RecoveryCode, evidence))
        }
        Shown::Passkey(assertion) => {
            let passkey = passkey_proof::find(app, assertion)?;
            if passkey.user_id != user {
                return Err(Error::PasskeyRefused(Refusal::WrongUser));
            }
            let challenge = challenge.ok_or(Error::PasskeyRefused(Refusal::ChallengeOver))?;
            passkey_proof::check(app, assertion, passkey, &Ceremony::SecondStep(challenge), origin)
        }
    }
}

/// Checks a code; `None` if it is wrong or was used.
fn check_otp(app: &App, totp: &Totp, code: &Secret<String>) -> Result<Option<Evidence>, Error> {
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
