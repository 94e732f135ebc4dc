//! Sessions, page by page.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Timestamp;
use crate::http::words::EndReason;
use crate::model::id::SessionId;
use crate::model::session::{Device, Session};

/// One login on one device.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    /// The `sid` of its tokens.
    #[schema(value_type = String, format = "uuid")]
    id: SessionId,
    /// What its owner called the device.
    #[schema(required, example = "my laptop")]
    label: Option<String>,
    /// What the device called itself at the login.
    #[schema(required, example = "curl/8.5.0")]
    user_agent: Option<String>,
    /// From where it was opened.
    #[schema(required, example = "192.0.2.7")]
    ip: Option<String>,
    /// When it was opened.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was last refreshed, if it was.
    #[schema(required, format = "date-time")]
    last_refreshed_at: Option<String>,
    /// When the password was last given for it.
    #[schema(format = "date-time")]
    authenticated_at: String,
    /// When it ends if it is not refreshed.
    #[schema(format = "date-time")]
    expires_at: String,
    /// Whether it is the one that asks.
    current: bool,
    /// When it ended, if it has.
    #[schema(required, format = "date-time")]
    ended_at: Option<String>,
    /// Why it ended, if it has.
    #[schema(required, value_type = Option<EndReason>)]
    end_reason: Option<String>,
}

/// Sessions, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Sessions)]
pub(crate) struct SessionsView {
    pub(crate) sessions: Vec<SessionView>,
    /// For the next page, if there is one.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// `next_cursor` of the page before.
    #[param(format = "uuid", nullable = false)]
    pub(crate) cursor: Option<String>,
    /// How many: 50 if missing.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, nullable = false)]
    pub(crate) limit: Option<String>,
}

/// One login on one device; `current` is the session that asks.
pub(crate) fn view(session: &Session, device: Device, current: Option<SessionId>, now: Timestamp) -> SessionView {
    let Device { label, user_agent, ip } = device;
    let end = session.end_by(now);
    SessionView {
        id: session.id,
        label,
        user_agent,
        ip,
        created_at: session.created_at.to_rfc3339(),
        last_refreshed_at: (session.denied_through > 0).then(|| session.rotated_at.to_rfc3339()),
        authenticated_at: session.auth_time().to_rfc3339(),
        expires_at: session.refresh_expires_at.to_rfc3339(),
        current: current == Some(session.id) && end.is_none(),
        ended_at: end.map(|end| end.at.to_rfc3339()),
        end_reason: end.map(|end| end.reason.to_string()),
    }
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionsEnded)]
pub(crate) struct EndedView {
    /// How many.
    pub(crate) sessions_ended: usize,
}
