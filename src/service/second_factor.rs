//! Second factors: what a user needs besides the password, the challenges of logins that wait for it, and the secrets.
//! After a right password a user with a second factor gets a challenge, and the session opens when a code is shown with it.
//! So it is for every login, and for giving the password again.

use super::proof::{Evidence, Proven};
use super::protection::check_enrolment;
use super::sealing;
use crate::app::App;
use crate::error::{Challenged, Error};
use crate::model::audit::{EventName, Origin};
use crate::model::id::{SessionId, UserId};
use crate::model::identity::LinkedIdentity;
use crate::model::names::ADMIN_ROLE;
use crate::model::second_factor::{CHALLENGE_LIFETIME, Challenge, Required};
use crate::model::user::User;
use crate::secret::{KeyDigest, Opaque, Secret, TotpSecret, digest_of};
use crate::store::ReadTx;

/// What a user needs besides the password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing.
    Nothing,
    /// A second factor.
    Factor,
    /// To get a second factor first.
    Enrolment,
}

/// What a user with these roles needs besides the password.
pub(crate) fn needs(app: &App, user: UserId, is_admin: bool) -> Result<Needs, Error> {
    app.store.read(|tx| needs_in(app.config.require_second_factor, tx, user, is_admin))
}

/// The same as a part of a transaction: once the user is locked it stays so.
pub(super) fn needs_in(required: Required, tx: &mut ReadTx<'_>, user: UserId, is_admin: bool) -> Result<Needs, Error> {
    let has_one = !tx.list_factors(user)?.is_empty();
    Ok(match (has_one, must_have_one(required, is_admin)) {
        (true, _) => Needs::Factor,
        (false, true) => Needs::Enrolment,
        (false, false) => Needs::Nothing,
    })
}

/// Whether a user with these roles must have a second factor.
fn must_have_one(required: Required, is_admin: bool) -> bool {
    match required {
        Required::Off => false,
        Required::Admins => is_admin,
        Required::All => true,
    }
}

/// What the next step is for.
pub(super) struct Next<'a> {
    /// The session whose user authenticates again; none for a login.
    pub(super) session: Option<SessionId>,
    /// The audience that the login asked for.
    pub(super) audience: Option<&'a str>,
    /// The user's name for the device.
    pub(super) label: Option<&'a str>,
    /// From where.
    pub(super) origin: &'a Origin,
    /// Whether a cookie authenticates the request: then the pair goes into cookies, too.
    pub(super) by_cookie: bool,
}

/// Refuses to go on after the password alone, if the user needs more. The refusal has the challenge for the next step. Who
/// authenticates again needs a second factor only if there is one: otherwise no user could enrol.
pub(super) fn stop_here(app: &App, proven: &Proven, next: &Next<'_>) -> Result<(), Error> {
    let user = &proven.user;
    let needs = needs(app, user.id, user.roles.contains(ADMIN_ROLE))?;
    let is_enrolment = match (needs, next.session) {
        (Needs::Nothing, _) | (Needs::Enrolment, Some(_)) => return Ok(()),
        (Needs::Factor, _) => false,
        (Needs::Enrolment, None) => true,
    };
    let is_both = proven.proof.method.is_both();
    let identity_id = match &proven.evidence {
        // A second factor of the provider counts at a login. Who authenticates again shows one of the account.
        Evidence::Upstream(_) if is_both && next.session.is_none() => return Ok(()),
        Evidence::Passkey { .. } if is_both => return Ok(()),
        Evidence::Password { .. } => None,
        Evidence::Upstream(identity) => {
            if is_enrolment {
                check_enrolment(app, user.id)?;
            }
            Some(identity.id)
        }
        _ => return Err(Error::internal("a first step that is neither a password nor an identity")),
    };
    let text = Opaque::generate(&*app.entropy)?;
    let (user, now, digest) = (user.id, app.clock.now(), text.digest());
    let challenge = Challenge {
        user_id: user,
        session_id: next.session,
        proved_at: proven.proof.at,
        is_enrolment,
        audience: next.audience.map(ToOwned::to_owned),
        label: next.label.map(ToOwned::to_owned),
        by_cookie: next.by_cookie,
        expires_at: now + CHALLENGE_LIFETIME,
        used_at: None,
        identity_id,
    };
    let asked = next.origin.event(now, EventName::SecondFactorAsked).about(user);
    let asked = if is_enrolment { asked.with("enrolment") } else { asked };
    let proven = proven.clone();
    let is_valid = app.units.run(move |tx| {
        let known = if proven.confirm(tx, now)? { tx.reading().find_credentials_of(user)? } else { None };
        let Some(known) = known else { return Ok(false) };
        tx.insert_challenge(&challenge, digest, digest_of(&known.password_hash))?;
        tx.record(asked)?;
        Ok(true)
    })?;
    if !is_valid {
        return Err(Error::BadCredentials);
    }
    let challenged = challenged(app, user, Secret::new(text.expose().to_owned()), is_enrolment)?;
    Err(if is_enrolment {
        Error::SecondFactorEnrolmentRequired(Some(challenged))
    } else {
        Error::SecondFactorRequired(Some(challenged))
    })
}

