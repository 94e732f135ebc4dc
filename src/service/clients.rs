//! Registered applications: their registration by administrators.

mod metadata;

pub(crate) use metadata::ClientMetadata;

use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::client::{AuthMethod, Client, ClientId};
use crate::model::denial::Denial;
use crate::model::session::{End, EndReason};
use crate::secret::{ClientSecret, readable};
use crate::service::fields::invalid;
use crate::store::{ClientSecrets, UnitTx};

/// How long the secret before a new one stays valid: time to bring the new one to wherever the application runs.
const OLD_SECRET_LIFETIME: Seconds = Seconds(86_400);

/// Five random bits each.
const ID_CHARS: usize = 20;

/// So many of a client's sessions end, and so many consents go, in one transaction.
const BATCH: i64 = 500;

/// What happens to the secret before a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldSecret {
    /// It is valid for a day.
    Kept,
    /// It is refused from now on.
    Ended,
}

/// A client with another secret.
pub(crate) struct Rotated {
    /// The client.
    pub(crate) client: Client,
    /// Its new secret, which is shown only this once.
    pub(crate) secret: ClientSecret,
    /// The first second at which the one before is not valid any more, if it still is.
    pub(crate) old_secret_expires_at: Option<Timestamp>,
}

/// Registers a client; returns it with its secret, which is shown only this once.
pub(crate) fn create(
    app: &App,
    id: Option<&str>,
    metadata: &ClientMetadata,
    origin: &Origin,
) -> Result<(Client, Option<ClientSecret>), Error> {
    let now = app.clock.now();
    let id = match id {
        Some(id) => id.parse().map_err(invalid("client_id"))?,
        None => ClientId::from_stored(readable(&app.entropy.bytes::<ID_CHARS>()?)),
    };
    // OpenID Connect Core section 2: it is the audience of ID tokens, which must not be mistaken for access tokens.
    if app.config.audiences.names().iter().any(|audience| audience == id.as_str()) {
        return Err(Error::invalid("client_id", "invalid", "must not be one of this service's audiences"));
    }
    let client = metadata.new_client(&app.config, id, now)?;
    let secret = has_secret(&client).then(|| ClientSecret::generate(&*app.entropy)).transpose()?;
    let secrets =
        ClientSecrets { secret_digest: secret.as_ref().map(ClientSecret::digest), ..ClientSecrets::default() };
    let event = origin.event(now, EventName::ClientCreated).with(&client.id);
    let client = change(app, move |tx| {
        tx.insert_client(&client, &secrets)?;
        tx.record(event)?;
        Ok(client)
    })?;
    Ok((client, secret))
}

/// The client with this id, also when it is disabled.
pub(crate) fn find(app: &App, id: &str) -> Result<Client, Error> {
    let id = known_form(id)?;
    Ok(app.store.read(|tx| tx.find_client(&id))?.ok_or(Error::ClientUnknown)?.0)
}

/// Every client, by its id.
pub(crate) fn list(app: &App) -> Result<Vec<Client>, Error> {
    app.store.read(|tx| tx.list_clients())
}

/// Changes what is registered; returns the client as it is afterwards. A client that authenticates by a secret from now on
/// gets it by [`rotate_secret`].
pub(crate) fn update(app: &App, id: &str, metadata: &ClientMetadata, origin: &Origin) -> Result<Client, Error> {
    let (id, now) = (known_form(id)?, app.clock.now());
    // What was typed is checked before the transaction, what it makes of the client within.
    let changes = metadata.checked(&app.config)?;
    let event = origin.event(now, EventName::ClientUpdated);
    change(app, move |tx| {
        let (before, secrets) = tx.find_client_locked(&id)?;
        let client = changes.of(before.clone())?;
        if client == before {
            return Ok(client);
        }
        let secrets = if has_secret(&client) { secrets } else { ClientSecrets::default() };
        let client = Client { updated_at: now, ..client };
        tx.update_client(&client, &secrets)?;
        tx.record(event.with(&id))?;
        Ok(client)
    })
}

