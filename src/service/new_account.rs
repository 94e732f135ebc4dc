//! New accounts: how each of them comes about.

use super::invitations::refuse_unless_backed;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::id::UserId;
use crate::model::invitation::{Invitation, InvitationId};
use crate::model::names::Roles;
use crate::model::user::{DisplayName, Email, NO_PASSWORD, User, Username};
use crate::store::{ReadTx, UnitTx};

/// An account that is not stored yet.
pub(crate) struct NewAccount {
    /// Its id.
    pub(crate) id: UserId,
    /// The time now.
    pub(crate) created_at: Timestamp,
    /// The name to log in with.
    pub(crate) username: Username,
    /// The e-mail address, and whether it is known to be the user's.
    pub(crate) email: Option<(Email, bool)>,
    /// The full name.
    pub(crate) name: Option<DisplayName>,
    /// The roles, besides those of the invitation.
    pub(crate) roles: Roles,
    /// The hash of the password; `None` for an account without a password.
    pub(crate) password_hash: Option<String>,
    /// The invitation that it uses up.
    pub(crate) invitation: Option<InvitationId>,
}

/// Part of a unit: opens the account of somebody who registers. The address is no other account's, and the username is neither
/// taken nor does it look like another.
pub(crate) fn open_account(tx: &mut UnitTx<'_>, new: NewAccount, origin: &Origin) -> Result<User, Error> {
    let event = origin.event(new.created_at, EventName::UserCreated).about(new.id).with("registration");
    let roles = use_invitations(tx, &new, &event)?;
    tx.lock_addresses()?;
    let verified = new.email.as_ref().filter(|(_, is_verified)| *is_verified).map(|(email, _)| email);
    if let Some(email) = verified
        && (tx.reading().is_verified_by_another(&email.folded(), new.id)?
            || tx.reading().is_username_of_another(email, new.id)?)
    {
        return Err(Error::EmailTaken);
    }
    refuse_address(&new.username, verified)?;
    let user = insert(tx, NewAccount { roles, ..new }, event)?;
    refuse_lookalike(&mut tx.reading(), user.id, &user.username)?;
    Ok(user)
}

/// Uses up the invitation that has led here, and all for the address that is proved, whose owner has come without one of them;
/// returns the roles of the account. One whose roles are too many besides the others is not used.
fn use_invitations(tx: &mut UnitTx<'_>, new: &NewAccount, event: &Event) -> Result<Roles, Error> {
    let (now, proved) = (new.created_at, new.email.as_ref().filter(|(_, is_verified)| *is_verified));
    let mut roles = new.roles.clone();
    let note = |tx: &mut UnitTx<'_>, used: &Invitation| {
        tx.record(Event { name: EventName::InvitationUsed, ..event.clone() }.with(used.id))
    };
    if let Some(invitation) = new.invitation {
        let used = tx.use_invitation(invitation, new.id, now)?.ok_or(Error::BadInvitation)?;
        refuse_unless_backed(&mut tx.reading(), &used)?;
        roles = with_roles_of(&used, &roles).ok_or(Error::BadInvitation)?;
        note(tx, &used)?;
    }
    let others = proved.map(|(email, _)| tx.reading().list_invitations_of(&email.folded(), now)).transpose()?;
    for other in others.unwrap_or_default() {
        match refuse_unless_backed(&mut tx.reading(), &other) {
            Err(Error::BadInvitation) => continue,
            backed => backed?,
        }
        let Some(more) = with_roles_of(&other, &roles) else { continue };
        if let Some(used) = tx.use_invitation(other.id, new.id, now)? {
            roles = more;
            note(tx, &used)?;
        }
    }
    Ok(roles)
}

/// The roles and those of an invitation; `None` if they are too many. Only an operator can mend that.
fn with_roles_of(invitation: &Invitation, roles: &Roles) -> Option<Roles> {
    let all = roles.and(&invitation.roles);
    all.inspect_err(
        |bad| log::warn!(invitation:% = invitation.id, cause:% = bad; "an invitation is refused for its roles"),
    )
    .ok()
}

/// Part of a unit: stores an account.
pub(super) fn insert(tx: &mut UnitTx<'_>, new: NewAccount, event: Event) -> Result<User, Error> {
    let verified = new.email.as_ref().filter(|(_, is_verified)| *is_verified).map(|(email, _)| email);
    let user = User {
        id: new.id,
        username: new.username,
        email_verified_at: verified.map(|_| new.created_at),
        verified_email: verified.map(|email| email.folded().into_owned()),
        email: new.email.map(|(email, _)| email),
        name: new.name,
        roles: new.roles,
        disabled_at: None,
        created_at: new.created_at,
        external_id: None,
        public_attributes: None,
        app_attributes: None,
    };
    tx.insert_user(&user, new.password_hash.as_deref().unwrap_or(NO_PASSWORD))?;
    tx.record(event)?;
    Ok(user)
}

/// Refuses a username that would be taken for an address that is not the user's own. Administrators may give such a name. This
/// comes before anything that says whether the name is taken, since that would tell of addresses.
pub(super) fn refuse_address(username: &Username, verified: Option<&Email>) -> Result<(), Error> {
    let own = verified.map(|email| email.folded().into_owned());
    if username.is_like_an_address() && own != Some(username.to_string()) {
        let message = "must not contain @, unless it is your own confirmed e-mail address";
        return Err(Error::invalid("username", "not_your_address", message));
    }
    Ok(())
}

/// Refuses a username that looks like that of another account. Administrators may give such a name.
pub(super) fn refuse_lookalike(tx: &mut ReadTx<'_>, id: UserId, username: &Username) -> Result<(), Error> {
    if tx.has_lookalike(id, username)? { Err(Error::UsernameTooSimilar) } else { Ok(()) }
}
