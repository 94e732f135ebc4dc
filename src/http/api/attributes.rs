//! `/v1/me/attributes` and `/v1/admin/users/{id}/attributes`: what other services keep with an account.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::extract::{Administrator, AdministratorRecently, Caller, Json, LoggedIn, PathId, User};
use crate::http::failure::Failure;
use crate::http::view::attributes::{AttributesView, PublicAttributesView};
use crate::model::id::UserId;
use crate::service::attributes::{self, AttributesChange, Patch};
use crate::service::users;

/// Merge patches ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)): null removes a member, an object changes the members
/// that it names, and everything else replaces a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AttributesChange, example = json!({"app": {"billing": {"plan": "pro", "trial": null}}}))]
pub(in crate::http) struct ChangeBody {
    /// Of the public attributes; null removes all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    public: Option<Patch>,
    /// Of the others; null removes all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    app: Option<Patch>,
}

/// A merge patch ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)), as for administrators.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OwnAttributesChange, example = json!({"public": {"theme": "dark", "nickname": null}}))]
pub(in crate::http) struct OwnChangeBody {
    /// Of the public attributes; null removes all of them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Object>)]
    public: Option<Patch>,
}

/// Tells null from a missing member.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Patch>, D::Error> {
    Option::<Map<String, Value>>::deserialize(deserializer).map(Some)
}

/// Get my attributes
///
/// Returns the public attributes of the user. Users do not see the others.
#[utoipa::path(get, path = "/v1/me/attributes", tag = "me", responses((status = 200, body = PublicAttributesView)))]
pub(in crate::http) async fn mine(caller: Caller<User>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let user = blocking(move || users::find(&app, caller.user)).await?;
    Ok(HttpResponse::Ok().json(PublicAttributesView::from(&user)))
}

/// Change my attributes
///
/// Claims that come from them follow with the next refresh. They may have 4096 bytes as compact JSON, 256 members and
/// elements, and a depth of 8. Whoever reads them must not trust them: users write what they like.
#[utoipa::path(patch, path = "/v1/me/attributes", tag = "me", request_body = OwnChangeBody,
    responses((status = 200, body = PublicAttributesView)))]
pub(in crate::http) async fn change_mine(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Json(body): Json<OwnChangeBody>,
) -> Result<HttpResponse, Failure> {
    let change = AttributesChange { public: body.public, app: None };
    let user = blocking(move || attributes::change(&app, caller.user, change, &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(PublicAttributesView::from(&user)))
}

/// Get a user's attributes
#[utoipa::path(get, path = "/v1/admin/users/{id}/attributes", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = AttributesView)))]
pub(in crate::http) async fn show(
    _: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    let user = blocking(move || users::find(&app, id)).await?;
    Ok(HttpResponse::Ok().json(AttributesView::from(&user)))
}

/// Change a user's attributes
///
/// Claims that come from them follow with the next refresh. Both kinds may have 4096 bytes as compact JSON, 256 members and
/// elements, and a depth of 8. The administrator must have given the password within `REAUTHENTICATION_PERIOD`.
#[utoipa::path(patch, path = "/v1/admin/users/{id}/attributes", tag = "administration", request_body = ChangeBody,
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = AttributesView)))]
pub(in crate::http) async fn change(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
    Json(body): Json<ChangeBody>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    let change = AttributesChange { public: body.public, app: body.app };
    let user = blocking(move || attributes::change(&app, id, change, &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(AttributesView::from(&user)))
}
