//! The table `identities`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::locks::Lock;
use super::row::row;
use super::schema::identities;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::identity::{IdentityId, LinkedIdentity};
use crate::model::names::Roles;
use crate::model::provider::ProviderId;
use crate::model::user::{DisplayName, Email};

row!(LinkedIdentity in identities {
    id: IdentityId,
    provider_id: ProviderId,
    subject: String,
    user_id: UserId,
    email: Option<Email>,
    name: Option<DisplayName>,
    told_roles: Option<Roles>,
    created_at: Timestamp,
    last_used_at: Option<Timestamp>,
});

impl ReadTx<'_> {
    /// The account's identity with this subject at a provider.
    pub(crate) fn find_identity(
        &mut self,
        provider: &ProviderId,
        subject: &str,
    ) -> Result<Option<LinkedIdentity>, Error> {
        let found = identities::table
            .filter(identities::provider_id.eq(Bind(provider)))
            .filter(identities::subject.eq(subject));
        Ok(found.select(LinkedIdentity::as_select()).first(self.0).optional()?)
    }

    /// The identity with this id.
    pub(crate) fn find_identity_by_id(&mut self, id: IdentityId) -> Result<Option<LinkedIdentity>, Error> {
        let found = identities::table.find(Bind(id)).select(LinkedIdentity::as_select());
        Ok(found.first(self.0).optional()?)
    }

    /// All identities of a user, newest first.
    pub(crate) fn list_identities(&mut self, user: UserId) -> Result<Vec<LinkedIdentity>, Error> {
        let of_user = identities::table.filter(identities::user_id.eq(Bind(user))).order(identities::id.desc());
        Ok(of_user.select(LinkedIdentity::as_select()).load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Links an identity. Each is one account's.
    pub(crate) fn insert_identity(&mut self, identity: &LinkedIdentity) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        match diesel::insert_into(identities::table).values(identity).execute(self.0) {
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Err(Error::IdentityTaken),
            // It was deleted meanwhile: the account is locked.
            Err(DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => Err(Error::ProviderUnknown),
            inserted => Ok(inserted.map(|_one| ())?),
        }
    }

    /// Notes a sign-in with an identity; returns whether it is still linked to its account, and users may still sign in at the
    /// provider.
    pub(crate) fn use_identity(&mut self, identity: &LinkedIdentity, now: Timestamp) -> Result<bool, Error> {
        let provider = self.reading().find_provider(&identity.provider_id)?;
        if provider.is_none_or(|(provider, _)| provider.disabled_at.is_some()) {
            return Ok(false);
        }
        self.note_lock(Lock::SecondFactors);
        let linked = identities::table.find(Bind(identity.id)).filter(identities::user_id.eq(Bind(identity.user_id)));
        Ok(diesel::update(linked).set(identities::last_used_at.eq(Bind(Some(now)))).execute(self.0)? > 0)
    }

    /// Notes what the provider has told of the user of an identity; returns whether there still is that identity.
    pub(crate) fn note_told(&mut self, told: &LinkedIdentity) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let set = (
            identities::email.eq(told.email.as_ref().map(Bind)),
            identities::name.eq(told.name.as_ref().map(Bind)),
            identities::told_roles.eq(Bind(&told.told_roles)),
        );
        Ok(diesel::update(identities::table.find(Bind(told.id))).set(set).execute(self.0)? > 0)
    }

    /// Unlinks an identity of a user; returns whether there was one.
    pub(crate) fn delete_identity(&mut self, user: UserId, id: IdentityId) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let of_user = identities::table.find(Bind(id)).filter(identities::user_id.eq(Bind(user)));
        Ok(diesel::delete(of_user).execute(self.0)? > 0)
    }
}
