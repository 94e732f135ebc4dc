//! `/v1/me`: who the access token belongs to.

use actix_web::http::header::HeaderName;
use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::json;

use super::blocking;
use crate::app::Issuer;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::model::id::{SessionId, UserId};
use crate::model::user::User;
use crate::verifier::Bearer;

/// A user as every answer shows one.
#[derive(Serialize)]
pub(super) struct UserView<'a> {
    id: UserId,
    username: String,
    email: Option<String>,
    roles: &'a [String],
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            username: user.username.to_string(),
            email: user.email.as_ref().map(ToString::to_string),
            roles: user.roles.names(),
        }
    }
}

/// What an access token says of its bearer.
#[derive(Serialize)]
struct IdentityView<'a> {
    id: UserId,
    roles: &'a [String],
    session_id: SessionId,
    client_id: &'a str,
    authenticated_at: String,
    expires_at: String,
}

/// Tells a proxy that asks on behalf of another service who the user is: it cannot read the body.
const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");

/// `GET /v1/me`: out of the token alone.
pub(in crate::http) async fn identity(Bearer(claims): Bearer) -> HttpResponse {
    HttpResponse::Ok().insert_header((X_USER_ID, claims.sub.to_string())).json(IdentityView {
        id: claims.sub,
        roles: &claims.roles,
        session_id: claims.sid,
        client_id: &claims.client_id,
        authenticated_at: claims.auth_time.to_rfc3339(),
        expires_at: claims.exp.to_rfc3339(),
    })
}

/// `GET /v1/me/profile`: the user's row as it is now.
pub(in crate::http) async fn profile(
    issuer: web::Data<Issuer>,
    Bearer(claims): Bearer,
) -> Result<HttpResponse, Problem> {
    let user = blocking(move || issuer.app.store.read(|tx| tx.find_user(claims.sub))).await?;
    let user = user.ok_or(Error::UserUnknown)?;
    let UserView { id, username, email, roles } = UserView::from(&user);
    let created_at = user.created_at.to_rfc3339();
    Ok(HttpResponse::Ok()
        .json(json!({"id": id, "username": username, "email": email, "roles": roles, "created_at": created_at})))
}
