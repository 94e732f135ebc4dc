//! `/v1/api-tokens`: a user's own API tokens.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{blocking, lists};
use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::http::extract::{Caller, Json, LoggedIn, LoggedInRecently, PathId};
use crate::http::failure::Failure;
use crate::http::view::api_token::{ApiTokenView, ApiTokensView, view};
use crate::http::words::{Name, RoleName, ScopeName};
use crate::model::api_token::{ApiToken, ApiTokenId};
use crate::secret::ApiKey;
use crate::service::api_tokens::{self, NewApiToken};

/// An API token with its key, which is shown this once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiToken)]
pub(in crate::http) struct ApiKeyView {
    #[serde(flatten)]
    token: ApiTokenView,
    /// For `Authorization: Token` or `Bearer`. It cannot be shown again.
    #[schema(example = "tks_abcdefghijkmnpqrstuvwxyz23456789abcdefghijkmnpq", pattern = "^tks_[a-km-np-z2-9]{47}$")]
    key: String,
}

/// What an API token is to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateApiToken, example = json!({"name": "nightly backup", "expires_in": 2_592_000}))]
pub(in crate::http) struct CreateBody {
    /// What its owner calls it.
    #[schema(value_type = Name, example = "nightly backup")]
    name: String,
    /// What it may be used for: some of `SCOPES`.
    #[serde(default)]
    #[schema(value_type = Vec<ScopeName>, max_items = 64)]
    scopes: Vec<String>,
    /// Roles of the owner that it is to have.
    #[serde(default)]
    #[schema(value_type = Vec<RoleName>, max_items = 64)]
    roles: Vec<String>,
    /// How long it is to live, in seconds; for ever if missing.
    #[schema(value_type = Option<i64>, example = 2_592_000, minimum = 1, maximum = 315_360_000)]
    expires_in: Option<Seconds>,
}

fn with_key(
    token: &ApiToken,
    key: &ApiKey,
    now: Timestamp,
    mut response: actix_web::HttpResponseBuilder,
) -> HttpResponse {
    let view = ApiKeyView { token: view(token, now), key: key.expose().to_owned() };
    response.insert_header((CACHE_CONTROL, "no-store")).json(view)
}

/// List my API tokens
///
/// Without their keys; also those that have expired or were revoked, for `SESSION_RETENTION`.
#[utoipa::path(get, path = "/v1/api-tokens", tag = "api tokens", responses((status = 200, body = ApiTokensView)))]
pub(in crate::http) async fn list(caller: Caller<LoggedIn>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    lists::api_tokens(app, caller.user).await
}

/// Make an API token
///
/// For a script. The key is shown this once. The password must have been given lately.
#[utoipa::path(post, path = "/v1/api-tokens", tag = "api tokens", request_body = CreateBody,
    responses((status = 201, body = ApiKeyView)))]
pub(in crate::http) async fn create(
    caller: Caller<LoggedInRecently>,
    app: web::Data<App>,
    Json(body): Json<CreateBody>,
) -> Result<HttpResponse, Failure> {
    let now = app.clock.now();
    let (token, key) = blocking(move || {
        let CreateBody { name, scopes, roles, expires_in } = &body;
        let new = NewApiToken { name, scopes, roles, lifetime: *expires_in };
        api_tokens::create(&app, caller.user, &new, &caller.origin)
    })
    .await?;
    Ok(with_key(&token, &key, now, HttpResponse::Created()))
}

/// Replace the key of an API token
///
/// The old key is refused from now on. The new one is shown this once. The password must have been given lately.
#[utoipa::path(post, path = "/v1/api-tokens/{id}/rotate", tag = "api tokens",
    params(("id" = String, Path, format = "uuid", description = "The API token's id.")),
    responses((status = 200, body = ApiKeyView)))]
pub(in crate::http) async fn rotate(
    caller: Caller<LoggedInRecently>,
    app: web::Data<App>,
    PathId(id): PathId<ApiTokenId>,
) -> Result<HttpResponse, Failure> {
    let now = app.clock.now();
    let rotate = move || api_tokens::rotate(&app, caller.user, id, &caller.origin);
    let (token, key) = blocking(rotate).await?;
    Ok(with_key(&token, &key, now, HttpResponse::Ok()))
}

/// Revoke an API token
///
/// It is refused from now on, and so is what it was exchanged for. 204 also when it was revoked before.
#[utoipa::path(delete, path = "/v1/api-tokens/{id}", tag = "api tokens",
    params(("id" = String, Path, format = "uuid", description = "The API token's id.")),
    responses((status = 204, description = "It is revoked.")))]
pub(in crate::http) async fn revoke(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    PathId(id): PathId<ApiTokenId>,
) -> Result<HttpResponse, Failure> {
    let _was_active = blocking(move || api_tokens::revoke(&app, caller.user, id, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}
