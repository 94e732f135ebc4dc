//! Events of the audit log.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::words::EventName;
use crate::model::audit::Recorded;
use crate::model::id::{SessionId, UserId};

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Later events have higher numbers.
    id: i64,
    /// When.
    #[schema(format = "date-time")]
    at: String,
    /// What.
    #[schema(value_type = EventName)]
    name: String,
    /// The user that it concerns.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    user_id: Option<UserId>,
    /// Who did it; nobody in particular before a login and on the command line.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    actor_id: Option<UserId>,
    /// Which session it concerns, or was done from.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    session_id: Option<SessionId>,
    /// From where.
    #[schema(required, example = "192.0.2.7")]
    ip: Option<String>,
    /// By which request: the `X-Request-Id` of its answer.
    #[schema(required, example = "k3x9Qm2ZAAAAAAAA")]
    request_id: Option<String>,
    /// More about it.
    #[schema(required)]
    detail: Option<String>,
}

impl From<(i64, Recorded)> for EventView {
    fn from((id, event): (i64, Recorded)) -> Self {
        Self {
            id,
            at: event.at.to_rfc3339(),
            name: event.name,
            user_id: event.user,
            actor_id: event.actor,
            session_id: event.session,
            ip: event.ip,
            request_id: event.request_id,
            detail: event.detail,
        }
    }
}
