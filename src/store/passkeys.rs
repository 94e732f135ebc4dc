//! The tables `passkeys` and `used_passkey_challenges`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use diesel::sql_types::Binary;

use super::locks::Lock;
use super::row::row;
use super::schema::{passkeys, used_passkey_challenges};
use super::types::{Bind, SqlTime};
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::{SessionId, UserId};
use crate::model::names::Names;
use crate::model::passkey::{Passkey, PasskeyId};
use crate::model::user::DisplayName;
use crate::secret::KeyDigest;

row!(Passkey in passkeys {
    id: PasskeyId,
    user_id: UserId,
    credential_id: Vec<u8>,
    public_key: Vec<u8>,
    sign_count: i64,
    is_backup_eligible: Option<bool>,
    is_backed_up: bool,
    transports: Names,
    name: DisplayName,
    created_at: Timestamp,
    created_in: Option<SessionId>,
    last_used_at: Option<Timestamp>,
});

impl ReadTx<'_> {
    /// The passkey with this id of its credential.
    pub(crate) fn find_passkey(&mut self, credential_id: &[u8]) -> Result<Option<Passkey>, Error> {
        let found = passkeys::table.filter(passkeys::credential_id.eq(credential_id));
        Ok(found.select(Passkey::as_select()).first(self.0).optional()?)
    }

    /// All passkeys of a user, newest first.
    pub(crate) fn list_passkeys(&mut self, user: UserId) -> Result<Vec<Passkey>, Error> {
        let of_user = passkeys::table.filter(passkeys::user_id.eq(Bind(user))).order(passkeys::id.desc());
        Ok(of_user.select(Passkey::as_select()).load(self.0)?)
    }

    /// Whether a challenge was used.
    pub(crate) fn is_passkey_challenge_used(&mut self, digest: &KeyDigest) -> Result<bool, Error> {
        Ok(used_passkey_challenges::table.find(Bind(digest)).count().get_result::<i64>(self.0)? > 0)
    }
}

impl WriteTx<'_> {
    /// Adds a passkey. Each credential is one user's.
    pub(crate) fn insert_passkey(&mut self, passkey: &Passkey) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        match diesel::insert_into(passkeys::table).values(passkey).execute(self.0) {
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Err(Error::PasskeyTaken),
            inserted => Ok(inserted.map(|_one| ())?),
        }
    }

    /// Gives a user's passkey another name; returns whether there is one.
    pub(crate) fn rename_passkey(&mut self, user: UserId, id: PasskeyId, name: &DisplayName) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let of_user = passkeys::table.find(Bind(id)).filter(passkeys::user_id.eq(Bind(user)));
        Ok(diesel::update(of_user).set(passkeys::name.eq(Bind(name))).execute(self.0)? > 0)
    }

    /// Deletes a user's passkey; returns whether there was one.
    pub(crate) fn delete_passkey(&mut self, user: UserId, id: PasskeyId) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let of_user = passkeys::table.find(Bind(id)).filter(passkeys::user_id.eq(Bind(user)));
        Ok(diesel::delete(of_user).execute(self.0)? > 0)
    }

    /// Deletes all passkeys of a user; returns how many.
    pub(crate) fn delete_passkeys(&mut self, user: UserId) -> Result<usize, Error> {
        self.note_lock(Lock::SecondFactors);
        Ok(diesel::delete(passkeys::table.filter(passkeys::user_id.eq(Bind(user)))).execute(self.0)?)
    }

    /// Notes that a passkey was used, by compare-and-set of its counter; returns whether it is still as it was read.
    pub(crate) fn use_passkey(
        &mut self,
        as_read: &Passkey,
        (sign_count, is_backup_eligible, is_backed_up): (i64, bool, bool),
        now: Timestamp,
    ) -> Result<bool, Error> {
        self.note_lock(Lock::SecondFactors);
        let unchanged = passkeys::table.find(Bind(as_read.id)).filter(passkeys::sign_count.eq(as_read.sign_count));
        let set = (
            passkeys::sign_count.eq(sign_count),
            passkeys::is_backup_eligible.eq(Some(is_backup_eligible)),
            passkeys::is_backed_up.eq(is_backed_up),
            passkeys::last_used_at.eq(Bind(Some(now))),
        );
        Ok(diesel::update(unchanged).set(set).execute(self.0)? > 0)
    }

    /// Notes that a challenge was used; returns whether this is the first time.
    pub(crate) fn use_passkey_challenge(&mut self, digest: KeyDigest, expires_at: Timestamp) -> Result<bool, Error> {
        let insert = diesel::sql_query(
            "insert into used_passkey_challenges (digest, expires_at) values ($1, $2) on conflict do nothing",
        );
        Ok(insert.bind::<Binary, _>(digest).bind::<SqlTime, _>(expires_at).execute(self.0)? > 0)
    }
}
