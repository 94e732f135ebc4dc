//! The two statements of a batch of refreshes: one reads the rows, one compares and sets those that changed.
//!
//! On PostgreSQL each is sent once, whatever the size of the batch. On SQLite, where no round trip is to be saved, each
//! is run once for each row. Both are prepared once for each connection; diesel's own updates are prepared every time.

use std::collections::HashSet;

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::connection::DbConnection;
use super::schema::{sessions, users};
use super::sessions::SessionRow;
use super::types::{DbUuid, SqlUuid};
use super::users::UserRow;
use super::{ReadTx, Store, WriteTx};
use crate::error::Error;
use crate::model::audit::Event;
use crate::model::denial::Denial;
use crate::model::id::{Id, SessionId, UserId};
use crate::model::session::Session;
use crate::model::user::User;

/// A session that was found, or why its row cannot be read: one damaged row fails nobody else.
pub type Found = (SessionId, Result<(Session, User), Error>);

/// What is to become of a session.
pub struct Moved {
    /// As it is to be.
    pub session: Session,
    /// Where its mark was when it was judged.
    pub from: i64,
    /// What has to be denied when it ends.
    pub denial: Option<Denial>,
    /// What is to be recorded of it.
    pub events: Vec<Event>,
}

impl Store {
    /// Reads sessions, lets `judge` decide what becomes of them, and writes all of that in one transaction. A session that
    /// somebody else has moved since it was read stays as it is. Answers those that were written, durably.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach.
    pub fn compare_and_set(
        &self,
        ids: &[SessionId],
        judge: impl FnOnce(Vec<Found>) -> Vec<Moved>,
    ) -> Result<HashSet<SessionId>, Error> {
        if self.has_one_writer {
            // Nobody can come between, and what the connection has in its cache stays good.
            return self.write(|tx| {
                let found = tx.reading().find_sessions(ids)?;
                tx.move_sessions(&judge(found))
            });
        }
        let (found, mut pooled) = Self::with_open(&self.writers, |connection| ReadTx(connection).find_sessions(ids))?;
        let mut moved = judge(found);
        // Everybody locks rows in this order, so that no two wait for each other.
        moved.sort_unstable_by_key(|moved| *moved.session.id.as_bytes());
        if moved.iter().any(|moved| moved.denial.is_some() || !moved.events.is_empty()) {
            drop(pooled);
            return self.write(|tx| tx.move_sessions(&moved));
        }
        // One statement is a transaction of its own, for one round trip instead of three.
        let written = WriteTx(&mut pooled.connection).move_sessions(&moved);
        pooled.broken = matches!(written, Err(Error::Unavailable(_)));
        written
    }
}

impl ReadTx<'_> {
    fn find_sessions(&mut self, ids: &[SessionId]) -> Result<Vec<Found>, Error> {
        let mut ids = ids.iter().map(|id| DbUuid(*id.as_bytes()));
        let found = sessions::table.inner_join(users::table);
        let rows = match self.0 {
            DbConnection::Sqlite(connection) => {
                ids.try_fold(Vec::new(), |mut rows: Vec<(SessionRow, UserRow)>, id| {
                    let one = found.filter(sessions::id.eq(id)).select((SessionRow::as_select(), UserRow::as_select()));
                    rows.extend(one.load(connection)?);
                    QueryResult::Ok(rows)
                })?
            }
            DbConnection::Postgres(connection) => found
                .filter(sessions::id.eq_any(ids.collect::<Vec<_>>()))
                .select((SessionRow::as_select(), UserRow::as_select()))
                .load(connection)?,
        };
        let found = |(session, user): (SessionRow, UserRow)| {
            let id = session.id();
            (id, session.into_session().and_then(|session| Ok((session, user.into_user()?))))
        };
        Ok(rows.into_iter().map(found).collect())
    }
}

impl WriteTx<'_> {
    /// Writes mark, times and end of those sessions whose mark is where it was judged, and that have not ended; answers
    /// which.
    fn move_sessions(&mut self, moved: &[Moved]) -> Result<HashSet<SessionId>, Error> {
        if moved.is_empty() {
            return Ok(HashSet::new());
        }
        let written: HashSet<SessionId> = match self.0 {
            DbConnection::Sqlite(connection) => moved.iter().try_fold(HashSet::new(), |mut written, moved| {
                if MoveOne::new(moved).execute(connection)? == 1 {
                    written.insert(moved.session.id);
                }
                QueryResult::Ok(written)
            })?,
            DbConnection::Postgres(connection) => {
                let ids = MoveAll::new(moved).load::<DbUuid>(connection)?;
                ids.into_iter().map(|id| Id::from_bytes(id.0)).collect()
            }
        };
        let done = || moved.iter().filter(|moved| written.contains(&moved.session.id));
        let denials: Vec<Denial> = done().filter_map(|moved| moved.denial).collect();
        self.insert_denials(&denials)?;
        for event in done().flat_map(|moved| &moved.events) {
            self.insert_event(event)?;
        }
        Ok(written)
    }

    /// Locks the live sessions of a user, in the order in which everybody does.
    pub(super) fn lock_sessions_of(&mut self, user: UserId) -> Result<(), Error> {
        if let DbConnection::Postgres(connection) = self.0 {
            let ids = sessions::table
                .filter(sessions::user_id.eq(DbUuid(*user.as_bytes())))
                .filter(sessions::ended_at.is_null())
                .order(sessions::id)
                .select(sessions::id);
            Locked(ids).load::<DbUuid>(connection)?;
        }
        Ok(())
    }
}

