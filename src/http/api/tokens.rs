//! `/v1/tokens`: log in, refresh, verify and revoke tokens, and exchange an API token.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{blocking, proving};
use crate::app::App;
use crate::clock::Seconds;
use crate::error::Error;
use crate::http::cookies::Cookies;
use crate::http::delivery::Delivery;
use crate::http::extract::{Json, JsonOrNothing, basic, device, origin};
use crate::http::failure::Failure;
use crate::http::view::pair::{PairView, not_stored};
use crate::http::view::rfc3339;
use crate::http::words::{DeviceLabel, TokenKind, TokenType};
use crate::jwt::AccessClaims;
use crate::secret::Secret;
use crate::service::verify::{ActiveToken, Token};
use crate::service::{api_tokens, login, proof, refresh as refreshing, revoke as revoking, verify as verifying};
use tokensmith_verifier::issuing::{Presented, presented};

/// A login with username and password.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Login, example = json!({
    "username": "ada", "password": "correct horse battery staple", "label": "my laptop",
}))]
pub(in crate::http) struct LoginBody {
    /// Required, unless it comes as HTTP Basic.
    #[schema(example = "ada", nullable = false)]
    username: Option<String>,
    /// Required, unless it comes as HTTP Basic.
    #[schema(value_type = Option<String>, example = "correct horse battery staple", max_length = 1024, nullable = false)]
    password: Option<Secret<String>>,
    /// The user's name for the device.
    #[schema(value_type = Option<DeviceLabel>)]
    label: Option<String>,
    /// Audience of the access token: one of `AUDIENCE`. Default: the first one.
    audience: Option<String>,
    /// `true`: the tokens go into cookies that no script can read, not into the body. Default: `false`.
    #[serde(default)]
    cookies: bool,
    /// `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie.
    #[schema(nullable = false)]
    access_cookie: Option<bool>,
}

/// The refresh token to use.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Refresh, example = json!({"refresh_token": "eyJhbGciOiJIUzI1NiIs..."}))]
pub(in crate::http) struct RefreshBody {
    /// The refresh token. Required, unless it is in a cookie and `cookies` is `true`.
    #[schema(value_type = Option<String>, nullable = false)]
    refresh_token: Option<Secret<String>>,
    /// Audience of the access token: one of `AUDIENCE`. Default: the audience of the login.
    audience: Option<String>,
    /// `true`: the refresh token is in a cookie, and the new tokens go into cookies. Default: `false`.
    #[serde(default)]
    cookies: bool,
    /// `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie.
    #[schema(nullable = false)]
    access_cookie: Option<bool>,
}

/// A token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnyToken, example = json!({"token": "eyJhbGciOiJFUzI1NiIs..."}))]
pub(in crate::http) struct TokenBody {
    /// An access token, a refresh token or an API token.
    #[schema(value_type = String)]
    token: Secret<String>,
}

/// The access token that is wanted.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Exchange, example = json!({}))]
pub(in crate::http) struct ExchangeBody {
    /// Audience of the access token: one of `AUDIENCE`. Default: the first one.
    audience: Option<String>,
}

/// An access token for an API token.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangedToken)]
pub(in crate::http) struct ExchangedView {
    /// Sent as `Authorization: Bearer` to any service that accepts our access tokens.
    access_token: String,
    /// How the token is sent.
    #[schema(value_type = TokenType)]
    token_type: &'static str,
    /// How long it is valid, in seconds.
    #[schema(value_type = i64, example = 300)]
    expires_in: Seconds,
    /// Scopes of the token, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<String>,
}

/// An active token.
#[derive(Serialize, ToSchema)]
#[schema(as = ActiveToken)]
pub(in crate::http) struct ActiveView {
    /// Kind of the token.
    #[schema(value_type = TokenKind)]
    kind: &'static str,
    /// When it expires; null if it does not expire.
    #[schema(required, format = "date-time")]
    expires_at: Option<String>,
    /// The claims of a JWT; for an API token its `id` and `sub`, and its current `scope` and `roles`.
    #[schema(value_type = Object)]
    claims: Value,
}

/// Log in
///
/// Opens a session and returns its first token pair. With `BASIC_AUTH=on` username and password may be sent as HTTP
/// Basic, and the body may be omitted. With `"cookies": true` the tokens are set as cookies. If the browser already has the
/// cookie of another session, that session ends.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = Option<LoginBody>, security((), ("basic" = [])),
    responses((status = 200, body = PairView)))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<LoginBody>,
) -> Result<HttpResponse, Failure> {
    let delivery = Delivery::asked(&request, &app, body.cookies, body.access_cookie)?;
    let (username, password) = match (body.username, body.password) {
        // The Authorization header is then meant for a proxy.
        (Some(username), Some(password)) => (username, password),
        (None, None) => basic(&request, app.config.basic_auth)?.ok_or(missing("username"))?,
        (None, Some(_)) => return Err(missing("username")),
        (Some(_), None) => return Err(missing("password")),
    };
    let device = device(&request, &app, body.label)?;
    let origin = origin(&request, &app);
    let (asked, its_device) = (app.config.first_party(body.audience.as_deref()), device.clone());
    let claim = move |app: &_| login::claim(app, &username, &password, body.audience.as_deref(), &device);
    let open = move |app: &_, proof| login::login(app, proof, asked, &its_device, &origin);
    let pair = proving(&app, claim, proof::prove, open).await;
    login::count(&app, pair.as_ref().map(|_| ()));
    delivery.answer(&request, &app, &pair?).await
}

