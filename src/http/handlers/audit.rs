//! `/v1/admin/audit`: what happened that concerns security.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::blocking;
use crate::app::App;
use crate::error::Error;
use crate::http::extract::{Administrator, Caller, Query, cut, instant, page_size, parameter};
use crate::http::problem::Problem;
use crate::http::words::EventName;
use crate::model::audit::{EventFilter, Recorded};
use crate::model::id::{SessionId, UserId};
use crate::service::queries;

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

impl From<Recorded> for EventView {
    fn from(event: Recorded) -> Self {
        Self {
            id: event.id,
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

/// Events, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Events)]
pub(in crate::http) struct EventsView {
    events: Vec<EventView>,
    /// For the next page, if there is one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which events.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EventsQuery {
    /// With this name.
    #[param(value_type = Option<EventName>, nullable = false)]
    name: Option<String>,
    /// About this user.
    #[param(format = "uuid", nullable = false)]
    user_id: Option<String>,
    /// By this user.
    #[param(format = "uuid", nullable = false)]
    actor_id: Option<String>,
    /// Not before this instant, as in `2026-01-31T12:00:00+01:00`.
    #[param(format = "date-time", nullable = false)]
    since: Option<String>,
    /// Before this instant.
    #[param(format = "date-time", nullable = false)]
    until: Option<String>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,18}$", nullable = false)]
    cursor: Option<String>,
    /// How many: 50 if missing.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
}

impl TryFrom<&EventsQuery> for EventFilter {
    type Error = Error;

    fn try_from(query: &EventsQuery) -> Result<Self, Error> {
        Ok(Self {
            name: parameter("name", query.name.as_deref(), "the name of an event")?,
            user: parameter("user_id", query.user_id.as_deref(), "a UUID")?,
            actor: parameter("actor_id", query.actor_id.as_deref(), "a UUID")?,
            since: instant("since", query.since.as_deref())?,
            until: instant("until", query.until.as_deref())?,
            before: parameter("cursor", query.cursor.as_deref(), "the next_cursor of a page")?,
        })
    }
}

/// Read the audit log
///
/// Every security event of the last `AUDIT_RETENTION`, the newest first.
#[utoipa::path(get, path = "/v1/admin/audit", tag = "administration", params(EventsQuery),
    responses((status = 200, body = EventsView)))]
pub(in crate::http) async fn list(
    _: Caller<Administrator>,
    app: web::Data<App>,
    Query(query): Query<EventsQuery>,
) -> Result<HttpResponse, Problem> {
    let limit = page_size(query.limit.as_deref())?;
    let filter = EventFilter::try_from(&query)?;
    let found = blocking(move || queries::list_events(&app, &filter, limit + 1)).await?;
    let (found, next_cursor) = cut(found, limit, |recorded| recorded.id.to_string());
    Ok(HttpResponse::Ok().json(EventsView { events: found.into_iter().map(EventView::from).collect(), next_cursor }))
}
