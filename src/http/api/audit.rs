//! `/v1/admin/audit`: security events.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::blocking;
use crate::app::App;
use crate::error::Error;
use crate::http::extract::{Administrator, Caller, Query, cut, instant, page_size, parameter};
use crate::http::failure::Failure;
use crate::http::view::event::EventView;
use crate::http::words::EventName;
use crate::model::audit::EventFilter;
use crate::service::queries;

/// Events, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Events)]
pub(in crate::http) struct EventsView {
    events: Vec<EventView>,
    /// Pass it as `cursor` to get the next page; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which events to return.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct EventsQuery {
    /// Only events with this name.
    #[param(value_type = Option<EventName>, nullable = false)]
    name: Option<String>,
    /// Only events about this user.
    #[param(format = "uuid", nullable = false)]
    user_id: Option<String>,
    /// Only events caused by this user.
    #[param(format = "uuid", nullable = false)]
    actor_id: Option<String>,
    /// Only events at or after this time (RFC 3339), as in `2026-01-31T12:00:00+01:00`.
    #[param(format = "date-time", nullable = false)]
    since: Option<String>,
    /// Only events before this time (RFC 3339).
    #[param(format = "date-time", nullable = false)]
    until: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(pattern = "^[0-9]{1,18}$", nullable = false)]
    cursor: Option<String>,
    /// Maximum number of events on the page. Default: 50.
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
/// Returns the security events of the last `AUDIT_RETENTION`, newest first.
#[utoipa::path(get, path = "/v1/admin/audit", tag = "administration", params(EventsQuery),
    responses((status = 200, body = EventsView)))]
pub(in crate::http) async fn list(
    _: Caller<Administrator>,
    app: web::Data<App>,
    Query(query): Query<EventsQuery>,
) -> Result<HttpResponse, Failure> {
    let limit = page_size(query.limit.as_deref())?;
    let filter = EventFilter::try_from(&query)?;
    let found = blocking(move || queries::list_events(&app, &filter, limit + 1)).await?;
    let (found, next_cursor) = cut(found, limit, |(id, _)| id.to_string());
    Ok(HttpResponse::Ok().json(EventsView { events: found.into_iter().map(EventView::from).collect(), next_cursor }))
}
