//! A registration of somebody whom a provider knows: there is no password, and no mail. It goes on only in the browser in which the
//! provider has said who the user is: with a link somebody could be made to open an account that another one logs in to.

use super::is_allowed;
use crate::app::App;
use crate::error::Error;
use crate::model::id::new_id;
use crate::model::invitation::Invitation;
use crate::model::registration::{CHOICE_LIFETIME, Registration};
use crate::model::upstream::{Refusal, Verified};
use crate::secret::{Opaque, Secret};
use crate::service::{identities, invitations};

/// Begins the registration, by an invitation if there is one; returns what the browser's cookie holds. The address of the account
/// is one that the provider has verified, if the operator trusts it for that: no other is taken. If it is that of another account,
/// its user has to log in to that one.
pub(crate) fn begin(app: &App, verified: &Verified, invitation: Option<&Secret<String>>) -> Result<Opaque, Error> {
    is_allowed(app, invitation.is_some())?;
    let (identity, now) = (&verified.identity, app.clock.now());
    let email = identities::trusted_address(verified).cloned();
    let invitation = invitation.map(|text| invitations::find(app, text, email.as_ref())).transpose()?;
    // One for an address is of use only to a person who has proved it.
    let is_for_another = |invitation: &Invitation| invitation.email.is_some() && email.is_none();
    if invitation.as_ref().is_some_and(is_for_another) {
        return Err(Error::BadInvitation);
    }
    if let Some(email) = &email
        && app.store.read(|tx| tx.find_owner_of_email(&email.folded()))?.is_some()
    {
        return Err(Error::UpstreamRefused(Refusal::NotLinked));
    }
    let text = Opaque::generate(&*app.entropy)?;
    let registration = Registration {
        id: new_id(now, &*app.entropy)?,
        email_verified: email.is_some(),
        email,
        code_hash: None,
        provider: Some(identity.provider.to_string()),
        subject: Some(identity.subject.clone()),
        name: identity.name.clone(),
        invitation_id: invitation.map(|invitation| invitation.id),
        created_at: now,
        expires_at: now + CHOICE_LIFETIME,
        proved_at: Some(now),
        used_at: None,
        code_shown_at: None,
        username: identity.username.clone(),
        roles: identity.roles.clone().unwrap_or_default(),
    };
    let digest = text.digest();
    app.store.write(move |tx| tx.insert_registration(&registration, &digest, None))?;
    Ok(text)
}
