//! `/v1/sessions` and `/v1/logout`: a user's own sessions.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::blocking;
use super::me::EndedView;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::extract::{Caller, JsonOrNothing, LoggedIn, PathId, Query, cut, page_size, parameter};
use crate::http::problem::Problem;
use crate::http::words::EndReason as EndReasonName;
use crate::model::id::{SessionId, UserId};
use crate::model::session::{Device, EndReason, Session};
use crate::service::{queries, sessions};

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
    #[schema(required, value_type = Option<EndReasonName>)]
    end_reason: Option<String>,
}

/// Sessions, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Sessions)]
pub(in crate::http) struct SessionsView {
    sessions: Vec<SessionView>,
    /// For the next page, if there is one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PageQuery {
    /// `next_cursor` of the page before.
    #[param(format = "uuid", nullable = false)]
    cursor: Option<String>,
    /// How many: 50 if missing.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
}

/// Which sessions stay.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogoutAll, example = json!({"keep_current": true}))]
pub(in crate::http) struct LogoutAllBody {
    /// Whether the session that asks goes on.
    #[serde(default)]
    keep_current: bool,
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
        authenticated_at: session.authenticated_at.to_rfc3339(),
        expires_at: session.refresh_expires_at.to_rfc3339(),
        current: current == Some(session.id) && end.is_none(),
        ended_at: end.map(|end| end.at.to_rfc3339()),
        end_reason: end.map(|end| end.reason.to_string()),
    }
}

/// A page of a user's sessions.
pub(super) async fn page(
    app: web::Data<App>,
    user: UserId,
    current: Option<SessionId>,
    query: PageQuery,
) -> Result<HttpResponse, Problem> {
    let limit = page_size(query.limit.as_deref())?;
    let before = parameter::<SessionId>("cursor", query.cursor.as_deref(), "the next_cursor of a page")?;
    let now = app.clock.now();
    let found = blocking(move || queries::list_sessions(&app, user, before, limit + 1)).await?;
    let (found, next_cursor) = cut(found, limit, |(session, _)| session.id.to_string());
    let sessions = found.into_iter().map(|(session, device)| view(&session, device, current, now)).collect();
    Ok(HttpResponse::Ok().json(SessionsView { sessions, next_cursor }))
}

/// List my sessions
///
/// Live ones, and for `SESSION_RETENTION` ended ones with the reason, the newest first.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", params(PageQuery),
    responses((status = 200, body = SessionsView)))]
pub(in crate::http) async fn list(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, Problem> {
    page(app, caller.user, caller.claims.sid, query).await
}

/// End one of my sessions
///
/// Its refresh token is of no use from now on, its access tokens are on the denylist. 204 also when it had ended before.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, format = "uuid", description = "The session's id.")),
    responses((status = 204, description = "It has ended.")))]
pub(in crate::http) async fn end(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    PathId(id): PathId<SessionId>,
) -> Result<HttpResponse, Problem> {
    let reason = if caller.claims.sid == Some(id) { EndReason::Logout } else { EndReason::Revoked };
    blocking(move || sessions::end(&app, caller.user, id, reason, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Log out
///
/// Ends the session of the access token.
#[utoipa::path(post, path = "/v1/logout", tag = "sessions",
    responses((status = 204, description = "The session has ended.")))]
pub(in crate::http) async fn logout(caller: Caller<LoggedIn>, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let ended =
        blocking(move || sessions::end(&app, caller.user, caller.session()?, EndReason::Logout, &caller.origin));
    match ended.await {
        // Not on record any more: it cannot be used.
        Ok(()) | Err(Problem(Error::SessionNotFound)) => Ok(HttpResponse::NoContent().finish()),
        Err(problem) => Err(problem),
    }
}

/// Log out everywhere
///
/// Ends all sessions of the user, or with `keep_current` all but the one that asks.
#[utoipa::path(post, path = "/v1/logout/all", tag = "sessions", request_body = Option<LogoutAllBody>,
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn logout_all(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<LogoutAllBody>,
) -> Result<HttpResponse, Problem> {
    let ended = blocking(move || {
        let Caller { claims, user, origin, .. } = &caller;
        let except = claims.sid.filter(|_| body.keep_current);
        sessions::end_all(&app, *user, except, EndReason::Logout, origin)
    });
    Ok(HttpResponse::Ok().json(EndedView { sessions_ended: ended.await? }))
}
