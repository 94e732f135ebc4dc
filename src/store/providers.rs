//! The table `providers`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::locks::Lock;
use super::row::row;
use super::schema::providers;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::client::Words;
use crate::model::provider::{ClaimMap, Preset, Provider, ProviderId};
use crate::model::user::DisplayName;

row!(Provider in providers {
    id: ProviderId,
    preset: Preset,
    name: DisplayName,
    issuer: String,
    client_id: String,
    scopes: Words,
    claim_map: ClaimMap,
    trust_email: bool,
    factor_amr: Words,
    factor_acr: Words,
    created_at: Timestamp,
    updated_at: Timestamp,
    disabled_at: Option<Timestamp>,
});

impl ReadTx<'_> {
    /// A provider, also one that is disabled, and its sealed secret.
    pub(crate) fn find_provider(&mut self, id: &ProviderId) -> Result<Option<(Provider, String)>, Error> {
        let row = providers::table.find(Bind(id)).select((Provider::as_select(), providers::secret));
        Ok(row.first(self.0).optional()?)
    }

    /// Every provider, by its id.
    pub(crate) fn list_providers(&mut self) -> Result<Vec<Provider>, Error> {
        Ok(providers::table.order(providers::id).select(Provider::as_select()).load(self.0)?)
    }

    /// Whether there are any.
    pub(crate) fn has_providers(&mut self) -> Result<bool, Error> {
        Ok(providers::table.count().get_result::<i64>(self.0)? > 0)
    }
}

impl WriteTx<'_> {
    /// Adds a provider with its sealed secret.
    pub(crate) fn insert_provider(&mut self, provider: &Provider, secret: &str) -> Result<(), Error> {
        self.note_lock(Lock::Providers);
        let row = (provider, providers::secret.eq(secret));
        match diesel::insert_into(providers::table).values(row).execute(self.0) {
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
                Err(Error::invalid("id", "invalid", "is that of another provider"))
            }
            inserted => Ok(inserted.map(|_one| ())?),
        }
    }

    /// A provider as it is until this transaction has ended, and its sealed secret.
    pub(crate) fn find_provider_locked(&mut self, id: &ProviderId) -> Result<(Provider, String), Error> {
        self.lock_provider(id)?;
        self.reading().find_provider(id)?.ok_or(Error::ProviderUnknown)
    }

    /// Stores a provider that was changed, and its sealed secret.
    pub(crate) fn update_provider(&mut self, provider: &Provider, secret: &str) -> Result<(), Error> {
        let set = (
            providers::name.eq(Bind(&provider.name)),
            providers::client_id.eq(&provider.client_id),
            providers::secret.eq(secret),
            providers::scopes.eq(Bind(&provider.scopes)),
            providers::claim_map.eq(Bind(&provider.claim_map)),
            providers::trust_email.eq(provider.trust_email),
            providers::factor_amr.eq(Bind(&provider.factor_amr)),
            providers::factor_acr.eq(Bind(&provider.factor_acr)),
            providers::updated_at.eq(Bind(provider.updated_at)),
            providers::disabled_at.eq(Bind(provider.disabled_at)),
        );
        let changed = diesel::update(providers::table.find(Bind(&provider.id))).set(set).execute(self.0)?;
        if changed == 1 { Ok(()) } else { Err(Error::ProviderUnknown) }
    }

    /// Deletes a provider with the sign-ins at it that are under way; returns whether there was one.
    pub(crate) fn delete_provider(&mut self, id: &ProviderId) -> Result<bool, Error> {
        self.note_lock(Lock::Providers);
        Ok(diesel::delete(providers::table.find(Bind(id))).execute(self.0)? > 0)
    }
}
