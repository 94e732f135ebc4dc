//! `/oauth`: the endpoints that registered applications call themselves, without a browser.

pub(super) mod answer;
pub(super) mod introspect;
pub(super) mod revoke;
pub(super) mod token;
pub(super) mod userinfo;

use std::sync::Arc;

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, web};
use utoipa::ToSchema;

use super::failure::Failure;
use crate::app::App;
use crate::error::Error;
use crate::model::client::Client;
use crate::oauth::client_auth::ClientCredentials;
use crate::oauth::error::ErrorCode;
use crate::oauth::params::Params;
use crate::service::oauth::client_auth;

/// A token, and how the client proves who it is.
#[derive(ToSchema)]
#[schema(as = ClientToken)]
#[expect(dead_code, reason = "parameters are read by name, since some may not be repeated")]
pub(super) struct TokenForm {
    /// The token.
    token: String,
    /// A hint at the kind of token; it is not needed.
    #[schema(nullable = false)]
    token_type_hint: Option<String>,
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

/// The client that a request is from, once it has authenticated.
async fn client(request: &HttpRequest, app: &web::Data<App>, params: &Params) -> Result<Arc<Client>, Failure> {
    if let Some(name) = params.repeated() {
        return Err(Error::oauth(ErrorCode::InvalidRequest, format!("{name} is repeated")).into());
    }
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next().map(|header| header.to_str().unwrap_or_default());
    if headers.next().is_some() {
        return Err(Error::oauth(ErrorCode::InvalidRequest, "there is more than one Authorization header").into());
    }
    let credentials = ClientCredentials::parse(header, params).map_err(Error::from)?;
    Ok(client_auth::authenticate(app, &credentials).await?)
}

/// A required parameter.
fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Failure> {
    let missing = || Error::oauth(ErrorCode::InvalidRequest, format!("{name} is missing")).into();
    params.get(name).ok_or_else(missing)
}
