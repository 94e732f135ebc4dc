//! Registration: people open accounts for themselves. First they prove the address, by a mail. Username and password are chosen
//! after that, so that nothing tells a stranger whether an address has an account.

pub(crate) mod finishing;
pub(crate) mod from_provider;
pub(crate) mod pending;

pub(crate) use super::new_account::{NewAccount, open_account};

use super::fields::invalid;
use super::{invitations, mail, mail_tokens};
use crate::app::App;
use crate::engine::limiter::{Account, Attempt, Charge, REGISTRATION_CODE, REGISTRATION_MAIL};
use crate::error::Error;
use crate::jwt::issuer_url;
use crate::model::audit::{EventName, Origin};
use crate::model::id::new_id;
use crate::model::invitation::{Invitation, InvitationId};
use crate::model::mail::Mail;
use crate::model::registration::{CHOICE_LIFETIME, MayRegister, Registration};
use crate::model::user::{DisplayName, Email, Username};
use crate::secret::{Opaque, Secret, digest_of};

/// Refuses if registration is off, or if an invitation is needed and there is none.
pub(crate) fn is_allowed(app: &App, has_invitation: bool) -> Result<(), Error> {
    match app.config.registration {
        MayRegister::Off => Err(Error::RegistrationOff),
        MayRegister::Invite if !has_invitation => Err(Error::InvitationMissing),
        MayRegister::Invite | MayRegister::Open => Ok(()),
    }
}

/// An address that somebody wants to register.
pub(crate) struct Asked {
    pub(crate) email: Email,
    invitation: Option<InvitationId>,
}

/// Reads the address and the invitation. What is wrong with them depends on no account.
pub(crate) fn read(app: &App, email: &str, invitation: Option<&Secret<String>>) -> Result<Asked, Error> {
    is_allowed(app, invitation.is_some())?;
    if !mail::is_on(app) {
        return Err(Error::MailOff);
    }
    let email: Email = email.parse().map_err(invalid("email"))?;
    let invitation = invitation.map(|text| invitations::find(app, text, Some(&email))).transpose()?;
    Ok(Asked { email, invitation: invitation.map(|invitation| invitation.id) })
}

/// The invitation of a link. It changes nothing.
pub(crate) fn invitation(app: &App, text: &Secret<String>) -> Result<Invitation, Error> {
    is_allowed(app, true)?;
    invitations::find(app, text, None)
}

/// Allows a mail to an address, whether it has an account or not. Each one counts.
pub(crate) async fn admit_mail(app: &App, email: &Email, ip: Option<&str>) -> Result<(), Error> {
    let account = Account::Unknown(email.folded().into_owned());
    let charge = app.limiter.admit(&Attempt::new(&REGISTRATION_MAIL, Some(&account), ip)).await?;
    charge.map_err(|retry_after| Error::TooManyMails { retry_after })?.failed();
    Ok(())
}

/// Sends the mail: a link to go on with, or if the address has an account, the advice to log in. The request has been answered
/// already.
pub(crate) fn send(app: &App, Asked { email, invitation }: &Asked, origin: &Origin) -> Result<(), Error> {
    let now = app.clock.now();
    let event = origin.event(now, EventName::RegistrationRequested);
    if let Some(owner) = app.store.read(|tx| tx.find_owner_of_email(&email.folded()))? {
        // The page for logins needs cookies.
        let page = if app.config.session_cookies { "/login" } else { "/password-reset" };
        let mail = Mail::AccountExists { link: issuer_url(&app.config.issuer, page) };
        let (message, event) = (mail::message(app, &owner, &mail, origin)?, event.about(owner.id));
        return app.units.run(move |tx| {
            if let Some(message) = &message {
                tx.enqueue(message)?;
            }
            tx.record(event)
        });
    }
    let (text, code) = (Opaque::generate(&*app.entropy)?, mail_tokens::new_code(app)?);
    let registration = Registration {
        code_hash: Some(code_hash(app, email, &code)?),
        invitation_id: *invitation,
        ..Registration::of_address(new_id(now, &*app.entropy)?, email, now)
    };
    let mail = Mail::Register { link: invitations::link(app, "registration", &text), code };
    let message = mail::message_to(app, None, email, &mail, origin)?;
    app.units.run(move |tx| {
        tx.insert_registration(&registration, &text.digest())?;
        if let Some(message) = &message {
            tx.enqueue(message)?;
        }
        tx.record(event)
    })
}

/// A code has too few values for a digest to hide it, so its hash has a key.
fn code_hash(app: &App, email: &Email, typed: &str) -> Result<i64, Error> {
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let text = format!("registration code {}\0{digits}", email.folded());
    Ok(app.keys.ring().keyed_hash(text.as_bytes(), app.clock.now())?)
}

