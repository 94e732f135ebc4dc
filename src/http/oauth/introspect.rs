//! `/oauth/introspect`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::revoke::TokenForm;
use super::{client, required};
use crate::app::App;
use crate::engine::deadline;
use crate::error::Error;
use crate::http::extract::Form;
use crate::http::failure::Failure;
use crate::http::view::pair::not_stored;
use crate::secret::Secret;
use crate::service::oauth::introspect;
use crate::service::verify::{ActiveToken, Token};

/// Ask about a token
///
/// For the client that it was issued to and for the resource servers that it is for
/// ([RFC 7662](https://www.rfc-editor.org/rfc/rfc7662)). Every other token is not active.
#[utoipa::path(post, path = "/oauth/introspect", tag = "applications", security(("client" = [])),
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = Object, description = "`active`, and if it is what the token says.")))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    Form(params): Form,
) -> Result<HttpResponse, Failure> {
    let client = client(&request, &app, &params).await?;
    let token = Secret::new(required(&params, "token")?.trim().to_owned());
    app.known_keys.find_key_of(token.expose()).await?;
    let asked = app.clone();
    let _place = asked.api_tokens.place(token.expose()).await?;
    let its_app = app.clone();
    let found = deadline::on_a_thread(move || introspect::introspect(&its_app, &client, token.expose())).await?;
    Ok(not_stored(found.map_or(Ok(json!({"active": false})), |token| view(&app, token))?))
}

/// [RFC 7662 section 2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2): the claims of a JWT, with `active` beside them.
fn view(app: &App, token: ActiveToken) -> Result<Value, Failure> {
    let (claims, kind) = match token {
        ActiveToken::Jwt(Token::Access(claims)) => (serde_json::to_value(&*claims), Some("Bearer")),
        ActiveToken::Jwt(Token::Refresh(claims)) => (serde_json::to_value(claims), None),
        ActiveToken::Api(token, claims) => {
            let (sub, client_id, roles) = (&claims.sub, &claims.client_id, &claims.roles);
            let mut view =
                json!({"iss": app.config.issuer, "sub": sub, "client_id": client_id, "iat": token.created_at});
            view["scope"] = claims.scope.clone().unwrap_or_default().into();
            if !roles.is_empty() {
                view["roles"] = json!(roles);
            }
            if let Some(at) = token.expires_at {
                view["exp"] = json!(at);
            }
            (Ok(view), Some("Bearer"))
        }
    };
    let mut view = claims.map_err(Error::internal)?;
    view["active"] = true.into();
    if let Some(kind) = kind {
        view["token_type"] = kind.into();
    }
    Ok(view)
}
