//! The sessions that are grants of registered applications.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::UnitTx;
use super::schema::sessions;
use super::types::Bind;
use crate::error::Error;
use crate::model::client::ClientId;
use crate::model::id::SessionId;
use crate::model::session::End;

/// What the index on `client_id` is made for: no index is used otherwise.
const OF_APPLICATIONS: &str = "client_id <> 'first-party'";

impl UnitTx<'_> {
    /// Ends at most `batch` of the live sessions of a client; returns how many. It denies nothing: whoever ends all of them
    /// denies the client.
    pub(crate) fn end_grants_of_client(&mut self, client: &ClientId, batch: i64, end: End) -> Result<usize, Error> {
        let live = sessions::table
            .filter(sessions::client_id.eq(client.as_str()))
            .filter(sql::<Bool>(OF_APPLICATIONS))
            .filter(sessions::ended_at.is_null())
            .filter(sessions::refresh_expires_at.gt(Bind(end.at)))
            .order(sessions::id)
            .limit(batch)
            .select(sessions::id);
        let ids: Vec<SessionId> = live.load(self.0)?;
        self.lock_sessions(&ids)?;
        let live =
            sessions::table.filter(sessions::id.eq_any(ids.iter().map(Bind))).filter(sessions::ended_at.is_null());
        let set = (sessions::ended_at.eq(Bind(Some(end.at))), sessions::end_reason.eq(Bind(Some(end.reason))));
        Ok(diesel::update(live).set(set).execute(self.0)?)
    }
}
