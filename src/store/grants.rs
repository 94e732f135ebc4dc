//! The sessions that are grants of registered applications.

use std::sync::Arc;

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::connection::DbConnection;
use super::schema::{sessions, users};
use super::types::Bind;
use super::{ReadTx, UnitTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::client::ClientId;
use crate::model::grant::{Grant, Live, outlives_its_browser};
use crate::model::id::{SessionId, UserId};
use crate::model::session::{End, Session};
use crate::model::user::User;

/// What the index on `client_id` is made for: no index is used otherwise.
const OF_APPLICATIONS: &str = "client_id <> 'first-party'";

impl ReadTx<'_> {
    /// A session, what it was opened for, and its user. It may have ended: `end_by` tells.
    pub(crate) fn find_with_grant(&mut self, id: SessionId) -> Result<Option<Live>, Error> {
        let found = sessions::table
            .inner_join(users::table)
            .filter(sessions::id.eq(Bind(id)))
            .select((Session::as_select(), Option::<Grant>::as_select(), User::as_select()))
            .first::<(Session, Option<Grant>, User)>(self.0)
            .optional()?;
        Ok(found.map(|(session, grant, user)| Live { session, grant: grant.map(Arc::new), user: Arc::new(user) }))
    }

    /// The grants of a user that are live.
    pub(crate) fn list_grants(&mut self, user: UserId, now: Timestamp) -> Result<Vec<Grant>, Error> {
        let rows = sessions::table
            .filter(sessions::user_id.eq(Bind(user)))
            .filter(sessions::ended_at.is_null())
            .filter(sessions::refresh_expires_at.gt(Bind(now)))
            .order(sessions::id)
            .select(Option::<Grant>::as_select())
            .load::<Option<Grant>>(self.0)?;
        Ok(rows.into_iter().flatten().filter(|grant| !grant.is_login()).collect())
    }
}

impl ReadTx<'_> {
    /// The live grants that end together with these browsers' sessions, each with its browser's session.
    pub(super) fn list_grants_within(&mut self, browsers: &[SessionId]) -> Result<Vec<(SessionId, SessionId)>, Error> {
        if browsers.is_empty() {
            return Ok(Vec::new());
        }
        let browser = sessions::browser_session_id.assume_not_null();
        let live =
            sessions::table.filter(sessions::ended_at.is_null()).select((sessions::id, browser, sessions::scope));
        let rows: Vec<(SessionId, SessionId, Option<String>)> = match self.0 {
            DbConnection::Sqlite(connection) => browsers.iter().try_fold(Vec::new(), |mut rows, id| {
                rows.extend(
                    live.filter(browser.eq(Bind(id))).load::<(SessionId, SessionId, Option<String>)>(connection)?,
                );
                QueryResult::Ok(rows)
            })?,
            DbConnection::Postgres(connection) => {
                live.filter(browser.eq_any(browsers.iter().map(Bind))).load(connection)?
            }
        };
        let ends = |scope: Option<String>| !outlives_its_browser(&scope.unwrap_or_default());
        Ok(rows.into_iter().filter_map(|(id, browser, scope)| ends(scope).then_some((id, browser))).collect())
    }
}

impl UnitTx<'_> {
    /// Ends the live grants of a user to a client, and denies their tokens; returns how many.
    pub(crate) fn end_grants(
        &mut self,
        user: UserId,
        client: &ClientId,
        end: End,
        access: Seconds,
    ) -> Result<usize, Error> {
        self.lock_live_sessions_of(user)?;
        let alive = || sessions::table.filter(sessions::user_id.eq(Bind(user))).filter(sessions::ended_at.is_null());
        let found =
            alive().select((sessions::id, Option::<Grant>::as_select())).load::<(SessionId, Option<Grant>)>(self.0)?;
        let is_meant = |(id, grant): (SessionId, Option<Grant>)| {
            grant.filter(|grant| !grant.is_login() && grant.client_id == client.as_str()).map(|_| id)
        };
        let meant: Vec<SessionId> = found.into_iter().filter_map(is_meant).collect();
        let mut ended = Vec::new();
        for id in meant {
            ended.extend(
                diesel::update(sessions::table.find(Bind(id)).filter(sessions::ended_at.is_null()))
                    .set((sessions::ended_at.eq(Bind(Some(end.at))), sessions::end_reason.eq(Bind(Some(end.reason)))))
                    .returning((sessions::id, sessions::access_expires_by))
                    .get_results::<(SessionId, Timestamp)>(self.0)?,
            );
        }
        self.deny_sessions(&ended, end, access)?;
        Ok(ended.len())
    }

    /// Ends at most `batch` of the live sessions of a client; returns how many. It denies no tokens: the caller denies
    /// the client.
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
