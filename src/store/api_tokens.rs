//! The table `api_tokens`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::locks::Lock;
use super::schema::{api_tokens, users};
use super::types::DbUuid;
use super::users::UserRow;
use super::{ReadTx, UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::api_token::{ApiToken, ApiTokenId};
use crate::model::denial::Denial;
use crate::model::id::{Id, SessionId, UserId};
use crate::model::user::{DisplayName, User};
use crate::secret::KeyDigest;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_tokens)]
struct ApiTokenRow {
    id: DbUuid,
    user_id: DbUuid,
    name: String,
    sid: DbUuid,
    scopes: String,
    roles: String,
    created_at: i64,
    expires_at: Option<i64>,
    last_used_at: Option<i64>,
    access_expires_by: i64,
    revoked_at: Option<i64>,
}

impl ApiTokenRow {
    fn into_api_token(self) -> Result<ApiToken, Error> {
        Ok(ApiToken {
            id: Id::from_bytes(self.id.0),
            user_id: Id::from_bytes(self.user_id.0),
            name: DisplayName::from_stored(self.name),
            sid: Id::from_bytes(self.sid.0),
            scopes: self.scopes.parse().map_err(Error::internal)?,
            roles: self.roles.parse().map_err(Error::internal)?,
            created_at: Timestamp(self.created_at),
            expires_at: self.expires_at.map(Timestamp),
            last_used_at: self.last_used_at.map(Timestamp),
            access_expires_by: Timestamp(self.access_expires_by),
            revoked_at: self.revoked_at.map(Timestamp),
        })
    }
}

impl ReadTx<'_> {
    /// The API token whose key has this digest, and its owner; also when it is accepted no more.
    pub(crate) fn find_api_token(&mut self, digest: &KeyDigest) -> Result<Option<(ApiToken, User)>, Error> {
        let found = api_tokens::table
            .inner_join(users::table)
            .filter(api_tokens::digest.eq(digest.0.as_slice()))
            .select((ApiTokenRow::as_select(), UserRow::as_select()))
            .first::<(ApiTokenRow, UserRow)>(self.0)
            .optional()?;
        found.map(|(token, user)| Ok((token.into_api_token()?, user.into_user()?))).transpose()
    }

    /// The API tokens of a user, newest first; also those that are accepted no more and are still on record.
    pub(crate) fn list_api_tokens(&mut self, user: UserId) -> Result<Vec<ApiToken>, Error> {
        let rows = api_tokens::table
            .filter(api_tokens::user_id.eq(DbUuid(*user.as_bytes())))
            .order(api_tokens::id.desc())
            .select(ApiTokenRow::as_select())
            .load(self.0)?;
        rows.into_iter().map(ApiTokenRow::into_api_token).collect()
    }
}

impl WriteTx<'_> {
    /// Adds an API token.
    pub(crate) fn insert_api_token(&mut self, token: &ApiToken, digest: &KeyDigest) -> Result<(), Error> {
        let row = ApiTokenRow {
            id: DbUuid(*token.id.as_bytes()),
            user_id: DbUuid(*token.user_id.as_bytes()),
            name: token.name.to_string(),
            sid: DbUuid(*token.sid.as_bytes()),
            scopes: token.scopes.to_string(),
            roles: token.roles.to_string(),
            created_at: token.created_at.0,
            expires_at: token.expires_at.map(|at| at.0),
            last_used_at: None,
            access_expires_by: token.access_expires_by.0,
            revoked_at: None,
        };
        let row = (row, api_tokens::digest.eq(digest.0.as_slice()));
        match diesel::insert_into(api_tokens::table).values(row).execute(self.0) {
            Err(DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => Err(Error::UserUnknown),
            inserted => Ok(inserted.map(|_one| ())?),
        }
    }

    /// An API token as it is now; nobody else changes it before this transaction has ended.
    pub(crate) fn lock_api_token(&mut self, id: ApiTokenId) -> Result<Option<ApiToken>, Error> {
        self.lock_token(id)?;
        let id = DbUuid(*id.as_bytes());
        let row = api_tokens::table.find(id).select(ApiTokenRow::as_select()).first(self.0).optional()?;
        row.map(ApiTokenRow::into_api_token).transpose()
    }

    /// The API tokens of a user as they are now, as [`WriteTx::lock_api_token`]; in the order in which everybody locks them.
    pub(crate) fn lock_api_tokens_of(&mut self, user: UserId) -> Result<Vec<ApiToken>, Error> {
        self.lock_tokens_of(user)?;
        self.reading().list_api_tokens(user)
    }

    /// Gives a locked token another key.
    pub(crate) fn set_api_key(&mut self, id: ApiTokenId, digest: &KeyDigest) -> Result<(), Error> {
        let token = api_tokens::table.find(DbUuid(*id.as_bytes()));
        diesel::update(token).set(api_tokens::digest.eq(digest.0.as_slice())).execute(self.0)?;
        Ok(())
    }

    /// Gives a locked token another `sid`.
    pub(crate) fn set_api_token_sid(&mut self, id: ApiTokenId, sid: SessionId) -> Result<(), Error> {
        let token = api_tokens::table.find(DbUuid(*id.as_bytes()));
        diesel::update(token).set(api_tokens::sid.eq(DbUuid(*sid.as_bytes()))).execute(self.0)?;
        Ok(())
    }

    /// Revokes a locked token.
    pub(crate) fn revoke_api_token(&mut self, id: ApiTokenId, now: Timestamp) -> Result<(), Error> {
        let token = api_tokens::table.find(DbUuid(*id.as_bytes()));
        diesel::update(token).set(api_tokens::revoked_at.eq(now.0)).execute(self.0)?;
        Ok(())
    }

    /// Promises that access tokens of a locked token are valid up to an instant at most.
    pub(crate) fn promise_access(&mut self, id: ApiTokenId, access_expires_by: Timestamp) -> Result<(), Error> {
        let token = api_tokens::table.find(DbUuid(*id.as_bytes()));
        diesel::update(token).set(api_tokens::access_expires_by.eq(access_expires_by.0)).execute(self.0)?;
        Ok(())
    }

    /// Records when tokens were last used, unless a later use is on record.
    pub(crate) fn record_uses(&mut self, uses: &mut [(ApiTokenId, Timestamp)]) -> Result<(), Error> {
        self.note_lock(Lock::ApiTokens);
        // In the order in which everybody locks them.
        uses.sort_unstable_by_key(|(id, _)| *id.as_bytes());
        for (id, used_at) in uses {
            let is_later = api_tokens::last_used_at.is_null().or(api_tokens::last_used_at.lt(used_at.0));
            diesel::update(api_tokens::table.find(DbUuid(*id.as_bytes())).filter(is_later))
                .set(api_tokens::last_used_at.eq(used_at.0))
                .execute(self.0)?;
        }
        Ok(())
    }
}

impl UnitTx<'_> {
    /// Denies the access tokens that a locked token was exchanged for.
    pub(crate) fn deny_api_token(&mut self, token: &ApiToken, now: Timestamp, access: Seconds) -> Result<(), Error> {
        self.deny(&[Denial::of_session(token.sid, now, token.access_expires_by, access)])?;
        Ok(())
    }
}
