//! Authenticator apps: getting, confirming and removing one, and recovery codes.

use super::mail::notice_to;
use super::owner::Owner;
use super::protection::Protection;
use super::second_factor::{open, recovery_digest, seal};
use super::shown::Guess;
use crate::app::App;
use crate::engine::limiter::{Charge, OTP};
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::UserId;
use crate::model::mail::{Factor, Mail};
use crate::model::user::User;
use crate::secret::{KeyDigest, Secret, TotpSecret, readable};
use crate::store::Confirmed;

/// How many recovery codes a user has.
const RECOVERY_CODES: usize = 10;

/// The random characters of a recovery code, five bits each: 80 bits, which no computer can try against a digest.
const RECOVERY_CHARS: usize = 16;

/// A secret for an authenticator app that waits for its first code.
pub(crate) struct Enrolled {
    /// Its user.
    pub(crate) user: User,
    /// The secret.
    pub(crate) secret: TotpSecret,
}

/// Makes a secret. It is in force when a code of it was shown; one that is in force stays so until then.
pub(crate) fn begin(app: &App, owner: Owner) -> Result<Enrolled, Error> {
    let user = owner.find(app)?;
    let secret = TotpSecret::generate(&*app.entropy)?;
    let sealed = seal(app, user.id, &secret)?;
    let (id, now, protection) = (user.id, app.clock.now(), Protection::of(app));
    app.units.run(move |tx| {
        owner.check_again(tx, id, (now, &protection))?;
        tx.put_pending_totp(id, sealed)
    })?;
    Ok(Enrolled { user, secret })
}

/// A claim to have the app whose secret waits for its first code.
pub(crate) struct Confirming {
    owner: Owner,
    user: UserId,
    guess: Guess,
}

impl AsRef<Guess> for Confirming {
    fn as_ref(&self) -> &Guess {
        &self.guess
    }
}

/// The first part of confirming an app: finds who enrols. Wrong codes count as those of logins do.
pub(crate) fn claim(app: &App, owner: Owner, origin: &Origin) -> Result<Confirming, Error> {
    let user = owner.find(app)?.id;
    let guess = Guess::new(app, &OTP, user, origin)?;
    Ok(Confirming { owner, user, guess })
}

/// The second part: puts the secret in force by its first code; returns new recovery codes.
pub(crate) fn confirm(
    app: &App,
    confirming: Confirming,
    charge: Charge,
    code: &Secret<String>,
    origin: &Origin,
) -> Result<Vec<String>, Error> {
    let Confirming { owner, user, .. } = confirming;
    let (now, session) = (app.clock.now(), owner.session());
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
        owner.check_again(tx, user, (now, &protection))?;
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
    let (owner, protection) = (Owner::of(user, origin)?, Protection::of(app));
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
    let (owner, protection) = (Owner::of(user, origin)?, Protection::of(app));
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
