//! `/oauth/userinfo`.

use actix_web::http::header::AUTHORIZATION;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::app::App;
use crate::engine::deadline;
use crate::http::extract::FormOrNothing;
use crate::http::failure::Failure;
use crate::http::view::pair::not_stored;
use crate::jwt::TokenError;
use crate::service::oauth::userinfo::{self, UserInfo};
use tokensmith_verifier::issuing::{Presented, presented};
use tokensmith_verifier::{BearerErrorKind, Subject};

/// A user ([OpenID Connect Core section 5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)).
#[derive(Serialize, ToSchema)]
#[schema(as = UserInfo)]
pub(in crate::http) struct UserInfoView<'a> {
    /// The user's id.
    #[schema(value_type = String)]
    sub: &'a Subject,
    /// With the scope `profile`: the name, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    name: Option<String>,
    /// With the scope `profile`: the username.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    preferred_username: Option<String>,
    /// With the scope `email`: the e-mail address, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email: Option<String>,
    /// With the scope `email`: whether the address is known to be the user's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    /// With the scope `roles`: what the user may do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    roles: Option<&'a [String]>,
    /// Custom claims, by name.
    #[serde(flatten)]
    #[schema(value_type = HashMap<String, Value>)]
    custom: &'a Map<String, Value>,
}

/// An access token in a body.
#[derive(ToSchema)]
#[schema(as = BearerForm)]
#[expect(dead_code, reason = "parameters are read by name, since some may not be repeated")]
pub(in crate::http) struct BearerForm {
    /// The token, if it is in no header.
    #[schema(nullable = false)]
    access_token: Option<String>,
}

/// Who has logged in
///
/// The claims about the user that the scopes of the access token allow
/// ([OpenID Connect Core section 5.3](https://openid.net/specs/openid-connect-core-1_0.html#UserInfo)). The token needs the
/// scope `openid`, and may be for any audience.
#[utoipa::path(get, path = "/oauth/userinfo", tag = "applications", security(("access_token" = [])),
    responses((status = 200, body = UserInfoView)))]
pub(in crate::http) async fn show(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let Presented::Bearer(token) = presented(&request)? else { return Err(BearerErrorKind::Missing.into()) };
    tell(app, token).await
}

async fn tell(app: web::Data<App>, token: &str) -> Result<HttpResponse, Failure> {
    if token.is_empty() {
        return Err(BearerErrorKind::Refused(TokenError::Malformed).into());
    }
    app.known_keys.find_key_of(token).await?;
    let claims = userinfo::authenticate(&app, token)?;
    let info = deadline::on_a_thread(move || userinfo::find(&app, claims)).await?;
    let info = info.ok_or(BearerErrorKind::Refused(TokenError::Revoked))?;
    let UserInfo { claims, user, custom } = &info;
    let profile = info.shows("profile");
    let email = user.email.as_ref().filter(|_| info.shows("email"));
    Ok(not_stored(UserInfoView {
        sub: &claims.sub,
        name: user.name.as_ref().filter(|_| profile).map(ToString::to_string),
        preferred_username: profile.then(|| user.username.to_string()),
        email: email.map(ToString::to_string),
        email_verified: email.map(|_| user.verified_email().is_some()),
        roles: info.roles(),
        custom,
    }))
}

/// Who has logged in, asked for by POST
///
/// As by GET. Without an `Authorization` header the token may be in the body
/// ([RFC 6750 section 2.2](https://www.rfc-editor.org/rfc/rfc6750#section-2.2)).
#[utoipa::path(post, path = "/oauth/userinfo", tag = "applications", security(("access_token" = [])),
    request_body(content = BearerForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = UserInfoView)))]
pub(in crate::http) async fn show_by_post(
    request: HttpRequest,
    app: web::Data<App>,
    FormOrNothing(params): FormOrNothing,
) -> Result<HttpResponse, Failure> {
    let Some(token) = params.as_ref().and_then(|params| params.get("access_token")) else {
        return show(request, app).await;
    };
    let is_repeated = params.as_ref().is_some_and(|params| params.repeated().is_some());
    if is_repeated || request.headers().contains_key(AUTHORIZATION) {
        return Err(BearerErrorKind::Malformed("there is more than one access token").into());
    }
    tell(app, token).await
}
