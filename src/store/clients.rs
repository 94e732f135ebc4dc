//! The table `clients`.

use diesel::prelude::*;

use super::row::row;
use super::schema::clients;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::client::{AuthMethod, Client, ClientId, IdTokenAlg, Words};
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

    /// Every client, by its id.
    pub(crate) fn list_clients(&mut self) -> Result<Vec<Client>, Error> {
        Ok(clients::table.order(clients::id).select(Client::as_select()).load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Adds a client.
    pub(crate) fn insert_client(&mut self, client: &Client, secrets: &ClientSecrets) -> Result<(), Error> {
        diesel::insert_into(clients::table).values((client, secrets)).execute(self.0)?;
        Ok(())
    }

    /// Deletes a client with its consents, codes and interactions; returns whether there was one.
    pub(crate) fn delete_client(&mut self, id: &ClientId) -> Result<bool, Error> {
        Ok(diesel::delete(clients::table.find(Bind(id))).execute(self.0)? > 0)
    }
}
