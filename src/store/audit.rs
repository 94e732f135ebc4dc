//! The table `audit_events`.

use diesel::prelude::*;

use super::row::row;
use super::schema::audit_events;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::audit::{Event, EventFilter, EventName, Recorded};
use crate::model::id::{SessionId, UserId};

const DAY: Seconds = Seconds(86_400);

macro_rules! event {
    ($type:ident, $name:ty) => {
        row!($type in audit_events {
            at: Timestamp,
            name: $name,
            user: Option<UserId> = column(user_id),
            actor: Option<UserId> = column(actor_id),
            session: Option<SessionId> = column(session_id),
            ip: Option<String>,
            detail: Option<String>,
            request_id: Option<String>,
        });
    };
}

event!(Event, EventName);
event!(Recorded, String);

impl ReadTx<'_> {
    /// At most `limit` events with their numbers, newest first.
    pub(crate) fn list_events(&mut self, filter: &EventFilter, limit: i64) -> Result<Vec<(i64, Recorded)>, Error> {
        let mut query = audit_events::table
            .order(audit_events::id.desc())
            .limit(limit)
            .select((audit_events::id, Recorded::as_select()))
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
        Ok(query.load::<(i64, Recorded)>(self.0)?)
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
        diesel::insert_into(audit_events::table).values(event).execute(self.0)?;
        self.1 = true;
        Ok(())
    }
}
