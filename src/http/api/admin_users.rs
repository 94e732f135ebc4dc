//! `/v1/admin/users`: everybody's accounts, for administrators.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{blocking, hashing};
use crate::app::App;
use crate::error::Error;
use crate::http::extract::{
    Administrator, AdministratorRecently, Caller, Json, PathId, Query, cut, page_size, parameter,
};
use crate::http::failure::Failure;
use crate::http::view::profile::ProfileBody;
use crate::http::view::session::EndedView;
use crate::http::view::user::AccountView;
use crate::http::words::{EmailAddress, Name, NewPassword, NewUsername, RoleName};
use crate::model::id::UserId;
use crate::model::names::Roles;
use crate::model::user_search::UserSearch;
use crate::secret::Secret;
use crate::service::queries;
use crate::service::users::{self, NewUser};

/// As long as what it is looked for in.
const MAX_SEARCH_CHARS: usize = 512;

/// Users, by username.
#[derive(Serialize, ToSchema)]
#[schema(as = Users)]
pub(in crate::http) struct UsersView<'a> {
    users: Vec<AccountView<'a>>,
    /// For the next page, if there is one.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct UsersQuery {
    /// With this text in the username, the e-mail address or the name; ASCII letters in either case.
    #[param(nullable = false, max_length = 512, pattern = r"^[^\u0000]*$")]
    search: Option<String>,
    /// With this role.
    #[param(nullable = false, value_type = Option<RoleName>)]
    role: Option<String>,
    /// Disabled ones only, or active ones only.
    #[param(value_type = Option<bool>, nullable = false)]
    disabled: Option<String>,
    /// `next_cursor` of the page before.
    #[param(nullable = false, max_length = 512, pattern = r"^[^\u0000]*$")]
    cursor: Option<String>,
    /// How many: 50 if missing.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100, nullable = false)]
    limit: Option<String>,
}

/// A new account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateUser, example = json!({
    "username": "grace", "password": "a long and unusual sentence", "email": "grace@example.com", "roles": ["editor"],
}))]
pub(in crate::http) struct CreateBody {
    /// The name to log in with; case and Unicode width do not matter.
    #[schema(value_type = NewUsername)]
    username: String,
    /// The first password.
    #[schema(value_type = NewPassword)]
    password: Secret<String>,
    /// Where to write to.
    #[schema(value_type = Option<EmailAddress>)]
    email: Option<String>,
    /// What people call the user.
    #[schema(value_type = Option<Name>, example = "Grace Hopper")]
    name: Option<String>,
    /// What the user may do.
    #[serde(default)]
    #[schema(value_type = Vec<RoleName>, max_items = 64)]
    roles: Vec<String>,
}

/// Roles.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Roles, example = json!({"roles": ["editor"]}))]
pub(in crate::http) struct RolesBody {
    /// All of them.
    #[schema(value_type = Vec<RoleName>, max_items = 64)]
    roles: Vec<String>,
}

/// Another password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordReset, example = json!({"password": "a long and unusual sentence"}))]
pub(in crate::http) struct PasswordBody {
    /// The password as it shall be.
    #[schema(value_type = NewPassword)]
    password: Secret<String>,
}

fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// List users
///
/// By username.
#[utoipa::path(get, path = "/v1/admin/users", tag = "administration", params(UsersQuery),
    responses((status = 200, body = UsersView)))]
pub(in crate::http) async fn list(
    _: Caller<Administrator>,
    app: web::Data<App>,
    Query(query): Query<UsersQuery>,
) -> Result<HttpResponse, Failure> {
    let limit = page_size(query.limit.as_deref())?;
    let UsersQuery { search, role, disabled, cursor, .. } = query;
    for (field, text) in [("search", &search), ("cursor", &cursor)] {
        // A NUL is in no text of a database.
        if text.as_ref().is_some_and(|text| text.contains('\0') || text.chars().count() > MAX_SEARCH_CHARS) {
            let message = format!("must have at most {MAX_SEARCH_CHARS} characters and no NUL");
            return Err(Error::invalid(field, "invalid", message).into());
        }
    }
    if let Some(Err(bad)) = role.as_ref().map(|role| Roles::new([role])) {
        return Err(Error::invalid("role", "invalid", bad.to_string()).into());
    }
    let disabled = parameter("disabled", disabled.as_deref(), "true or false")?;
    let search = UserSearch { text: search, role, disabled };
    let found = move || queries::list_users(&app, &search, cursor.as_deref(), limit + 1);
    let (found, next_cursor) = cut(blocking(found).await?, limit, |user| user.username.to_string());
    Ok(HttpResponse::Ok().json(UsersView { users: found.iter().map(AccountView::from).collect(), next_cursor }))
}

