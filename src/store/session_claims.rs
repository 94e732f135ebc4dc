//! The table `session_claims`.

use diesel::prelude::*;

use super::schema::session_claims;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::error::Error;
use crate::model::attributes::Attributes;
use crate::model::id::SessionId;

impl ReadTx<'_> {
    /// What the hook for claims has last answered for a session.
    pub(crate) fn find_session_claims(&mut self, id: SessionId) -> Result<Option<Attributes>, Error> {
        let row = session_claims::table.find(Bind(id)).select(session_claims::claims);
        Ok(row.first(self.0).optional()?)
    }
}

impl WriteTx<'_> {
    /// Keeps what the hook for claims has answered for a session that still exists.
    pub(crate) fn keep_session_claims(&mut self, id: SessionId, claims: Option<&Attributes>) -> Result<(), Error> {
        // One refresh of the session at a time; the session is not deleted meanwhile.
        self.lock_sessions(&[id])?;
        diesel::delete(session_claims::table.find(Bind(id))).execute(self.0)?;
        if let Some(claims) = claims
            && self.reading().find_session(id)?.is_some()
        {
            let row = (session_claims::session_id.eq(Bind(id)), session_claims::claims.eq(Bind(claims)));
            diesel::insert_into(session_claims::table).values(row).execute(self.0)?;
        }
        Ok(())
    }
}
