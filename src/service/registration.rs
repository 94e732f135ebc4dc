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
use crate::secret::{Opaque, Secret, derived, digest_of};

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

/// Sends the mail: a link to go on with and a code for the client that has asked; or if the address has an account, the advice to
/// log in. The request has been answered already.
pub(crate) fn send(
    app: &App,
    Asked { email, invitation }: &Asked,
    client: &Opaque,
    origin: &Origin,
) -> Result<(), Error> {
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
        code_hash: Some(code_hash(client.expose(), &code)),
        invitation_id: *invitation,
        ..Registration::of_address(new_id(now, &*app.entropy)?, email, now)
    };
    let mail = Mail::Register { link: invitations::link(app, "registration", &text), code };
    let (message, client) = (mail::message_to(app, None, email, &mail, origin)?, client.digest());
    app.units.run(move |tx| {
        tx.insert_registration(&registration, &text.digest(), Some(&client))?;
        if let Some(message) = &message {
            tx.enqueue(message)?;
        }
        tx.record(event)
    })
}

/// A code has too few values for a digest to hide it, so its hash has a key: what the client holds that has asked. So the code works
/// for that client only, and no stranger can use up its attempts.
fn code_hash(client: &str, typed: &str) -> i64 {
    let digits: String = typed.chars().filter(char::is_ascii_digit).collect();
    let digest = digest_of(&derived(client, &format!("registration code {digits}"))).0;
    let mut first = [0; 8];
    first.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    i64::from_be_bytes(first)
}

/// What somebody shows who may open an account.
pub(crate) enum Shown {
    /// The last part of the link of a mail.
    Link(Secret<String>),
    /// What the client holds that has asked, and the code of the mail; once that was right, the first is enough.
    Client(Secret<String>, Option<Secret<String>>),
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
    let Shown::Client(client, Some(_)) = shown else { return Ok(None) };
    let account = Account::Unknown(derived(client.expose(), "attempts"));
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
        Shown::Client(client, code) => {
            let digest = digest_of(client.expose());
            let found = app.store.read(|tx| tx.find_registration_of_client(&digest))?;
            let hash = code.as_ref().map(|code| code_hash(client.expose(), code.expose()));
            found.filter(|found| if hash.is_some() { found.code_hash == hash } else { found.code_shown_at.is_some() })
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
    let is_by_code = matches!(shown, Shown::Client(_, Some(_)));
    if let Some(Registration { id, expires_at, proved_at, code_shown_at, .. }) = applicant.registration {
        let (now, is_new_code) = (app.clock.now(), is_by_code && code_shown_at.is_none());
        if proved_at.is_none() || is_new_code {
            app.store.write(|tx| {
                tx.prove_registration(id, now, expires_at.max(now + CHOICE_LIFETIME))?;
                if is_new_code { tx.note_code_shown(id, now) } else { Ok(()) }
            })?;
        }
    }
    Ok(applicant)
}
