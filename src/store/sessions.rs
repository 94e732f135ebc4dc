//! The table `sessions`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::locks::Lock;
use super::schema::{sessions, users};
use super::session_row::{DeviceRow, GrantRow, SessionRow};
use super::types::{DbUuid, SqlUuid};
use super::users::UserRow;
use super::{ReadTx, UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::denial::Denial;
use crate::model::grant::Grant;
use crate::model::id::{Id, SessionId, UserId};
use crate::model::session::{Device, End, EndReason, Session};
use crate::model::user::User;

const MAX_ADDRESSES: i64 = 1_000;

/// No session has the nil identifier.
const NOBODYS: DbUuid = DbUuid([0; 16]);

/// Names the reasons for lack of use and for the absolute end, in this order.
const RECORD_LAPSE: &str = "update sessions set ended_at = refresh_expires_at, \
                            end_reason = case when refresh_expires_at < expires_at then $1 else $2 end";

impl ReadTx<'_> {
    /// A session and its user.
    pub(crate) fn find_session(&mut self, id: SessionId) -> Result<Option<(Session, User)>, Error> {
        let found = sessions::table
            .inner_join(users::table)
            .filter(sessions::id.eq(DbUuid(*id.as_bytes())))
            .select((SessionRow::as_select(), UserRow::as_select()))
            .first::<(SessionRow, UserRow)>(self.0)
            .optional()?;
        found.map(|(session, user)| Ok((session.into_session()?, user.into_user()?))).transpose()
    }

    /// At most `limit` sessions of a user, newest first, those that are older than `before`; ended ones too.
    pub(crate) fn list_sessions(
        &mut self,
        user: UserId,
        before: Option<SessionId>,
        limit: i64,
    ) -> Result<Vec<(Session, Device)>, Error> {
        let last = DbUuid(before.map_or([u8::MAX; 16], |id| *id.as_bytes()));
        let rows = sessions::table
            .filter(sessions::user_id.eq(DbUuid(*user.as_bytes())))
            .filter(sessions::id.lt(last))
            .order(sessions::id.desc())
            .limit(limit)
            .select((SessionRow::as_select(), DeviceRow::as_select()))
            .load::<(SessionRow, DeviceRow)>(self.0)?;
        let listed = |(session, device): (SessionRow, DeviceRow)| Ok((session.into_session()?, device.into_device()));
        rows.into_iter().map(listed).collect()
    }

    /// The addresses from which a user's sessions that are still on record were opened, ended ones too. Of an account with
    /// thousands of them a thousand sessions are looked at.
    pub(crate) fn list_session_addresses(&mut self, user: UserId) -> Result<Vec<String>, Error> {
        let addresses = sessions::table
            .filter(sessions::user_id.eq(DbUuid(*user.as_bytes())))
            .filter(sessions::ip.is_not_null())
            .select(sessions::ip.assume_not_null())
            .limit(MAX_ADDRESSES)
            .load::<String>(self.0)?;
        Ok(addresses)
    }

    /// How many sessions are live whose refresh token was made in this span of time, the end excluded.
    pub(crate) fn count_live_sessions_rotated(
        &mut self,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<i64, Error> {
        let live = sessions::table.filter(sessions::ended_at.is_null()).filter(sessions::refresh_expires_at.gt(now.0));
        let made = live.filter(sessions::rotated_at.ge(from.0)).filter(sessions::rotated_at.lt(until.0));
        Ok(made.count().get_result(self.0)?)
    }

    /// Whether there is no session on record, neither live nor ended.
    pub(crate) fn has_no_sessions(&mut self) -> Result<bool, Error> {
        let one = sessions::table.select(sessions::id).first::<DbUuid>(self.0).optional()?;
        Ok(one.is_none())
    }

    /// Whether there is a live session whose refresh token was made by then.
    pub(crate) fn has_live_session_rotated_by(&mut self, at: Timestamp, now: Timestamp) -> Result<bool, Error> {
        let live = sessions::table.filter(sessions::ended_at.is_null()).filter(sessions::refresh_expires_at.gt(now.0));
        let made = live.filter(sessions::rotated_at.le(at.0)).select(sessions::id).first::<DbUuid>(self.0);
        Ok(made.optional()?.is_some())
    }
}

impl WriteTx<'_> {
    /// Adds a session, what it was opened for, and what is known of its device.
    pub(crate) fn insert_session(&mut self, session: &Session, grant: &Grant, device: &Device) -> Result<(), Error> {
        let device = (
            sessions::label.eq(device.label.as_deref()),
            sessions::user_agent.eq(device.user_agent.as_deref()),
            sessions::ip.eq(device.ip.as_deref()),
        );
        let row = (SessionRow::from(session), GrantRow::from(grant), device);
        diesel::insert_into(sessions::table).values(row).execute(self.0)?;
        self.1 = true;
        Ok(())
    }

    /// Records that the owner of a live session has proved again who they are; `access_expires_by` covers an access token
    /// that is signed for it now. Returns the session as it is afterwards, or nothing when it has ended.
    pub(crate) fn reauthenticate(
        &mut self,
        id: SessionId,
        now: Timestamp,
        access_expires_by: Timestamp,
    ) -> Result<Option<(Session, Option<Grant>)>, Error> {
        self.note_lock(Lock::Sessions);
        let id = DbUuid(*id.as_bytes());
        let alive = || sessions::table.find(id).filter(sessions::ended_at.is_null());
        diesel::update(alive()).set(sessions::authenticated_at.eq(now.0)).execute(self.0)?;
        let Some(before) = alive().select(SessionRow::as_select()).first(self.0).optional()? else {
            return Ok(None);
        };
        // A rotation may move it too: it only ever gets later.
        let later = access_expires_by.0.min(before.expires_at);
        let earlier = alive().filter(sessions::access_expires_by.lt(later));
        diesel::update(earlier).set(sessions::access_expires_by.eq(later)).execute(self.0)?;
        let after = alive().select((SessionRow::as_select(), GrantRow::as_select()));
        let after = after.first::<(SessionRow, GrantRow)>(self.0).optional()?;
        after.map(|(session, grant)| Ok((session.into_session()?, grant.into_grant()))).transpose()
    }

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
        let first = DbUuid(after.map_or([0; 16], |id| *id.as_bytes()));
        let ids = sessions::table
            .filter(sessions::id.gt(first))
            .order(sessions::id)
            .limit(batch)
            .select(sessions::id)
            .load::<DbUuid>(self.0)?;
        let Some(last) = ids.last().copied() else { return Ok((0, None)) };
        self.lock_sessions_over((first, last), lapsed_before, ended_before)?;
        // SQLite numbers parameters by their first appearance: each statement names them in order.
        diesel::sql_query(format!(
            "{RECORD_LAPSE} where id > $3 and id <= $4 and ended_at is null and refresh_expires_at <= $5"
        ))
        .bind::<Text, _>(EndReason::Idle.to_string())
        .bind::<Text, _>(EndReason::AbsoluteEnd.to_string())
        .bind::<SqlUuid, _>(first)
        .bind::<SqlUuid, _>(last)
        .bind::<BigInt, _>(lapsed_before.0)
        .execute(self.0)?;
        let deleted = diesel::sql_query("delete from sessions where id > $1 and id <= $2 and ended_at <= $3")
            .bind::<SqlUuid, _>(first)
            .bind::<SqlUuid, _>(last)
            .bind::<BigInt, _>(ended_before.0)
            .execute(self.0)?;
        let complete = i64::try_from(ids.len()).is_ok_and(|found| found == batch);
        Ok((deleted, complete.then(|| Id::from_bytes(last.0))))
    }
}

