//! The audit log: what happened that concerns security goes into a table, in the same transaction as what it tells of, and
//! as a line into the log.

use crate::app::App;
use crate::error::root_cause;
use crate::metrics::Metrics;
use crate::model::audit::{Event, EventName};

const LOG_TARGET: &str = "tokensmith::audit";

/// Tells the log and the metrics of an event that is on record.
pub fn tell(metrics: &Metrics, event: &Event) {
    metrics.event(event.name.text());
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
        ip = event.ip.as_deref().unwrap_or_default(), detail = event.detail.as_deref().unwrap_or_default();
        "security event"
    );
}

/// Records an event that goes with no other change. When the database is out of reach the log alone has it: what it tells
/// of has happened all the same.
pub fn record(app: &App, event: &Event) {
    if let Err(error) = app.store.write(|tx| tx.insert_event(event)) {
        log::error!(target: LOG_TARGET, event = event.name.text(), cause = root_cause(&error); "could not record the event");
    }
    tell(&app.metrics, event);
}
