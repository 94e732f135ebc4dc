//! Units of work: a change is written with its audit events and its denials in one transaction, and once that is durable,
//! the denylist in memory, the metrics and the log are told of it. This is the only place that tells them.

use std::collections::HashSet;
use std::sync::Arc;

use super::denylist::Denylist;
use crate::error::{Error, root_cause};
use crate::metrics::Metrics;
use crate::model::audit::{Event, EventName};
use crate::model::id::SessionId;
use crate::store::{Effects, Found, Moved, Store, UnitTx, Written};

const LOG_TARGET: &str = "tokensmith::audit";

/// What does units of work.
#[derive(Clone)]
pub(crate) struct Units {
    store: Arc<Store>,
    denylist: Arc<Denylist>,
    metrics: Arc<Metrics>,
}

impl Units {
    /// On these rows; tells this denylist and these metrics.
    pub(crate) fn new(store: Arc<Store>, denylist: Arc<Denylist>, metrics: Arc<Metrics>) -> Self {
        Self { store, denylist, metrics }
    }

    /// Does a unit of work. What it returns is durable, and everybody has been told; after an error nothing is written and
    /// nobody has. `work` owns what it needs, so that it could be done on another thread and share a commit with others.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut UnitTx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (value, effects) = self.store.write_unit(work)?;
        self.tell(effects);
        Ok(value)
    }

    /// Records an event that goes with no other change: what it tells of has happened already, as a failed login has. When the
    /// database is out of reach, only the metrics and the log are told.
    pub(crate) fn record_best_effort(&self, event: Event) {
        let recorded = event.clone();
        if let Err(error) = self.run(move |tx| tx.record(recorded)) {
            let (name, cause) = (event.name.text(), root_cause(&error));
            let request_id = event.request_id.as_deref().unwrap_or_default();
            log::error!(target: LOG_TARGET, event = name, cause, request_id; "could not record the event");
            self.tell(Effects { events: vec![event], ..Effects::default() });
        }
    }

    /// Does a batch of refreshes: see [`Store::compare_and_set`].
    pub(crate) fn compare_and_set(
        &self,
        ids: &[SessionId],
        judge: impl FnOnce(Vec<Found>) -> Vec<Moved>,
    ) -> Result<HashSet<SessionId>, Error> {
        let Written { sessions, effects } = self.store.compare_and_set(ids, judge)?;
        self.tell(effects);
        Ok(sessions)
    }

    /// The denylist first: a log that nobody reads any more holds up whoever writes to it.
    fn tell(&self, Effects { events, denials }: Effects) {
        // Hardly any refresh has some, and the lock is for everybody.
        if !denials.is_empty() {
            self.denylist.add(denials);
        }
        for event in events {
            self.metrics.event(event.name.text());
            log_event(&event);
        }
    }
}

fn log_event(event: &Event) {
    let level = match event.name {
        EventName::LoginFailed
        | EventName::ReauthenticationFailed
        | EventName::RefreshTokenReused
        | EventName::SessionHealed
        | EventName::SessionShared
        | EventName::KeyDropped
        | EventName::DatabaseRestored => log::Level::Warn,
        _ => log::Level::Info,
    };
    let text = |id: Option<String>| id.unwrap_or_default();
    log::log!(
        target: LOG_TARGET, level,
        event = event.name.text(), user = text(event.user.map(|id| id.to_string())),
        actor = text(event.actor.map(|id| id.to_string())), session = text(event.session.map(|id| id.to_string())),
        ip = event.ip.as_deref().unwrap_or_default(), request_id = event.request_id.as_deref().unwrap_or_default(),
        detail = event.detail.as_deref().unwrap_or_default();
        "security event"
    );
}
