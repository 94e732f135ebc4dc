//! The four endpoints.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::fields::Fields;
use crate::app::App;
use crate::engine::deadline;
use crate::error::Error;
use crate::http::extract::{device, origin};
use crate::http::failure::Failure;
use crate::http::proving::proving;
use crate::http::view::pair::not_stored;
use crate::jwt::TokenError;
use crate::service::{login, proof, simplejwt};

/// A login.
#[derive(ToSchema)]
#[schema(as = SimpleJwtLogin)]
#[expect(dead_code, reason = "the name of a field is a setting")]
pub(in crate::http) struct LoginBody {
    /// The username, or a verified e-mail address.
    username: String,
    /// The password.
    password: String,
}

/// A refresh token.
#[derive(ToSchema)]
#[schema(as = SimpleJwtRefresh)]
#[expect(dead_code, reason = "the fields are read by the rules of Django REST framework")]
pub(in crate::http) struct RefreshBody {
    /// The refresh token.
    refresh: String,
}

/// A token.
#[derive(ToSchema)]
#[schema(as = SimpleJwtToken)]
#[expect(dead_code, reason = "the fields are read by the rules of Django REST framework")]
pub(in crate::http) struct TokenBody {
    /// An access token or a refresh token.
    token: String,
}

/// Tokens.
#[derive(Serialize, ToSchema)]
#[schema(as = SimpleJwtTokens)]
pub(in crate::http) struct TokensView {
    /// The access token.
    access: String,
    /// The refresh token; with `COMPAT_ROTATION=off` only at a login.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh: Option<String>,
}

/// Log in
///
/// Opens a session. An account that needs a second factor gets no tokens here.
#[utoipa::path(post, path = "/api/token/", tag = "simplejwt", request_body = LoginBody, security(()),
    responses((status = 200, body = TokensView)))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    fields: Fields,
) -> Result<HttpResponse, Failure> {
    let [username, password] = fields.take([app.config.compat_username_field, "password"])?;
    let device = device(&request, &app, None)?;
    let (origin, asked, its_device) = (origin(&request, &app), app.config.simplejwt(), device.clone());
    let claim = move |app: &_| login::claim(app, username.expose(), &password, None, &device);
    let open = move |app: &_, proof| login::login(app, proof, asked, &its_device, &origin);
    let pair = proving(&app, claim, proof::prove, open).await;
    login::count(&app, pair.as_ref().map(|_| ()));
    let pair = pair.map_err(|error| match error {
        // They look the same here.
        Error::AccountDisabled => Error::BadCredentials,
        error => error,
    })?;
    Ok(not_stored(TokensView { access: pair.access_token, refresh: Some(pair.refresh_token) }))
}

/// Refresh
///
/// Returns an access token, and the next refresh token by the rules of every refresh. With `COMPAT_ROTATION=off` the
/// refresh token stays as it is.
#[utoipa::path(post, path = "/api/token/refresh/", tag = "simplejwt", request_body = RefreshBody, security(()),
    responses((status = 200, body = TokensView)))]
pub(in crate::http) async fn refresh(
    request: HttpRequest,
    app: web::Data<App>,
    fields: Fields,
) -> Result<HttpResponse, Failure> {
    let [token] = fields.take(["refresh"])?;
    let (device, origin) = (device(&request, &app, None)?, origin(&request, &app));
    let refreshed = simplejwt::refresh(&app, token.expose(), &device, origin).await?;
    Ok(not_stored(TokensView { access: refreshed.access, refresh: refreshed.refresh }))
}

/// Verify a token
///
/// Whether an access token or a refresh token would be accepted.
#[utoipa::path(post, path = "/api/token/verify/", tag = "simplejwt", request_body = TokenBody, security(()),
    responses((status = 200, description = "The token is valid.")))]
pub(in crate::http) async fn verify(app: web::Data<App>, fields: Fields) -> Result<HttpResponse, Failure> {
    let [token] = fields.take(["token"])?;
    app.known_keys.find_key_of(token.expose()).await?;
    let verified = deadline::on_a_thread(move || simplejwt::verify(&app, token.expose())).await;
    verified.map_err(|error| match error {
        Error::SessionEnded(_) | Error::SessionUnknown | Error::TokenRefused(TokenError::Revoked) => {
            Error::invalid("non_field_errors", "invalid", "Token is blacklisted")
        }
        error => error,
    })?;
    Ok(not_stored(json!({})))
}

/// Blacklist a refresh token
///
/// Ends the session of a refresh token, whatever its generation.
#[utoipa::path(post, path = "/api/token/blacklist/", tag = "simplejwt", request_body = RefreshBody, security(()),
    responses((status = 200, description = "The session has ended.")))]
pub(in crate::http) async fn blacklist(
    request: HttpRequest,
    app: web::Data<App>,
    fields: Fields,
) -> Result<HttpResponse, Failure> {
    let [token] = fields.take(["refresh"])?;
    let origin = origin(&request, &app);
    app.known_keys.find_key_of(token.expose()).await?;
    simplejwt::blacklist(&app, token, origin).await?;
    Ok(not_stored(json!({})))
}
