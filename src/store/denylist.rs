//! The table `denylist`.

use std::collections::{HashMap, HashSet};
use std::slice;

use diesel::connection::DefaultLoadingMode;
use diesel::pg::{Pg, PgRowByRowLoadingMode};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{Array, Text};
use diesel::sqlite::Sqlite;

use super::connection::DbConnection;
use super::locks::Locked;
use super::schema::denylist;
use super::told::DenyAndTell;
use super::types::{Bind, SqlTime, SqlUuid};
use super::{Effects, Held, Patience, ReadTx, Store, UnitTx, WriteTx};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::Event;
use crate::model::denial::Denial;
use crate::model::id::{Id, Jti};
use tokensmith_verifier::issuing::DeniedSubject;

const SESSION: &str = "sid";
const ACCESS_TOKEN: &str = "jti";

/// The most values in one statement, well below SQLite's limit.
const MAX_BOUND: usize = 1_000;

/// Subject, kind and times of a denial that belongs in this table.
fn row(denial: &Denial) -> Option<([u8; 16], &'static str, Timestamp, Timestamp)> {
    let (subject, kind) = match &denial.subject {
        DeniedSubject::Session(id) => (*id.as_bytes(), SESSION),
        DeniedSubject::AccessToken(jti) => (*jti.as_bytes(), ACCESS_TOKEN),
        DeniedSubject::Client(..) | DeniedSubject::User(..) | DeniedSubject::Unknown { .. } => return None,
    };
    Some((subject, kind, denial.denied_at, denial.expires_at))
}

impl ReadTx<'_> {
    /// Calls `each` with the denials since a time that have not expired, in the order of the times. It holds one row at a
    /// time: there may be a million.
    pub(crate) fn each_denial(
        &mut self,
        since: Timestamp,
        now: Timestamp,
        mut each: impl FnMut(Denial),
    ) -> Result<(), Error> {
        let rows = denylist::table
            .filter(denylist::denied_at.ge(Bind(since)))
            .filter(denylist::expires_at.gt(Bind(now)))
            .select((denylist::subject, denylist::kind, denylist::denied_at, denylist::expires_at))
            .order(denylist::denied_at);
        match self.0 {
            DbConnection::Sqlite(connection) => {
                for row in rows.load_iter::<Row, DefaultLoadingMode>(connection)? {
                    each(denial(row?)?);
                }
            }
            DbConnection::Postgres(connection) => {
                for row in rows.load_iter::<Row, PgRowByRowLoadingMode>(connection)? {
                    each(denial(row?)?);
                }
            }
        }
        self.list_denied_before(since, now)?.into_iter().for_each(each);
        Ok(())
    }
}

type Row = ([u8; 16], String, Timestamp, Timestamp);

fn denial((subject, kind, denied_at, expires_at): Row) -> Result<Denial, Error> {
    let subject = match kind.as_str() {
        SESSION => DeniedSubject::Session(Id::from_bytes(subject)),
        ACCESS_TOKEN => DeniedSubject::AccessToken(Jti::from_bytes(subject)),
        _ => return Err(Error::internal(format!("unknown kind of denial {kind:?}"))),
    };
    Ok(Denial { subject, denied_at, expires_at })
}

impl WriteTx<'_> {
    /// Adds denials; returns how many were new. Existing ones are not changed. On PostgreSQL it takes one round trip,
    /// because a user's sessions are locked meanwhile.
    pub(super) fn insert_denials(&mut self, denials: &[Denial]) -> Result<usize, Error> {
        let mut inserted = self.insert_denied_before(denials)?;
        let mut rows: Vec<_> = denials.iter().filter_map(row).collect();
        // Transactions that add the same denial wait for each other. With one common order there is no deadlock.
        rows.sort_unstable();
        match self.0 {
            _ if rows.is_empty() => {}
            DbConnection::Sqlite(connection) => {
                for (subject, kind, denied_at, expires_at) in rows {
                    inserted += DenyOne { subject, kind, denied_at, expires_at }.execute(connection)?;
                }
            }
            DbConnection::Postgres(connection) => {
                let deny_all = DenyAll {
                    subjects: rows.iter().map(|(subject, ..)| *subject).collect(),
                    kinds: rows.iter().map(|(_, kind, ..)| *kind).collect(),
                    denied_at: rows.iter().map(|(_, _, denied_at, _)| *denied_at).collect(),
                    expires_at: rows.iter().map(|(.., expires_at)| *expires_at).collect(),
                };
                inserted += deny_all.execute(connection)?;
            }
        }
        self.1 |= inserted > 0;
        Ok(inserted)
    }

    /// The denials with the times that are stored: another instance may have been the first. All instances must have the
    /// same times, since readers of the feed go on by time when they change the instance.
    pub(super) fn as_stored(&mut self, denials: &[Denial]) -> Result<Vec<Denial>, Error> {
        let mut stored = HashMap::new();
        for some in denials.chunks(MAX_BOUND) {
            let subjects = some.iter().filter_map(row).map(|(subject, ..)| Bind(subject));
            let rows = denylist::table
                .filter(denylist::subject.eq_any(subjects))
                .select((denylist::subject, denylist::kind, denylist::denied_at, denylist::expires_at))
                .load::<Row>(self.0)?;
            for row in rows {
                let denial = denial(row)?;
                stored.insert(denial.subject.clone(), denial);
            }
        }
        Ok(denials.iter().map(|asked| stored.get(&asked.subject).unwrap_or(asked).clone()).collect())
    }
}

