//! The registered applications as this instance knows them: every request at the token endpoint is from one, and would ask
//! the database for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::clock::{Clock, Seconds, Timestamp};
use crate::error::Error;
use crate::model::client::{Client, ClientId};
use crate::oauth::redirect_uri::origin_of_pages;
use crate::store::{ClientSecrets, Store, VISIBLE_AFTER};

/// What is known may be used for so long after it was last found to be right. A client that is disabled meanwhile is denied
/// to other services for longer than that.
const MAX_AGE: Seconds = Seconds(30);

/// A client, and the digests of its secrets.
pub(crate) type KnownClient = (Arc<Client>, ClientSecrets);

/// The clients. What another instance changes is known here after a round of [`KnownClients::follow`], what this one changes
/// at once.
pub struct KnownClients {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// `None` while they may have changed since they were read.
    clients: Option<HashMap<ClientId, KnownClient>>,
    /// The origins of the pages of public clients.
    origins: HashSet<String>,
    /// How often this instance has changed some.
    changes: u64,
    /// When it was last found to be right.
    checked_at: Option<Timestamp>,
}

impl KnownClients {
    /// Those of this database; none is known yet.
    pub(crate) fn new(store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, known: RwLock::default() }
    }

    /// A client as it is known, without asking the database.
    pub(crate) fn find_known(&self, id: &ClientId) -> Option<KnownClient> {
        let known = self.read();
        let age = self.clock.now() - known.checked_at?;
        known.clients.as_ref().filter(|_| age <= MAX_AGE)?.get(id).cloned()
    }

    /// A client, also one that was registered a moment ago.
    pub(crate) fn find(&self, id: &ClientId) -> Result<Option<KnownClient>, Error> {
        if let Some(known) = self.find_known(id) {
            return Ok(Some(known));
        }
        let found = self.store.read(|tx| tx.find_client(id))?;
        Ok(found.map(|(client, secrets)| (Arc::new(client), secrets)))
    }

    /// Whether a public client has pages of this origin.
    pub(crate) fn has_pages_of(&self, origin: &str) -> bool {
        origin_of_pages(origin).is_some_and(|origin| self.read().origins.contains(&origin))
    }

    /// To be called when this instance has changed one: until the next round the database is asked for all of them.
    pub(crate) fn changed(&self) {
        let mut known = self.write();
        known.clients = None;
        known.changes += 1;
    }

    /// Takes up what other instances have changed.
    ///
    /// After an error what is known stays, until it is too old.
    pub fn follow(&self) -> Result<(), Error> {
        let (changes, now) = (self.read().changes, self.clock.now());
        let versions = self.store.read(|tx| tx.list_client_versions())?;
        if self.read().clients.as_ref().is_some_and(|clients| self.are_as(clients, &versions)) {
            self.write().checked_at = Some(now);
            return Ok(());
        }
        let all = self.store.read(|tx| tx.list_clients_with_secrets())?;
        let public = all.iter().map(|(client, _)| client).filter(|client| client.is_public());
        let origins =
            public.flat_map(|client| client.redirect_uris.all()).filter_map(|uri| origin_of_pages(uri)).collect();
        let clients = all.into_iter().map(|(client, secrets)| (client.id.clone(), (Arc::new(client), secrets)));
        let mut known = self.write();
        known.origins = origins;
        known.checked_at = Some(now);
        // Otherwise they may have been read before this instance changed one.
        if known.changes == changes {
            known.clients = Some(clients.collect());
        }
        Ok(())
    }

    /// Whether these are the clients of these versions, and cannot have changed since they were read: a change is stamped to
    /// the second, by the clock of the instance that made it.
    fn are_as(&self, clients: &HashMap<ClientId, KnownClient>, versions: &[(ClientId, Timestamp)]) -> bool {
        let now = self.clock.now();
        let is_as_known = |(id, at): &(ClientId, Timestamp)| {
            now - *at > VISIBLE_AFTER && clients.get(id).is_some_and(|(client, _)| client.updated_at == *at)
        };
        versions.len() == clients.len() && versions.iter().all(is_as_known)
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }
}
