//! A registration of somebody whom a provider knows: there is no password, and no mail. It goes on only in the browser in which the
//! provider has said who the user is: with a link somebody could be made to open an account that another one logs in to.

use super::is_allowed;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::id::new_id;
use crate::model::invitation::Invitation;
use crate::model::names::Names;
use crate::model::provider::Action;
use crate::model::registration::{CHOICE_LIFETIME, NAME, Registration, RegistrationId, USERNAME};
use crate::model::upstream::{Refusal, Verified};
use crate::model::user::Username;
use crate::secret::{Opaque, Secret};
use crate::service::new_account::refuse_address;
use crate::service::{identities, invitations};

/// Begins the registration, by an invitation if there is one; returns what the browser's cookie holds. Earlier ones of the same person
/// are void. The address of the account is one that the provider has verified, if the operator trusts it for that, or one that is
/// forced, which then counts as not verified. If a verified one is that of another account, its user has to log in to that one.
pub(crate) fn begin(
    app: &App,
    verified: &Verified,
    invitation: Option<&Secret<String>>,
    origin: &Origin,
) -> Result<Opaque, Error> {
    is_allowed(app, invitation.is_some())?;
    let trusted = identities::trusted_address(verified);
    let invitation = invitation.map(|text| invitations::find(app, text, trusted)).transpose()?;
    // One for an address is of use only to a person who has proved it.
    let is_for_another = |invitation: &Invitation| invitation.email.is_some() && trusted.is_none();
    if invitation.as_ref().is_some_and(is_for_another) {
        return Err(Error::BadInvitation);
    }
    if let Some(email) = trusted
        && app.store.read(|tx| tx.find_owner_of_email(&email.folded()))?.is_some()
    {
        return Err(Error::UpstreamRefused(Refusal::NotLinked));
    }
    let (text, now) = (Opaque::generate(&*app.entropy)?, app.clock.now());
    let invitation_id = invitation.map(|invitation| invitation.id);
    let registration = Registration { invitation_id, ..registration(verified, new_id(now, &*app.entropy)?, now)? };
    let digest = text.digest();
    let event = origin.event(now, EventName::RegistrationRequested).with(&verified.provider.id);
    app.units.run(move |tx| {
        if let (Some(provider), Some(subject)) = (&registration.provider, &registration.subject) {
            tx.void_registrations_from((provider, subject), now)?;
        }
        tx.insert_registration(&registration, &digest, None)?;
        tx.record(event)
    })?;
    Ok(text)
}

/// What is remembered of the sign-in until the account is opened.
fn registration(verified: &Verified, id: RegistrationId, now: Timestamp) -> Result<Registration, Error> {
    let Verified { provider, identity, .. } = verified;
    let (map, trusted) = (&provider.claim_map, identities::trusted_address(verified));
    let is_forced = map.email.action.is_forced();
    let email = trusted.or(identity.email.as_ref().filter(|_| is_forced)).cloned();
    // One that would be taken for an address that is not theirs is of no use.
    let is_usable = |username: &&Username| refuse_address(username, trusted).is_ok();
    let username = identity.username.as_ref().filter(is_usable).cloned();
    if username.is_none() && map.username.action == Action::Require {
        return Err(Error::UpstreamRefused(Refusal::ClaimMissing("username")));
    }
    let fields = [
        (USERNAME, username.is_some() && map.username.action.is_forced()),
        (NAME, identity.name.is_some() && map.name.action.is_forced()),
    ];
    let forced = Names::new(fields.iter().filter(|(_, is_forced)| *is_forced).map(|(field, _)| field));
    Ok(Registration {
        id,
        email_verified: trusted.is_some(),
        email,
        code_hash: None,
        provider: Some(identity.provider.to_string()),
        subject: Some(identity.subject.clone()),
        name: identity.name.clone(),
        invitation_id: None,
        created_at: now,
        expires_at: now + CHOICE_LIFETIME,
        proved_at: Some(now),
        used_at: None,
        code_shown_at: None,
        username,
        roles: identity.roles.clone().unwrap_or_default(),
        forced: forced.map_err(|bad| Error::internal(bad.to_string()))?,
    })
}
