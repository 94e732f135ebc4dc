//! The statements that write what a batch has moved: on SQLite one for each row, on PostgreSQL one for all of them, with an
//! array for each column. Their text is always the same, so that each is prepared once for each connection; diesel's own
//! updates are prepared every time.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text};
use diesel::sqlite::{Sqlite, SqliteConnection};

use super::types::{SqlTime, SqlUuid};
use crate::clock::Timestamp;
use crate::model::audit::Event;
use crate::model::denial::Denial;
use crate::model::id::SessionId;
use crate::model::session::{EndReason, Session};
use crate::model::sharing::{Context, Mark};

/// What is to become of a session.
pub struct Moved {
    /// As it is to be.
    pub session: Session,
    /// As it was when it was judged.
    pub from: Session,
    /// What has to be denied when it ends.
    pub denial: Option<Denial>,
    /// What is to be recorded of it.
    pub events: Vec<Event>,
}

/// Makes both statements of the columns that they write: the SQL type of each, the type of its value, and the value.
macro_rules! statements {
    ($($column:ident: $sql:ty, $of:ty, $value:expr;)+) => {
        const WRITTEN: &[&str] = &[$(stringify!($column)),+];

        /// One update of one row.
        #[derive(QueryId)]
        pub(super) struct MoveOne {
            id: SessionId,
            judged: (i64, i64, Mark),
            $($column: $of,)+
        }

        impl MoveOne {
            pub(super) fn new(Moved { session, from, .. }: &Moved) -> Self {
                $(let $column: fn(&Session) -> $of = $value;)+
                Self { id: session.id, judged: judged(from), $($column: $column(session),)+ }
            }

            fn set_written<'b>(&'b self, out: &mut AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
                let mut before = "update sessions set ";
                $(
                    out.push_sql(std::mem::replace(&mut before, ", "));
                    out.push_sql(concat!(stringify!($column), " = "));
                    out.push_bind_param::<$sql, _>(&self.$column)?;
                )+
                out.push_sql(" where id = ");
                out.push_bind_param::<SqlUuid, _>(&self.id)
            }
        }

        /// One update of any number of rows.
        #[derive(QueryId)]
        pub(super) struct MoveAll {
            id: Vec<SessionId>,
            judged: (Vec<i64>, Vec<i64>, Vec<Mark>),
            $($column: Vec<$of>,)+
        }

        impl MoveAll {
            pub(super) fn new(moved: &[Moved]) -> Self {
                $(let $column: fn(&Session) -> $of = $value;)+
                let judged = |moved: &Moved| judged(&moved.from);
                Self {
                    id: moved.iter().map(|moved| moved.session.id).collect(),
                    judged: (
                        moved.iter().map(|moved| judged(moved).0).collect(),
                        moved.iter().map(|moved| judged(moved).1).collect(),
                        moved.iter().map(|moved| judged(moved).2).collect(),
                    ),
                    $($column: moved.iter().map(|moved| $column(&moved.session)).collect(),)+
                }
            }

            fn bind_written<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<Array<$sql>, _>(&self.$column)?;
                )+
                Ok(())
            }
        }
    };
}

statements! {
    denied_through: BigInt, i64, |session| session.denied_through;
    rotated_at: SqlTime, Timestamp, |session| session.rotated_at;
    refresh_expires_at: SqlTime, Timestamp, |session| session.refresh_expires_at;
    access_expires_by: SqlTime, Timestamp, |session| session.access_expires_by;
    context_generation: BigInt, i64, |session| session.sharing.generation;
    context: Nullable<BigInt>, Option<Context>, |session| session.sharing.context;
    mark: SmallInt, Mark, |session| session.sharing.mark;
    strange: SmallInt, i16, |session| session.sharing.strange;
    shared: SmallInt, i16, |session| session.sharing.shared;
    ended_at: Nullable<SqlTime>, Option<Timestamp>, |session| session.end.map(|end| end.at);
    end_reason: Nullable<Text>, Option<EndReason>, |session| session.end.map(|end| end.reason);
}

/// What a row must still be: mark of the denylist, generation of the context, and its mark, as they were judged.
fn judged(from: &Session) -> (i64, i64, Mark) {
    (from.denied_through, from.sharing.generation, from.sharing.mark)
}

impl RunQueryDsl<SqliteConnection> for MoveOne {}

impl QueryFragment<Sqlite> for MoveOne {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.set_written(&mut out)?;
        let (denied_through, generation, mark) = &self.judged;
        out.push_sql(" and denied_through = ");
        out.push_bind_param::<BigInt, _>(denied_through)?;
        out.push_sql(" and context_generation = ");
        out.push_bind_param::<BigInt, _>(generation)?;
        out.push_sql(" and mark = ");
        out.push_bind_param::<SmallInt, _>(mark)?;
        out.push_sql(" and ended_at is null");
        Ok(())
    }
}

impl Query for MoveAll {
    type SqlType = SqlUuid;
}

impl RunQueryDsl<PgConnection> for MoveAll {}

/// Between the reading and this, another instance may have moved the row on, raised its mark, or recorded that the owner
/// proved again who they are (which moves `access_expires_by`). A session that neither moves on nor ends has a mark that
/// rises: whether another has raised it less meanwhile does not matter. All else is written as it was judged or not at all.
const IS_AS_JUDGED: &str = ") where sessions.id = moved.id and sessions.denied_through = moved.judged_at and sessions.ended_at is null \
     and case when moved.denied_through = moved.judged_at and moved.ended_at is null \
     then sessions.context_generation <> moved.context_generation or sessions.mark < moved.mark \
     else sessions.context_generation = moved.judged_generation and sessions.mark = moved.judged_mark end \
     returning sessions.id";

impl MoveAll {
    /// The update, up to its arrays: others may follow.
    pub(super) fn begin<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut before = "update sessions set ";
        for column in WRITTEN {
            let is_moved_by_others = *column == "access_expires_by";
            let greatest = [" = greatest(sessions.access_expires_by, moved.", column, ")"];
            let value = if is_moved_by_others { greatest } else { [" = moved.", column, ""] };
            for sql in [std::mem::replace(&mut before, ", "), column].into_iter().chain(value) {
                out.push_sql(sql);
            }
        }
        out.push_sql(" from unnest(");
        let (denied_through, generations, marks) = &self.judged;
        out.push_bind_param::<Array<SqlUuid>, _>(&self.id)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(denied_through)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<BigInt>, _>(generations)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SmallInt>, _>(marks)?;
        self.bind_written(out)
    }

    /// The rest of it, with the names of those others.
    pub(super) fn end(others: &[&'static str], out: &mut AstPass<'_, '_, Pg>) {
        out.push_sql(") as moved (id, judged_at, judged_generation, judged_mark");
        for column in WRITTEN.iter().chain(others) {
            out.push_sql(", ");
            out.push_sql(column);
        }
        out.push_sql(IS_AS_JUDGED);
    }
}

impl QueryFragment<Pg> for MoveAll {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.begin(&mut out)?;
        Self::end(&[], &mut out);
        Ok(())
    }
}
