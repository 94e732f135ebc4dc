//! On PostgreSQL one statement moves the sessions of a batch, and also denies and records those that it has moved, and one
//! denies access tokens and records that: one round trip for any number of them.

use diesel::pg::{Pg, PgConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{Array, Nullable, Text};

use super::moves::{MoveAll, Moved};
use super::types::{SqlTime, SqlUuid};
use crate::clock::Timestamp;
use crate::model::audit::{Event, EventName};
use crate::model::denial::Denial;
use crate::model::id::{SessionId, UserId};
use tokensmith_verifier::issuing::DeniedSubject;

/// Makes the arrays of what may be told of a row, with the SQL type of each, the type of its value, and the value.
macro_rules! told {
    ($($column:ident: $sql:ty, $of:ty, $value:expr;)+) => {
        /// What is to be denied and recorded of each row, if anything.
        #[derive(QueryId)]
        pub(super) struct Told {
            $($column: Vec<Option<$of>>,)+
        }

        impl Told {
            const COLUMNS: &[&str] = &[$(stringify!($column)),+];

            fn new(rows: &[ToTell<'_>]) -> Self {
                $(let $column: fn(&ToTell<'_>) -> Option<$of> = $value;)+
                Self { $($column: rows.iter().map($column).collect(),)+ }
            }

            /// Continues a list of arrays.
            fn bind<'b>(&'b self, out: &mut AstPass<'_, 'b, Pg>) -> QueryResult<()> {
                $(
                    out.push_sql(", ");
                    out.push_bind_param::<Array<Nullable<$sql>>, _>(&self.$column)?;
                )+
                Ok(())
            }
        }
    };
}

told! {
    denied_at: SqlTime, Timestamp, |row| row.0.map(|denial| denial.denied_at);
    denied_until: SqlTime, Timestamp, |row| row.0.map(|denial| denial.expires_at);
    event_at: SqlTime, Timestamp, |row| row.1.map(|event| event.at);
    event_name: Text, &'static str, |row| row.1.map(|event| event.name.text());
    event_user_id: SqlUuid, UserId, |row| row.1?.user;
    event_actor_id: SqlUuid, UserId, |row| row.1?.actor;
    event_session_id: SqlUuid, SessionId, |row| row.1?.session;
    event_ip: Text, String, |row| row.1?.ip.clone();
    event_detail: Text, String, |row| row.1?.detail.clone();
    event_request_id: Text, String, |row| row.1?.request_id.clone();
}

/// The denial and the event of a row.
type ToTell<'a> = (Option<&'a Denial>, Option<&'a Event>);

/// Records the events of rows that have the columns of [`Told`].
const RECORD: &str = "recorded as (insert into audit_events (at, name, user_id, actor_id, session_id, ip, detail, request_id) \
     select event_at, event_name, event_user_id, event_actor_id, event_session_id, event_ip, event_detail, \
     event_request_id from ";

/// [`MoveAll`] with what is told of the rows.
#[derive(QueryId)]
pub(super) struct MoveAndTell {
    moves: MoveAll,
    told: Told,
}

impl MoveAndTell {
    /// `None` if the statement cannot tell all of it: more than one event of a row, an event that needs a look at earlier
    /// ones, or another denial than that of the row.
    pub(super) fn new(moved: &[Moved]) -> Option<Self> {
        let is_simple = |moved: &Moved| {
            let has_simple_events = match moved.events.as_slice() {
                [] => true,
                [event] => event.name != EventName::SessionShared,
                _ => false,
            };
            let id = moved.session.id;
            let is_its_own = |subject: &DeniedSubject| matches!(subject, DeniedSubject::Session(of) if *of == id);
            has_simple_events && moved.denial.as_ref().is_none_or(|denial| is_its_own(&denial.subject))
        };
        moved.iter().all(is_simple).then(|| {
            let rows: Vec<ToTell<'_>> = moved.iter().map(|row| (row.denial.as_ref(), row.events.first())).collect();
            Self { moves: MoveAll::new(moved), told: Told::new(&rows) }
        })
    }
}

impl Query for MoveAndTell {
    type SqlType = SqlUuid;
}

impl RunQueryDsl<PgConnection> for MoveAndTell {}

/// All rows are moved, in the given order, before the first is denied: the last statement reads all that `done` returns.
impl QueryFragment<Pg> for MoveAndTell {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("with done as (");
        self.moves.begin(&mut out)?;
        self.told.bind(&mut out)?;
        MoveAll::end(Told::COLUMNS, &mut out);
        for column in Told::COLUMNS {
            out.push_sql(", moved.");
            out.push_sql(column);
        }
        out.push_sql(
            "), denied as (insert into denylist (subject, kind, denied_at, expires_at) \
             select id, 'sid', denied_at, denied_until from done where denied_until is not null on conflict do nothing), ",
        );
        out.push_sql(RECORD);
        out.push_sql("done where event_name is not null) select id from done");
        Ok(())
    }
}

/// Denies access tokens, which must differ, and records the event of each that was not denied before. Returns those.
#[derive(QueryId)]
pub(super) struct DenyAndTell {
    subjects: Vec<[u8; 16]>,
    told: Told,
}

impl DenyAndTell {
    pub(super) fn new(denied: &[([u8; 16], &Denial, &Event)]) -> Self {
        let rows: Vec<ToTell<'_>> = denied.iter().map(|(_, denial, event)| (Some(*denial), Some(*event))).collect();
        Self { subjects: denied.iter().map(|(subject, ..)| *subject).collect(), told: Told::new(&rows) }
    }
}

impl Query for DenyAndTell {
    type SqlType = SqlUuid;
}

impl RunQueryDsl<PgConnection> for DenyAndTell {}

impl QueryFragment<Pg> for DenyAndTell {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("with asked as (select * from unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.subjects)?;
        self.told.bind(&mut out)?;
        out.push_sql(") as asked (subject");
        for column in Told::COLUMNS {
            out.push_sql(", ");
            out.push_sql(column);
        }
        out.push_sql(
            ")), denied as (insert into denylist (subject, kind, denied_at, expires_at) \
             select subject, 'jti', denied_at, denied_until from asked on conflict do nothing returning subject), ",
        );
        out.push_sql(RECORD);
        out.push_sql("asked join denied using (subject)) select subject from denied");
        Ok(())
    }
}
