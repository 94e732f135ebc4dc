//! E-mail addresses: confirming one, and changing one's own. A new address is in force when it is confirmed; if the service
//! sends no mail, at once, but it is not verified then.

use super::mail;
use super::mail_tokens::{LinkOrCode, Presented, admit_code, find_by_code, find_by_link, is_valid_for, issue};
use super::users::{self, NewProfile};
use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, REGISTRATION};
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::UserId;
use crate::model::mail::Mail;
use crate::model::mail_token::Purpose;
use crate::model::user::{Email, User, Username};
use crate::secret::Secret;
use crate::store::UnitTx;

/// Sends a mail to the address of an account, to confirm it.
pub(crate) fn send(app: &App, user: UserId, email: &Email, origin: &Origin) -> Result<(), Error> {
    app.units.run(sending(app, user, email, origin)?)
}

/// The address on record, which a mail may go to.
pub(crate) fn on_record(app: &App, user: UserId) -> Result<Email, Error> {
    if !mail::is_on(app) {
        return Err(Error::MailOff);
    }
    users::find(app, user)?.email.ok_or(Error::EmailMissing)
}

/// An account as its user sees it.
pub(crate) struct OwnAccount {
    /// The user.
    pub(crate) user: User,
    /// The address that waits to be confirmed instead of the one on record, if a mail to it is still valid.
    pub(crate) pending: Option<Email>,
    /// Whether there is a password.
    pub(crate) has_password: bool,
}

/// The account with this id, as its user sees it.
pub(crate) fn own_account(app: &App, id: UserId) -> Result<OwnAccount, Error> {
    let now = app.clock.now();
    app.store.read(|tx| {
        let known = tx.find_credentials_of(id)?.ok_or(Error::UserUnknown)?;
        let valid = tx.list_mail_tokens(id, Purpose::VerifyAddress, now)?.into_iter();
        let mut waiting = valid.filter(|stored| is_valid_for(stored, &known)).map(|stored| stored.token.email);
        let pending = waiting.find(|email| known.user.email.as_ref() != Some(email));
        Ok(OwnAccount { has_password: known.has_password(), user: known.user, pending })
    })
}

/// Part of a unit: sends the mail that confirms an address.
fn sending(
    app: &App,
    user: UserId,
    email: &Email,
    origin: &Origin,
) -> Result<impl FnOnce(&mut UnitTx<'_>) -> Result<(), Error> + Send + 'static, Error> {
    let known = app.store.read(|tx| tx.find_credentials_of(user))?.ok_or(Error::UserUnknown)?;
    let issued = issue(app, &known, Purpose::VerifyAddress, email)?;
    let mail = Mail::VerifyAddress { link: issued.link, code: issued.code };
    let message = mail::message_to(app, Some(&known.user), email, &mail, origin)?;
    let event = origin.event(app.clock.now(), EventName::AddressVerificationSent).about(user);
    let stored = issued.stored;
    Ok(move |tx: &mut UnitTx<'_>| {
        tx.lock_active_user(user)?.ok_or(Error::AccountDisabled)?;
        tx.insert_mail_token(&stored)?;
        if let Some(message) = &message {
            tx.enqueue(message)?;
        }
        tx.record(event)
    })
}

/// What a user changes of their own account, and the new address if it has to be confirmed before it is in force.
pub(crate) fn to_confirm(app: &App, user: UserId, new: NewProfile) -> Result<(NewProfile, Option<Email>), Error> {
    // One that is not valid is refused together with all else.
    let email = new.email.as_ref().and_then(|email| email.as_deref()?.parse::<Email>().ok());
    let Some(email) = email.filter(|_| mail::is_on(app)) else { return Ok((new, None)) };
    if users::find(app, user)?.email.as_ref() == Some(&email) {
        return Ok((new, None));
    }
    Ok((NewProfile { email: None, ..new }, Some(email)))
}

/// Allows an attempt to choose another username: whoever has an account could try out which usernames there are. Each refusal
/// counts.
pub(crate) async fn admit_choice(
    app: &App,
    user: UserId,
    new: &NewProfile,
    ip: Option<&str>,
) -> Result<Option<Charge>, Error> {
    if new.username.is_none() {
        return Ok(None);
    }
    let attempt = Attempt::new(&REGISTRATION, Some(&Account::Known(user)), ip);
    let charge = app.limiter.admit(&attempt).await?;
    charge.map(Some).map_err(|retry_after| Error::TooManyFailures { retry_after })
}

