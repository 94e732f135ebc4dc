//! `/v1/authenticate`: a proxy asks on behalf of a web app behind it (forward authentication).

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, web};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::blocking;
use crate::app::App;
use crate::error::Error;
use crate::http::extract::{Caller, Query, User};
use crate::http::failure::Failure;
use crate::http::words::{ClientScopeName, RoleName};
use crate::jwt::{AccessClaims, TokenError};
use crate::model::names::Names;
use crate::service::users;

/// The proxy cannot read the body.
const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");
const X_USERNAME: HeaderName = HeaderName::from_static("x-username");
const X_ROLES: HeaderName = HeaderName::from_static("x-roles");

/// What of a username is escaped, besides everything that is not ASCII: a header cannot hold it, and it must be possible to
/// tell an escape from a name.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Authenticate for a proxy
///
/// Authenticates as every endpoint does, and says in headers who it is. Parameters of the query are roles and scopes that
/// are all needed. The method of the request that the proxy asks about (`X-Original-Method` or `X-Forwarded-Method`) is
/// treated as that of this request: if it may change something and a cookie authenticates it, it must come from our own
/// origin.
#[utoipa::path(get, path = "/v1/authenticate", tag = "me", params(
    ("role" = inline(Option<Vec<RoleName>>), Query, description = "A role that the user needs; may be repeated."),
    ("scope" = inline(Option<Vec<ClientScopeName>>), Query, description = "A scope that the token needs; may be repeated.")),
    responses((status = 200, description = "The request is authenticated.", headers(
        ("X-User-Id" = String, description = "The user's id."),
        ("X-Username" = String, description = "The username; what is not printable ASCII, and `%`, as the percent-encoded \
                                               bytes of UTF-8."),
        ("X-Roles" = String, description = "The user's roles, separated by commas.")))))]
pub(in crate::http) async fn authenticate(
    caller: Caller<User>,
    app: web::Data<App>,
    Query(needed): Query<Vec<(String, String)>>,
) -> Result<HttpResponse, Failure> {
    needed.iter().try_for_each(|(kind, name)| has(&caller.claims, kind, name))?;
    let revoked = || Err(Error::TokenRefused(TokenError::Revoked).into());
    let user = match blocking(move || users::find(&app, caller.user)).await {
        // As for any other service that gets the token of a user who was deleted or disabled.
        Err(Error::UserUnknown) => return revoked(),
        Ok(user) if user.disabled_at.is_some() => return revoked(),
        found => found?,
    };
    let username = utf8_percent_encode(&user.username.to_string(), ESCAPED).to_string();
    let mut response = HttpResponse::Ok();
    for (name, value) in
        [(X_USER_ID, user.id.to_string()), (X_USERNAME, username), (X_ROLES, caller.claims.roles.join(","))]
    {
        response.insert_header((name, HeaderValue::try_from(value).map_err(Error::internal)?));
    }
    Ok(response.finish())
}

/// Whether a token has a role or a scope. Anything else in the query is a mistake, which must not let anybody in.
fn has(claims: &AccessClaims, kind: &str, name: &str) -> Result<(), Failure> {
    let is_name = Names::new([name]).is_ok();
    let invalid = |field, message: &str| Err(Error::invalid(field, "invalid", message).into());
    match kind {
        "role" if !is_name => invalid("role", "must be the name of a role"),
        "role" if claims.has_role(name) => Ok(()),
        "role" => Err(Failure::RoleMissing(name.to_owned())),
        "scope" if !is_name => invalid("scope", "must be the name of a scope"),
        "scope" if claims.has_scope(name) => Ok(()),
        "scope" => Err(Failure::ScopeMissing(name.to_owned())),
        _ => invalid("query", "may have the parameters role and scope"),
    }
}
