//! The two statements of a batch of refreshes: one reads the rows, one compares and sets those that changed.
//!
//! On PostgreSQL each is sent once per batch. On SQLite, which has no round trips, each runs once per row. Both are
//! prepared once per connection; diesel's own updates are prepared every time.

use std::collections::HashSet;

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error as DieselError;
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::connection::DbConnection;
use super::schema::{sessions, users};
use super::session_row::{GrantRow, SessionRow};
use super::types::{Bind, SqlTime, SqlUuid};
use super::{Effects, Held, Patience, ReadTx, Store, UnitTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{Event, EventName};
use crate::model::denial::Denial;
use crate::model::grant::Live;
use crate::model::id::SessionId;
use crate::model::session::{EndReason, Session};
use crate::model::sharing::Context;
use crate::model::user::User;

/// A session that was found, or why its row cannot be read. A damaged row only fails its own session.
pub type Found = (SessionId, Result<Live, Error>);

type LiveRow = (SessionRow, GrantRow, User);

/// The change of a session.
pub struct Moved {
    /// The new state.
    pub session: Session,
    /// The state when it was judged.
    pub from: Session,
    /// The denial that is needed if it ends.
    pub denial: Option<Denial>,
    /// The events to record.
    pub events: Vec<Event>,
}

/// The written part of a batch.
#[derive(Debug, Default)]
pub struct Written {
    /// The sessions that were changed.
    pub sessions: HashSet<SessionId>,
    /// Their events and denials.
    pub(crate) effects: Effects,
}

impl From<(HashSet<SessionId>, Effects)> for Written {
    fn from((sessions, effects): (HashSet<SessionId>, Effects)) -> Self {
        Self { sessions, effects }
    }
}

impl Store {
    /// Reads sessions, lets `judge` decide their changes, and writes these in one transaction. A session that others
    /// have changed since it was read is not written. The result is durable.
    pub fn compare_and_set(
        &self,
        ids: &[SessionId],
        judge: impl FnOnce(Vec<Found>) -> Vec<Moved>,
    ) -> Result<Written, Error> {
        let written = self.compare_and_set_in(ids, judge)?;
        if !written.sessions.is_empty() {
            self.probe.wrote();
        }
        Ok(written)
    }

    fn compare_and_set_in(
        &self,
        ids: &[SessionId],
        judge: impl FnOnce(Vec<Found>) -> Vec<Moved>,
    ) -> Result<Written, Error> {
        let Some(batches) = &self.batches else {
            // With a single writer there are no changes in between, and the connection's cache stays valid. Behind a
            // pooler a single statement would not have the settings that it needs.
            let written = self.write_unit(|tx| {
                let found = tx.reading().find_sessions(ids)?;
                tx.lock_and_move(&judge(found))
            });
            return written.map(Written::from);
        };
        let patience = Patience::of_this_thread().unwrap_or_default();
        let _waiting = patience.wait();
        let find = |held: &mut Held| ReadTx(held.connection()).find_sessions(ids);
        let (found, mut held) = Self::with_open(batches, &patience, find)?;
        let mut moved = judge(found);
        // The statement locks the rows in the given order: see `super::postgres`.
        moved.sort_unstable_by_key(|moved| *moved.session.id.as_bytes());
        if moved.iter().any(|moved| moved.denial.is_some() || !moved.events.is_empty()) {
            drop(held);
            return self.write_unit(|tx| tx.lock_and_move(&moved)).map(Written::from);
        }
        patience.check()?;
        // A single statement is its own transaction: one round trip instead of three. It has no effects.
        match UnitTx::new(held.connection()).move_sessions(&moved) {
            Ok(sessions) => Ok(Written { sessions, effects: Effects::default() }),
            Err(error) => Err(held.examine(error).0),
        }
    }
}

impl ReadTx<'_> {
    fn find_sessions(&mut self, ids: &[SessionId]) -> Result<Vec<Found>, Error> {
        let found = sessions::table.inner_join(users::table);
        let rows = match self.0 {
            DbConnection::Sqlite(connection) => ids.iter().try_fold(Vec::new(), |mut rows: Vec<LiveRow>, id| {
                rows.extend(found.filter(sessions::id.eq(Bind(id))).select(LiveRow::as_select()).load(connection)?);
                QueryResult::Ok(rows)
            }),
            DbConnection::Postgres(connection) => {
                found.filter(sessions::id.eq_any(ids.iter().map(Bind))).select(LiveRow::as_select()).load(connection)
            }
        };
        match (rows, ids) {
            (Err(DieselError::DeserializationError(damage)), [id]) => Ok(vec![(*id, Err(Error::Internal(damage)))]),
            // One row cannot be read: read the rows one by one.
            (Err(DieselError::DeserializationError(_)), _) => {
                let mut found = Vec::new();
                for id in ids {
                    found.extend(self.find_sessions(&[*id])?);
                }
                Ok(found)
            }
            (rows, _) => Ok(rows?.into_iter().map(live).collect()),
        }
    }
}

