//! `/v1/admin/users`: all accounts, for administrators.

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
use crate::service::users::{self, NewProfile, NewUser};

/// The length of the longest field that is searched.
const MAX_SEARCH_CHARS: usize = 512;

/// Users, sorted by username.
#[derive(Serialize, ToSchema)]
#[schema(as = Users)]
pub(in crate::http) struct UsersView<'a> {
    users: Vec<AccountView<'a>>,
    /// Pass it as `cursor` to get the next page; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which users to return.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct UsersQuery {
    /// Only users with this text in the username, the e-mail address or the name. The case of ASCII letters does not
    /// matter.
    #[param(nullable = false, max_length = 512, pattern = r"^[^\u0000]*$")]
    search: Option<String>,
    /// Only users with this role.
    #[param(nullable = false, value_type = Option<RoleName>)]
    role: Option<String>,
    /// `true`: only disabled users. `false`: only active users. Default: both.
    #[param(value_type = Option<bool>, nullable = false)]
    disabled: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(nullable = false, max_length = 512, pattern = r"^[^\u0000]*$")]
    cursor: Option<String>,
    /// Maximum number of users on the page. Default: 50.
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
    /// E-mail address of the user.
    #[schema(value_type = Option<EmailAddress>)]
    email: Option<String>,
    /// Full name of the user.
    #[schema(value_type = Option<Name>, example = "Grace Hopper")]
    name: Option<String>,
    /// Roles of the user. Default: none.
    #[serde(default)]
    #[schema(value_type = Vec<RoleName>, max_items = 64)]
    roles: Vec<String>,
}

/// Roles.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Roles, example = json!({"roles": ["editor"]}))]
pub(in crate::http) struct RolesBody {
    /// All roles of the user, including those that stay.
    #[schema(value_type = Vec<RoleName>, max_items = 64)]
    roles: Vec<String>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordReset, example = json!({"password": "a long and unusual sentence"}))]
pub(in crate::http) struct PasswordBody {
    /// The new password.
    #[schema(value_type = NewPassword)]
    password: Secret<String>,
}

fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// List users
///
/// Returns a page of users, sorted by username.
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
        // Texts in the database never contain NUL.
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
/// Creates an active account. The administrator must have given the password within `REAUTHENTICATION_PERIOD`.
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

/// Get a user
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
/// Changes the fields that are in the body. An e-mail address that an administrator sets counts as verified. The
/// administrator must have given the password within `REAUTHENTICATION_PERIOD`; for their own account a sign-in at a provider is
/// not enough if it has a password or a second factor.
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
    let new = NewProfile { by_administrator: true, ..body.into() };
    let user = blocking(move || users::set_profile(&app, id, &new, &caller.origin)).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(&user)))
}

/// Delete a user
///
/// Deletes the account with its sessions and API tokens. Events in the audit log stay. The last active administrator
/// cannot be deleted. The administrator must have given the password within `REAUTHENTICATION_PERIOD`.
#[utoipa::path(delete, path = "/v1/admin/users/{id}", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The user's id.")),
    responses((status = 204, description = "The user is deleted.")))]
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
/// All sessions of the user end at once, and the user's API tokens are refused. The last active administrator cannot be
/// disabled.
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
/// Sessions stay ended. API tokens that were not revoked are accepted again. The administrator must have given the
/// password within `REAUTHENTICATION_PERIOD`.
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
/// Sessions continue; their tokens carry the new roles from the next refresh on. At least one active administrator must
/// remain. The administrator must have given the password within `REAUTHENTICATION_PERIOD`.
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
/// Sets a new password and ends all sessions of the user. The administrator must have given the password within
/// `REAUTHENTICATION_PERIOD`; for their own account a sign-in at a provider is not enough if it has a password or a second factor.
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
