//! The table `legacy_tokens`.

use diesel::dsl::exists;
use diesel::prelude::*;

use super::row::{insert_all, row};
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

    /// Whether a token was imported, or was taken over, that may be used.
    pub(crate) fn has_outstanding_legacy_token(&mut self) -> Result<bool, Error> {
        let outstanding = legacy_tokens::table.filter(legacy_tokens::is_denied.eq(false));
        Ok(diesel::select(exists(outstanding)).get_result(self.0)?)
    }

    /// The tokens with these `jti`s.
    pub(crate) fn list_legacy_tokens(&mut self, jtis: &[&str]) -> Result<Vec<LegacyToken>, Error> {
        let named = legacy_tokens::table.filter(legacy_tokens::jti.eq_any(jtis.iter().copied()));
        Ok(named.select(LegacyToken::as_select()).load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Adds tokens.
    pub(crate) fn insert_legacy_tokens(&mut self, new: &[LegacyToken]) -> Result<(), Error> {
        insert_all!(self, legacy_tokens, new.iter())?;
        Ok(())
    }

    /// Denies those of the tokens that have become no sessions.
    pub(crate) fn deny_legacy_tokens(&mut self, jtis: &[String]) -> Result<(), Error> {
        let named = legacy_tokens::table.filter(legacy_tokens::jti.eq_any(jtis.iter().map(String::as_str)));
        let unused = named.filter(legacy_tokens::session_id.is_null());
        diesel::update(unused).set(legacy_tokens::is_denied.eq(true)).execute(self.0)?;
        Ok(())
    }
}
