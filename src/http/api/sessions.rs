//! `/v1/sessions` and `/v1/logout`: a user's own sessions.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{blocking, lists};
use crate::app::App;
use crate::error::Error;
use crate::http::extract::{Caller, JsonOrNothing, LoggedIn, PathId, Query};
use crate::http::failure::Failure;
use crate::http::view::session::{EndedView, PageQuery, SessionsView};
use crate::model::id::SessionId;
use crate::model::session::EndReason;
use crate::service::sessions;

/// Which sessions to end.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LogoutAll, example = json!({"keep_current": true}))]
pub(in crate::http) struct LogoutAllBody {
    /// `true` keeps the session of the access token. Default: `false`.
    #[serde(default)]
    keep_current: bool,
}

/// List my sessions
///
/// Returns live sessions and, for `SESSION_RETENTION`, ended ones with the reason, newest first.
#[utoipa::path(get, path = "/v1/sessions", tag = "sessions", params(PageQuery),
    responses((status = 200, body = SessionsView)))]
pub(in crate::http) async fn list(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, Failure> {
    lists::sessions(app, caller.user, caller.claims.sid, query).await
}

/// End one of my sessions
///
/// Its refresh token is refused from now on, and its access tokens are on the denylist. Returns 204 even if it had
/// already ended.
#[utoipa::path(delete, path = "/v1/sessions/{id}", tag = "sessions",
    params(("id" = String, Path, format = "uuid", description = "The session's id.")),
    responses((status = 204, description = "The session has ended.")))]
pub(in crate::http) async fn end(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    PathId(id): PathId<SessionId>,
) -> Result<HttpResponse, Failure> {
    let reason = if caller.claims.sid == Some(id) { EndReason::Logout } else { EndReason::Revoked };
    blocking(move || sessions::end(&app, caller.user, id, reason, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Log out
///
/// Ends the session of the access token.
#[utoipa::path(post, path = "/v1/logout", tag = "sessions",
    responses((status = 204, description = "The session has ended.")))]
pub(in crate::http) async fn logout(caller: Caller<LoggedIn>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let session = caller.session()?;
    let ended = blocking(move || sessions::end(&app, caller.user, session, EndReason::Logout, &caller.origin));
    match ended.await {
        // Not stored any more, so it cannot be used.
        Ok(()) | Err(Error::SessionNotFound) => Ok(HttpResponse::NoContent().finish()),
        Err(error) => Err(error.into()),
    }
}

/// Log out everywhere
///
/// Ends all sessions of the user; with `keep_current`, all except the session of the access token.
#[utoipa::path(post, path = "/v1/logout/all", tag = "sessions", request_body = Option<LogoutAllBody>,
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn logout_all(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<LogoutAllBody>,
) -> Result<HttpResponse, Failure> {
    let ended = blocking(move || {
        let Caller { claims, user, origin, .. } = &caller;
        let except = claims.sid.filter(|_| body.keep_current);
        sessions::end_all(&app, *user, except, EndReason::Logout, origin)
    });
    Ok(HttpResponse::Ok().json(EndedView { sessions_ended: ended.await? }))
}
