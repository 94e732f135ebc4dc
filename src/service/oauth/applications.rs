//! The registered applications that a user has given access to.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::client::ClientId;
use crate::model::id::UserId;
use crate::model::session::{End, EndReason};

/// An application and what it may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Application {
    /// What users see.
    pub(crate) name: String,
    /// What the user has allowed, or what the operator's own application has been granted.
    pub(crate) scopes: BTreeSet<String>,
    /// When the user allowed it last; nothing of an application that does not ask.
    pub(crate) allowed_at: Option<Timestamp>,
    /// How many of its grants are live.
    pub(crate) grants: usize,
}

/// The applications of a user, by client.
pub(crate) fn list(app: &App, user: UserId) -> Result<BTreeMap<String, Application>, Error> {
    let now = app.clock.now();
    app.store.read(|tx| {
        let mut applications: BTreeMap<String, Application> = BTreeMap::new();
        for consent in tx.list_consents(user)? {
            let application = applications.entry(consent.client_id.to_string()).or_default();
            application.scopes.extend(consent.scopes.names().iter().cloned());
            application.allowed_at = Some(consent.updated_at);
        }
        for grant in tx.list_grants(user, now)? {
            let application = applications.entry(grant.client_id).or_default();
            application.scopes.extend(grant.scope.split_ascii_whitespace().map(ToOwned::to_owned));
            application.grants += 1;
        }
        for (id, application) in &mut applications {
            let client = tx.find_client(&ClientId::from_stored(id.clone()))?;
            application.name = client.map_or_else(|| id.clone(), |(client, _)| client.name.to_string());
        }
        Ok(applications)
    })
}

/// Takes back what a user has allowed to a client: its grants end, and it has to ask again.
pub(crate) fn remove(app: &App, user: UserId, client: ClientId, origin: &Origin) -> Result<(), Error> {
    let end = End { at: app.clock.now(), reason: EndReason::Revoked };
    let access = app.config.lifetimes.access;
    let event = origin.event(end.at, EventName::ConsentRevoked).about(user).with(&client);
    app.units.run(move |tx| {
        tx.lock_user(user)?;
        let grants = tx.end_grants(user, &client, end, access)?;
        let had_consent = tx.delete_consent(user, &client)?;
        tx.delete_unused_codes(user, &client)?;
        if had_consent || grants > 0 {
            tx.record(event)?;
        }
        Ok(())
    })
}
