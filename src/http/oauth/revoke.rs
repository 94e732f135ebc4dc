//! `/oauth/revoke`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{TokenForm, client, required};
use crate::app::App;
use crate::http::extract::{Form, origin};
use crate::http::failure::Failure;
use crate::service::oauth::revoke;
use crate::service::revoke::bare;

/// Revoke a token of an application
///
/// A refresh token ends its grant, an access token is denied alone
/// ([RFC 7009](https://www.rfc-editor.org/rfc/rfc7009)). 200 also if the token is unknown or was not valid any more.
#[utoipa::path(post, path = "/oauth/revoke", tag = "applications", security((), ("client" = [])),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token is not valid any more.")))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    Form(params): Form,
) -> Result<HttpResponse, Failure> {
    let client = client(&request, &app, &params).await?;
    let token = bare(required(&params, "token")?);
    let origin = origin(&request, &app);
    app.known_keys.find_key_of(token.expose()).await?;
    let _place = app.api_tokens.place(token.expose()).await?;
    revoke::revoke(&app, &client, &token, origin).await?;
    Ok(HttpResponse::Ok().finish())
}
