//! `/v1/api-tokens`: a user's own API tokens.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{blocking, lists};
use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::http::extract::{Caller, Json, LoggedIn, LoggedInRecently, PathId, may_protect};
use crate::http::failure::Failure;
use crate::http::view::api_token::{ApiTokenView, ApiTokensView, view};
use crate::http::words::{Name, RoleName, ScopeName};
use crate::model::api_token::{ApiToken, ApiTokenId};
use crate::secret::ApiKey;
use crate::service::api_tokens::{self, NewApiToken};

/// An API token with its key, which is shown only once.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiToken)]
pub(in crate::http) struct ApiKeyView {
    #[serde(flatten)]
    token: ApiTokenView,
    /// The key, sent as `Authorization: Token` or `Bearer`. It cannot be shown again.
    #[schema(example = "tks_abcdefghijkmnpqrstuvwxyz23456789abcdefghijkmnpq", pattern = "^tks_[a-km-np-z2-9]{47}$")]
    key: String,
}

/// A new API token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateApiToken, example = json!({"name": "nightly backup", "expires_in": 2_592_000}))]
pub(in crate::http) struct CreateBody {
    /// The owner's name for the API token.
    #[schema(value_type = Name, example = "nightly backup")]
    name: String,
    /// Scopes of the API token: some of `SCOPES`. Default: none.
    #[serde(default)]
    #[schema(value_type = Vec<ScopeName>, max_items = 64)]
    scopes: Vec<String>,
    /// Roles of the API token: some of its owner's roles. Default: none.
    #[serde(default)]
    #[schema(value_type = Vec<RoleName>, max_items = 64)]
    roles: Vec<String>,
    /// How long it is valid, in seconds. Default: it does not expire.
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
/// Returns them without their keys. Expired and revoked ones are listed for `SESSION_RETENTION`.
#[utoipa::path(get, path = "/v1/api-tokens", tag = "api tokens", responses((status = 200, body = ApiTokensView)))]
pub(in crate::http) async fn list(caller: Caller<LoggedIn>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    lists::api_tokens(app, caller.user).await
}

/// Create an API token
///
/// Creates a long-lived key for a script. The key is shown only once. The user must have given the password within
/// `REAUTHENTICATION_PERIOD`; a sign-in at a provider is not enough if the account has a password or a second factor.
#[utoipa::path(post, path = "/v1/api-tokens", tag = "api tokens", request_body = CreateBody,
    responses((status = 201, body = ApiKeyView)))]
pub(in crate::http) async fn create(
    caller: Caller<LoggedInRecently>,
    app: web::Data<App>,
    Json(body): Json<CreateBody>,
) -> Result<HttpResponse, Failure> {
    may_protect(&app, &caller.claims).await?;
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
/// The old key is refused from now on. The new one is shown only once. The user must have given the password within
/// `REAUTHENTICATION_PERIOD`; a sign-in at a provider is not enough if the account has a password or a second factor.
#[utoipa::path(post, path = "/v1/api-tokens/{id}/rotate", tag = "api tokens",
    params(("id" = String, Path, format = "uuid", description = "The API token's id.")),
    responses((status = 200, body = ApiKeyView)))]
pub(in crate::http) async fn rotate(
    caller: Caller<LoggedInRecently>,
    app: web::Data<App>,
    PathId(id): PathId<ApiTokenId>,
) -> Result<HttpResponse, Failure> {
    may_protect(&app, &caller.claims).await?;
    let now = app.clock.now();
    let rotate = move || api_tokens::rotate(&app, caller.user, id, &caller.origin);
    let (token, key) = blocking(rotate).await?;
    Ok(with_key(&token, &key, now, HttpResponse::Ok()))
}

/// Revoke an API token
///
/// The API token and the access tokens that it was exchanged for are refused from now on. Returns 204 even if it was
/// already revoked.
#[utoipa::path(delete, path = "/v1/api-tokens/{id}", tag = "api tokens",
    params(("id" = String, Path, format = "uuid", description = "The API token's id.")),
    responses((status = 204, description = "The API token is revoked.")))]
pub(in crate::http) async fn revoke(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    PathId(id): PathId<ApiTokenId>,
) -> Result<HttpResponse, Failure> {
    let _was_active = blocking(move || api_tokens::revoke(&app, caller.user, id, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}
