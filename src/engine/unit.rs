//! Units of work: a change is written with its audit events and its denials in one transaction. When that is durable,
//! the denylist in memory, the metrics and the log are updated. This is the only place that updates them.

use std::collections::HashSet;
use std::sync::Arc;

use super::denylist::Denylist;
use crate::error::{Error, root_cause};
use crate::metrics::Metrics;
use crate::model::audit::{Event, EventName};
use crate::model::denial::Denial;
use crate::model::id::SessionId;
use crate::store::{Effects, Found, Moved, Store, UnitTx, Written};

const LOG_TARGET: &str = "tokensmith::audit";

/// Runs units of work.
#[derive(Clone)]
pub(crate) struct Units {
    store: Arc<Store>,
    denylist: Arc<Denylist>,
    metrics: Arc<Metrics>,
}

impl Units {
    /// Uses this store, and updates this denylist and these metrics.
    pub(crate) fn new(store: Arc<Store>, denylist: Arc<Denylist>, metrics: Arc<Metrics>) -> Self {
        Self { store, denylist, metrics }
    }

    /// Runs a unit of work. When it returns, the change is durable and reported; after an error nothing is written or
    /// reported. `work` owns what it needs, since it may run on another thread, and share a commit with others.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut UnitTx<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (value, effects) = self.store.write_shared(work)?;
        self.tell(effects);
        Ok(value)
    }

    /// Records an event without another change, such as a failed login. If the database is unavailable, only the
    /// metrics and the log get it.
    pub(crate) fn record_best_effort(&self, event: Event) {
        let recorded = event.clone();
        if let Err(error) = self.run(move |tx| tx.record(recorded)) {
            let (name, cause) = (event.name.text(), root_cause(&error));
            let request_id = event.request_id.as_deref().unwrap_or_default();
            log::error!(target: LOG_TARGET, event = name, cause, request_id; "cannot record the event");
            self.tell(Effects { events: vec![event], ..Effects::default() });
        }
    }

    /// Writes a batch of refreshes and ends: see [`Store::compare_and_set`].
    pub(crate) fn compare_and_set(
        &self,
        ids: &[SessionId],
        ending: &[SessionId],
        judge: impl FnOnce(Vec<Found>) -> Vec<Moved>,
    ) -> Result<HashSet<SessionId>, Error> {
        let Written { sessions, effects } = self.store.compare_and_set(ids, ending, judge)?;
        self.tell(effects);
        Ok(sessions)
    }

    /// Denies access tokens: see [`Store::deny_and_tell`].
    pub(crate) fn deny(&self, denied: &[(Denial, Event)]) -> Result<(), Error> {
        self.tell(self.store.deny_and_tell(denied)?);
        Ok(())
    }

    /// Updates the denylist first, because a log whose reader has stopped blocks.
    fn tell(&self, Effects { events, denials }: Effects) {
        // Few refreshes have any, and the lock is shared by all.
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
        | EventName::SecondFactorFailed
        | EventName::PasskeyCounterBack
        | EventName::FactorsReset
        | EventName::CodeReused
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
