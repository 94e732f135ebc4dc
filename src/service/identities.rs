//! The identities of an account: who its user is at providers. Each of them logs in to the account.

use super::mail::{notice, notice_to};
use super::owner::Owner;
use super::protection::Protection;
use super::providers;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::audit::{EventName, Origin};
use crate::model::id::{SessionId, UserId, new_id};
use crate::model::identity::{IdentityId, LinkedIdentity, MAX_IDENTITIES};
use crate::model::mail::Mail;
use crate::model::provider::Provider;
use crate::model::upstream::{Identity, Verified};
use crate::model::user::{Email, User};
use crate::store::{ReadTx, UnitTx};

/// The identities of a user, newest first.
pub(crate) fn list(app: &App, user: UserId) -> Result<Vec<LinkedIdentity>, Error> {
    app.store.read(|tx| tx.list_identities(user))
}

/// The providers at which a user may sign in to their account.
pub(crate) fn list_providers(app: &App, user: UserId) -> Result<Vec<Provider>, Error> {
    let identities = list(app, user)?;
    let is_linked = |provider: &Provider| identities.iter().any(|identity| identity.provider_id == provider.id);
    Ok(providers::list_enabled(app)?.into_iter().filter(is_linked).collect())
}

/// Refuses to begin what cannot be finished.
pub(crate) fn may_link(app: &App, user: UserId) -> Result<(), Error> {
    app.store.read(|tx| refuse_more(tx, user))
}

fn refuse_more(tx: &mut ReadTx<'_>, user: UserId) -> Result<(), Error> {
    let has_all = tx.list_identities(user)?.len() >= MAX_IDENTITIES;
    if has_all { Err(Error::TooManyIdentities(MAX_IDENTITIES)) } else { Ok(()) }
}

/// Links an identity to the account of a user who is logged in in this session, and has asked for that in it.
pub(crate) fn link(
    app: &App,
    verified: &Verified,
    (user, session): (UserId, SessionId),
    origin: &Origin,
) -> Result<(), Error> {
    let now = app.clock.now();
    let linked = new(app, &verified.identity, user, now)?;
    let notice = notice_to(app, user, &Mail::IdentityAdded(verified.provider.name.clone()), origin);
    let event = origin.event(now, EventName::IdentityAdded).about(user).with(&linked.provider_id);
    let (owner, protection) = (Owner::LoggedIn(user, session), Protection::of(app));
    app.units.run(move |tx| {
        owner.check_again(tx, user, (now, &protection))?;
        match tx.reading().find_identity(&linked.provider_id, &linked.subject)? {
            Some(known) if known.user_id == user => return Ok(()),
            Some(_) => return Err(Error::IdentityTaken),
            None => refuse_more(&mut tx.reading(), user)?,
        }
        tx.insert_identity(&linked)?;
        notice.enqueue(tx)?;
        tx.record(event)?;
        if tx.lock_live_session(session, now)? { Ok(()) } else { Err(Error::TokenRefused(TokenError::Revoked)) }
    })
}