/// Gives a client another secret. At most two are valid at once: the new one, and for a day the one before.
pub(crate) fn rotate_secret(app: &App, id: &str, old: OldSecret, origin: &Origin) -> Result<Rotated, Error> {
    let (id, now) = (known_form(id)?, app.clock.now());
    let secret = ClientSecret::generate(&*app.entropy)?;
    let digest = secret.digest();
    let event = origin.event(now, EventName::ClientSecretRotated).with(&id);
    let (client, old_secret_expires_at) = change(app, move |tx| {
        let (before, secrets) = tx.find_client_locked(&id)?;
        if !has_secret(&before) {
            return Err(Error::ClientWithoutSecret);
        }
        let old_secret_digest = secrets.secret_digest.filter(|_| old == OldSecret::Kept);
        let old_secret_expires_at = old_secret_digest.map(|_| now + OLD_SECRET_LIFETIME);
        let secrets = ClientSecrets { secret_digest: Some(digest), old_secret_digest, old_secret_expires_at };
        let client = Client { updated_at: now, ..before };
        tx.update_client(&client, &secrets)?;
        tx.record(event)?;
        Ok((client, old_secret_expires_at))
    })?;
    Ok(Rotated { client, secret, old_secret_expires_at })
}

/// Disables a client: it is refused, its codes are of no use, and what was issued to it is denied. Its users' grants go on
/// when it is enabled again.
pub(crate) fn disable(app: &App, id: &str, origin: &Origin) -> Result<(), Error> {
    let (id, now) = (known_form(id)?, app.clock.now());
    let event = origin.event(now, EventName::ClientDisabled).with(&id);
    let denial = Denial::of_client(id.as_str(), now, app.config.lifetimes.access);
    change(app, move |tx| {
        let (client, secrets) = tx.find_client_locked(&id)?;
        if client.disabled_at.is_none() {
            tx.update_client(&Client { updated_at: now, disabled_at: Some(now), ..client }, &secrets)?;
            tx.record(event)?;
        }
        tx.deny(&[denial])?;
        Ok(())
    })
}

/// Enables a client again. What was issued to it before stays denied, and so is what is issued within the next minute of
/// its being disabled.
pub(crate) fn enable(app: &App, id: &str, origin: &Origin) -> Result<(), Error> {
    let (id, now) = (known_form(id)?, app.clock.now());
    let event = origin.event(now, EventName::ClientEnabled).with(&id);
    change(app, move |tx| {
        let (client, secrets) = tx.find_client_locked(&id)?;
        if client.disabled_at.is_some() {
            tx.update_client(&Client { updated_at: now, disabled_at: None, ..client }, &secrets)?;
            tx.record(event)?;
        }
        Ok(())
    })
}

/// Deletes a client with its codes and what users have allowed to it, ends its users' grants, and denies what was issued to
/// it; returns how many grants ended.
///
/// After an error it may be disabled; deleting it again goes on.
pub(crate) fn delete(app: &App, id: &str, origin: &Origin) -> Result<usize, Error> {
    let (id, now) = (known_form(id)?, app.clock.now());
    // From here on there are no new grants. Its grants end before it is gone: after an error it must still be there to be deleted.
    disable(app, id.as_str(), origin)?;
    let ended = end_grants(app, &id, now)?;
    let event = origin.event(now, EventName::ClientDeleted).with(&id);
    let deleted = id.clone();
    change(app, move |tx| {
        tx.lock_client(&deleted)?;
        if !tx.delete_client(&deleted)? {
            return Err(Error::ClientUnknown);
        }
        tx.record(event)
    })?;
    // Those that a code was redeemed for in the meantime; there is no code any more.
    Ok(ended.saturating_add(end_grants(app, &id, now)?))
}

/// Ends the sessions of a client and forgets what users have allowed to it, in batches: one with many users is not to hold
/// the database for long. Returns how many sessions.
fn end_grants(app: &App, id: &ClientId, now: Timestamp) -> Result<usize, Error> {
    let end = End { at: now, reason: EndReason::Admin };
    let mut ended = 0_usize;
    loop {
        let id = id.clone();
        let batch = move |tx: &mut UnitTx<'_>| {
            Ok((tx.end_grants_of_client(&id, BATCH, end)?, tx.delete_consents_of(&id, BATCH)?))
        };
        match app.units.run(batch)? {
            (0, 0) => return Ok(ended),
            (more, _) => ended = ended.saturating_add(more),
        }
    }
}

/// Does a unit of work that changes clients. This instance reads them again, even if it cannot tell whether the
/// change was committed.
fn change<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&mut UnitTx<'_>) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let changed = app.units.run(work);
    app.known_clients.changed();
    changed
}

/// Whether a client authenticates by a secret.
fn has_secret(client: &Client) -> bool {
    matches!(client.auth_method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost)
}

/// What is not an id by its form is no client's.
fn known_form(id: &str) -> Result<ClientId, Error> {
    id.parse().map_err(|_bad_form: crate::model::text::BadText| Error::ClientUnknown)
}
