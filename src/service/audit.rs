//! The audit log: what happened that concerns security goes into a table, in the same transaction as what it tells of, and
//! as a line into the log.

use crate::app::App;
use crate::engine::audit::LOG_TARGET;
pub use crate::engine::audit::tell;
use crate::error::root_cause;
use crate::model::audit::Event;

/// Records an event that goes with no other change. When the database is out of reach the log alone has it: what it tells
/// of has happened all the same.
pub fn record(app: &App, event: &Event) {
    if let Err(error) = app.store.write(|tx| tx.insert_event(event)) {
        log::error!(target: LOG_TARGET, event = event.name.text(), cause = root_cause(&error); "could not record the event");
    }
    tell(&app.metrics, event);
}
