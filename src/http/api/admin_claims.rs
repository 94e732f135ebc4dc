//! `/v1/admin/claims`: custom claims, for administrators.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::extract::{Administrator, AdministratorRecently, Caller, Json};
use crate::http::failure::Failure;
use crate::http::view::claim::{ClaimSource, ClaimView, ClaimsView};
use crate::http::words::{ClaimPlace, ClientScopeName};
use crate::model::custom_claim::{Mapping, Place, Source};
use crate::service::custom_claims;

/// Where the value of a claim comes from, and which tokens and responses have it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DefineClaim, example = json!({
    "source": {"app_attribute": "/billing/plan"}, "in": ["access_token", "userinfo"],
}))]
pub(in crate::http) struct ClaimBody {
    /// Where its value comes from. A user or an application that has none there has no such claim.
    #[schema(value_type = ClaimSource)]
    source: Source,
    /// Only with one of these scopes. Default: with any.
    #[serde(default)]
    #[schema(value_type = Vec<ClientScopeName>, max_items = 64)]
    scopes: Vec<String>,
    /// Only with one of these audiences of the access token: some of `AUDIENCE`. Default: with any.
    #[serde(default)]
    #[schema(max_items = 64)]
    audiences: Vec<String>,
    /// Where it is.
    #[schema(value_type = Vec<ClaimPlace>, min_items = 1, max_items = 3)]
    r#in: Vec<Place>,
}

/// List custom claims
///
/// All of them, by name: those that administrators have defined, and those of `CLAIMS_FILE`.
#[utoipa::path(get, path = "/v1/admin/claims", tag = "administration", responses((status = 200, body = ClaimsView)))]
pub(in crate::http) async fn list(_: Caller<Administrator>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let all = blocking(move || custom_claims::list(&app)).await?;
    Ok(HttpResponse::Ok().json(ClaimsView { claims: all.iter().map(ClaimView::from).collect() }))
}

/// Define a custom claim
///
/// It is new, or replaces the one with this name. Sessions have it with the next refresh. Registered claims and those of this
/// service are locked. The administrator must have given the password within `REAUTHENTICATION_PERIOD`.
#[utoipa::path(put, path = "/v1/admin/claims/{id}", tag = "administration", request_body = ClaimBody,
    params(("id" = String, Path, pattern = "^[A-Za-z_][A-Za-z0-9_.:/-]{0,99}$", description = "The claim's name, percent-encoded: 1 to 100 letters, digits or any of \
        `_-.:/`, beginning with a letter or `_`.")),
    responses((status = 200, body = ClaimView)))]
pub(in crate::http) async fn put(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    name: web::Path<String>,
    Json(body): Json<ClaimBody>,
) -> Result<HttpResponse, Failure> {
    let ClaimBody { source, scopes, audiences, r#in: places } = body;
    let mapping = Mapping { source, scopes, audiences, places };
    let defined = blocking(move || custom_claims::put(&app, &name, mapping, &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(ClaimView::from(&defined)))
}

/// Delete a custom claim
///
/// Tokens that were issued keep it until they expire. The administrator must have given the password within
/// `REAUTHENTICATION_PERIOD`.
#[utoipa::path(delete, path = "/v1/admin/claims/{id}", tag = "administration",
    params(("id" = String, Path, description = "The claim's name, percent-encoded.")),
    responses((status = 204, description = "The claim is deleted.")))]
pub(in crate::http) async fn delete(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    name: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    blocking(move || custom_claims::delete(&app, &name, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}
