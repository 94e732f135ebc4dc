//! The table `audit_events`.

use diesel::prelude::*;

use super::row::row;
use super::schema::audit_events;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::audit::{Event, EventFilter, Recorded};
use crate::model::id::{SessionId, UserId};

const DAY: Seconds = Seconds(86_400);

row!(struct EventRow in audit_events {
    at: Timestamp,
    name: String,
    user_id: Option<UserId>,
    actor_id: Option<UserId>,
    session_id: Option<SessionId>,
    ip: Option<String>,
    detail: Option<String>,
    request_id: Option<String>,
});

impl From<&Event> for EventRow {
    fn from(event: &Event) -> Self {
        Self {
            at: event.at,
            name: event.name.text().to_owned(),
            user_id: event.user,
            actor_id: event.actor,
            session_id: event.session,
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
            at: self.at,
            name: self.name,
            user: self.user_id,
            actor: self.actor_id,
            session: self.session_id,
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
            query = query.filter(audit_events::user_id.eq(Bind(Some(user))));
        }
        if let Some(actor) = filter.actor {
            query = query.filter(audit_events::actor_id.eq(Bind(Some(actor))));
        }
        if let Some(since) = filter.since {
            query = query.filter(audit_events::at.ge(Bind(since)));
        }
        if let Some(until) = filter.until {
            query = query.filter(audit_events::at.lt(Bind(until)));
        }
        if let Some(before) = filter.before {
            query = query.filter(audit_events::id.lt(before));
        }
        let rows = query.load::<(i64, EventRow)>(self.0)?;
        Ok(rows.into_iter().map(|(id, row)| row.into_recorded(id)).collect())
    }

    /// Whether an event with the same name and session was recorded less than a day before.
    pub(crate) fn has_event_of_the_day(&mut self, event: &Event) -> Result<bool, Error> {
        let found = audit_events::table
            .filter(audit_events::user_id.eq(Bind(event.user)))
            .filter(audit_events::session_id.eq(Bind(event.session)))
            .filter(audit_events::name.eq(event.name.text()))
            .filter(audit_events::at.gt(Bind(event.at - DAY)))
            .select(audit_events::id)
            .first::<i64>(self.0);
        Ok(found.optional()?.is_some())
    }
}

impl WriteTx<'_> {
    /// Adds an event.
    pub(super) fn insert_event(&mut self, event: &Event) -> Result<(), Error> {
        diesel::insert_into(audit_events::table).values(&EventRow::from(event)).execute(self.0)?;
        self.1 = true;
        Ok(())
    }
}
