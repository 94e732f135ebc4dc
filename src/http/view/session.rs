//! Sessions, page by page.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::clock::Timestamp;
use crate::http::words::EndReason;
use crate::model::id::SessionId;
use crate::model::session::{Device, Listed};

/// A session: one login on one device.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionView {
    /// Id of the session, which is the `sid` of its tokens.
    #[schema(value_type = String, format = "uuid")]
    id: SessionId,
    /// The registered application that it belongs to; null for a login.
    #[schema(required, example = json!(null))]
    client_id: Option<String>,
    /// The user's name for the device; null if none was given.
    #[schema(required, example = "my laptop")]
    label: Option<String>,
    /// `User-Agent` at the login; null if there was none.
    #[schema(required, example = "curl/8.5.0")]
    user_agent: Option<String>,
    /// IP address of the login; null if it is not known.
    #[schema(required, example = "192.0.2.7")]
    ip: Option<String>,
    /// When it was opened.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was last refreshed; null if never.
    #[schema(required, format = "date-time")]
    last_refreshed_at: Option<String>,
    /// When the password was last given for it.
    #[schema(format = "date-time")]
    authenticated_at: String,
    /// When it ends if it is not refreshed.
    #[schema(format = "date-time")]
    expires_at: String,
    /// Whether it is the session of the request's access token.
    current: bool,
    /// When it ended; null if it is live.
    #[schema(required, format = "date-time")]
    ended_at: Option<String>,
    /// Why it ended; null if it is live.
    #[schema(required, value_type = Option<EndReason>)]
    end_reason: Option<String>,
}

/// Sessions, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Sessions)]
pub(crate) struct SessionsView {
    pub(crate) sessions: Vec<SessionView>,
    /// Pass it as `cursor` to get the next page; null on the last page.
    #[schema(required)]
    pub(crate) next_cursor: Option<String>,
}

/// Which page to return.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// The `next_cursor` of the previous page.
    #[param(format = "uuid", nullable = false)]
    pub(crate) cursor: Option<String>,
    /// Maximum number of entries on the page. Default: 50.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, nullable = false)]
    pub(crate) limit: Option<String>,
}

/// A session as every response shows it; `current` is the session of the request.
pub(crate) fn view(listed: &Listed, current: Option<SessionId>, now: Timestamp) -> SessionView {
    let Listed { session, device, application } = listed;
    let Device { label, user_agent, ip } = device.clone();
    let end = session.end_by(now);
    SessionView {
        id: session.id,
        client_id: application.clone(),
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
    /// Number of sessions that ended.
    pub(crate) sessions_ended: usize,
}
