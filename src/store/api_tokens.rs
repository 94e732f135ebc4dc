//! The table `api_tokens`.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::locks::Lock;
use super::row::{insert_all, row};
use super::schema::{api_tokens, users};
use super::types::Bind;
use super::{ReadTx, UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::api_token::{ApiToken, ApiTokenId};
use crate::model::denial::Denial;
use crate::model::id::{SessionId, UserId};
use crate::model::names::{Roles, Scopes};
use crate::model::user::{DisplayName, User};
use crate::secret::KeyDigest;

row!(ApiToken in api_tokens {
    id: ApiTokenId,
    user_id: UserId,
    name: DisplayName,
    sid: SessionId,
    scopes: Scopes,
    roles: Roles,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    access_expires_by: Timestamp,
    revoked_at: Option<Timestamp>,
});

impl ReadTx<'_> {
    /// The API token whose key has this digest, and its owner, even if it is no longer accepted.
    pub(crate) fn find_api_token(&mut self, digest: &KeyDigest) -> Result<Option<(ApiToken, User)>, Error> {
        let found = api_tokens::table
            .inner_join(users::table)
            .filter(api_tokens::digest.eq(Bind(digest)))
            .select((ApiToken::as_select(), User::as_select()))
            .first::<(ApiToken, User)>(self.0)
            .optional()?;
        Ok(found)
    }

    /// Those digests that are of the keys of API tokens.
    pub(crate) fn list_known_keys(&mut self, digests: &[&KeyDigest]) -> Result<Vec<KeyDigest>, Error> {
        let known = api_tokens::table.filter(api_tokens::digest.eq_any(digests.iter().copied().map(Bind)));
        Ok(known.select(api_tokens::digest).load(self.0)?)
    }

    /// All stored API tokens of a user, newest first, including expired and revoked ones.
    pub(crate) fn list_api_tokens(&mut self, user: UserId) -> Result<Vec<ApiToken>, Error> {
        let rows = api_tokens::table
            .filter(api_tokens::user_id.eq(Bind(user)))
            .order(api_tokens::id.desc())
            .select(ApiToken::as_select())
            .load(self.0)?;
        Ok(rows)
    }
}

impl WriteTx<'_> {
    /// Adds an API token.
    pub(crate) fn insert_api_token(&mut self, token: &ApiToken, digest: &KeyDigest) -> Result<(), Error> {
        let row = (token, api_tokens::digest.eq(Bind(digest)));
        unless_deleted(diesel::insert_into(api_tokens::table).values(row).execute(self.0))
    }

    /// Adds API tokens with the digests of their keys.
    pub(crate) fn insert_api_tokens(&mut self, new: &[(ApiToken, KeyDigest)]) -> Result<(), Error> {
        let mut rows = new.iter().map(|(token, digest)| (token, api_tokens::digest.eq(Bind(digest))));
        unless_deleted(insert_all!(self, api_tokens, rows))
    }

    /// Locks an API token until the end of this transaction and returns it.
    pub(crate) fn lock_api_token(&mut self, id: ApiTokenId) -> Result<Option<ApiToken>, Error> {
        self.lock_token(id)?;
        let row = api_tokens::table.find(Bind(id)).select(ApiToken::as_select()).first(self.0).optional()?;
        Ok(row)
    }

    /// Locks and returns all API tokens of a user, as [`WriteTx::lock_api_token`], in the common order of locks.
    pub(crate) fn lock_api_tokens_of(&mut self, user: UserId) -> Result<Vec<ApiToken>, Error> {
        self.lock_tokens_of(user)?;
        self.reading().list_api_tokens(user)
    }

    /// Stores a new key for a locked token.
    pub(crate) fn set_api_key(&mut self, id: ApiTokenId, digest: &KeyDigest, now: Timestamp) -> Result<(), Error> {
        self.remember_deleted_key(id, now)?;
        let token = api_tokens::table.find(Bind(id));
        diesel::update(token).set(api_tokens::digest.eq(Bind(digest))).execute(self.0)?;
        Ok(())
    }

    /// Stores a new `sid` for a locked token.
    pub(crate) fn set_api_token_sid(&mut self, id: ApiTokenId, sid: SessionId) -> Result<(), Error> {
        let token = api_tokens::table.find(Bind(id));
        diesel::update(token).set(api_tokens::sid.eq(Bind(sid))).execute(self.0)?;
        Ok(())
    }

    /// Revokes a locked token.
    pub(crate) fn revoke_api_token(&mut self, id: ApiTokenId, now: Timestamp) -> Result<(), Error> {
        self.remember_deleted_key(id, now)?;
        let token = api_tokens::table.find(Bind(id));
        diesel::update(token).set(api_tokens::revoked_at.eq(Bind(Some(now)))).execute(self.0)?;
        Ok(())
    }

    /// Stores the time after which no access token of a locked token is valid.
    pub(crate) fn promise_access(&mut self, id: ApiTokenId, access_expires_by: Timestamp) -> Result<(), Error> {
        let token = api_tokens::table.find(Bind(id));
        diesel::update(token).set(api_tokens::access_expires_by.eq(Bind(access_expires_by))).execute(self.0)?;
        Ok(())
    }

    /// Records when tokens were last used, unless a later use is stored.
    pub(crate) fn record_uses(&mut self, uses: &mut [(ApiTokenId, Timestamp)]) -> Result<(), Error> {
        self.note_lock(Lock::ApiTokens);
        // In the common order of locks.
        uses.sort_unstable_by_key(|(id, _)| *id.as_bytes());
        for (id, used_at) in uses {
            let is_later = api_tokens::last_used_at.is_null().or(api_tokens::last_used_at.lt(Bind(Some(*used_at))));
            diesel::update(api_tokens::table.find(Bind(*id)).filter(is_later))
                .set(api_tokens::last_used_at.eq(Bind(Some(*used_at))))
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

/// An owner may have been deleted meanwhile.
fn unless_deleted(inserted: QueryResult<usize>) -> Result<(), Error> {
    match inserted {
        Err(DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _)) => Err(Error::UserUnknown),
        inserted => Ok(inserted.map(|_all| ())?),
    }
}
