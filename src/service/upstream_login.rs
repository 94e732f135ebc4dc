//! Logging in by a sign-in at a provider: from who the user is there to the account that it is linked to. From there it is a login
//! like any other.

use super::identities::link_by_address;
use super::proof::{Evidence, Outcome, Proven};
use super::told;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::identity::LinkedIdentity;
use crate::model::proof::{Method, Proof};
use crate::model::provider::ProviderId;
use crate::model::upstream::{Refusal, Verified};

/// The account that an identity is linked to, with the proof that it is the user's. Without one it is refused as not linked.
pub(crate) fn outcome(app: &App, verified: &Verified, origin: &Origin) -> Result<Outcome, Error> {
    let identity = &verified.identity;
    let not_linked = || Error::UpstreamRefused(Refusal::NotLinked);
    let linked = find_or_link(app, verified, origin)?.ok_or_else(not_linked)?;
    let told = LinkedIdentity {
        email: identity.email.clone(),
        name: identity.name.clone(),
        told_roles: identity.roles.clone(),
        ..linked
    };
    // What they are made by that decides what they have to show.
    let user = app.store.read(|tx| {
        let user = tx.find_user(told.user_id)?.ok_or_else(not_linked)?;
        told::expected(tx, &verified.provider, user, &told)
    })?;
    let method = Method::Upstream { is_second_factor: identity.is_second_factor };
    // Not later than what the provider says: a sign-in there may be days old, and opens nothing that needs a recent one.
    let now = app.clock.now();
    let proof = Proof { user: user.id, method, at: identity.auth_time.map_or(now, |at| at.clamp(Timestamp(0), now)) };
    let evidence = Evidence::Upstream(Box::new(told));
    Ok(Outcome { claimed: Some(user.id), proven: Some(Proven { user, proof, evidence }), password: None })
}

/// Records that a sign-in at a provider leads to no account.
pub(crate) fn record_not_linked(app: &App, provider: &ProviderId, origin: &Origin) {
    let event = origin.event(app.clock.now(), EventName::LoginFailed);
    app.units.record_best_effort(event.with(format_args!("no account is linked: {provider}")));
}

fn find_or_link(app: &App, verified: &Verified, origin: &Origin) -> Result<Option<LinkedIdentity>, Error> {
    let identity = &verified.identity;
    let find = || app.store.read(|tx| tx.find_identity(&identity.provider, &identity.subject));
    if let Some(linked) = find()? {
        return Ok(Some(linked));
    }
    match link_by_address(app, verified, origin) {
        // Another sign-in of the same user was faster.
        Err(Error::IdentityTaken) => find(),
        linked => linked,
    }
}