fn live((session, grant, user): LiveRow) -> Found {
    let session = Session::from(session);
    (session.id, Ok(Live { session, grant: grant.into_grant(), user }))
}

impl UnitTx<'_> {
    /// As [`UnitTx::move_sessions`], but does not depend on the plan of the update. A single row needs no order.
    fn lock_and_move(&mut self, moved: &[Moved]) -> Result<HashSet<SessionId>, Error> {
        let ids: Vec<SessionId> = moved.iter().map(|moved| moved.session.id).collect();
        if ids.len() > 1 {
            self.lock_sessions(&ids)?;
        }
        self.move_sessions(moved)
    }

    /// Writes marks, times and end of those sessions that have not changed since they were judged; returns which.
    fn move_sessions(&mut self, moved: &[Moved]) -> Result<HashSet<SessionId>, Error> {
        if moved.is_empty() {
            return Ok(HashSet::new());
        }
        let sessions: HashSet<SessionId> = match &mut *self.0 {
            DbConnection::Sqlite(connection) => moved.iter().try_fold(HashSet::new(), |mut written, moved| {
                if MoveOne::new(moved).execute(connection)? == 1 {
                    written.insert(moved.session.id);
                }
                QueryResult::Ok(written)
            })?,
            DbConnection::Postgres(connection) => {
                MoveAll::new(moved).load::<SessionId>(connection)?.into_iter().collect()
            }
        };
        let done = || moved.iter().filter(|moved| sessions.contains(&moved.session.id));
        let denials: Vec<Denial> = done().filter_map(|moved| moved.denial.clone()).collect();
        self.deny(&denials)?;
        for event in done().flat_map(|moved| &moved.events) {
            // After the update, since others that would record the same event wait for the session's row.
            if event.name != EventName::SessionShared || !self.reading().has_event_of_the_day(event)? {
                self.record(event.clone())?;
            }
        }
        Ok(sessions)
    }
}

/// One update of one row.
#[derive(QueryId)]
struct MoveOne {
    id: SessionId,
    /// In the order of the columns.
    numbers: [i64; 8],
    context: Option<i64>,
    ended_at: Option<Timestamp>,
    end_reason: Option<EndReason>,
    /// Mark of the denylist, generation of the context, and its mark, as they were judged.
    judged: [i64; 3],
}

const NUMBERS: [&str; 8] = [
    "denied_through",
    "rotated_at",
    "refresh_expires_at",
    "access_expires_by",
    "context_generation",
    "mark",
    "strange",
    "shared",
];

impl MoveOne {
    fn new(Moved { session, from, .. }: &Moved) -> Self {
        let sharing = &session.sharing;
        Self {
            id: session.id,
            numbers: [
                session.denied_through,
                session.rotated_at.0,
                session.refresh_expires_at.0,
                session.access_expires_by.0,
                sharing.generation,
                sharing.mark.number().into(),
                sharing.strange.into(),
                sharing.shared.into(),
            ],
            context: sharing.context.map(Context::number),
            ended_at: session.end.map(|end| end.at),
            end_reason: session.end.map(|end| end.reason),
            judged: [from.denied_through, from.sharing.generation, from.sharing.mark.number().into()],
        }
    }
}

impl RunQueryDsl<SqliteConnection> for MoveOne {}

