//! Forgotten passwords: a mail to the verified address, and a new password for the user who has read it. A second factor is needed
//! as well, if there is one.

use super::fields::invalid;
use super::mail;
use super::mail_tokens::{Presented, admit_code, find_by_code, find_by_link, is_valid_for, issue};
use super::proof::Proven;
use super::second_factor::{Needs, methods_of, needs, needs_in};
use super::shown::{Guess, Shown, admit as admit_guess, check, refuse};
use super::users;
use crate::app::App;
use crate::engine::limiter::{Account, Charge};
use crate::error::Error;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::mail::Mail;
use crate::model::mail_token::Purpose;
use crate::model::proof::Proof;
use crate::model::session::{End, EndReason};
use crate::model::user::Email;
use crate::secret::Secret;

/// Reads the address that a mail is asked for.
pub(crate) fn address(app: &App, email: &str) -> Result<Email, Error> {
    if !mail::is_on(app) {
        return Err(Error::MailOff);
    }
    email.parse().map_err(invalid("email"))
}

/// Sends the mail, if an active account has this verified address. The request has been answered already, and what is written
/// takes the same time for an address without an account.
pub(crate) fn send(app: &App, email: &Email, origin: &Origin) -> Result<(), Error> {
    let event = origin.event(app.clock.now(), EventName::PasswordResetRequested);
    let known = app.store.read(|tx| tx.find_by_verified_email(&email.folded()))?;
    let known = known.filter(|known| known.user.disabled_at.is_none());
    let Some((known, address)) = known.and_then(|known| known.user.verified_email().cloned().map(|to| (known, to)))
    else {
        return app.units.run(move |tx| tx.record(event));
    };
    // To the address on record, not to what was typed: another one may look the same when it is folded.
    let issued = issue(app, &known, Purpose::ResetPassword, &address)?;
    let mail = Mail::ResetPassword { link: issued.link, code: issued.code };
    let message = mail::message(app, &known.user, &mail, origin)?;
    let (stored, event) = (issued.stored, event.about(known.user.id));
    app.units.run(move |tx| {
        tx.insert_mail_token(&stored)?;
        if let Some(message) = &message {
            tx.enqueue(message)?;
        }
        tx.record(event)
    })
}

/// What shows that somebody has read the mail.
pub(crate) enum ByMail {
    /// The last part of the link.
    Link(Secret<String>),
    /// The code, and the address that the mail went to.
    Code(Email, Secret<String>),
}

/// Whether the user of a link needs a second factor, and which ones there are. It changes nothing.
pub(crate) fn look(app: &App, link: &Secret<String>) -> Result<Vec<&'static str>, Error> {
    methods(app, &find_by_link(app, Purpose::ResetPassword, link)?)
}

fn methods(app: &App, presented: &Presented) -> Result<Vec<&'static str>, Error> {
    let user = presented.known.user.id;
    // Users who must get a second factor first do so at the next login.
    if needs(app, user, false)? != Needs::Factor {
        return Ok(Vec::new());
    }
    // A passkey logs in without the password, and then gives new recovery codes.
    let codes: Vec<_> = methods_of(app, user)?.into_iter().filter(|method| *method != "passkey").collect();
    Ok(if codes.is_empty() { vec!["recovery_code"] } else { codes })
}

/// Allows an attempt at a code: counted by the address, whether it has an account or not. Links cannot be guessed.
pub(crate) async fn admit(app: &App, read: &ByMail, ip: Option<&str>) -> Result<Option<Charge>, Error> {
    match read {
        ByMail::Link(_) => Ok(None),
        ByMail::Code(email, _) => {
            let account = Account::Unknown(email.folded().into_owned());
            admit_code(app, &account, ip).await.map(Some)
        }
    }
}

/// A user who has read the mail, and may set a new password once the second factor is proved.
pub(crate) struct Ready {
    presented: Presented,
    shown: Option<(Shown, Guess)>,
}

