//! A batch of refreshes and ends of sessions: one statement reads the rows, one compares and sets those that changed
//! ([`super::moves`]).
//!
//! On PostgreSQL each is sent once per batch. On SQLite, which has no round trips, each runs once per row. Both are
//! prepared once per connection; diesel's own updates are prepared every time.

use std::collections::HashSet;
use std::sync::Arc;

use diesel::prelude::*;
use diesel::result::Error as DieselError;
use diesel::sql_types::Array;

use super::connection::DbConnection;
use super::moves::{MoveAll, MoveOne, Moved};
use super::schema::{sessions, users};
use super::told::MoveAndTell;
use super::types::{Bind, SqlUuid};
use super::{Effects, Held, Patience, ReadTx, Store, UnitTx};
use crate::error::Error;
use crate::model::audit::EventName;
use crate::model::denial::Denial;
use crate::model::grant::{Grant, Live};
use crate::model::id::SessionId;
use crate::model::session::Session;
use crate::model::user::User;

/// A session that was found, or why its row cannot be read. A damaged row only fails its own session.
pub type Found = (SessionId, Result<Live, Error>);

type LiveRow = (Session, Option<Grant>, User);

diesel::define_sql_function! {
    /// PostgreSQL's `= any(array)`, which is no function but is written like one. With `eq_any` diesel would write the statement
    /// out for each batch, to find the prepared one.
    fn any(values: Array<SqlUuid>) -> SqlUuid;
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
    /// Reads sessions, and the grants that end together with those of them that are to end; lets `judge` decide their
    /// changes, and writes these in one transaction. A session that others have changed since it was read is not written.
    /// The result is durable.
    pub fn compare_and_set(
        &self,
        ids: &[SessionId],
        ending: &[SessionId],
        judge: impl FnOnce(Vec<Found>) -> Vec<Moved>,
    ) -> Result<Written, Error> {
        let written = self.compare_and_set_in(ids, ending, judge)?;
        if !written.sessions.is_empty() {
            self.probe.wrote();
        }
        Ok(written)
    }

    fn compare_and_set_in(
        &self,
        ids: &[SessionId],
        ending: &[SessionId],
        judge: impl FnOnce(Vec<Found>) -> Vec<Moved>,
    ) -> Result<Written, Error> {
        let Some(batches) = &self.batches else {
            // With a single writer there are no changes in between, and the connection's cache stays valid. Behind a
            // pooler a single statement would not have the settings that it needs.
            let written = self.write_unit(|tx| {
                let found = tx.reading().find_with_grants(ids, ending)?;
                tx.lock_and_move(&judge(found), ending)
            });
            return written.map(Written::from);
        };
        let patience = Patience::of_this_thread().unwrap_or_default();
        let _waiting = patience.wait();
        let find = |held: &mut Held| ReadTx(held.connection()).find_with_grants(ids, ending);
        let (found, mut held) = Self::with_open(batches, &patience, find)?;
        let mut moved = judge(found);
        // The statement locks the rows in the given order: see `super::postgres`.
        moved.sort_unstable_by_key(|moved| *moved.session.id.as_bytes());
        let has_effects = moved.iter().any(|moved| moved.denial.is_some() || !moved.events.is_empty());
        let telling = if has_effects { MoveAndTell::new(&moved) } else { None };
        if has_effects && telling.is_none() {
            drop(held);
            return self.write_unit(|tx| tx.lock_and_move(&moved, ending)).map(Written::from);
        }
        patience.check()?;
        // A single statement is its own transaction: one round trip instead of three.
        let sessions = match (held.connection(), telling) {
            (DbConnection::Postgres(connection), Some(telling)) => {
                telling.load::<SessionId>(connection).map(|ids| ids.into_iter().collect()).map_err(Error::from)
            }
            (connection, _) => UnitTx::new(connection).move_sessions(&moved),
        };
        let mut sessions: HashSet<SessionId> = sessions.map_err(|error| held.examine(error).0)?;
        let mut effects = Effects::default();
        for Moved { denial, events, .. } in moved.into_iter().filter(|moved| sessions.contains(&moved.session.id)) {
            effects.denials.extend(denial);
            effects.events.extend(events);
        }
        ReadTx(held.connection()).keep_those_without_grants(&mut sessions, ending);
        Ok(Written { sessions, effects })
    }
}

impl ReadTx<'_> {
    /// Sessions, and the grants that end together with some of them.
    fn find_with_grants(&mut self, ids: &[SessionId], ending: &[SessionId]) -> Result<Vec<Found>, Error> {
        let grants = self.list_grants_within(ending)?;
        if grants.is_empty() {
            return self.find_sessions(ids);
        }
        let grants = grants.into_iter().map(|(grant, _browser)| grant);
        self.find_sessions(&ids.iter().copied().chain(grants).collect::<Vec<_>>())
    }

    /// Takes those sessions out that have just ended and have a live grant left: one that began after the session was read, or
    /// was changed by others meanwhile. They are judged again. After its end no grant begins in a session.
    fn keep_those_without_grants(&mut self, sessions: &mut HashSet<SessionId>, ending: &[SessionId]) {
        let ended: Vec<SessionId> = ending.iter().filter(|id| sessions.contains(*id)).copied().collect();
        if ended.is_empty() || matches!(self.0, DbConnection::Sqlite(_)) {
            return;
        }
        match self.list_grants_within(&ended) {
            Ok(left) => left.iter().for_each(|(_grant, browser)| _ = sessions.remove(browser)),
            Err(_unknown) => ended.iter().for_each(|id| _ = sessions.remove(id)),
        }
    }

    fn find_sessions(&mut self, ids: &[SessionId]) -> Result<Vec<Found>, Error> {
        let found = sessions::table.inner_join(users::table);
        let rows = match self.0 {
            DbConnection::Sqlite(connection) => ids.iter().try_fold(Vec::new(), |mut rows: Vec<LiveRow>, id| {
                rows.extend(found.filter(sessions::id.eq(Bind(id))).select(LiveRow::as_select()).load(connection)?);
                QueryResult::Ok(rows)
            }),
            DbConnection::Postgres(connection) => {
                found.filter(sessions::id.eq(any(ids))).select(LiveRow::as_select()).load(connection)
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
    (session.id, Ok(Live { session, grant: grant.map(Arc::new), user: Arc::new(user) }))
}

impl UnitTx<'_> {
    /// As [`UnitTx::move_sessions`], but does not depend on the plan of the update. A single row needs no order.
    fn lock_and_move(&mut self, moved: &[Moved], ending: &[SessionId]) -> Result<HashSet<SessionId>, Error> {
        let ids: Vec<SessionId> = moved.iter().map(|moved| moved.session.id).collect();
        if ids.len() > 1 {
            self.lock_sessions(&ids)?;
        }
        let mut sessions = self.move_sessions(moved)?;
        self.reading().keep_those_without_grants(&mut sessions, ending);
        Ok(sessions)
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