impl QueryFragment<Sqlite> for MoveOne {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("update sessions set ");
        for (column, number) in NUMBERS.iter().zip(&self.numbers) {
            out.push_sql(column);
            out.push_sql(" = ");
            out.push_bind_param::<BigInt, _>(number)?;
            out.push_sql(", ");
        }
        out.push_sql("context = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.context)?;
        out.push_sql(", ended_at = ");
        out.push_bind_param::<Nullable<SqlTime>, _>(&self.ended_at)?;
        out.push_sql(", end_reason = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.end_reason)?;
        out.push_sql(" where id = ");
        out.push_bind_param::<SqlUuid, _>(&self.id)?;
        for (column, number) in ["denied_through", "context_generation", "mark"].iter().zip(&self.judged) {
            out.push_sql(" and ");
            out.push_sql(column);
            out.push_sql(" = ");
            out.push_bind_param::<BigInt, _>(number)?;
        }
        out.push_sql(" and ended_at is null");
        Ok(())
    }
}

/// One update of any number of rows, with one array per column. Its text is always the same, so it is prepared once per
/// connection.
#[derive(QueryId)]
struct MoveAll {
    ids: Vec<SessionId>,
    /// In the order of the statement's columns.
    numbers: [Vec<i64>; 7],
    small_numbers: [Vec<i16>; 4],
    context: Vec<Option<i64>>,
    ended_at: Vec<Option<Timestamp>>,
    end_reason: Vec<Option<EndReason>>,
}

impl MoveAll {
    fn new(moved: &[Moved]) -> Self {
        fn each<T>(moved: &[Moved], value: impl Fn(&Session) -> T) -> Vec<T> {
            moved.iter().map(|moved| value(&moved.session)).collect()
        }
        fn judged<T>(moved: &[Moved], value: impl Fn(&Session) -> T) -> Vec<T> {
            moved.iter().map(|moved| value(&moved.from)).collect()
        }
        Self {
            ids: each(moved, |session| session.id),
            numbers: [
                judged(moved, |session| session.denied_through),
                judged(moved, |session| session.sharing.generation),
                each(moved, |session| session.denied_through),
                each(moved, |session| session.rotated_at.0),
                each(moved, |session| session.refresh_expires_at.0),
                each(moved, |session| session.access_expires_by.0),
                each(moved, |session| session.sharing.generation),
            ],
            small_numbers: [
                judged(moved, |session| session.sharing.mark.number()),
                each(moved, |session| session.sharing.mark.number()),
                each(moved, |session| session.sharing.strange),
                each(moved, |session| session.sharing.shared),
            ],
            context: each(moved, |session| session.sharing.context.map(Context::number)),
            ended_at: each(moved, |session| session.end.map(|end| end.at)),
            end_reason: each(moved, |session| session.end.map(|end| end.reason)),
        }
    }
}

impl Query for MoveAll {
    type SqlType = SqlUuid;
}

impl RunQueryDsl<PgConnection> for MoveAll {}

/// Since the row was read, another instance may have rotated it, raised its mark, or recorded a reauthentication (which
/// changes `access_expires_by`). If a session is neither rotated nor ended, only its mark rises, and it does not matter
/// if another instance has raised it to a lower value. All other changes are only written if the row has not changed.
const MOVE_ALL: [&str; 2] = [
    "update sessions set denied_through = moved.denied_through, rotated_at = moved.rotated_at, \
     refresh_expires_at = moved.refresh_expires_at, \
     access_expires_by = greatest(sessions.access_expires_by, moved.access_expires_by), \
     context_generation = moved.context_generation, mark = moved.mark, strange = moved.strange, \
     shared = moved.shared, context = moved.context, ended_at = moved.ended_at, end_reason = moved.end_reason \
     from unnest(",
    ") as moved (id, judged_at, judged_generation, denied_through, rotated_at, refresh_expires_at, access_expires_by, \
     context_generation, judged_mark, mark, strange, shared, context, ended_at, end_reason) \
     where sessions.id = moved.id and sessions.denied_through = moved.judged_at and sessions.ended_at is null \
     and case when moved.denied_through = moved.judged_at and moved.ended_at is null \
     then sessions.context_generation <> moved.context_generation or sessions.mark < moved.mark \
     else sessions.context_generation = moved.judged_generation and sessions.mark = moved.judged_mark end \
     returning sessions.id",
];

impl QueryFragment<Pg> for MoveAll {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let [update, condition] = MOVE_ALL;
        out.push_sql(update);
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        for numbers in &self.numbers {
            out.push_sql(", ");
            out.push_bind_param::<Array<BigInt>, _>(numbers)?;
        }
        for numbers in &self.small_numbers {
            out.push_sql(", ");
            out.push_bind_param::<Array<SmallInt>, _>(numbers)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.context)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<SqlTime>>, _>(&self.ended_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.end_reason)?;
        out.push_sql(condition);
        Ok(())
    }
}