/// Changes it, and sends a mail to the address.
pub(crate) fn change_profile(
    app: &App,
    user: UserId,
    new: &NewProfile,
    to_confirm: Option<&Email>,
    origin: &Origin,
) -> Result<User, Error> {
    match to_confirm {
        None => users::set_profile(app, user, new, origin),
        Some(email) => users::set_profile_and(app, user, new, origin, sending(app, user, email, origin)?),
    }
}

/// An account and its address, or the one that it is to have.
pub(crate) struct Confirmable {
    /// The account.
    pub(crate) user: User,
    /// The address.
    pub(crate) email: Email,
}

/// What a link would confirm. It changes nothing.
pub(crate) fn look(app: &App, link: &Secret<String>) -> Result<Confirmable, Error> {
    let Presented { known, stored } = find_by_link(app, Purpose::VerifyAddress, link)?;
    Ok(Confirmable { user: known.user, email: stored.token.email })
}

/// Allows an attempt at a code of this user. Links cannot be guessed.
pub(crate) async fn admit(
    app: &App,
    user: UserId,
    shown: &LinkOrCode,
    ip: Option<&str>,
) -> Result<Option<Charge>, Error> {
    match shown {
        LinkOrCode::Link(_) => Ok(None),
        LinkOrCode::Code(_) => admit_code(app, &Account::Known(user), ip).await.map(Some),
    }
}

/// Confirms an address by what its user shows, who is logged in.
pub(crate) fn confirm_own(
    app: &App,
    user: UserId,
    shown: &LinkOrCode,
    charge: Option<Charge>,
    origin: &Origin,
) -> Result<User, Error> {
    let presented = match shown {
        LinkOrCode::Link(text) => find_by_link(app, Purpose::VerifyAddress, text),
        LinkOrCode::Code(code) => {
            let known = app.store.read(|tx| tx.find_credentials_of(user))?;
            find_by_code(app, Purpose::VerifyAddress, known, code)
        }
    };
    match presented {
        Ok(presented) if presented.known.user.id == user => confirm(app, presented, origin),
        Ok(_) | Err(Error::BadMailToken) => {
            charge.into_iter().for_each(Charge::failed);
            Err(Error::BadMailToken)
        }
        Err(error) => Err(error),
    }
}

/// Confirms an address by the link of a mail.
pub(crate) fn confirm_by_link(app: &App, link: &Secret<String>, origin: &Origin) -> Result<User, Error> {
    confirm(app, find_by_link(app, Purpose::VerifyAddress, link)?, origin)
}

/// The new address as the username of a user whose username is the old one. What is too long is no username.
fn as_username(user: &User, email: &Email) -> Option<Username> {
    let old = user.email.as_ref().filter(|old| old.folded() == user.username.to_string());
    old.and_then(|_| email.to_string().parse().ok())
}

/// Puts the address in force. If it is a new one, the old one is told, too; and a username that is the old one becomes the new one,
/// so that the old one is free for its next owner.
fn confirm(app: &App, Presented { known, stored }: Presented, origin: &Origin) -> Result<User, Error> {
    let (id, now, email) = (known.user.id, app.clock.now(), stored.token.email.clone());
    let notice = mail::notice_of_address(app, &known.user, Some(&email), origin);
    let verified = origin.event(now, EventName::AddressVerified).about(id);
    let changed = origin.event(now, EventName::ProfileChanged).about(id);
    app.units.run(move |tx| {
        tx.lock_addresses()?;
        tx.lock_active_user(id)?.ok_or(Error::BadMailToken)?;
        let current = tx.reading().find_credentials_of(id)?.ok_or(Error::BadMailToken)?;
        if !is_valid_for(&stored, &current) || !tx.use_mail_token(&stored.digest, now)? {
            return Err(Error::BadMailToken);
        }
        let is_taken = tx.reading().is_verified_by_another(&email.folded(), id)?;
        if is_taken || tx.reading().is_username_of_another(&email, id)? {
            return Err(Error::EmailTaken);
        }
        tx.set_email(id, Some(&email), true, now)?;
        tx.record(verified)?;
        if current.user.email.as_ref() != Some(&email) {
            let renamed = as_username(&current.user, &email);
            if renamed.is_some() {
                tx.set_names(id, renamed.as_ref(), None)?;
            }
            tx.record(changed.with(if renamed.is_some() { "username email" } else { "email" }))?;
            notice.enqueue(tx)?;
        }
        tx.reading().find_user(id)?.ok_or(Error::BadMailToken)
    })
}
