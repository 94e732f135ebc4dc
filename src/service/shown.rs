//! What a user shows besides the password: finding the challenge ([`claim`]), waiting for the limits ([`admit`]), and checking
//! the code ([`check`]).

use super::passkey_proof::{self, Ceremony};
use super::proof::Evidence;
use super::second_factor::{Presented, is_sealed_with_the_newest, open, present, recovery_digest, seal};
use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, Kind, OTP, PASSKEY, RECOVERY_CODE};
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::id::SessionId;
use crate::model::proof::Method;
use crate::model::second_factor::{MAX_FAILURES_IN_A_ROW, Totp};
use crate::secret::Secret;
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
    fn kind(&self) -> &'static Kind {
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
    let user = presented.user.id;
    let account = Some(Account::Known(user)).filter(|_| !matches!(shown, Shown::Passkey(_)));
    let attempt = Attempt::new(shown.kind(), account.as_ref(), ip);
    let is_known = attempt.is_from_one_of(&app.store.read(|tx| tx.list_second_factor_addresses(user))?);
    let attempt = if is_known { attempt.sparing_the_account() } else { attempt };
    Ok(Claim { presented, shown, attempt, is_known, ip: ip.map(ToOwned::to_owned) })
}

/// The second part: applies the limits.
pub(crate) async fn admit(app: &App, claim: &Claim) -> Result<Charge, Error> {
    admit_attempt(app, &claim.attempt, claim.ip.as_deref()).await
}

/// Applies the limits to an address from which a passkey comes alone. A signature cannot be guessed: they only bound what a
/// flood can write.
pub(crate) async fn admit_passkey(app: &App, ip: Option<&str>) -> Result<Charge, Error> {
    admit_attempt(app, &Attempt::new(&PASSKEY, None, ip), ip).await
}

async fn admit_attempt(app: &App, attempt: &Attempt, ip: Option<&str>) -> Result<Charge, Error> {
    app.limiter.admit(attempt).await?.map_err(|retry_after| {
        let ip = ip.unwrap_or_default();
        log::warn!(ip, retry_after:% = retry_after; "second factor refused: too many failures");
        Error::TooManyFailures { retry_after }
    })
}

/// Checks what is shown: [`Shown::refusal`] if it is wrong or was used, or what a passkey is refused for.
pub(super) fn check(app: &App, claim: &Claim, origin: &Origin) -> Result<(Method, Evidence), Error> {
    let user = claim.presented.user.id;
    match &claim.shown {
        Shown::Otp(code) => {
            let totp = app.store.read(|tx| tx.find_totp(user))?.ok_or(Error::WrongOtp)?;
            if totp.failures >= MAX_FAILURES_IN_A_ROW && !claim.is_known {
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
            passkey_proof::check(app, assertion, passkey, &Ceremony::SecondStep(claim.presented.digest), origin)
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
