//! Authenticator apps: getting, confirming and removing one, and recovery codes.

use super::mail::notice_to;
use super::protection::{Authenticated, Protection};
use super::second_factor::{Needs, needs, needs_in, open, present, recovery_digest, seal};
use super::shown::Guess;
use crate::app::App;
use crate::clock::Timestamp;
use crate::engine::limiter::{Charge, OTP};
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{SessionId, UserId};
use crate::model::mail::{Factor, Mail};
use crate::model::names::ADMIN_ROLE;
use crate::model::second_factor::Required;
use crate::model::user::User;
use crate::secret::{KeyDigest, Secret, TotpSecret, readable};
use crate::store::{Confirmed, WriteTx};

/// How many recovery codes a user has.
const RECOVERY_CODES: usize = 10;

/// The random characters of a recovery code, five bits each: 80 bits, which no computer can try against a digest.
const RECOVERY_CHARS: usize = 16;

/// Who gets an authenticator app.
pub(crate) enum Enroller {
    /// A user who is logged in, in this session.
    LoggedIn(UserId, SessionId),
    /// A user whose login waits for a second factor.
    LoggingIn(Secret<String>),
}

impl Enroller {
    pub(super) fn find(&self, app: &App) -> Result<User, Error> {
        match self {
            Self::LoggedIn(user, _) => app.store.read(|tx| tx.find_user(*user))?.ok_or(Error::UserUnknown),
            Self::LoggingIn(text) => {
                let presented = present(app, text)?;
                let user = presented.user;
                // The challenge of a user with a second factor opens nothing.
                let is_for_it = presented.challenge.is_enrolment
                    && needs(app, user.id, user.roles.contains(ADMIN_ROLE))? != Needs::Factor;
                if is_for_it { Ok(user) } else { Err(Error::BadChallenge) }
            }
        }
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        match self {
            Self::LoggedIn(_, session) => Some(*session),
            Self::LoggingIn(_) => None,
        }
    }

    /// The user whose session a request comes from.
    pub(super) fn of(user: UserId, origin: &Origin) -> Result<Self, Error> {
        Ok(Self::LoggedIn(user, origin.session.ok_or(Error::SessionUnknown)?))
    }

    /// Part of every unit that changes what the user's second factors are: locks the user, and checks again that they may. A
    /// factor may have been confirmed, or the session ended, since the request was let in.
    pub(super) fn check_again(
        &self,
        tx: &mut WriteTx<'_>,
        user: UserId,
        (now, protection): (Timestamp, &Protection),
    ) -> Result<(), Error> {
        tx.lock_active_user(user)?.ok_or(Error::AccountDisabled)?;
        let Some(session) = self.session() else {
            let has_one = needs_in(Required::Off, &mut tx.reading(), user, false)? == Needs::Factor;
            return if has_one { Err(Error::BadChallenge) } else { Ok(()) };
        };
        let live = tx.reading().find_with_grant(session)?.ok_or(Error::SessionUnknown)?;
        if live.session.end_by(now).is_some() {
            return Err(Error::TokenRefused(TokenError::Revoked));
        }
        protection.check(&mut tx.reading(), user, &Authenticated::from(&live))
    }
}

/// A secret for an authenticator app that waits for its first code.
pub(crate) struct Enrolled {
    /// Its user.
    pub(crate) user: User,
    /// The secret.
    pub(crate) secret: TotpSecret,
}

/// Makes a secret. It is in force when a code of it was shown; one that is in force stays so until then.
pub(crate) fn begin(app: &App, enroller: Enroller) -> Result<Enrolled, Error> {
    let user = enroller.find(app)?;
    let secret = TotpSecret::generate(&*app.entropy)?;
    let sealed = seal(app, user.id, &secret)?;
    let (id, now, protection) = (user.id, app.clock.now(), Protection::of(app));
    app.units.run(move |tx| {
        enroller.check_again(tx, id, (now, &protection))?;
        tx.put_pending_totp(id, sealed)
    })?;
    Ok(Enrolled { user, secret })
}

/// A claim to have the app whose secret waits for its first code.
pub(crate) struct Confirming {
    enroller: Enroller,
    user: UserId,
    guess: Guess,
}

impl AsRef<Guess> for Confirming {
    fn as_ref(&self) -> &Guess {
        &self.guess
    }
}

/// The first part of confirming an app: finds who enrols. Wrong codes count as those of logins do.
pub(crate) fn claim(app: &App, enroller: Enroller, origin: &Origin) -> Result<Confirming, Error> {
    let user = enroller.find(app)?.id;
    let guess = Guess::new(app, &OTP, user, origin)?;
    Ok(Confirming { enroller, user, guess })
}

