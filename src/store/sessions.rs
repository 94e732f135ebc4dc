//! The table `sessions`.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::schema::{sessions, users};
use super::types::{DbUuid, SqlUuid};
use super::users::UserRow;
use super::{ReadTx, UnitTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::denial::Denial;
use crate::model::id::{Id, SessionId, UserId};
use crate::model::session::{Device, End, EndReason, Session};
use crate::model::sharing::{Context, Mark, Sharing};
use crate::model::user::User;

const MOST_ADDRESSES: i64 = 1_000;

/// No session has the nil identifier.
const NOBODYS: DbUuid = DbUuid([0; 16]);

/// Names the reasons for lack of use and for the absolute end, in this order.
const RECORD_LAPSE: &str = "update sessions set ended_at = refresh_expires_at, \
                            end_reason = case when refresh_expires_at < expires_at then $1 else $2 end";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions)]
pub(super) struct SessionRow {
    id: DbUuid,
    user_id: DbUuid,
    created_at: i64,
    expires_at: i64,
    denied_through: i64,
    rotated_at: i64,
    refresh_expires_at: i64,
    access_expires_by: i64,
    ended_at: Option<i64>,
    end_reason: Option<String>,
    authenticated_at: Option<i64>,
    context_generation: i64,
    context: Option<i64>,
    mark: i16,
    strange: i16,
    shared: i16,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sessions)]
struct DeviceRow {
    label: Option<String>,
    user_agent: Option<String>,
    ip: Option<String>,
}

impl SessionRow {
    pub(super) fn id(&self) -> SessionId {
        Id::from_bytes(self.id.0)
    }

    pub(super) fn into_session(self) -> Result<Session, Error> {
        let end = match (self.ended_at, self.end_reason) {
            (Some(at), Some(reason)) => {
                Some(End { at: Timestamp(at), reason: reason.parse().map_err(Error::internal)? })
            }
            _ => None,
        };
        Ok(Session {
            id: Id::from_bytes(self.id.0),
            user_id: Id::from_bytes(self.user_id.0),
            created_at: Timestamp(self.created_at),
            authenticated_at: Timestamp(self.authenticated_at.unwrap_or(self.created_at)),
            expires_at: Timestamp(self.expires_at),
            denied_through: self.denied_through,
            rotated_at: Timestamp(self.rotated_at),
            refresh_expires_at: Timestamp(self.refresh_expires_at),
            access_expires_by: Timestamp(self.access_expires_by),
            sharing: Sharing {
                generation: self.context_generation,
                context: self.context.map(Context::of_number),
                mark: Mark::of_number(self.mark),
                strange: self.strange,
                shared: self.shared,
            },
            end,
        })
    }
}

impl From<&Session> for SessionRow {
    fn from(session: &Session) -> Self {
        Self {
            id: DbUuid(*session.id.as_bytes()),
            user_id: DbUuid(*session.user_id.as_bytes()),
            created_at: session.created_at.0,
            expires_at: session.expires_at.0,
            denied_through: session.denied_through,
            rotated_at: session.rotated_at.0,
            refresh_expires_at: session.refresh_expires_at.0,
            access_expires_by: session.access_expires_by.0,
            ended_at: session.end.map(|end| end.at.0),
            end_reason: session.end.map(|end| end.reason.to_string()),
            authenticated_at: (session.authenticated_at != session.created_at).then_some(session.authenticated_at.0),
            context_generation: session.sharing.generation,
            context: session.sharing.context.map(Context::number),
            mark: session.sharing.mark.number(),
            strange: session.sharing.strange,
            shared: session.sharing.shared,
        }
    }
}

impl ReadTx<'_> {
    /// A session and its user.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn find_session(&mut self, id: SessionId) -> Result<Option<(Session, User)>, Error> {
        let found = sessions::table
            .inner_join(users::table)
            .filter(sessions::id.eq(DbUuid(*id.as_bytes())))
            .select((SessionRow::as_select(), UserRow::as_select()))
            .first::<(SessionRow, UserRow)>(self.0)
            .optional()?;
        found.map(|(session, user)| Ok((session.into_session()?, user.into_user()?))).transpose()
    }

    /// At most `limit` sessions of a user, newest first, those that are older than `before`; ended ones too.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn list_sessions(
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
        let listed = |(session, device): (SessionRow, DeviceRow)| {
            let DeviceRow { label, user_agent, ip } = device;
            Ok((session.into_session()?, Device { label, user_agent, ip }))
        };
        rows.into_iter().map(listed).collect()
    }

    /// The addresses from which a user's sessions that are still on record were opened, ended ones too. Of an account with
    /// thousands of them a thousand sessions are looked at.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn list_session_addresses(&mut self, user: UserId) -> Result<Vec<String>, Error> {
        let addresses = sessions::table
            .filter(sessions::user_id.eq(DbUuid(*user.as_bytes())))
            .filter(sessions::ip.is_not_null())
            .select(sessions::ip.assume_not_null())
            .limit(MOST_ADDRESSES)
            .load::<String>(self.0)?;
        Ok(addresses)
    }

    /// How many sessions are live whose refresh token was made in this span of time, the end excluded.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn count_live_sessions_rotated(
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
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn has_no_sessions(&mut self) -> Result<bool, Error> {
        let one = sessions::table.select(sessions::id).first::<DbUuid>(self.0).optional()?;
        Ok(one.is_none())
    }

    /// Whether there is a live session whose refresh token was made by then.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn has_live_session_rotated_by(&mut self, at: Timestamp, now: Timestamp) -> Result<bool, Error> {
        let live = sessions::table.filter(sessions::ended_at.is_null()).filter(sessions::refresh_expires_at.gt(now.0));
        let made = live.filter(sessions::rotated_at.le(at.0)).select(sessions::id).first::<DbUuid>(self.0);
        Ok(made.optional()?.is_some())
    }
}

impl WriteTx<'_> {
    /// Adds a session, and what is known of its device.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn insert_session(&mut self, session: &Session, device: &Device) -> Result<(), Error> {
        let device = (
            sessions::label.eq(device.label.as_deref()),
            sessions::user_agent.eq(device.user_agent.as_deref()),
            sessions::ip.eq(device.ip.as_deref()),
        );
        diesel::insert_into(sessions::table).values((SessionRow::from(session), device)).execute(self.0)?;
        self.1 = true;
        Ok(())
    }

    /// Records that the owner of a live session has proved again who they are; `access_expires_by` covers an access token
    /// that is signed for it now. Answers the session as it is afterwards, or nothing when it has ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn reauthenticate(
        &mut self,
        id: SessionId,
        now: Timestamp,
        access_expires_by: Timestamp,
    ) -> Result<Option<Session>, Error> {
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
        let after = alive().select(SessionRow::as_select()).first(self.0).optional()?;
        after.map(SessionRow::into_session).transpose()
    }

    /// Looks at the `batch` sessions that follow `after`: records the end of those that lapsed before `lapsed_before`, and
    /// deletes those that ended before `ended_before`. Answers how many were deleted, and where the next batch begins, if
    /// this was not the last. Walking along the primary key needs no index on what a rotation writes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn sweep_sessions(
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
    ///
    /// # Errors
    /// [`Error::SessionNotFound`] when the user has no such session.
    pub fn end_session_of(&mut self, user: UserId, id: SessionId, end: End, access: Seconds) -> Result<bool, Error> {
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
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn end_sessions_of(
        &mut self,
        user: UserId,
        except: Option<SessionId>,
        end: End,
        access: Seconds,
    ) -> Result<usize, Error> {
        self.lock_sessions_of(user)?;
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