fn challenged(app: &App, user: UserId, challenge: Secret<String>, is_enrolment: bool) -> Result<Challenged, Error> {
    let methods = if is_enrolment { vec!["otp", "passkey"] } else { methods_of(app, user)? };
    let has_passkeys = app.config.relying_party.is_some();
    let methods = methods.into_iter().filter(|method| has_passkeys || *method != "passkey").collect();
    Ok(Challenged { challenge, methods })
}

/// How a user with a second factor may show it.
pub(super) fn methods_of(app: &App, user: UserId) -> Result<Vec<&'static str>, Error> {
    app.store.read(|tx| {
        let has_totp = tx.find_totp(user)?.is_some_and(|totp| totp.secret.is_some());
        let has_codes = tx.count_recovery_codes(user)? > 0;
        let has_passkey = !tx.list_passkeys(user)?.is_empty();
        let all = [("otp", has_totp), ("recovery_code", has_codes), ("passkey", has_passkey)];
        Ok(all.into_iter().filter(|(_, has_it)| *has_it).map(|(method, _)| method).collect())
    })
}

/// A challenge that is presented, and its user.
pub(crate) struct Presented {
    pub(super) user: User,
    pub(super) challenge: Challenge,
    pub(super) digest: KeyDigest,
    /// The hash of the password, which is the one of the first step.
    pub(super) checked: String,
    /// The identity that the first step has proved, if it was not the password.
    pub(super) identity: Option<Box<LinkedIdentity>>,
}

/// Finds a challenge that is not over.
pub(super) fn present(app: &App, text: &Secret<String>) -> Result<Presented, Error> {
    let (digest, now) = (digest_of(text.expose()), app.clock.now());
    let found = app.store.read(|tx| tx.find_challenge(&digest))?;
    let (challenge, password) = found.ok_or(Error::BadChallenge)?;
    let known = app.store.read(|tx| tx.find_credentials_of(challenge.user_id))?.ok_or(Error::BadChallenge)?;
    let is_the_same = digest_of(&known.password_hash).is(&password);
    if challenge.used_at.is_some() || challenge.expires_at <= now || !is_the_same {
        return Err(Error::BadChallenge);
    }
    if known.user.disabled_at.is_some() {
        return Err(Error::AccountDisabled);
    }
    let identity = match challenge.identity_id {
        None => None,
        // It may be unlinked by now.
        Some(id) => Some(app.store.read(|tx| tx.find_identity_by_id(id))?.ok_or(Error::BadChallenge)?),
    };
    let identity = identity.map(Box::new);
    Ok(Presented { user: known.user, challenge, digest, checked: known.password_hash, identity })
}

/// The digest of a recovery code, however it was typed.
pub(super) fn recovery_digest(typed: &str) -> KeyDigest {
    let plain = typed.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase());
    let plain: zeroize::Zeroizing<String> = zeroize::Zeroizing::new(plain.collect());
    digest_of(&plain)
}

/// Whether a secret is encrypted with the newest data key.
pub(super) fn is_sealed_with_the_newest(app: &App, sealed: &str) -> Result<bool, Error> {
    sealing::is_sealed_with_the_newest(app, sealed)
}

/// Encrypts a secret.
pub(super) fn seal(app: &App, user: UserId, secret: &TotpSecret) -> Result<String, Error> {
    sealing::seal(app, secret.expose(), &owner(user))
}

/// The owner of a sealed secret: moved to another user's row it does not open.
fn owner(user: UserId) -> Vec<u8> {
    [b"totp".as_slice(), user.as_bytes()].concat()
}

/// Decrypts a secret.
pub(super) fn open(app: &App, user: UserId, sealed: &str) -> Result<TotpSecret, Error> {
    Ok(TotpSecret::from_bytes(&sealing::open(app, sealed, &owner(user))?))
}