impl UnitTx<'_> {
    /// Denies access tokens, and records the event of each that was not denied before. If the same was sent before on a
    /// connection that was lost, any of them may have been recorded then: all events are reported.
    fn deny_and_tell(&mut self, denied: &[(Denial, Event)], was_sent_before: bool) -> Result<(), Error> {
        let DbConnection::Postgres(connection) = &mut *self.0 else {
            for (denial, event) in denied {
                if self.deny(slice::from_ref(denial))? > 0 {
                    self.record(event.clone())?;
                }
            }
            return Ok(());
        };
        let subject = |denial: &Denial| row(denial).map(|(subject, ..)| subject);
        let mut asked: Vec<_> =
            denied.iter().filter_map(|(denial, event)| Some((subject(denial)?, denial, event))).collect();
        // In one common order: see `insert_denials`. The first of several that deny the same token counts.
        asked.sort_by_key(|(subject, ..)| *subject);
        asked.dedup_by_key(|(subject, ..)| *subject);
        let new: HashSet<[u8; 16]> = DenyAndTell::new(&asked).load(connection)?.into_iter().collect();
        self.1 |= !new.is_empty();
        let told = asked.iter().filter(|(subject, ..)| was_sent_before || new.contains(subject));
        let events = told.map(|(.., event)| (*event).clone()).collect();
        let denials: Vec<Denial> = asked.iter().map(|(_, denial, _)| (*denial).clone()).collect();
        let denials = if new.len() < denials.len() { self.as_stored(&denials)? } else { denials };
        self.has_told(Effects { events, denials });
        Ok(())
    }
}

impl Store {
    /// Denies access tokens in one transaction, and records the event of each that was not denied before. The result is
    /// durable.
    pub(crate) fn deny_and_tell(&self, denied: &[(Denial, Event)]) -> Result<Effects, Error> {
        let Some(batches) = &self.batches else {
            return self.write_unit(|tx| tx.deny_and_tell(denied, false)).map(|((), effects)| effects);
        };
        let patience = Patience::of_this_thread().unwrap_or_default();
        let _waiting = patience.wait();
        let mut was_sent = false;
        // A single statement is its own transaction. It may be sent again, since a second time it changes nothing.
        let deny = |held: &mut Held| {
            let was_sent_before = std::mem::replace(&mut was_sent, true);
            let mut tx = WriteTx(held.connection(), false, Locked::default());
            let ((), effects) = tx.run_unit(|tx| tx.deny_and_tell(denied, was_sent_before))?;
            Ok((effects, tx.1))
        };
        let ((effects, has_written), _held) = Self::with_open(batches, &patience, deny)?;
        if has_written {
            self.probe.wrote();
        }
        Ok(effects)
    }
}

/// The insertion of one row on SQLite. As diesel's own queries from SQL, it would be prepared every time; so would the next.
#[derive(QueryId)]
struct DenyOne {
    subject: [u8; 16],
    kind: &'static str,
    denied_at: Timestamp,
    expires_at: Timestamp,
}

impl RunQueryDsl<SqliteConnection> for DenyOne {}

impl QueryFragment<Sqlite> for DenyOne {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("insert into denylist (subject, kind, denied_at, expires_at) values (");
        out.push_bind_param::<SqlUuid, _>(&self.subject)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(&self.kind)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlTime, _>(&self.denied_at)?;
        out.push_sql(", ");
        out.push_bind_param::<SqlTime, _>(&self.expires_at)?;
        out.push_sql(") on conflict do nothing");
        Ok(())
    }
}

/// The insertion of any number of rows on PostgreSQL.
#[derive(QueryId)]
struct DenyAll {
    subjects: Vec<[u8; 16]>,
    kinds: Vec<&'static str>,
    denied_at: Vec<Timestamp>,
    expires_at: Vec<Timestamp>,
}

impl RunQueryDsl<PgConnection> for DenyAll {}

impl QueryFragment<Pg> for DenyAll {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("insert into denylist (subject, kind, denied_at, expires_at) select * from unnest(");
        out.push_bind_param::<Array<SqlUuid>, _>(&self.subjects)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<Text>, _>(&self.kinds)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlTime>, _>(&self.denied_at)?;
        out.push_sql(", ");
        out.push_bind_param::<Array<SqlTime>, _>(&self.expires_at)?;
        out.push_sql(") on conflict do nothing");
        Ok(())
    }
}
