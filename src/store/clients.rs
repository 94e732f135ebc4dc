//! The table `clients`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::locks::Lock;
use super::row::row;
use super::schema::{clients, consents};
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::attributes::Attributes;
use crate::model::client::{AuthMethod, Client, ClientId, IdTokenAlg, Words};
use crate::model::id::UserId;
use crate::model::names::Scopes;
use crate::model::user::DisplayName;
use crate::secret::KeyDigest;

row!(Client in clients {
    id: ClientId,
    name: DisplayName,
    redirect_uris: Words,
    post_logout_redirect_uris: Words,
    grant_types: Words,
    scopes: Scopes,
    audiences: Words,
    resource_servers: Words,
    auth_method: AuthMethod,
    jwks: Option<String>,
    jwks_uri: Option<String>,
    id_token_alg: Option<IdTokenAlg>,
    skip_consent: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    disabled_at: Option<Timestamp>,
    attributes: Option<Attributes>,
});

/// The digests of a client's secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientSecrets {
    /// That of the newest one.
    pub(crate) secret_digest: Option<KeyDigest>,
    /// That of the one before.
    pub(crate) old_secret_digest: Option<KeyDigest>,
    /// The first second at which the one before is not valid any more.
    pub(crate) old_secret_expires_at: Option<Timestamp>,
}

row!(ClientSecrets in clients {
    secret_digest: Option<KeyDigest>,
    old_secret_digest: Option<KeyDigest>,
    old_secret_expires_at: Option<Timestamp>,
});

impl ReadTx<'_> {
    /// A client, also one that is disabled, and the digests of its secrets.
    pub(crate) fn find_client(&mut self, id: &ClientId) -> Result<Option<(Client, ClientSecrets)>, Error> {
        let row = clients::table.find(Bind(id)).select((Client::as_select(), ClientSecrets::as_select()));
        Ok(row.first(self.0).optional()?)
    }

    /// Every client, and the digests of its secrets.
    pub(crate) fn list_clients_with_secrets(&mut self) -> Result<Vec<(Client, ClientSecrets)>, Error> {
        Ok(clients::table.select((Client::as_select(), ClientSecrets::as_select())).load(self.0)?)
    }

    /// When each client was last changed.
    pub(crate) fn list_client_versions(&mut self) -> Result<Vec<(ClientId, Timestamp)>, Error> {
        Ok(clients::table.select((clients::id, clients::updated_at)).load(self.0)?)
    }

    /// Every client, by its id.
    pub(crate) fn list_clients(&mut self) -> Result<Vec<Client>, Error> {
        Ok(clients::table.order(clients::id).select(Client::as_select()).load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Adds a client.
    pub(crate) fn insert_client(&mut self, client: &Client, secrets: &ClientSecrets) -> Result<(), Error> {
        self.note_lock(Lock::Clients);
        match diesel::insert_into(clients::table).values((client, secrets)).execute(self.0) {
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Err(Error::ClientIdTaken),
            inserted => Ok(inserted.map(|_one| ())?),
        }
    }

    /// A client as it is until this transaction has ended, and the digests of its secrets.
    pub(crate) fn find_client_locked(&mut self, id: &ClientId) -> Result<(Client, ClientSecrets), Error> {
        self.lock_client(id)?;
        self.reading().find_client(id)?.ok_or(Error::ClientUnknown)
    }

    /// Stores a client that was changed, and its secrets.
    pub(crate) fn update_client(&mut self, client: &Client, secrets: &ClientSecrets) -> Result<(), Error> {
        let metadata = (
            clients::name.eq(Bind(&client.name)),
            clients::redirect_uris.eq(Bind(&client.redirect_uris)),
            clients::post_logout_redirect_uris.eq(Bind(&client.post_logout_redirect_uris)),
            clients::grant_types.eq(Bind(&client.grant_types)),
            clients::scopes.eq(Bind(&client.scopes)),
            clients::audiences.eq(Bind(&client.audiences)),
            clients::resource_servers.eq(Bind(&client.resource_servers)),
            clients::auth_method.eq(Bind(client.auth_method)),
            clients::jwks.eq(&client.jwks),
            clients::jwks_uri.eq(&client.jwks_uri),
            clients::id_token_alg.eq(Bind(client.id_token_alg)),
            clients::skip_consent.eq(client.skip_consent),
            clients::attributes.eq(Bind(client.attributes.as_ref())),
            clients::updated_at.eq(Bind(client.updated_at)),
            clients::disabled_at.eq(Bind(client.disabled_at)),
        );
        let secrets = (
            clients::secret_digest.eq(Bind(secrets.secret_digest)),
            clients::old_secret_digest.eq(Bind(secrets.old_secret_digest)),
            clients::old_secret_expires_at.eq(Bind(secrets.old_secret_expires_at)),
        );
        let row = clients::table.find(Bind(&client.id));
        let changed = diesel::update(row).set((metadata, secrets)).execute(self.0)?;
        if changed == 1 { Ok(()) } else { Err(Error::ClientUnknown) }
    }

    /// Deletes at most `batch` of what users have allowed to a client; returns how many.
    pub(crate) fn delete_consents_of(&mut self, id: &ClientId, batch: i64) -> Result<usize, Error> {
        let of_some = consents::table.filter(consents::client_id.eq(Bind(id))).limit(batch).select(consents::user_id);
        let users: Vec<UserId> = of_some.load(self.0)?;
        let of_client = consents::table.filter(consents::client_id.eq(Bind(id)));
        Ok(diesel::delete(of_client.filter(consents::user_id.eq_any(users.iter().map(Bind)))).execute(self.0)?)
    }

    /// Deletes a client with its consents, codes and interactions; returns whether there was one.
    pub(crate) fn delete_client(&mut self, id: &ClientId) -> Result<bool, Error> {
        self.note_lock(Lock::Clients);
        Ok(diesel::delete(clients::table.find(Bind(id))).execute(self.0)? > 0)
    }
}
