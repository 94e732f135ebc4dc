//! `/v1/tokens`: getting a pair, refreshing it, asking about a token, revoking it, exchanging an API token.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{blocking, proving};
use crate::app::App;
use crate::clock::Seconds;
use crate::error::Error;
use crate::http::extract::{Json, JsonOrNothing, basic, device, origin};
use crate::http::failure::Failure;
use crate::http::view::pair::{PairView, answer, not_stored};
use crate::http::view::rfc3339;
use crate::http::words::{DeviceLabel, TokenKind, TokenType};
use crate::jwt::AccessClaims;
use crate::secret::Secret;
use crate::service::verify::{ActiveToken, Token};
use crate::service::{api_tokens, login, proof, refresh as refreshing, revoke as revoking, verify as verifying};
use tokensmith_verifier::issuing::{Presented, presented};

/// Who wants to log in.
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
    /// Names the device for its owner.
    #[schema(value_type = Option<DeviceLabel>)]
    label: Option<String>,
    /// The audience of the access token; the first of `AUDIENCE` if missing.
    audience: Option<String>,
}

/// What is to be refreshed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Refresh, example = json!({"refresh_token": "eyJhbGciOiJIUzI1NiIs..."}))]
pub(in crate::http) struct RefreshBody {
    /// The refresh token.
    #[schema(value_type = String)]
    refresh_token: Secret<String>,
    /// The audience of the access token; that of the login if missing.
    audience: Option<String>,
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

/// What an API token is to be exchanged for.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Exchange, example = json!({}))]
pub(in crate::http) struct ExchangeBody {
    /// The audience of the access token; the first of `AUDIENCE` if missing.
    audience: Option<String>,
}

/// What an API token was exchanged for.
#[derive(Serialize, ToSchema)]
#[schema(as = ExchangedToken)]
pub(in crate::http) struct ExchangedView {
    /// For `Authorization: Bearer`, at any service that takes our access tokens.
    access_token: String,
    /// How it is sent.
    #[schema(value_type = TokenType)]
    token_type: &'static str,
    /// How long it is valid, in seconds.
    #[schema(value_type = i64, example = 300)]
    expires_in: Seconds,
    /// Its scopes, with spaces between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<String>,
}

/// A token that is active.
#[derive(Serialize, ToSchema)]
#[schema(as = ActiveToken)]
pub(in crate::http) struct ActiveView {
    /// Which kind of token it is.
    #[schema(value_type = TokenKind)]
    kind: &'static str,
    /// When it expires, if it does by itself.
    #[schema(required, format = "date-time")]
    expires_at: Option<String>,
    /// What a JWT claims; for an API token its `id`, `sub`, and the `scope` and `roles` that it has now.
    #[schema(value_type = Object)]
    claims: Value,
}

/// Log in
///
/// Opens a session and answers its first pair. With `BASIC_AUTH=on` username and password may come as HTTP Basic, and the
/// body may be omitted.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", request_body = Option<LoginBody>, security((), ("basic" = [])),
    responses((status = 200, body = PairView)))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<LoginBody>,
) -> Result<HttpResponse, Failure> {
    let missing = |field: &str| Failure::BodyMalformed(format!("missing field `{field}`"));
    let (username, password) = match (body.username, body.password) {
        // Whatever is in the header then is for a proxy.
        (Some(username), Some(password)) => (username, password),
        (None, None) => basic(&request, app.config.basic_auth)?.ok_or(missing("username"))?,
        (None, Some(_)) => return Err(missing("username")),
        (Some(_), None) => return Err(missing("password")),
    };
    let device = device(&request, &app, body.label)?;
    let origin = origin(&request, &app);
    let (audience, its_device) = (body.audience.clone(), device.clone());
    let claim = move |app: &_| login::claim(app, &username, &password, body.audience.as_deref(), &device);
    let open = move |app: &_, proof| login::login(app, proof, audience.as_deref(), &its_device, &origin);
    let pair = proving(&app, claim, proof::prove, open).await;
    login::count(&app, pair.as_ref().map(|_| ()));
    Ok(answer(&pair?))
}

/// Refresh a pair
///
/// Answers the next pair of the session. When no answer arrives, ask again with the same refresh token: the answer is the
/// same pair. Presenting a token that was replaced longer ago ends the session, and so does asking again late, time after
/// time, from another network or with another user agent.
#[utoipa::path(post, path = "/v1/tokens/refresh", tag = "tokens", request_body = RefreshBody, security(()),
    responses((status = 200, body = PairView)))]
pub(in crate::http) async fn refresh(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<RefreshBody>,
) -> Result<HttpResponse, Failure> {
    let device = device(&request, &app, None)?;
    let RefreshBody { refresh_token, audience } = body;
    let origin = origin(&request, &app);
    let pair = refreshing::refresh(&app, refresh_token.expose(), audience.as_deref(), &device, origin).await?;
    Ok(answer(&pair))
}

/// Ask about a token
///
/// Kind and claims of a token of any kind, if it is active.
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
/// A refresh token ends its session, an access token is denied alone, an API token is accepted no more. It is enough that
/// this service has signed it: its times do not matter, nor do white space or a `Bearer` before it. 204 whatever the token
/// was ([RFC 7009 section 2.2](https://www.rfc-editor.org/rfc/rfc7009#section-2.2)).
#[utoipa::path(post, path = "/v1/tokens/revoke", tag = "tokens", request_body = TokenBody, security(()),
    responses((status = 204, description = "It is of no use any more.")))]
pub(in crate::http) async fn revoke(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<TokenBody>,
) -> Result<HttpResponse, Failure> {
    let origin = origin(&request, &app);
    let (asked, token) = (app.clone(), revoking::bare(body.token.expose()));
    asked.known_keys.find_key_of(token.expose()).await?;
    let _place = asked.api_tokens.place(token.expose()).await?;
    blocking(move || revoking::revoke_any(&app, token.expose(), &origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Exchange an API token for an access token
///
/// For services that verify offline. The API token is in the `Authorization` header; there is no refresh token: exchange
/// it again when the access token expires.
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
