//! `/v1/sessions` and `/v1/logout`: a user's own sessions.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{blocking, lists};
use crate::app::App;
use crate::http::cookies::{Cookies, put};
use crate::http::extract::{Caller, JsonOrNothing, LoggedIn, PathId, Query, origin};
use crate::http::failure::Failure;
use crate::http::view::session::{EndedView, PageQuery, SessionsView};
use crate::model::id::SessionId;
use crate::model::session::EndReason;
use crate::service::oauth::browser;
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
    request: HttpRequest,
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    PathId(id): PathId<SessionId>,
) -> Result<HttpResponse, Failure> {
    let current = caller.claims.sid;
    let reason = if current == Some(id) { EndReason::Logout } else { EndReason::Revoked };
    sessions::end(&app, caller.user, id, reason, caller.origin).await?;
    let mut response = HttpResponse::NoContent().finish();
    forget(&request, &app, (current, Some(id)), &mut response)?;
    Ok(response)
}

/// Log out
///
/// Ends the session of the access token. If a cookie authenticates the request, both cookies are cleared, even if the
/// session is over already.
#[utoipa::path(post, path = "/v1/logout", tag = "sessions",
    responses((status = 204, description = "The session has ended.")))]
pub(in crate::http) async fn logout(
    request: HttpRequest,
    caller: Result<Caller<LoggedIn>, Failure>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let mut response = HttpResponse::NoContent().finish();
    let session = match caller {
        Ok(caller) => {
            let session = caller.session()?;
            sessions::end_if_stored(&app, caller.user, session, EndReason::Logout, caller.origin).await?;
            Some(session)
        }
        // A logout always succeeds. A refresh token that was replaced ends its session, as when it is revoked.
        Err(refused) if refused.is_about_the_token() && Cookies::authenticate(&app, &request) => {
            let cookie = Cookies::of(&app).session(&request).unwrap_or_default();
            browser::sign_out(&app, &cookie, origin(&request, &app)).await?;
            None
        }
        Err(refused) => return Err(refused),
    };
    forget(&request, &app, (session, session), &mut response)?;
    Ok(response)
}

/// Clears the cookies of a session that has ended, if the browser has those; without a session all of them. Those without a
/// readable refresh token are of the session that asks.
fn forget(
    request: &HttpRequest,
    app: &App,
    (asks, ended): (Option<SessionId>, Option<SessionId>),
    response: &mut HttpResponse,
) -> Result<(), Failure> {
    let cookies = Cookies::of(app);
    let held = cookies.session(request).and_then(|held| browser::session_of(app, &held));
    let is_meant = ended.is_none() || held.or(asks) == ended;
    if cookies.is_on() && cookies.are_there(request) && is_meant {
        put(request, response, cookies.forget())?;
    }
    Ok(())
}

/// Log out everywhere
///
/// Ends all sessions of the user; with `keep_current`, all except the session of the access token.
#[utoipa::path(post, path = "/v1/logout/all", tag = "sessions", request_body = Option<LogoutAllBody>,
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn logout_all(
    request: HttpRequest,
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<LogoutAllBody>,
) -> Result<HttpResponse, Failure> {
    let (asked, current) = (app.clone(), caller.claims.sid);
    let sessions_ended = blocking(move || {
        let except = current.filter(|_| body.keep_current);
        sessions::end_all(&asked, caller.user, except, EndReason::Logout, &caller.origin)
    });
    let mut response = HttpResponse::Ok().json(EndedView { sessions_ended: sessions_ended.await? });
    if !body.keep_current {
        forget(&request, &app, (current, current), &mut response)?;
    }
    Ok(response)
}
