//! The lines of the audit log, and their count: every event that is on record goes into both.

use crate::metrics::Metrics;
use crate::model::audit::{Event, EventName};

/// The target of these lines in the log.
pub const LOG_TARGET: &str = "tokensmith::audit";

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
