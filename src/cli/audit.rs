//! `tokensmith audit`.

use clap::Args;

use super::CliError;
use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventFilter, EventName};
use crate::model::id::UserId;
use crate::service::users;

/// What to show of the audit log.
#[derive(Args)]
pub(super) struct AuditCommand {
    /// Only what concerns this user: a username, or the identifier of an account that may be gone
    #[arg(long)]
    user: Option<String>,
    /// Only events with this name, as in `login_failed`
    #[arg(long)]
    event: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 100)]
    limit: i64,
}

pub(super) fn run(app: &App, command: &AuditCommand) -> Result<(), CliError> {
    let find = |text: &str| match text.parse::<UserId>() {
        Ok(id) => Ok(id),
        Err(_a_name) => users::find_by_name(app, text).map(|user| user.id),
    };
    let user = command.user.as_deref().map(find).transpose()?;
    let name = command.event.as_deref().map(str::parse::<EventName>).transpose();
    let name = name.map_err(|unknown| Error::invalid("--event", "invalid", unknown.to_string()))?;
    let filter = EventFilter { name, user, ..EventFilter::default() };
    for event in app.store.read(|tx| tx.list_events(&filter, command.limit.max(0)))? {
        let id = |id: Option<String>| id.unwrap_or_else(|| "-".to_owned());
        println!(
            "{}\t{}\tuser {}\tby {}\tsession {}\tfrom {}\t{}",
            event.at.to_rfc3339(),
            event.name,
            id(event.user.map(|id| id.to_string())),
            id(event.actor.map(|id| id.to_string())),
            id(event.session.map(|id| id.to_string())),
            id(event.ip),
            event.detail.unwrap_or_default(),
        );
    }
    Ok(())
}
