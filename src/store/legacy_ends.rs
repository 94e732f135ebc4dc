//! What becomes of the refresh tokens of the issuer before this service: the sessions that they open, and until when they were
//! ended.

use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};

use super::locks::Lock;
use super::schema::{legacy_tokens, users};
use super::types::Bind;
use super::{ReadTx, UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::id::UserId;
use crate::model::legacy_token::LegacyToken;

/// When to retry after another transaction has stored the same token.
const RETRY_AFTER: Seconds = Seconds(1);

impl ReadTx<'_> {
    /// By when a user's tokens must have been issued to be refused.
    pub(crate) fn find_legacy_end(&mut self, user: UserId) -> Result<Option<Timestamp>, Error> {
        let end = users::table.find(Bind(user)).select(users::legacy_ended_at).first(self.0).optional()?;
        Ok(end.flatten())
    }
}

impl WriteTx<'_> {
    /// Stores what has become of a token, of a user whose row is locked if there is one. It is kept until the later of the times
    /// that are known for its end: what was imported may say an earlier one than the token itself.
    pub(crate) fn keep_legacy_token(&mut self, token: &LegacyToken) -> Result<(), Error> {
        self.note_lock(Lock::SecondFactors);
        let known = self.reading().find_legacy_token(&token.jti)?;
        let expires_at = known.map_or(token.expires_at, |known| known.expires_at.max(token.expires_at));
        let set = (
            legacy_tokens::expires_at.eq(Bind(expires_at)),
            legacy_tokens::user_id.eq(Bind(token.user_id)),
            legacy_tokens::is_denied.eq(token.is_denied),
            legacy_tokens::session_id.eq(Bind(token.session_id)),
        );
        if diesel::update(legacy_tokens::table.find(&token.jti)).set(set).execute(self.0)? > 0 {
            return Ok(());
        }
        match diesel::insert_into(legacy_tokens::table).values(token).execute(self.0) {
            // Only possible if two users have tokens with the same name.
            Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => {
                Err(Error::Overloaded { retry_after: RETRY_AFTER })
            }
            inserted => Ok(inserted.map(|_one| ())?),
        }
    }
}

impl UnitTx<'_> {
    /// Refuses those tokens of a user that were issued by then.
    pub(super) fn end_legacy_tokens_of(&mut self, user: UserId, at: Timestamp) -> Result<(), Error> {
        self.note_lock(Lock::Users);
        diesel::update(users::table.find(Bind(user))).set(users::legacy_ended_at.eq(Bind(Some(at)))).execute(self.0)?;
        Ok(())
    }
}
