//! `/oauth/token`: what a client presents is exchanged for tokens.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::client;
use crate::app::App;
use crate::clock::Seconds;
use crate::http::extract::{Form, device, origin};
use crate::http::failure::Failure;
use crate::http::view::pair::not_stored;
use crate::http::words::TokenType;
use crate::oauth::token::read;
use crate::service::oauth::token::{self, Granted};

/// What a client presents for tokens, and how it proves who it is
/// ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)).
#[derive(ToSchema)]
#[schema(as = TokenRequest)]
#[expect(dead_code, reason = "parameters are read by name, since some may not be repeated")]
pub(in crate::http) struct TokenForm {
    /// `authorization_code`, `refresh_token` or `client_credentials`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// With `authorization_code`.
    #[schema(nullable = false)]
    code: Option<String>,
    /// With `authorization_code`: that of the authorization request.
    #[schema(nullable = false)]
    redirect_uri: Option<String>,
    /// With `authorization_code` (RFC 7636).
    #[schema(nullable = false)]
    code_verifier: Option<String>,
    /// With `refresh_token`.
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// Fewer scopes than were granted; with `client_credentials` some of those that the client may ask for.
    #[schema(nullable = false)]
    scope: Option<String>,
    /// The audience of the access token (RFC 8707).
    #[schema(nullable = false)]
    resource: Option<String>,
    /// Of a client that does not authenticate by HTTP Basic.
    #[schema(nullable = false)]
    client_id: Option<String>,
    /// Of a client that authenticates by `client_secret_post`.
    #[schema(nullable = false)]
    client_secret: Option<String>,
    /// Of a client that authenticates by `private_key_jwt`.
    #[schema(nullable = false)]
    client_assertion_type: Option<String>,
    /// Of a client that authenticates by `private_key_jwt`.
    #[schema(nullable = false)]
    client_assertion: Option<String>,
}

/// Tokens ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
#[derive(Serialize, ToSchema)]
#[schema(as = Tokens)]
pub(in crate::http) struct TokensView {
    /// For `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(value_type = TokenType)]
    token_type: &'static str,
    /// How long it is valid, in seconds.
    #[schema(value_type = i64, example = 300)]
    expires_in: Seconds,
    /// The refresh token, if the client may have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    refresh_token: Option<String>,
    /// The ID token, with the scope `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id_token: Option<String>,
    /// What the access token may be used for, with spaces between.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<String>,
}

/// Get tokens
///
/// The token endpoint of OAuth ([RFC 6749 section 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)), for registered
/// applications. Refresh tokens are replaced on use, by the rules of every refresh.
#[utoipa::path(post, path = "/oauth/token", tag = "applications", security((), ("client" = [])),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokensView)))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    Form(params): Form,
) -> Result<HttpResponse, Failure> {
    let asked = read(&params);
    // Who the client is comes first: RFC 6749 section 5.2 has codes for both.
    let client = client(&request, &app, &params).await?;
    let device = device(&request, &app, None)?;
    let origin = origin(&request, &app);
    let granted = token::grant(&app, client, asked.map_err(crate::error::Error::from)?, &device, origin).await?;
    let Granted { access_token, expires_in, refresh_token, id_token, scope } = granted;
    Ok(not_stored(TokensView { access_token, token_type: "Bearer", expires_in, refresh_token, id_token, scope }))
}
