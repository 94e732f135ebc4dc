//! Invitations: an administrator gives somebody a link, and a person who follows it may open one account, which gets the roles of the
//! invitation. If it is for an address and the service sends mail, that address gets a link of its own, which proves it.

use super::fields::{collect, invalid};
use super::mail;
use super::mail_tokens::NOBODY;
use crate::app::App;
use crate::clock::Seconds;
use crate::error::Error;
use crate::jwt::issuer_url;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{UserId, new_id};
use crate::model::invitation::{INVITATION_LIFETIME, Invitation, InvitationId, MAX_INVITATION_LIFETIME};
use crate::model::mail::Mail;
use crate::model::message::Message;
use crate::model::names::{ADMIN_ROLE, Roles};
use crate::model::registration::{MayRegister, Registration};
use crate::model::user::Email;
use crate::secret::{KeyDigest, Opaque, Secret, digest_of};
use crate::store::ReadTx;

/// An invitation as it was requested.
#[derive(Default)]
pub(crate) struct NewInvitation<'a> {
    /// The roles of the account.
    pub(crate) roles: &'a [String],
    /// The only address that may be registered with it.
    pub(crate) email: Option<&'a str>,
    /// How long it is valid.
    pub(crate) lifetime: Option<Seconds>,
}

/// An invitation that was made just now. The text of its link is not stored.
pub(crate) struct Made {
    /// The invitation.
    pub(crate) invitation: Invitation,
    /// What its holder shows.
    pub(crate) token: Secret<String>,
    /// The page that it opens.
    pub(crate) link: String,
    /// Whether its address gets a mail.
    pub(crate) is_mailed: bool,
}

/// Makes an invitation.
pub(crate) fn create(app: &App, new: &NewInvitation<'_>, origin: &Origin) -> Result<Made, Error> {
    if app.config.registration == MayRegister::Off {
        return Err(Error::RegistrationOff);
    }
    let invitation = checked(app, new, origin)?;
    if let Some(email) = &invitation.email {
        let has_account = |tx: &mut ReadTx<'_>| {
            Ok::<_, Error>(
                tx.find_owner_of_email(&email.folded())?.is_some()
                    || tx.is_username_of_another(email, UserId::from_bytes(NOBODY))?,
            )
        };
        if app.store.read(has_account)? {
            return Err(Error::EmailTaken);
        }
    }
    let text = Opaque::generate(&*app.entropy)?;
    let mailed = mailed(app, &invitation, origin)?;
    let made = Made {
        token: Secret::new(text.expose().to_owned()),
        link: link(app, "invitation", &text),
        is_mailed: mailed.is_some(),
        invitation: invitation.clone(),
    };
    let event = origin.event(invitation.created_at, EventName::InvitationCreated);
    let event = event.with(format_args!("{} with [{}]", invitation.id, invitation.roles));
    app.units.run(move |tx| {
        if let Some((registration, digest, message)) = &mailed {
            tx.insert_registration(registration, digest, None)?;
            tx.enqueue(message)?;
        }
        tx.insert_invitation(&invitation, &text.digest())?;
        tx.record(event)
    })?;
    Ok(made)
}

fn checked(app: &App, new: &NewInvitation<'_>, origin: &Origin) -> Result<Invitation, Error> {
    let mut problems = Vec::new();
    let roles = collect(&mut problems, Roles::new(new.roles).map_err(invalid("roles")));
    let email = collect(&mut problems, new.email.map(str::parse::<Email>).transpose().map_err(invalid("email")));
    let lifetime = new.lifetime.unwrap_or(INVITATION_LIFETIME);
    let lifetime = if lifetime > Seconds::ZERO && lifetime <= MAX_INVITATION_LIFETIME {
        Ok(lifetime)
    } else {
        Err(Error::invalid("expires_in", "invalid", format!("must be from 1s to {MAX_INVITATION_LIFETIME}")))
    };
    let (Some(roles), Some(email), Some(lifetime)) = (roles, email, collect(&mut problems, lifetime)) else {
        return Err(Error::Invalid(problems));
    };
    let now = app.clock.now();
    Ok(Invitation {
        id: new_id(now, &*app.entropy)?,
        roles,
        email,
        created_by: origin.actor,
        created_at: now,
        expires_at: now + lifetime,
        used_at: None,
        used_by: None,
    })
}

/// The registration that a mail to its address opens. Its link is another one than that of the invitation, which says nothing about
/// who follows it. It has no code, which could be guessed in so long a time.
fn mailed(
    app: &App,
    invitation: &Invitation,
    origin: &Origin,
) -> Result<Option<(Registration, KeyDigest, Message)>, Error> {
    let Some(email) = &invitation.email else { return Ok(None) };
    let (text, expires_at) = (Opaque::generate(&*app.entropy)?, invitation.expires_at);
    let registration = Registration {
        invitation_id: Some(invitation.id),
        expires_at,
        ..Registration::of_address(new_id(invitation.created_at, &*app.entropy)?, email, invitation.created_at)
    };
    let mail = Mail::Invitation { link: link(app, "registration", &text), expires_at };
    let message = mail::message_to(app, None, email, &mail, origin)?;
    Ok(message.map(|message| (registration, text.digest(), message)))
}

/// A link to a page. It begins with the issuer, whatever host the request names.
pub(super) fn link(app: &App, page: &str, text: &Opaque) -> String {
    issuer_url(&app.config.issuer, &format!("/{page}/{}", text.expose()))
}

/// The invitation that is shown, if it may be used, for this address if it is for one only.
pub(crate) fn find(app: &App, shown: &Secret<String>, email: Option<&Email>) -> Result<Invitation, Error> {
    app.store.read(|tx| {
        let found = tx.find_invitation(&digest_of(shown.expose()))?;
        let valid = found.filter(|invitation| invitation.is_for(email, app.clock.now())).ok_or(Error::BadInvitation)?;
        refuse_unless_backed(tx, &valid)?;
        Ok(valid)
    })
}

/// Refuses an invitation if the administrator who made it is one no more. Who made one on the command line is not known.
pub(super) fn refuse_unless_backed(tx: &mut ReadTx<'_>, invitation: &Invitation) -> Result<(), Error> {
    let Some(id) = invitation.created_by else { return Ok(()) };
    match tx.find_user(id)? {
        Some(user) if user.disabled_at.is_none() && user.roles.contains(ADMIN_ROLE) => Ok(()),
        Some(_) | None => Err(Error::BadInvitation),
    }
}

/// Invitations, the newest first, starting after `before`; at most `limit`. Those that are over are listed for another day.
pub(crate) fn list(app: &App, before: Option<InvitationId>, limit: i64) -> Result<Vec<Invitation>, Error> {
    app.store.read(|tx| tx.list_invitations(before, limit))
}

/// Withdraws an invitation that was not used, and the registrations that rely on it.
pub(crate) fn withdraw(app: &App, id: InvitationId, origin: &Origin) -> Result<(), Error> {
    let event = origin.event(app.clock.now(), EventName::InvitationWithdrawn).with(id);
    app.units.run(move |tx| {
        tx.delete_registrations_with(id)?;
        if !tx.delete_invitation(id)? {
            return Err(Error::InvitationUnknown);
        }
        tx.record(event)
    })
}
