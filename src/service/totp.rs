//! Authenticator apps: getting, confirming and removing one, and recovery codes.

use super::second_factor::{Needs, needs, open, present, recovery_digest, seal};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{SessionId, UserId};
use crate::model::names::ADMIN_ROLE;
use crate::model::proof::MFA;
use crate::model::second_factor::CHALLENGE_LIFETIME;
use crate::model::user::User;
use crate::secret::{KeyDigest, Secret, TotpSecret, readable};
use crate::store::Confirmed;

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
    pub(super) fn find(&self, app: &App) -> Result<(User, Option<SessionId>), Error> {
        match self {
            Self::LoggedIn(user, session) => {
                let user = app.store.read(|tx| tx.find_user(*user))?.ok_or(Error::UserUnknown)?;
                Ok((user, Some(*session)))
            }
            Self::LoggingIn(text) => {
                let presented = present(app, text)?;
                let user = presented.user;
                // The challenge of a user with a second factor opens nothing.
                let is_for_it = presented.challenge.is_enrolment
                    && needs(app, user.id, user.roles.contains(ADMIN_ROLE))? != Needs::Factor;
                if is_for_it { Ok((user, None)) } else { Err(Error::BadChallenge) }
            }
        }
    }
}

/// Whether a session has shown a second factor that its user has, if there is one: at its login, by authenticating again
/// since, or when it was confirmed.
pub(crate) fn has_shown(
    app: &App,
    user: UserId,
    session: Option<SessionId>,
    amr: &[String],
    auth_time: Option<Timestamp>,
) -> Result<bool, Error> {
    let factors = app.store.read(|tx| tx.list_factors(user))?;
    let Some(first) = factors.iter().map(|factor| factor.since).min() else { return Ok(true) };
    let was_confirmed_here = session.is_some() && factors.iter().any(|factor| factor.confirmed_in == session);
    // A login that had to wait for its user to enrol is as old as its password, which may be older than the factor.
    let is_of_these = auth_time.is_some_and(|at| at + CHALLENGE_LIFETIME >= first);
    Ok(was_confirmed_here || (amr.iter().any(|name| name == MFA) && is_of_these))
}

/// A secret for an authenticator app that waits for its first code.
pub(crate) struct Enrolled {
    /// Its user.
    pub(crate) user: User,
    /// The secret.
    pub(crate) secret: TotpSecret,
}

/// Makes a secret. It is in force when a code of it was shown; one that is in force stays so until then.
pub(crate) fn begin(app: &App, enroller: &Enroller) -> Result<Enrolled, Error> {
    let (user, _) = enroller.find(app)?;
    let secret = TotpSecret::generate(&*app.entropy)?;
    let sealed = seal(app, user.id, &secret)?;
    let id = user.id;
    app.units.run(move |tx| {
        tx.lock_active_user(id)?.ok_or(Error::AccountDisabled)?;
        tx.put_pending_totp(id, sealed)
    })?;
    Ok(Enrolled { user, secret })
}

/// Puts a secret in force by its first code; returns new recovery codes.
pub(crate) fn confirm(
    app: &App,
    enroller: &Enroller,
    code: &Secret<String>,
    origin: &Origin,
) -> Result<Vec<String>, Error> {
    let (user, session) = enroller.find(app)?;
    let (id, now) = (user.id, app.clock.now());
    // Without a secret that waits for one, every code is wrong.
    let totp = app.store.read(|tx| tx.find_totp(id))?;
    let sealed = totp.and_then(|totp| totp.pending_secret).ok_or(Error::WrongOtp)?;
    let step = open(app, id, &sealed)?.step_of(code.expose(), now.0).ok_or(Error::WrongOtp)?;
    let (codes, digests) = new_codes(app)?;
    let (added, made) = (origin.event(now, EventName::FactorAdded), origin.event(now, EventName::RecoveryCodesMade));
    app.units.run(move |tx| {
        tx.lock_active_user(id)?.ok_or(Error::AccountDisabled)?;
        if !tx.confirm_totp(id, Confirmed { secret: sealed, at: now, session, step })? {
            return Err(Error::WrongOtp);
        }
        tx.replace_recovery_codes(id, &digests)?;
        tx.record(added.about(id).with("totp"))?;
        tx.record(made.about(id))
    })?;
    Ok(codes)
}

/// Removes a user's authenticator app, and with the last second factor the recovery codes.
pub(crate) fn remove(app: &App, user: UserId, origin: &Origin) -> Result<(), Error> {
    let event = origin.event(app.clock.now(), EventName::FactorRemoved).about(user);
    app.units.run(move |tx| {
        tx.lock_user(user)?;
        tx.reading().find_user(user)?.ok_or(Error::UserUnknown)?;
        if !tx.delete_totp(user)? {
            return Err(Error::FactorNotFound);
        }
        tx.delete_recovery_codes_without_a_factor(user)?;
        tx.record(event.with("totp"))
    })
}

/// Removes all second factors and recovery codes of a user who has lost them.
pub(crate) fn reset(app: &App, user: UserId, origin: &Origin) -> Result<(), Error> {
    let event = origin.event(app.clock.now(), EventName::FactorsReset).about(user);
    app.units.run(move |tx| {
        tx.lock_user(user)?;
        tx.reading().find_user(user)?.ok_or(Error::UserUnknown)?;
        let kinds = [("totp", tx.delete_totp(user)?), ("passkey", tx.delete_passkeys(user)? > 0)];
        let kinds: Vec<_> = kinds.into_iter().filter(|(_, was_there)| *was_there).map(|(kind, _)| kind).collect();
        if kinds.is_empty() {
            return Err(Error::FactorNotFound);
        }
        tx.delete_recovery_codes_without_a_factor(user)?;
        tx.record(event.with(kinds.join(", ")))
    })
}

/// Makes new recovery codes; older ones are void.
pub(crate) fn renew_codes(app: &App, user: UserId, origin: &Origin) -> Result<Vec<String>, Error> {
    let (codes, digests) = new_codes(app)?;
    let event = origin.event(app.clock.now(), EventName::RecoveryCodesMade).about(user);
    app.units.run(move |tx| {
        tx.lock_user(user)?;
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
