//! `/v1/admin/clients`: registered applications, for administrators.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::extract::{Administrator, AdministratorRecently, Caller, Json, JsonOrNothing, PathId};
use crate::http::failure::Failure;
use crate::http::view::client::{
    ChangeClientBody, ClientView, ClientsView, CreateClientBody, NewClientView, RotatedView, new_client,
};
use crate::http::view::session::EndedView;
use crate::service::clients::{self, ClientMetadata, OldSecret};

/// What happens to the secret before the new one.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateSecret, example = json!({"end_old_secret": true}))]
pub(in crate::http) struct RotateBody {
    /// Refuse it at once, instead of accepting it for a day.
    #[serde(default)]
    end_old_secret: bool,
}

fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// List applications
///
/// All of them, by `client_id`.
#[utoipa::path(get, path = "/v1/admin/clients", tag = "administration",
    responses((status = 200, body = ClientsView)))]
pub(in crate::http) async fn list(_: Caller<Administrator>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let clients = blocking(move || clients::list(&app)).await?;
    Ok(HttpResponse::Ok().json(ClientsView { clients: clients.iter().map(ClientView::from).collect() }))
}

/// Register an application
///
/// Its secret is shown only now. The administrator's password must have been given recently.
#[utoipa::path(post, path = "/v1/admin/clients", tag = "administration", request_body = CreateClientBody,
    responses((status = 201, body = NewClientView)))]
pub(in crate::http) async fn create(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    Json(mut body): Json<CreateClientBody>,
) -> Result<HttpResponse, Failure> {
    let id = body.client_id.take();
    let create = move || clients::create(&app, id.as_deref(), &ClientMetadata::from(body), &caller.origin);
    let (client, secret) = blocking(create).await?;
    let view = new_client(&client, secret.as_ref());
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// Show an application
#[utoipa::path(get, path = "/v1/admin/clients/{id}", tag = "administration",
    params(("id" = String, Path, description = "The application's `client_id`.")),
    responses((status = 200, body = ClientView)))]
pub(in crate::http) async fn show(
    _: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<String>,
) -> Result<HttpResponse, Failure> {
    let client = blocking(move || clients::find(&app, &id)).await?;
    Ok(HttpResponse::Ok().json(ClientView::from(&client)))
}

/// Change an application
///
/// An application that authenticates by a secret from now on gets it by `rotate-secret`. The administrator's password must
/// have been given recently.
#[utoipa::path(patch, path = "/v1/admin/clients/{id}", tag = "administration", request_body = ChangeClientBody,
    params(("id" = String, Path, description = "The application's `client_id`.")),
    responses((status = 200, body = ClientView)))]
pub(in crate::http) async fn change(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<String>,
    Json(body): Json<ChangeClientBody>,
) -> Result<HttpResponse, Failure> {
    let change = move || clients::update(&app, &id, &ClientMetadata::from(body), &caller.origin);
    Ok(HttpResponse::Ok().json(ClientView::from(&blocking(change).await?)))
}

/// Replace the secret of an application
///
/// The new one is shown only now; the old one is valid for a day. The administrator's password must have been given
/// recently.
#[utoipa::path(post, path = "/v1/admin/clients/{id}/rotate-secret", tag = "administration",
    request_body = Option<RotateBody>,
    params(("id" = String, Path, description = "The application's `client_id`.")),
    responses((status = 200, body = RotatedView)))]
pub(in crate::http) async fn rotate_secret(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<String>,
    JsonOrNothing(body): JsonOrNothing<RotateBody>,
) -> Result<HttpResponse, Failure> {
    let old = if body.end_old_secret { OldSecret::Ended } else { OldSecret::Kept };
    let rotated = blocking(move || clients::rotate_secret(&app, &id, old, &caller.origin)).await?;
    let view = RotatedView::from(&rotated);
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// Disable an application
///
/// It is refused from now on, and so are its access tokens. What its users have allowed goes on when it is enabled again.
#[utoipa::path(post, path = "/v1/admin/clients/{id}/disable", tag = "administration",
    params(("id" = String, Path, description = "The application's `client_id`.")),
    responses((status = 204, description = "The application is refused.")))]
pub(in crate::http) async fn disable(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<String>,
) -> Result<HttpResponse, Failure> {
    blocking(move || clients::disable(&app, &id, &caller.origin)).await?;
    Ok(no_content())
}

/// Enable an application
///
/// Access tokens from before stay refused, and those of the minute after it was disabled. The administrator's password must
/// have been given recently.
#[utoipa::path(post, path = "/v1/admin/clients/{id}/enable", tag = "administration",
    params(("id" = String, Path, description = "The application's `client_id`.")),
    responses((status = 204, description = "The application may get tokens.")))]
pub(in crate::http) async fn enable(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<String>,
) -> Result<HttpResponse, Failure> {
    blocking(move || clients::enable(&app, &id, &caller.origin)).await?;
    Ok(no_content())
}

/// Delete an application
///
/// What its users have allowed is deleted, too. Its sessions end, and its access tokens are refused. The administrator's
/// password must have been given recently.
#[utoipa::path(delete, path = "/v1/admin/clients/{id}", tag = "administration",
    params(("id" = String, Path, description = "The application's `client_id`.")),
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn delete(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<String>,
) -> Result<HttpResponse, Failure> {
    let sessions_ended = blocking(move || clients::delete(&app, &id, &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(EndedView { sessions_ended }))
}