/// Links an identity to the account with the same address, if the operator trusts the provider for that, both have verified the
/// address, and the account has nothing that its user would have to show besides. Otherwise the user who has that address at the
/// provider could get into the account.
pub(super) fn link_by_address(
    app: &App,
    verified: &Verified,
    origin: &Origin,
) -> Result<Option<LinkedIdentity>, Error> {
    let Verified { provider, identity, .. } = verified;
    let address = trusted_address(verified).map(|email| email.folded().into_owned());
    let Some(address) = address else { return Ok(None) };
    let Some(owner) = app.store.read(|tx| tx.find_owner_of_email(&address))? else { return Ok(None) };
    let (user, now) = (owner.id, app.clock.now());
    let linked = new(app, identity, user, now)?;
    let notice = notice(app, &owner, &Mail::IdentityAdded(provider.name.clone()), origin);
    let event = origin.event(now, EventName::IdentityAdded).about(user);
    let event = event.with(format_args!("{} by the address", linked.provider_id));
    app.units.run(move |tx| {
        let has_it = |user: User| user.verified_email().is_some_and(|email| email.folded() == address);
        let is_its_owner = tx.lock_active_user(user)?.is_some_and(has_it);
        // Another sign-in of the same user may have been faster.
        if let Some(known) = tx.reading().find_identity(&linked.provider_id, &linked.subject)? {
            return Ok(Some(known));
        }
        if !is_its_owner || !tx.reading().list_factors(user)?.is_empty() {
            return Ok(None);
        }
        // An address may be given to somebody else at the provider, but one person is one subject.
        if tx.reading().list_identities(user)?.iter().any(|other| other.provider_id == linked.provider_id) {
            return Ok(None);
        }
        refuse_more(&mut tx.reading(), user)?;
        tx.insert_identity(&linked)?;
        notice.enqueue(tx)?;
        tx.record(event)?;
        Ok(Some(linked))
    })
}

/// The address that a provider has verified, if that proves something here: only as the operator says.
pub(super) fn trusted_address(verified: &Verified) -> Option<&Email> {
    let Verified { provider, identity, .. } = verified;
    identity.email.as_ref().filter(|_| identity.email_verified && provider.trust_email)
}

fn new(app: &App, identity: &Identity, user: UserId, now: Timestamp) -> Result<LinkedIdentity, Error> {
    Ok(LinkedIdentity {
        id: new_id(now, &*app.entropy)?,
        provider_id: identity.provider.clone(),
        subject: identity.subject.clone(),
        user_id: user,
        email: identity.email.clone(),
        name: identity.name.clone(),
        // They are taken at a sign-in.
        told_roles: None,
        created_at: now,
        last_used_at: None,
    })
}

/// Unlinks an identity of a user, unless it is the only way to log in to the account.
pub(crate) fn unlink(app: &App, user: UserId, id: IdentityId, origin: &Origin) -> Result<(), Error> {
    let now = app.clock.now();
    let unlink = unlinking(app, user, id, origin)?;
    let (owner, protection) = (Owner::of(user, origin)?, Protection::of(app));
    app.units.run(move |tx| {
        owner.check_again(tx, user, (now, &protection))?;
        unlink(tx)?;
        protection.keep_a_way_in(tx, user)
    })
}

/// The same by an administrator, also of the only way to log in: somebody else may have it.
pub(crate) fn remove(app: &App, user: UserId, id: IdentityId, origin: &Origin) -> Result<(), Error> {
    app.store.read(|tx| tx.find_user(user))?.ok_or(Error::UserUnknown)?;
    let unlink = unlinking(app, user, id, origin)?;
    app.units.run(move |tx| {
        tx.lock_user(user)?;
        unlink(tx)
    })
}

/// Part of a unit whose user is locked: unlinks the identity, and tells its owner.
fn unlinking(
    app: &App,
    user: UserId,
    id: IdentityId,
    origin: &Origin,
) -> Result<impl FnOnce(&mut UnitTx<'_>) -> Result<(), Error> + Send + 'static, Error> {
    let known = list(app, user)?.into_iter().find(|identity| identity.id == id).ok_or(Error::IdentityNotFound)?;
    let provider = app.store.read(|tx| tx.find_provider(&known.provider_id))?.ok_or(Error::IdentityNotFound)?.0;
    let notice = notice_to(app, user, &Mail::IdentityRemoved(provider.name), origin);
    let event = origin.event(app.clock.now(), EventName::IdentityRemoved).about(user).with(&known.provider_id);
    Ok(move |tx: &mut UnitTx<'_>| {
        if !tx.delete_identity(user, id)? {
            return Err(Error::IdentityNotFound);
        }
        notice.enqueue(tx)?;
        tx.record(event)
    })
}
