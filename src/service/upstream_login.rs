//! Logging in by a sign-in at a provider: from who the user is there to the account that it is linked to. From there it is a login
//! like any other.

use super::identities::link_by_address;
use super::proof::{Evidence, Outcome, Proven};
use super::users::{self, NewProfile};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::Origin;
use crate::model::identity::LinkedIdentity;
use crate::model::names::Names;
use crate::model::proof::{Method, Proof};
use crate::model::provider::{Action, Provider};
use crate::model::upstream::{Refusal, Verified};
use crate::model::user::User;

/// The account that an identity is linked to, with the proof that it is the user's. Without one it is refused as not linked.
pub(crate) fn outcome(app: &App, verified: &Verified, origin: &Origin) -> Result<Outcome, Error> {
    let identity = &verified.identity;
    let found = app.store.read(|tx| tx.find_identity(&identity.provider, &identity.subject))?;
    let linked = match found {
        Some(linked) => Some(linked),
        None => link_by_address(app, verified, origin)?,
    };
    let not_linked = || Error::UpstreamRefused(Refusal::NotLinked);
    let linked = linked.ok_or_else(not_linked)?;
    let user = app.store.read(|tx| tx.find_user(linked.user_id))?.ok_or_else(not_linked)?;
    let user = as_told(app, verified, user, origin)?;
    let told = LinkedIdentity { email: identity.email.clone(), name: identity.name.clone(), ..linked };
    let method = Method::Upstream { is_second_factor: identity.is_second_factor };
    // Not later than what the provider says: a sign-in there may be days old, and opens nothing that needs a recent one.
    let now = app.clock.now();
    let proof = Proof { user: user.id, method, at: identity.auth_time.map_or(now, |at| at.clamp(Timestamp(0), now)) };
    let evidence = Evidence::Upstream(Box::new(told));
    Ok(Outcome { claimed: Some(user.id), proven: Some(Proven { user, proof, evidence }) })
}

/// The user with the name and the roles that the provider decides, as it is configured.
fn as_told(app: &App, verified: &Verified, user: User, origin: &Origin) -> Result<User, Error> {
    let Verified { provider, identity, .. } = verified;
    if user.disabled_at.is_some() {
        return Ok(user);
    }
    let is_forced = matches!(provider.claim_map.name.action, Action::Force | Action::Require);
    let name = identity.name.as_ref().filter(|name| is_forced && user.name.as_ref() != Some(*name));
    if let Some(name) = name {
        let new = NewProfile { name: Some(Some(name.to_string())), ..NewProfile::default() };
        users::set_profile(app, user.id, &new, origin)?;
    }
    if let Some(told) = &identity.roles {
        let roles = with_roles(provider, &user, told)?;
        if roles != user.roles {
            match users::set_roles(app, user.id, roles.names(), origin) {
                Err(Error::LastAdmin) => {
                    log::warn!(provider:% = provider.id, user:% = user.id; "a provider would take the role of the last administrator");
                }
                set => drop(set?),
            }
        }
    }
    users::find(app, user.id)
}

/// The roles of a user at whose provider they have these. Roles that its map does not name are not the provider's to decide.
fn with_roles(provider: &Provider, user: &User, told: &Names) -> Result<Names, Error> {
    let decided =
        Names::new(provider.claim_map.roles.roles.values()).map_err(|bad| Error::internal(bad.to_string()))?;
    Ok(user.roles.without(&decided).and(told))
}
