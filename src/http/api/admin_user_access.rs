//! `/v1/admin/users/{id}/sessions`, `/api-tokens` and `/identities`: what opens a user's account, for administrators.

use actix_web::{HttpResponse, web};

use super::{blocking, lists};
use crate::app::App;
use crate::http::extract::{Administrator, AdministratorRecently, Caller, PathId, Query};
use crate::http::failure::Failure;
use crate::http::view::api_token::{ApiTokensView, RevokedView};
use crate::http::view::identity::{IdentitiesView, IdentityView};
use crate::http::view::session::{EndedView, PageQuery, SessionsView};
use crate::model::api_token::ApiTokenId;
use crate::model::id::{SessionId, UserId};
use crate::model::identity::IdentityId;
use crate::model::session::EndReason;
use crate::service::{api_tokens, identities, sessions, totp, users};

/// List a user's sessions
///
/// Returns live and ended sessions with times and reasons, newest first. It answers "Why was I logged out?"; the audit
/// log has more details.
#[utoipa::path(get, path = "/v1/admin/users/{id}/sessions", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id."), PageQuery),
    responses((status = 200, body = SessionsView)))]
pub(in crate::http) async fn list_sessions(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, Failure> {
    let asked = app.clone();
    blocking(move || users::find(&asked, id)).await?;
    lists::sessions(app, id, caller.claims.sid, query).await
}

/// End a user's sessions
///
/// Ends all sessions of the user and returns how many. Their access tokens are denied at once.
#[utoipa::path(delete, path = "/v1/admin/users/{id}/sessions", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn end_sessions(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    let end = move || {
        users::find(&app, id)?;
        let sessions_ended = sessions::end_all(&app, id, None, EndReason::Admin, &caller.origin)?;
        Ok(EndedView { sessions_ended })
    };
    Ok(HttpResponse::Ok().json(blocking(end).await?))
}

/// End one of a user's sessions
#[utoipa::path(delete, path = "/v1/admin/users/{id}/sessions/{session_id}", tag = "administration",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("session_id" = String, Path, format = "uuid", description = "The session's id."),
    ),
    responses((status = 204, description = "The session has ended.")))]
pub(in crate::http) async fn end_session(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    (PathId(id), PathId(session)): (PathId<UserId>, PathId<SessionId, 1>),
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    sessions::end(&app, id, session, EndReason::Admin, caller.origin).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Reset a user's second factors
///
/// Removes the authenticator app, the passkeys and the recovery codes of a user who has lost them. The user logs in with the password
/// alone, and their sessions go on.
#[utoipa::path(delete, path = "/v1/admin/users/{id}/totp", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 204, description = "The second factors are removed.")))]
pub(in crate::http) async fn reset_second_factors(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    blocking(move || totp::reset(&app, id, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List a user's identities at providers
///
/// Each of them logs in to the account, also after its password was reset.
#[utoipa::path(get, path = "/v1/admin/users/{id}/identities", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = IdentitiesView)))]
pub(in crate::http) async fn list_identities(
    _: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    let look = move || {
        users::find(&app, id)?;
        identities::list(&app, id)
    };
    let identities = blocking(look).await?.iter().map(IdentityView::from).collect();
    Ok(HttpResponse::Ok().json(IdentitiesView { identities }))
}

/// Unlink one of a user's identities
///
/// It does not log in any more, even if it was the only way to log in; the user is told by mail. Sessions go on.
#[utoipa::path(delete, path = "/v1/admin/users/{id}/identities/{identity_id}", tag = "administration",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("identity_id" = String, Path, format = "uuid", description = "The identity's id."),
    ),
    responses((status = 204, description = "The identity is unlinked.")))]
pub(in crate::http) async fn unlink_identity(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    (PathId(id), PathId(identity)): (PathId<UserId>, PathId<IdentityId, 1>),
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    blocking(move || identities::remove(&app, id, identity, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List a user's API tokens
#[utoipa::path(get, path = "/v1/admin/users/{id}/api-tokens", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = ApiTokensView)))]
pub(in crate::http) async fn list_api_tokens(
    _: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    let asked = app.clone();
    blocking(move || users::find(&asked, id)).await?;
    lists::api_tokens(app, id).await
}

/// Revoke a user's API tokens
///
/// Revokes all API tokens of the user.
#[utoipa::path(delete, path = "/v1/admin/users/{id}/api-tokens", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = RevokedView)))]
pub(in crate::http) async fn revoke_api_tokens(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    let revoke = move || {
        users::find(&app, id)?;
        let api_tokens_revoked = api_tokens::revoke_all(&app, id, &caller.origin)?;
        Ok(RevokedView { api_tokens_revoked })
    };
    Ok(HttpResponse::Ok().json(blocking(revoke).await?))
}

/// Revoke one of a user's API tokens
#[utoipa::path(delete, path = "/v1/admin/users/{id}/api-tokens/{api_token_id}", tag = "administration",
    params(
        ("id" = String, Path, format = "uuid", description = "The user's id."),
        ("api_token_id" = String, Path, format = "uuid", description = "The API token's id."),
    ),
    responses((status = 204, description = "The API token is revoked.")))]
pub(in crate::http) async fn revoke_api_token(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    (PathId(id), PathId(token)): (PathId<UserId>, PathId<ApiTokenId, 1>),
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    let _was_active = blocking(move || api_tokens::revoke(&app, id, token, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}
