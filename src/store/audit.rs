//! The table `audit_events`.

use diesel::prelude::*;

use super::schema::audit_events;
use super::types::DbUuid;
use super::{ReadTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::audit::{Event, EventFilter, Recorded};
use crate::model::id::Id;

const DAY: Seconds = Seconds(86_400);

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_events)]
struct EventRow {
    at: i64,
    name: String,
    user_id: Option<DbUuid>,
    actor_id: Option<DbUuid>,
    session_id: Option<DbUuid>,
    ip: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
}

impl From<&Event> for EventRow {
    fn from(event: &Event) -> Self {
        Self {
            at: event.at.0,
            name: event.name.text().to_owned(),
            user_id: event.user.map(|id| DbUuid(*id.as_bytes())),
            actor_id: event.actor.map(|id| DbUuid(*id.as_bytes())),
            session_id: event.session.map(|id| DbUuid(*id.as_bytes())),
            ip: event.ip.clone(),
            detail: event.detail.clone(),
            request_id: event.request_id.clone(),
        }
    }
}

impl EventRow {
    fn into_recorded(self, id: i64) -> Recorded {
        Recorded {
            id,
            at: Timestamp(self.at),
            name: self.name,
            user: self.user_id.map(|id| Id::from_bytes(id.0)),
            actor: self.actor_id.map(|id| Id::from_bytes(id.0)),
            session: self.session_id.map(|id| Id::from_bytes(id.0)),
            ip: self.ip,
            detail: self.detail,
            request_id: self.request_id,
        }
    }
}

impl ReadTx<'_> {
    /// At most `limit` events, newest first.
    pub(crate) fn list_events(&mut self, filter: &EventFilter, limit: i64) -> Result<Vec<Recorded>, Error> {
        let mut query = audit_events::table
            .order(audit_events::id.desc())
            .limit(limit)
            .select((audit_events::id, EventRow::as_select()))
            .into_boxed();
        if let Some(name) = filter.name {
            query = query.filter(audit_events::name.eq(name.text()));
        }
        if let Some(user) = filter.user {
            query = query.filter(audit_events::user_id.eq(DbUuid(*user.as_bytes())));
        }
        if let Some(actor) = filter.actor {
            query = query.filter(audit_events::actor_id.eq(DbUuid(*actor.as_bytes())));
        }
        if let Some(since) = filter.since {
            query = query.filter(audit_events::at.ge(since.0));
        }
        if let Some(until) = filter.until {
            query = query.filter(audit_events::at.lt(until.0));
        }
        if let Some(before) = filter.before {
            query = query.filter(audit_events::id.lt(before));
        }
        let rows = query.load::<(i64, EventRow)>(self.0)?;
        Ok(rows.into_iter().map(|(id, row)| row.into_recorded(id)).collect())
    }

    /// Whether one like this is on record of the same session from less than a day before.
    pub(crate) fn has_event_of_the_day(&mut self, event: &Event) -> Result<bool, Error> {
        let found = audit_events::table
            .filter(audit_events::user_id.eq(event.user.map(|id| DbUuid(*id.as_bytes()))))
            .filter(audit_events::session_id.eq(event.session.map(|id| DbUuid(*id.as_bytes()))))
            .filter(audit_events::name.eq(event.name.text()))
            .filter(audit_events::at.gt((event.at - DAY).0))
            .select(audit_events::id)
            .first::<i64>(self.0);
        Ok(found.optional()?.is_some())
    }
}

impl WriteTx<'_> {
    /// Adds an event.
    pub(super) fn insert_event(&mut self, event: &Event) -> Result<(), Error> {
        diesel::insert_into(audit_events::table).values(EventRow::from(event)).execute(self.0)?;
        self.1 = true;
        Ok(())
    }
}
