//! `/v1/me/identities`: who a user is at providers.

use actix_web::{HttpResponse, web};

use super::blocking;
use crate::app::App;
use crate::http::extract::{Caller, LoggedIn, PathId, Protecting};
use crate::http::failure::Failure;
use crate::http::view::identity::{IdentitiesView, IdentityView};
use crate::model::identity::IdentityId;
use crate::service::identities;

/// List my identities at providers
///
/// Each of them logs in to the account. One is linked on the account pages, or when it registers.
#[utoipa::path(get, path = "/v1/me/identities", tag = "me", responses((status = 200, body = IdentitiesView)))]
pub(in crate::http) async fn list(caller: Caller<LoggedIn>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let found = blocking(move || identities::list(&app, caller.user)).await?;
    let identities = found.iter().map(IdentityView::from).collect();
    Ok(HttpResponse::Ok().json(IdentitiesView { identities }))
}

/// Unlink an identity
///
/// It does not log in any more; sessions go on. 409 if nothing else would log in to the account: no password, no passkey, and no
/// identity at a provider that is enabled. The user must have authenticated within `REAUTHENTICATION_PERIOD`, by what the account has: a sign-in at a
/// provider is enough only if that is nothing else.
#[utoipa::path(delete, path = "/v1/me/identities/{id}", tag = "me",
    params(("id" = String, Path, format = "uuid", description = "The identity's id.")),
    responses((status = 204, description = "The identity is unlinked.")))]
pub(in crate::http) async fn unlink(
    caller: Caller<Protecting>,
    app: web::Data<App>,
    PathId(id): PathId<IdentityId>,
) -> Result<HttpResponse, Failure> {
    let Caller { user, origin, .. } = caller;
    blocking(move || identities::unlink(&app, user, id, &origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}