/// The second part: puts the secret in force by its first code; returns new recovery codes.
pub(crate) fn confirm(
    app: &App,
    confirming: Confirming,
    charge: Charge,
    code: &Secret<String>,
    origin: &Origin,
) -> Result<Vec<String>, Error> {
    let Confirming { enroller, user, .. } = confirming;
    let (now, session) = (app.clock.now(), enroller.session());
    let refused = |charge: Charge| {
        charge.failed();
        let event = origin.event(now, EventName::SecondFactorFailed).about(user).with("enrolment");
        app.units.run(move |tx| tx.record(event))?;
        Err(Error::WrongOtp)
    };
    // Without a secret that waits for one, every code is wrong.
    let totp = app.store.read(|tx| tx.find_totp(user))?;
    let Some(sealed) = totp.and_then(|totp| totp.pending_secret) else { return refused(charge) };
    let Some(step) = open(app, user, &sealed)?.step_of(code.expose(), now.0) else { return refused(charge) };
    let (codes, digests) = new_codes(app)?;
    let (added, made) = (origin.event(now, EventName::FactorAdded), origin.event(now, EventName::RecoveryCodesMade));
    let (protection, notice) = (Protection::of(app), notice_to(app, user, &Mail::FactorAdded(Factor::App), origin));
    let is_confirmed = app.units.run(move |tx| {
        enroller.check_again(tx, user, (now, &protection))?;
        let is_confirmed = tx.confirm_totp(user, Confirmed { secret: sealed, at: now, session, step })?;
        if is_confirmed {
            tx.replace_recovery_codes(user, &digests)?;
            notice.enqueue(tx)?;
            tx.record(added.about(user).with("totp"))?;
            tx.record(made.about(user))?;
        }
        Ok(is_confirmed)
    })?;
    if is_confirmed { Ok(codes) } else { refused(charge) }
}

/// Removes a user's authenticator app, and with the last second factor the recovery codes.
pub(crate) fn remove(app: &App, user: UserId, origin: &Origin) -> Result<(), Error> {
    let now = app.clock.now();
    let event = origin.event(now, EventName::FactorRemoved).about(user);
    let notice = notice_to(app, user, &Mail::FactorRemoved(Factor::App), origin);
    let (owner, protection) = (Enroller::of(user, origin)?, Protection::of(app));
    app.units.run(move |tx| {
        owner.check_again(tx, user, (now, &protection))?;
        if !tx.delete_totp(user)? {
            return Err(Error::FactorNotFound);
        }
        tx.delete_recovery_codes_without_a_factor(user)?;
        notice.enqueue(tx)?;
        tx.record(event.with("totp"))
    })
}

/// Removes all second factors and recovery codes of a user who has lost them.
pub(crate) fn reset(app: &App, user: UserId, origin: &Origin) -> Result<(), Error> {
    let event = origin.event(app.clock.now(), EventName::FactorsReset).about(user);
    let notice = notice_to(app, user, &Mail::FactorsReset, origin);
    app.units.run(move |tx| {
        tx.lock_user(user)?;
        tx.reading().find_user(user)?.ok_or(Error::UserUnknown)?;
        let kinds = [("totp", tx.delete_totp(user)?), ("passkey", tx.delete_passkeys(user)? > 0)];
        let kinds: Vec<_> = kinds.into_iter().filter(|(_, was_there)| *was_there).map(|(kind, _)| kind).collect();
        if kinds.is_empty() {
            return Err(Error::FactorNotFound);
        }
        tx.delete_recovery_codes_without_a_factor(user)?;
        notice.enqueue(tx)?;
        tx.record(event.with(kinds.join(", ")))
    })
}

/// Makes new recovery codes; older ones are void.
pub(crate) fn renew_codes(app: &App, user: UserId, origin: &Origin) -> Result<Vec<String>, Error> {
    let (codes, digests) = new_codes(app)?;
    let now = app.clock.now();
    let event = origin.event(now, EventName::RecoveryCodesMade).about(user);
    let (owner, protection) = (Enroller::of(user, origin)?, Protection::of(app));
    app.units.run(move |tx| {
        owner.check_again(tx, user, (now, &protection))?;
        if tx.reading().list_factors(user)?.is_empty() {
            return Err(Error::FactorNotFound);
        }
        tx.replace_recovery_codes(user, &digests)?;
        tx.record(event)
    })?;
    Ok(codes)
}

/// New recovery codes, and what is stored of them.
pub(super) fn new_codes(app: &App) -> Result<(Vec<String>, Vec<KeyDigest>), Error> {
    let (mut codes, mut digests) = (Vec::new(), Vec::new());
    for _ in 0..RECOVERY_CODES {
        let text = readable(&app.entropy.bytes::<RECOVERY_CHARS>()?);
        digests.push(recovery_digest(&text));
        let groups: Vec<_> = text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect();
        codes.push(groups.join("-"));
    }
    Ok((codes, digests))
}
