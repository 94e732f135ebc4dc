//! Events of the audit log.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::words::EventName;
use crate::model::audit::Recorded;
use crate::model::id::{SessionId, UserId};

/// A security event.
#[derive(Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    /// Number of the event. Later events have higher numbers.
    id: i64,
    /// When it happened.
    #[schema(format = "date-time")]
    at: String,
    /// What happened.
    #[schema(value_type = EventName)]
    name: String,
    /// The user that it is about; null if there is none.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    user_id: Option<UserId>,
    /// The user who caused it; null before a login and on the command line.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    actor_id: Option<UserId>,
    /// The session that it is about or that caused it; null if there is none.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    session_id: Option<SessionId>,
    /// IP address of the client; null if there is none.
    #[schema(required, example = "192.0.2.7")]
    ip: Option<String>,
    /// Id of the request that caused it, as in the `X-Request-Id` of its response; null if there is none.
    #[schema(required, example = "k3x9Qm2ZAAAAAAAA")]
    request_id: Option<String>,
    /// More details, as text; null if there are none.
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
