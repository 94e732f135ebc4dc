//! What a provider decides of an account, as its claim map says: the name, and some of the roles. It is taken in the unit that opens a
//! session or notes that its user has authenticated again, when everything was shown, and from the rows as they are then.

use super::proof::{Evidence, Proven};
use crate::error::Error;
use crate::model::audit::{Event, EventName};
use crate::model::identity::{IdentityId, LinkedIdentity};
use crate::model::names::{ADMIN_ROLE, Names, Roles};
use crate::model::provider::{Action, Provider};
use crate::model::user::User;
use crate::store::{ReadTx, UnitTx};

/// The identity whose provider decides, and the provider as it is configured now.
pub(super) struct Told(Option<(IdentityId, Provider)>);

impl Told {
    /// The first part of such a unit: administrators are locked before users.
    pub(super) fn lock(tx: &mut UnitTx<'_>, steps: &[Proven]) -> Result<Self, Error> {
        let Some((step, identity)) = steps.iter().find_map(|step| Some((step, step.identity()?))) else {
            return Ok(Self(None));
        };
        let found = tx.reading().find_provider(&identity.provider_id)?;
        let Some((provider, _secret)) = found else { return Ok(Self(None)) };
        // What was told at the first step was read by the claim map of then.
        let told_at = identity.last_used_at.filter(|_| matches!(step.evidence, Evidence::Earlier { .. }));
        if told_at.is_some_and(|at| at < provider.updated_at) {
            return Ok(Self(None));
        }
        if decided(&provider)?.contains(ADMIN_ROLE) {
            tx.lock_administration()?;
        }
        Ok(Self(Some((identity.id, provider))))
    }

    /// A later part, when the proofs are used, by which the user is locked.
    pub(super) fn take(self, tx: &mut UnitTx<'_>, event: &Event) -> Result<(), Error> {
        let Self(Some((id, provider))) = self else { return Ok(()) };
        let Some(identity) = tx.reading().find_identity_by_id(id)? else { return Ok(()) };
        let before = tx.reading().find_user(identity.user_id)?.ok_or(Error::UserUnknown)?;
        let after = expected(&mut tx.reading(), &provider, before.clone(), &identity)?;
        if after.name != before.name {
            tx.set_names(before.id, None, Some(&after.name))?;
            tx.record(Event { name: EventName::ProfileChanged, ..event.clone() }.with("name"))?;
        }
        if after.roles == before.roles {
            return Ok(());
        }
        tx.set_roles(before.id, &after.roles)?;
        let detail = format!("from [{}] to [{}]", before.roles, after.roles);
        tx.record(Event { name: EventName::RolesChanged, ..event.clone() }.with(detail))
    }
}

/// The user as they are after what their provider has told is taken. Of the last administrator no roles are.
pub(super) fn expected(
    tx: &mut ReadTx<'_>,
    provider: &Provider,
    user: User,
    identity: &LinkedIdentity,
) -> Result<User, Error> {
    let told = identity.name.clone().filter(|_| provider.claim_map.name.action.is_forced());
    let mut roles = match &identity.told_roles {
        Some(told) => roles(provider, &user, told)?,
        None => user.roles.clone(),
    };
    let is_demoted = user.roles.contains(ADMIN_ROLE) && !roles.contains(ADMIN_ROLE);
    if is_demoted && !tx.has_another_active_user_with(ADMIN_ROLE, user.id)? {
        log::warn!(provider:% = provider.id, user:% = user.id; "a provider would take the role of the last administrator");
        roles = user.roles.clone();
    }
    Ok(User { name: told.or(user.name), roles, ..user })
}

/// Roles that the map does not name are not the provider's to decide.
fn roles(provider: &Provider, user: &User, told: &Roles) -> Result<Roles, Error> {
    let decided = decided(provider)?;
    let roles = user.roles.without(&decided).and(&told.shared_with(&decided));
    Ok(roles.unwrap_or_else(|too_many| {
        log::warn!(provider:% = provider.id, user:% = user.id; "roles that a provider tells are not taken: {too_many}");
        user.roles.clone()
    }))
}

/// The roles that the map names; none if it does not decide about roles.
fn decided(provider: &Provider) -> Result<Roles, Error> {
    let rule = &provider.claim_map.roles;
    let names = rule.roles.values().filter(|_| rule.action != Action::Ignore);
    Names::new(names).map_err(|bad| Error::internal(bad.to_string()))
}