/// The query, locking its sessions against other writers.
#[derive(Clone, Copy, QueryId)]
struct Locked<Q>(Q);

impl<Q: Query> Query for Locked<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> RunQueryDsl<PgConnection> for Locked<Q> {}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Locked<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(" for no key update of sessions");
        Ok(())
    }
}

/// One update of one row.
#[derive(QueryId)]
struct MoveOne {
    id: DbUuid,
    /// In the order of the parameters.
    numbers: [i64; 4],
    ended_at: Option<i64>,
    end_reason: Option<String>,
    from: i64,
}

impl MoveOne {
    fn new(Moved { session, from, .. }: &Moved) -> Self {
        Self {
            id: DbUuid(*session.id.as_bytes()),
            numbers: [
                session.denied_through,
                session.rotated_at.0,
                session.refresh_expires_at.0,
                session.access_expires_by.0,
            ],
            ended_at: session.end.map(|end| end.at.0),
            end_reason: session.end.map(|end| end.reason.to_string()),
            from: *from,
        }
    }
}

impl RunQueryDsl<SqliteConnection> for MoveOne {}

impl QueryFragment<Sqlite> for MoveOne {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let columns = ["denied_through", "rotated_at", "refresh_expires_at", "access_expires_by"];
        out.push_sql("update sessions set ");
        for (column, number) in columns.iter().zip(&self.numbers) {
            out.push_sql(column);
            out.push_sql(" = ");
            out.push_bind_param::<BigInt, _>(number)?;
            out.push_sql(", ");
        }
        out.push_sql("ended_at = ");
        out.push_bind_param::<Nullable<BigInt>, _>(&self.ended_at)?;
        out.push_sql(", end_reason = ");
        out.push_bind_param::<Nullable<Text>, _>(&self.end_reason)?;
        out.push_sql(" where id = ");
        out.push_bind_param::<SqlUuid, _>(&self.id)?;
        out.push_sql(" and denied_through = ");
        out.push_bind_param::<BigInt, _>(&self.from)?;
        out.push_sql(" and ended_at is null");
        Ok(())
    }
}

/// One update of any number of rows, with one array for each column: its text is always the same, so that it is prepared
/// once for each connection.
#[derive(QueryId)]
struct MoveAll {
    ids: Vec<DbUuid>,
    from: Vec<i64>,
    denied_through: Vec<i64>,
    rotated_at: Vec<i64>,
    refresh_expires_at: Vec<i64>,
    access_expires_by: Vec<i64>,
    ended_at: Vec<Option<i64>>,
    end_reason: Vec<Option<String>>,
}

impl MoveAll {
    fn new(moved: &[Moved]) -> Self {
        let sessions = || moved.iter().map(|moved| &moved.session);
        Self {
            ids: sessions().map(|session| DbUuid(*session.id.as_bytes())).collect(),
            from: moved.iter().map(|moved| moved.from).collect(),
            denied_through: sessions().map(|session| session.denied_through).collect(),
            rotated_at: sessions().map(|session| session.rotated_at.0).collect(),
            refresh_expires_at: sessions().map(|session| session.refresh_expires_at.0).collect(),
            access_expires_by: sessions().map(|session| session.access_expires_by.0).collect(),
            ended_at: sessions().map(|session| session.end.map(|end| end.at.0)).collect(),
            end_reason: sessions().map(|session| session.end.map(|end| end.reason.to_string())).collect(),
        }
    }
}

impl Query for MoveAll {
    type SqlType = SqlUuid;
}

impl RunQueryDsl<PgConnection> for MoveAll {}

impl QueryFragment<Pg> for MoveAll {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(
            "update sessions set denied_through = moved.denied_through, rotated_at = moved.rotated_at, \
             refresh_expires_at = moved.refresh_expires_at, access_expires_by = moved.access_expires_by, \
             ended_at = moved.ended_at, end_reason = moved.end_reason from unnest(",
        );
        out.push_bind_param::<Array<SqlUuid>, _>(&self.ids)?;
        for numbers in
            [&self.from, &self.denied_through, &self.rotated_at, &self.refresh_expires_at, &self.access_expires_by]
        {
            out.push_sql(", ");
            out.push_bind_param::<Array<BigInt>, _>(numbers)?;
        }
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<BigInt>>, _>(&self.ended_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Nullable<Text>>, _>(&self.end_reason)?;
        out.push_sql(
            ") as moved (id, judged_at, denied_through, rotated_at, refresh_expires_at, access_expires_by, ended_at, \
             end_reason) where sessions.id = moved.id and sessions.denied_through = moved.judged_at \
             and sessions.ended_at is null returning sessions.id",
        );
        Ok(())
    }
}