impl UnitTx<'_> {
    /// Ends a session of this user, and denies its tokens; returns whether it was live.
    pub(crate) fn end_session_of(
        &mut self,
        user: UserId,
        id: SessionId,
        end: End,
        access: Seconds,
    ) -> Result<bool, Error> {
        self.note_lock(Lock::Sessions);
        let session = sessions::table.find(DbUuid(*id.as_bytes()));
        let owner = session.select(sessions::user_id).first::<DbUuid>(self.0).optional()?;
        if owner != Some(DbUuid(*user.as_bytes())) {
            return Err(Error::SessionNotFound);
        }
        let ended = diesel::update(session.filter(sessions::ended_at.is_null()))
            .set((sessions::ended_at.eq(end.at.0), sessions::end_reason.eq(end.reason.to_string())))
            .returning((sessions::id, sessions::access_expires_by))
            .get_results::<(DbUuid, i64)>(self.0)?;
        self.deny_sessions(&ended, end, access)?;
        Ok(!ended.is_empty())
    }

    /// Ends every live session of a user, but for `except`, and denies its tokens; returns how many. Those that had ended by
    /// themselves are denied and not counted.
    pub(crate) fn end_sessions_of(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        end: End,
        access: Seconds,
    ) -> Result<usize, Error> {
        self.lock_live_sessions_of(user)?;
        let except = except.map_or(NOBODYS, |id| DbUuid(*id.as_bytes()));
        self.record_lapses_of(DbUuid(*user.as_bytes()), except, end, access)?;
        let alive = sessions::table
            .filter(sessions::user_id.eq(DbUuid(*user.as_bytes())))
            .filter(sessions::id.ne(except))
            .filter(sessions::ended_at.is_null());
        let ended = diesel::update(alive)
            .set((sessions::ended_at.eq(end.at.0), sessions::end_reason.eq(end.reason.to_string())))
            .returning((sessions::id, sessions::access_expires_by))
            .get_results::<(DbUuid, i64)>(self.0)?;
        self.deny_sessions(&ended, end, access)?;
        Ok(ended.len())
    }

    /// Records the end of a user's sessions that ended by themselves: nobody ends them again. They are denied all the same,
    /// since the database may have lost that they were refreshed.
    fn record_lapses_of(&mut self, user: DbUuid, except: DbUuid, end: End, access: Seconds) -> Result<(), Error> {
        let lapsed = sessions::table
            .filter(sessions::user_id.eq(user))
            .filter(sessions::id.ne(except))
            .filter(sessions::ended_at.is_null())
            .filter(sessions::refresh_expires_at.le(end.at.0))
            .select((sessions::id, sessions::access_expires_by))
            .load::<(DbUuid, i64)>(self.0)?;
        for (id, _) in &lapsed {
            diesel::sql_query(format!(
                "{RECORD_LAPSE} where id = $3 and ended_at is null and refresh_expires_at <= $4"
            ))
            .bind::<Text, _>(EndReason::Idle.to_string())
            .bind::<Text, _>(EndReason::AbsoluteEnd.to_string())
            .bind::<SqlUuid, _>(*id)
            .bind::<BigInt, _>(end.at.0)
            .execute(self.0)?;
        }
        self.deny_sessions(&lapsed, end, access)
    }

    fn deny_sessions(&mut self, ended: &[(DbUuid, i64)], end: End, access: Seconds) -> Result<(), Error> {
        let denial = |(id, access_expires_by): &(DbUuid, i64)| {
            Denial::of_session(Id::from_bytes(id.0), end.at, Timestamp(*access_expires_by), access)
        };
        let denials: Vec<Denial> = ended.iter().map(denial).collect();
        self.deny(&denials)?;
        Ok(())
    }
}
