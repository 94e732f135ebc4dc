//! `tokensmith audit`.

use std::collections::hash_map::{Entry, HashMap};

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

use super::CliError;
use super::output::List;
use crate::app::App;
use crate::error::Error;
use crate::http::view::event::EventView;
use crate::model::audit::{EVENT_NAMES, EventFilter, EventName};
use crate::model::id::UserId;
use crate::service::{queries, users};

/// Which events to show.
#[derive(Args)]
pub(super) struct AuditCommand {
    /// Only events about this user: a username, or the id of an account, which may be deleted
    #[arg(long)]
    user: Option<String>,
    /// Only events with this name
    #[arg(long, value_parser = event_name())]
    event: Option<EventName>,
    /// Maximum number of events
    #[arg(long, default_value_t = 100)]
    limit: i64,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

/// An event with the current usernames of its users; the audit log holds only their ids.
#[derive(Serialize)]
struct Named<'a> {
    #[serde(flatten)]
    event: EventView,
    username: Option<&'a str>,
    actor_username: Option<&'a str>,
}

const HEADERS: [&str; 9] = ["TIME", "EVENT", "USER", "USER ID", "BY", "SESSION", "FROM", "REQUEST", "DETAIL"];

fn event_name() -> impl TypedValueParser<Value = EventName> {
    PossibleValuesParser::new(EVENT_NAMES.map(|(_, name)| name)).try_map(|name| name.parse::<EventName>())
}

pub(super) fn run(app: &App, command: &AuditCommand) -> Result<(), CliError> {
    let find = |text: &str| match text.parse::<UserId>() {
        Ok(id) => Ok(id),
        Err(_a_name) => users::find_by_name(app, text).map(|user| user.id),
    };
    let user = command.user.as_deref().map(find).transpose()?;
    let filter = EventFilter { name: command.event, user, ..EventFilter::default() };
    let events = queries::list_events(app, &filter, command.limit.max(0))?;
    let mut names = HashMap::new();
    for id in events.iter().flat_map(|(_, event)| [event.user, event.actor]).flatten() {
        if let Entry::Vacant(unknown) = names.entry(id) {
            unknown.insert(username(app, id)?);
        }
    }
    let name_of = |id: Option<UserId>| id.and_then(|id| names.get(&id)?.as_deref());
    let mut list = List::new(command.json, HEADERS);
    for (number, event) in events {
        let (username, actor_username) = (name_of(event.user), name_of(event.actor));
        let id = |id: Option<UserId>| id.map(|id| id.to_string()).unwrap_or_default();
        let cells = [
            event.at.to_rfc3339(),
            event.name.clone(),
            username.unwrap_or_default().to_owned(),
            id(event.user),
            actor_username.map_or_else(|| id(event.actor), ToOwned::to_owned),
            event.session.map(|id| id.to_string()).unwrap_or_default(),
            event.ip.clone().unwrap_or_default(),
            event.request_id.clone().unwrap_or_default(),
            event.detail.clone().unwrap_or_default(),
        ];
        list.add(cells, &Named { event: (number, event).into(), username, actor_username })?;
    }
    list.finish()
}

/// `None` if the account was deleted.
fn username(app: &App, id: UserId) -> Result<Option<String>, Error> {
    match users::find(app, id) {
        Ok(user) => Ok(Some(user.username.to_string())),
        Err(Error::UserUnknown) => Ok(None),
        Err(error) => Err(error),
    }
}