/// Create a user
///
/// The administrator's password must have been given lately.
#[utoipa::path(post, path = "/v1/admin/users", tag = "administration", request_body = CreateBody,
    responses((status = 201, body = AccountView)))]
pub(in crate::http) async fn create(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    Json(body): Json<CreateBody>,
) -> Result<HttpResponse, Failure> {
    let prepared = hashing(&app, move |app| {
        let CreateBody { username, password, email, name, roles } = &body;
        let (email, name) = (email.as_deref(), name.as_deref());
        users::prepare(app, &NewUser { username, email, name, roles, password })
    });
    let prepared = prepared.await?;
    let user = blocking(move || users::add(&app, prepared, &caller.origin)).await?;
    Ok(HttpResponse::Created().json(AccountView::from(&user)))
}

/// See a user
#[utoipa::path(get, path = "/v1/admin/users/{id}", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = AccountView)))]
pub(in crate::http) async fn show(
    _: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    let user = blocking(move || users::find(&app, id)).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(&user)))
}

/// Change a user's record
///
/// The administrator's password must have been given lately.
#[utoipa::path(patch, path = "/v1/admin/users/{id}", tag = "administration", request_body = ProfileBody,
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = AccountView)))]
pub(in crate::http) async fn change(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
    Json(body): Json<ProfileBody>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    let user = blocking(move || users::set_profile(&app, id, &body.into(), &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(&user)))
}

/// Delete a user
///
/// With sessions and API tokens; what the audit log says stays. Not the last active administrator. The administrator's
/// password must have been given lately.
#[utoipa::path(delete, path = "/v1/admin/users/{id}", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 204, description = "The user is gone.")))]
pub(in crate::http) async fn delete(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    blocking(move || users::delete(&app, id, &caller.origin)).await?;
    Ok(no_content())
}

/// Disable a user
///
/// All sessions end at once, API tokens are refused. Not the last active administrator.
#[utoipa::path(post, path = "/v1/admin/users/{id}/disable", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn disable(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    let sessions_ended = blocking(move || users::disable(&app, id, &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(EndedView { sessions_ended }))
}

/// Enable a user
///
/// Sessions stay ended; API tokens that were not revoked are accepted again. The administrator's password must have been
/// given lately.
#[utoipa::path(post, path = "/v1/admin/users/{id}/enable", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 204, description = "The user may log in.")))]
pub(in crate::http) async fn enable(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    blocking(move || users::enable(&app, id, &caller.origin)).await?;
    Ok(no_content())
}

/// Set a user's roles
///
/// Sessions go on; their tokens carry the new roles from the next refresh on. Somebody must stay administrator. The
/// administrator's password must have been given lately.
#[utoipa::path(put, path = "/v1/admin/users/{id}/roles", tag = "administration", request_body = RolesBody,
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = RolesBody)))]
pub(in crate::http) async fn set_roles(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
    Json(body): Json<RolesBody>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    let roles = blocking(move || users::set_roles(&app, id, &body.roles, &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(RolesBody { roles: roles.names().to_vec() }))
}

/// Reset a user's password
///
/// All sessions of the user end. The administrator's password must have been given lately.
#[utoipa::path(post, path = "/v1/admin/users/{id}/password", tag = "administration", request_body = PasswordBody,
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn reset_password(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    PathId(id): PathId<UserId>,
    Json(body): Json<PasswordBody>,
) -> Result<HttpResponse, Failure> {
    caller.not_its_own(id)?;
    let asked = app.clone();
    let user = blocking(move || users::find(&asked, id)).await?;
    let hash = hashing(&app, move |app| users::hash_for(app, &user, &body.password)).await?;
    let sessions_ended = blocking(move || users::set_password_hash(&app, id, hash, &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(EndedView { sessions_ended }))
}