fn missing(field: &str) -> Failure {
    Failure::BodyMalformed(format!("missing field `{field}`"))
}

/// Refresh a pair
///
/// Returns the next token pair of the session. If the response is lost, retry with the same refresh token: within
/// `REFRESH_RETRY_WINDOW` it returns the same new refresh token. Using a token that was replaced longer ago ends the
/// session. Repeated late retries from another network or user agent end it, too. With `"cookies": true` the refresh token
/// is taken from its cookie, and the new tokens are set as cookies.
#[utoipa::path(post, path = "/v1/tokens/refresh", tag = "tokens", request_body = RefreshBody, security(()),
    responses((status = 200, body = PairView)))]
pub(in crate::http) async fn refresh(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<RefreshBody>,
) -> Result<HttpResponse, Failure> {
    let device = device(&request, &app, None)?;
    let RefreshBody { refresh_token, audience, cookies, access_cookie } = body;
    let delivery = Delivery::asked(&request, &app, cookies, access_cookie)?;
    let refresh_token = match (refresh_token, delivery) {
        (Some(token), _) => token,
        (None, Delivery::Body) => return Err(missing("refresh_token")),
        (None, Delivery::Cookies { .. }) => {
            let held = Cookies::of(&app).session(&request);
            Secret::new(held.ok_or(Failure::RefreshCookieMissing)?)
        }
    };
    let origin = origin(&request, &app);
    let pair = refreshing::refresh(&app, refresh_token.expose(), audience.as_deref(), &device, origin).await?;
    delivery.answer(&request, &app, &pair).await
}

/// Verify a token
///
/// Returns kind and claims of an access token, a refresh token or an API token if it is active, and an error if not.
#[utoipa::path(post, path = "/v1/tokens/verify", tag = "tokens", request_body = TokenBody, security(()),
    responses((status = 200, body = ActiveView)))]
pub(in crate::http) async fn verify(app: web::Data<App>, Json(body): Json<TokenBody>) -> Result<HttpResponse, Failure> {
    let asked = app.clone();
    asked.known_keys.find_key_of(body.token.expose()).await?;
    let _place = asked.api_tokens.place(body.token.expose()).await?;
    let token = blocking(move || verifying::any_token(&app, body.token.expose())).await?;
    let (kind, expires_at, claims) = match &token {
        ActiveToken::Jwt(Token::Access(claims)) => ("access_token", Some(claims.exp), serde_json::to_value(&**claims)),
        ActiveToken::Jwt(Token::Refresh(claims)) => ("refresh_token", Some(claims.exp), serde_json::to_value(claims)),
        ActiveToken::Api(token, claims) => {
            let AccessClaims { sub, roles, scope, .. } = &**claims;
            let scope = scope.as_deref().unwrap_or_default();
            let claims = json!({"id": token.id, "sub": sub, "scope": scope, "roles": roles});
            ("api_token", token.expires_at, Ok(claims))
        }
    };
    let claims = claims.map_err(Error::internal)?;
    Ok(HttpResponse::Ok().json(ActiveView { kind, expires_at: rfc3339(expires_at), claims }))
}

/// Revoke a token
///
/// Revoking a refresh token ends its session. Revoking an access token denies only that token. Revoking an API token
/// also denies the access tokens that it was exchanged for. An expired token may be revoked, too; white space and a
/// `Bearer` before the token are ignored. Returns 204 for any token, even an unknown one
/// ([RFC 7009 section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
#[utoipa::path(post, path = "/v1/tokens/revoke", tag = "tokens", request_body = TokenBody, security(()),
    responses((status = 204, description = "The token is revoked or was not valid.")))]
pub(in crate::http) async fn revoke(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<TokenBody>,
) -> Result<HttpResponse, Failure> {
    let origin = origin(&request, &app);
    let token = revoking::bare(body.token.expose());
    app.known_keys.find_key_of(token.expose()).await?;
    let _place = app.api_tokens.place(token.expose()).await?;
    revoking::revoke_any(&app, token, origin).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Exchange an API token for an access token
///
/// Returns an access token for services that verify offline. Send the API token in the `Authorization` header. There is
/// no refresh token: exchange the API token again when the access token expires.
#[utoipa::path(post, path = "/v1/api-tokens/exchange", tag = "tokens", request_body = Option<ExchangeBody>,
    security(("api_token" = [])), responses((status = 200, body = ExchangedView)))]
pub(in crate::http) async fn exchange(
    request: HttpRequest,
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<ExchangeBody>,
) -> Result<HttpResponse, Failure> {
    let (Presented::Bearer(key) | Presented::Token(key)) = presented(&request)?;
    let key = Secret::new(key.to_owned());
    let asked = app.clone();
    let _place = asked.api_tokens.place(key.expose()).await?;
    let exchanged = blocking(move || api_tokens::exchange(&app, key.expose(), body.audience.as_deref())).await?;
    let api_tokens::Exchanged { access_token, expires_in, scope } = exchanged;
    Ok(not_stored(ExchangedView { access_token, token_type: "Bearer", expires_in, scope }))
}