/// What somebody shows who may open an account.
pub(crate) enum Shown {
    /// The last part of the link of a mail.
    Link(Secret<String>),
    /// The code of a mail, and the address that it went to.
    Code(Email, Secret<String>),
    /// An invitation, if the service sends no mail.
    Invitation(Secret<String>),
    /// The cookie of the browser in which a provider has said who the user is.
    Provider(Secret<String>),
}

/// Somebody who may open an account.
pub(crate) struct Applicant {
    pub(super) registration: Option<Registration>,
    pub(super) invitation: Option<Invitation>,
}

impl Applicant {
    /// The address, and whether it is proved.
    pub(crate) fn email(&self) -> Option<(Email, bool)> {
        match (&self.registration, &self.invitation) {
            (Some(registration), _) => registration.email.clone().map(|email| (email, registration.email_verified)),
            (None, Some(invitation)) => invitation.email.clone().map(|email| (email, false)),
            (None, None) => None,
        }
    }

    /// The provider who knows the user, and what it calls them.
    pub(crate) fn identity(&self) -> Option<(&str, &str)> {
        let registration = self.registration.as_ref()?;
        registration.provider.as_deref().zip(registration.subject.as_deref())
    }

    /// The username and the name that the provider proposes.
    pub(crate) fn proposed(&self) -> (Option<&Username>, Option<&DisplayName>) {
        let registration = self.registration.as_ref();
        registration.map_or((None, None), |known| (known.username.as_ref(), known.name.as_ref()))
    }

    /// Those of them that the provider decides: the user cannot choose another one.
    pub(crate) fn decided(&self) -> (Option<&Username>, Option<&DisplayName>) {
        self.registration.as_ref().map_or((None, None), Registration::decided)
    }

    /// Whether they have begun to choose.
    pub(crate) fn is_choosing(&self) -> bool {
        self.registration.as_ref().is_none_or(|registration| registration.proved_at.is_some())
    }
}

/// Allows an attempt at a code. Links cannot be guessed.
pub(crate) async fn admit(app: &App, shown: &Shown, ip: Option<&str>) -> Result<Option<Charge>, Error> {
    let Shown::Code(email, _) = shown else { return Ok(None) };
    let account = Account::Unknown(email.folded().into_owned());
    let charge = app.limiter.admit(&Attempt::new(&REGISTRATION_CODE, Some(&account), ip)).await?;
    charge.map(Some).map_err(|retry_after| Error::TooManyFailures { retry_after })
}

/// Who may go on with what is shown. It changes nothing.
pub(crate) fn look(app: &App, shown: &Shown) -> Result<Applicant, Error> {
    if app.config.registration == MayRegister::Off {
        return Err(Error::RegistrationOff);
    }
    let now = app.clock.now();
    let registration = match shown {
        Shown::Link(text) => find(app, text)?.filter(|registration| registration.provider.is_none()),
        Shown::Provider(text) => find(app, text)?.filter(|registration| registration.provider.is_some()),
        Shown::Code(email, code) => {
            let hash = code_hash(app, email, code.expose())?;
            let open = app.store.read(|tx| tx.list_registrations_of(&email.folded(), now))?;
            open.into_iter().find(|registration| registration.code_hash == Some(hash))
        }
        // With mail an address must be proved.
        Shown::Invitation(_) if mail::is_on(app) => return Err(Error::BadInvitation),
        Shown::Invitation(text) => {
            let invitation = invitations::find(app, text, None)?;
            return Ok(Applicant { registration: None, invitation: Some(invitation) });
        }
    };
    let registration = registration.filter(|registration| registration.is_open(now)).ok_or(Error::BadMailToken)?;
    is_allowed(app, registration.invitation_id.is_some())?;
    Ok(Applicant { registration: Some(registration), invitation: None })
}

fn find(app: &App, text: &Secret<String>) -> Result<Option<Registration>, Error> {
    app.store.read(|tx| tx.find_registration(&digest_of(text.expose())))
}

/// Notes that the address is proved. There is an hour for the rest then; nothing is used up before there is an account.
pub(crate) fn prove(app: &App, shown: &Shown, charge: Option<Charge>) -> Result<Applicant, Error> {
    let applicant = look(app, shown).inspect_err(|error| {
        if matches!(error, Error::BadMailToken) {
            charge.into_iter().for_each(Charge::failed);
        }
    })?;
    let unproved = applicant.registration.as_ref().filter(|registration| registration.proved_at.is_none());
    if let Some(Registration { id, expires_at, .. }) = unproved.cloned() {
        let now = app.clock.now();
        app.store.write(|tx| tx.prove_registration(id, now, expires_at.max(now + CHOICE_LIFETIME)))?;
    }
    Ok(applicant)
}
