//! The table `legacy_tokens`.

use diesel::prelude::*;

use super::row::row;
use super::schema::legacy_tokens;
use super::{ReadTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::id::{SessionId, UserId};
use crate::model::legacy_token::LegacyToken;

row!(LegacyToken in legacy_tokens {
    jti: String,
    user_id: Option<UserId>,
    expires_at: Timestamp,
    is_denied: bool,
    session_id: Option<SessionId>,
});

impl ReadTx<'_> {
    /// The token with this `jti`.
    pub(crate) fn find_legacy_token(&mut self, jti: &str) -> Result<Option<LegacyToken>, Error> {
        Ok(legacy_tokens::table.find(jti).select(LegacyToken::as_select()).first(self.0).optional()?)
    }
}

impl WriteTx<'_> {
    /// Adds a token; `external_id` is its primary key at the other issuer.
    pub(crate) fn insert_legacy_token(&mut self, token: &LegacyToken, external_id: Option<&str>) -> Result<(), Error> {
        let row = (token, legacy_tokens::external_id.eq(external_id));
        diesel::insert_into(legacy_tokens::table).values(row).execute(self.0)?;
        Ok(())
    }

    /// Denies a token that has become no session.
    pub(crate) fn deny_legacy_token(&mut self, jti: &str) -> Result<(), Error> {
        let named = legacy_tokens::table.find(jti).filter(legacy_tokens::session_id.is_null());
        diesel::update(named).set(legacy_tokens::is_denied.eq(true)).execute(self.0)?;
        Ok(())
    }
}
