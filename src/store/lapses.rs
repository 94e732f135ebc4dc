//! Sessions that ended by themselves, and those whose time on record is over.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::schema::sessions;
use super::types::{Bind, SqlTime, SqlUuid};
use super::{UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::id::{SessionId, UserId};
use crate::model::session::{End, EndReason};

/// No session has it, and none comes before it.
pub(super) fn no_session() -> SessionId {
    SessionId::from_bytes([0; 16])
}

/// Names the reasons for lack of use and for the absolute end, in this order.
const RECORD_LAPSE: &str = "update sessions set ended_at = refresh_expires_at, \
                            end_reason = case when refresh_expires_at < expires_at then $1 else $2 end";

impl WriteTx<'_> {
    /// Looks at the `batch` sessions that follow `after`: records the end of those that lapsed before `lapsed_before`, and
    /// deletes those that ended before `ended_before`. Answers how many were deleted, and where the next batch begins, if
    /// this was not the last. Walking along the primary key needs no index on what a rotation writes.
    pub(crate) fn sweep_sessions(
        &mut self,
        after: Option<SessionId>,
        batch: i64,
        lapsed_before: Timestamp,
        ended_before: Timestamp,
    ) -> Result<(usize, Option<SessionId>), Error> {
        let first = after.unwrap_or_else(no_session);
        let ids = sessions::table
            .filter(sessions::id.gt(Bind(first)))
            .order(sessions::id)
            .limit(batch)
            .select(sessions::id)
            .load::<SessionId>(self.0)?;
        let Some(last) = ids.last().copied() else { return Ok((0, None)) };
        self.lock_sessions_over((first, last), lapsed_before, ended_before)?;
        // SQLite numbers parameters by their first appearance: each statement names them in order.
        diesel::sql_query(format!(
            "{RECORD_LAPSE} where id > $3 and id <= $4 and ended_at is null and refresh_expires_at <= $5"
        ))
        .bind::<Text, _>(EndReason::Idle)
        .bind::<Text, _>(EndReason::AbsoluteEnd)
        .bind::<SqlUuid, _>(first)
        .bind::<SqlUuid, _>(last)
        .bind::<SqlTime, _>(lapsed_before)
        .execute(self.0)?;
        let deleted = diesel::sql_query("delete from sessions where id > $1 and id <= $2 and ended_at <= $3")
            .bind::<SqlUuid, _>(first)
            .bind::<SqlUuid, _>(last)
            .bind::<SqlTime, _>(ended_before)
            .execute(self.0)?;
        let complete = i64::try_from(ids.len()).is_ok_and(|found| found == batch);
        Ok((deleted, complete.then_some(last)))
    }
}

impl UnitTx<'_> {
    /// Records the end of a user's lapsed sessions, so that they are not ended again. They are denied all the same,
    /// since the database may have lost that they were refreshed.
    pub(super) fn record_lapses_of(
        &mut self,
        user: UserId,
        except: SessionId,
        end: End,
        access: Seconds,
    ) -> Result<(), Error> {
        let lapsed = sessions::table
            .filter(sessions::user_id.eq(Bind(user)))
            .filter(sessions::id.ne(Bind(except)))
            .filter(sessions::ended_at.is_null())
            .filter(sessions::refresh_expires_at.le(Bind(end.at)))
            .select((sessions::id, sessions::access_expires_by))
            .load::<(SessionId, Timestamp)>(self.0)?;
        for (id, _) in &lapsed {
            diesel::sql_query(format!(
                "{RECORD_LAPSE} where id = $3 and ended_at is null and refresh_expires_at <= $4"
            ))
            .bind::<Text, _>(EndReason::Idle)
            .bind::<Text, _>(EndReason::AbsoluteEnd)
            .bind::<SqlUuid, _>(*id)
            .bind::<SqlTime, _>(end.at)
            .execute(self.0)?;
        }
        self.deny_sessions(&lapsed, end, access)
    }
}
