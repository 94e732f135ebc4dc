//! `/v1/me/applications`: the registered applications that a user has given access to.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::extract::{Caller, LoggedIn};
use crate::http::failure::Failure;
use crate::http::view::rfc3339;
use crate::http::words::ClientScopeName;
use crate::service::oauth::applications::{self, Application};

/// An application with access to one's account.
#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
pub(in crate::http) struct ApplicationView {
    /// Its `client_id`.
    client_id: String,
    /// What it is called.
    name: String,
    /// What it may do.
    #[schema(value_type = Vec<ClientScopeName>)]
    scopes: Vec<String>,
    /// When the user last allowed something to it; `null` when it is the operator's own and does not ask.
    #[schema(required, format = "date-time")]
    allowed_at: Option<String>,
    /// How many of its grants are live.
    grants: usize,
}

/// The applications with access to one's account.
#[derive(Serialize, ToSchema)]
#[schema(as = Applications)]
pub(in crate::http) struct ApplicationsView {
    /// By `client_id`.
    applications: Vec<ApplicationView>,
}

/// List applications with access to my account
///
/// Those that I have allowed something, and those of the operator that have a live grant.
#[utoipa::path(get, path = "/v1/me/applications", tag = "me", responses((status = 200, body = ApplicationsView)))]
pub(in crate::http) async fn list(caller: Caller<LoggedIn>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let found = blocking(move || applications::list(&app, caller.user)).await?;
    let view = |(client_id, application): (String, Application)| ApplicationView {
        client_id,
        name: application.name,
        scopes: application.scopes.into_iter().collect(),
        allowed_at: rfc3339(application.allowed_at),
        grants: application.grants,
    };
    Ok(HttpResponse::Ok().json(ApplicationsView { applications: found.into_iter().map(view).collect() }))
}

/// Take access back from an application
///
/// Its grants end, and it has to ask again. 204 also when it had no access.
#[utoipa::path(delete, path = "/v1/me/applications/{client_id}", tag = "me",
    params(("client_id" = String, Path, description = "The application's `client_id`.")),
    responses((status = 204, description = "It has no access any more.")))]
pub(in crate::http) async fn remove(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    id: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    // A text that no id can be has access to nothing.
    if let Ok(client) = id.parse() {
        blocking(move || applications::remove(&app, caller.user, client, &caller.origin)).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}
