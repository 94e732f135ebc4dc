//! The table `registrations`.

use diesel::prelude::*;

use super::locks::Lock;
use super::row::row;
use super::schema::registrations;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::invitation::InvitationId;
use crate::model::names::{Names, Roles};
use crate::model::registration::{Registration, RegistrationId};
use crate::model::user::{DisplayName, Email, Username};
use crate::secret::KeyDigest;

row!(Registration in registrations {
    id: RegistrationId,
    email: Option<Email>,
    email_verified: bool,
    code_hash: Option<i64>,
    provider: Option<String>,
    subject: Option<String>,
    name: Option<DisplayName>,
    invitation_id: Option<InvitationId>,
    created_at: Timestamp,
    expires_at: Timestamp,
    proved_at: Option<Timestamp>,
    used_at: Option<Timestamp>,
    code_shown_at: Option<Timestamp>,
    username: Option<Username>,
    roles: Roles,
    forced: Names,
});

impl ReadTx<'_> {
    /// The registration of a link, also one that is over.
    pub(crate) fn find_registration(&mut self, digest: &KeyDigest) -> Result<Option<Registration>, Error> {
        let found = registrations::table.filter(registrations::digest.eq(Bind(digest)));
        Ok(found.select(Registration::as_select()).first(self.0).optional()?)
    }

    /// The registration of the client that holds a secret with this digest, also one that is over.
    pub(crate) fn find_registration_of_client(&mut self, digest: &KeyDigest) -> Result<Option<Registration>, Error> {
        let found = registrations::table.filter(registrations::client_digest.eq(Bind(Some(digest))));
        Ok(found.select(Registration::as_select()).first(self.0).optional()?)
    }

    /// Registrations that are not over, the newest first, starting after `before`; at most `limit`.
    pub(crate) fn list_registrations(
        &mut self,
        before: Option<RegistrationId>,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<Registration>, Error> {
        let mut query = registrations::table
            .filter(registrations::used_at.is_null())
            .filter(registrations::expires_at.gt(Bind(now)))
            .order(registrations::id.desc())
            .limit(limit)
            .select(Registration::as_select())
            .into_boxed();
        if let Some(before) = before {
            query = query.filter(registrations::id.lt(Bind(before)));
        }
        Ok(query.load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Adds a registration with the digests of its link and of what the client holds that has asked.
    pub(crate) fn insert_registration(
        &mut self,
        registration: &Registration,
        digest: &KeyDigest,
        client: Option<&KeyDigest>,
    ) -> Result<(), Error> {
        self.note_lock(Lock::Registrations);
        let fold = registration.email.as_ref().map(|email| email.folded().into_owned());
        let more = (
            registrations::digest.eq(Bind(digest)),
            registrations::client_digest.eq(Bind(client)),
            registrations::email_fold.eq(fold),
        );
        diesel::insert_into(registrations::table).values((registration, more)).execute(self.0)?;
        Ok(())
    }

    /// Notes that the address is proved, the first time: from then on the registration expires at another time.
    pub(crate) fn prove_registration(
        &mut self,
        id: RegistrationId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        self.note_lock(Lock::Registrations);
        let open = registrations::table
            .find(Bind(id))
            .filter(registrations::proved_at.is_null())
            .filter(registrations::used_at.is_null())
            .filter(registrations::expires_at.gt(Bind(now)));
        let proved = (registrations::proved_at.eq(Bind(Some(now))), registrations::expires_at.eq(Bind(expires_at)));
        diesel::update(open).set(proved).execute(self.0)?;
        Ok(())
    }

    /// Notes that the client which has asked has shown the code.
    pub(crate) fn note_code_shown(&mut self, id: RegistrationId, now: Timestamp) -> Result<(), Error> {
        self.note_lock(Lock::Registrations);
        let shown = registrations::code_shown_at.eq(Bind(Some(now)));
        diesel::update(registrations::table.find(Bind(id))).set(shown).execute(self.0)?;
        Ok(())
    }

    /// Uses a registration, by compare-and-set; returns whether it was not over.
    pub(crate) fn use_registration(&mut self, id: RegistrationId, now: Timestamp) -> Result<bool, Error> {
        self.note_lock(Lock::Registrations);
        let open = registrations::table
            .find(Bind(id))
            .filter(registrations::used_at.is_null())
            .filter(registrations::expires_at.gt(Bind(now)));
        Ok(diesel::update(open).set(registrations::used_at.eq(Bind(Some(now)))).execute(self.0)? > 0)
    }

    /// Voids all registrations of an address, folded, whose rows are locked.
    pub(crate) fn void_registrations_of(&mut self, folded: &str, now: Timestamp) -> Result<(), Error> {
        self.note_lock(Lock::Registrations);
        let unused =
            registrations::table.filter(registrations::email_fold.eq(folded)).filter(registrations::used_at.is_null());
        diesel::update(unused).set(registrations::used_at.eq(Bind(Some(now)))).execute(self.0)?;
        Ok(())
    }

    /// Voids the registrations of somebody whom a provider knows.
    pub(crate) fn void_registrations_from(
        &mut self,
        (provider, subject): (&str, &str),
        now: Timestamp,
    ) -> Result<(), Error> {
        self.lock_registrations_from(provider, subject)?;
        let unused = registrations::table
            .filter(registrations::subject.eq(subject))
            .filter(registrations::provider.eq(provider))
            .filter(registrations::used_at.is_null());
        diesel::update(unused).set(registrations::used_at.eq(Bind(Some(now)))).execute(self.0)?;
        Ok(())
    }

    /// Deletes a registration that was not finished; returns whether there was one.
    pub(crate) fn delete_registration(&mut self, id: RegistrationId) -> Result<bool, Error> {
        self.note_lock(Lock::Registrations);
        let unused = registrations::table.find(Bind(id)).filter(registrations::used_at.is_null());
        Ok(diesel::delete(unused).execute(self.0)? > 0)
    }

    /// Deletes the registrations that rely on an invitation.
    pub(crate) fn delete_registrations_with(&mut self, invitation: InvitationId) -> Result<(), Error> {
        self.lock_registrations_with(invitation)?;
        let with = registrations::table.filter(registrations::invitation_id.eq(Bind(Some(invitation))));
        diesel::delete(with).execute(self.0)?;
        Ok(())
    }

    /// Deletes all registrations: those of a backup may have been finished since.
    pub(crate) fn delete_registrations(&mut self) -> Result<(), Error> {
        self.note_lock(Lock::Registrations);
        diesel::delete(registrations::table).execute(self.0)?;
        Ok(())
    }
}