/// Checks what was read and the new password, and whether a second factor is shown if there is one. What can be mended is
/// refused before anything is used up.
pub(crate) fn begin(
    app: &App,
    read: &ByMail,
    charge: Option<Charge>,
    (password, shown): (&Secret<String>, Option<Shown>),
    origin: &Origin,
) -> Result<Ready, Error> {
    let presented = match read {
        ByMail::Link(text) => find_by_link(app, Purpose::ResetPassword, text),
        ByMail::Code(email, code) => {
            let known = app.store.read(|tx| tx.find_by_verified_email(&email.folded()))?;
            find_by_code(app, Purpose::ResetPassword, known, code)
        }
    };
    let presented = presented.inspect_err(|error| {
        if matches!(error, Error::BadMailToken) {
            charge.into_iter().for_each(Charge::failed);
        }
    })?;
    let user = &presented.known.user;
    users::new_password(user, password).map_err(|error| error.in_field("new_password"))?;
    let methods = methods(app, &presented)?;
    let shown = match shown {
        _ if methods.is_empty() => None,
        None => return Err(Error::SecondFactorMissing { methods }),
        // The user has no app whose code it could be.
        Some(Shown::Otp(_)) if !methods.contains(&"otp") => return Err(Error::SecondFactorMissing { methods }),
        Some(shown) => {
            let guess = Guess::new(app, shown.kind(), user.id, origin)?;
            Some((shown, guess))
        }
    };
    Ok(Ready { presented, shown })
}

/// Applies the limits on codes of second factors, which are those of logins.
pub(crate) async fn admit_factor(app: &App, ready: &Ready) -> Result<Option<Charge>, Error> {
    match &ready.shown {
        None => Ok(None),
        Some((_, guess)) => admit_guess(app, guess).await.map(Some),
    }
}

/// A user who may set a new password.
pub(crate) struct Proved {
    presented: Presented,
    factor: Option<(Proven, Error)>,
    /// Given back when it is over.
    _charge: Option<Charge>,
}

/// Checks the second factor. A wrong code is counted and recorded, and leaves link and code of the mail as they are.
pub(crate) fn prove(app: &App, ready: Ready, charge: Option<Charge>, origin: &Origin) -> Result<Proved, Error> {
    let Ready { presented, shown } = ready;
    let Some((shown, guess)) = shown else { return Ok(Proved { presented, factor: None, _charge: charge }) };
    let (user, at) = (presented.known.user.clone(), app.clock.now());
    let id = user.id;
    match (check(app, id, (&shown, &guess), None, origin), charge) {
        (Ok((method, evidence)), charge) => {
            let proof = Proof { user: id, method, at };
            let factor = Some((Proven { user, proof, evidence }, shown.refusal()));
            Ok(Proved { presented, factor, _charge: charge })
        }
        (Err(error @ (Error::WrongOtp | Error::WrongRecoveryCode)), Some(charge)) => {
            Err(refuse(app, &user, (&shown, error), charge, origin))
        }
        (Err(error), _) => Err(error),
    }
}

/// Hashes the new password.
pub(crate) fn hash(app: &App, proved: &Proved, password: &Secret<String>) -> Result<String, Error> {
    users::hash_for(app, &proved.presented.known.user, password)
}

/// Sets the new password, and ends all sessions; returns how many. All other links and codes are void then, since each is
/// for the old password.
pub(crate) fn finish(app: &App, proved: Proved, hash: String, origin: &Origin) -> Result<usize, Error> {
    let Proved { presented: Presented { known, stored }, factor, _charge } = proved;
    let (id, now) = (known.user.id, app.clock.now());
    let (end, access) = (End { at: now, reason: EndReason::PasswordChanged }, app.config.lifetimes.access);
    let event = origin.event(now, EventName::PasswordRecovered).about(id);
    let notice = mail::notice(app, &known.user, &Mail::PasswordChanged, origin);
    let required = app.config.require_second_factor;
    app.units.run(move |tx| {
        tx.lock_active_user(id)?.ok_or(Error::BadMailToken)?;
        let current = tx.reading().find_credentials_of(id)?.ok_or(Error::BadMailToken)?;
        if !is_valid_for(&stored, &current) || !tx.use_mail_token(&stored.digest, now)? {
            return Err(Error::BadMailToken);
        }
        // One may have been confirmed since the request began.
        if factor.is_none() && needs_in(required, &mut tx.reading(), id, false)? == Needs::Factor {
            return Err(Error::BadMailToken);
        }
        if let Some((proven, refusal)) = factor {
            if !proven.confirm(tx, now)? {
                return Err(refusal);
            }
            if let Some(name) = proven.recorded_as() {
                tx.record(Event { name, ..event.clone() })?;
            }
        }
        tx.set_password_hash(id, &hash)?;
        tx.forget_devices(id)?;
        tx.record(event)?;
        notice.enqueue(tx)?;
        tx.end_sessions_of(id, None, end, access)
    })
}
