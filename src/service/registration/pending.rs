//! Registrations that are not finished, for administrators.

use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::registration::{Registration, RegistrationId};

/// Those that are not over, the newest first, starting after `before`; at most `limit`.
pub(crate) fn list(app: &App, before: Option<RegistrationId>, limit: i64) -> Result<Vec<Registration>, Error> {
    let now = app.clock.now();
    app.store.read(|tx| tx.list_registrations(before, limit, now))
}

/// Withdraws one: its link and its code are void. Its address may be registered again.
pub(crate) fn withdraw(app: &App, id: RegistrationId, origin: &Origin) -> Result<(), Error> {
    let event = origin.event(app.clock.now(), EventName::RegistrationWithdrawn).with(id);
    app.units.run(move |tx| {
        if !tx.delete_registration(id)? {
            return Err(Error::RegistrationUnknown);
        }
        tx.record(event)
    })
}
