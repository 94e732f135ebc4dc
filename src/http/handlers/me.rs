//! `/v1/me`: who the access token belongs to, and what they may do with their account.

use actix_web::http::header::HeaderName;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::tokens::{PairView, answer};
use super::{blocking, proving};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::extract::{Caller, Json, LoggedIn, recent};
use crate::http::problem::Problem;
use crate::http::words::{EmailAddress, Name, NewPassword, NewUsername, RoleName};
use crate::model::id::{SessionId, UserId};
use crate::model::user::User;
use crate::secret::Secret;
use crate::service::users::{self, NewProfile};
use crate::service::{me, proof};
use tokensmith_verifier::{Bearer, Subject};

/// A user as every answer shows one.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(in crate::http) struct UserView<'a> {
    /// The `sub` of the user's tokens.
    #[schema(value_type = String, format = "uuid")]
    id: UserId,
    /// The name to log in with.
    #[schema(example = "ada")]
    username: String,
    /// Where to write to.
    #[schema(required, example = "ada@example.com")]
    email: Option<String>,
    /// What people call the user.
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
    /// What the user may do.
    #[schema(value_type = Vec<RoleName>)]
    roles: &'a [String],
}

impl<'a> From<&'a User> for UserView<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            username: user.username.to_string(),
            email: user.email.as_ref().map(ToString::to_string),
            name: user.name.as_ref().map(ToString::to_string),
            roles: user.roles.names(),
        }
    }
}

/// A user's record.
#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountView<'a> {
    #[serde(flatten)]
    user: UserView<'a>,
    /// When the account was created.
    #[schema(format = "date-time")]
    created_at: String,
    /// Since when it is disabled, if it is.
    #[schema(required, format = "date-time")]
    disabled_at: Option<String>,
}

impl<'a> From<&'a User> for AccountView<'a> {
    fn from(user: &'a User) -> Self {
        let (created_at, disabled_at) = (user.created_at.to_rfc3339(), super::rfc3339(user.disabled_at));
        Self { user: user.into(), created_at, disabled_at }
    }
}

/// What an access token says of its bearer.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity)]
pub(in crate::http) struct IdentityView<'a> {
    /// The user, or the client that asks for itself.
    #[schema(value_type = String)]
    id: &'a Subject,
    /// What the user may do.
    #[schema(value_type = Vec<RoleName>)]
    roles: &'a [String],
    /// What the token may be used for, with spaces between.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<&'a str>,
    /// The session that the token belongs to, if there is one.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    session_id: Option<SessionId>,
    /// `first-party`, or `api-token` when nobody has logged in.
    #[schema(example = "first-party")]
    client_id: &'a str,
    /// When the user last gave the password, if there is a user.
    #[schema(required, format = "date-time")]
    authenticated_at: Option<String>,
    /// When the token expires.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// What is to be changed; what is missing stays, null takes e-mail address or name away.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileChange, example = json!({"name": "Ada Lovelace"}))]
pub(in crate::http) struct ProfileBody {
    /// The name to log in with.
    #[serde(default, deserialize_with = "not_null")]
    #[schema(value_type = Option<NewUsername>, nullable = false)]
    username: Option<String>,
    /// Where to write to.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<EmailAddress>)]
    email: Option<Option<String>>,
    /// What people call the user.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<Name>)]
    name: Option<Option<String>>,
}

impl From<ProfileBody> for NewProfile {
    fn from(ProfileBody { username, email, name }: ProfileBody) -> Self {
        Self { username, email, name }
    }
}

/// Null is something else than nothing ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// What cannot be taken away.
fn not_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

/// The password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reauthenticate, example = json!({"password": "correct horse battery staple"}))]
pub(in crate::http) struct ReauthenticateBody {
    /// The password.
    #[schema(value_type = String, max_length = 1024)]
    password: Secret<String>,
}

/// The password and the next one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange, example = json!({
    "current_password": "correct horse battery staple", "new_password": "a long and unusual sentence",
}))]
pub(in crate::http) struct PasswordBody {
    /// The password as it is.
    #[schema(value_type = String, max_length = 1024)]
    current_password: Secret<String>,
    /// The password as it shall be.
    #[schema(value_type = NewPassword)]
    new_password: Secret<String>,
}

/// How many sessions ended.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionsEnded)]
pub(in crate::http) struct EndedView {
    /// How many.
    pub(super) sessions_ended: usize,
}

/// Tells a proxy that asks on behalf of another service who the user is: it cannot read the body.
const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");

/// Who am I
///
/// Read from the token alone, without the database. `X-User-Id` has the user's id, for a proxy that asks.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses(
    (status = 200, body = IdentityView, headers(("X-User-Id" = String, description = "The user's id.")))))]
pub(in crate::http) async fn identity(Bearer(claims): Bearer) -> HttpResponse {
    HttpResponse::Ok().insert_header((X_USER_ID, claims.sub.to_string())).json(IdentityView {
        id: &claims.sub,
        roles: &claims.roles,
        scope: claims.scope.as_deref(),
        session_id: claims.sid,
        client_id: &claims.client_id,
        authenticated_at: claims.auth_time.map(Timestamp::to_rfc3339),
        expires_at: claims.exp.to_rfc3339(),
    })
}

/// My record
///
/// The user's record as it is now.
#[utoipa::path(get, path = "/v1/me/profile", tag = "me", responses((status = 200, body = AccountView)))]
pub(in crate::http) async fn profile(app: web::Data<App>, Bearer(claims): Bearer) -> Result<HttpResponse, Problem> {
    let id = claims.user_id().ok_or(Error::UserUnknown)?;
    let user = blocking(move || users::find(&app, id)).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(&user)))
}

/// Change my record
///
/// The password must have been given lately to change username or e-mail address.
#[utoipa::path(patch, path = "/v1/me/profile", tag = "me", request_body = ProfileBody,
    responses((status = 200, body = AccountView)))]
pub(in crate::http) async fn change_profile(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Json(body): Json<ProfileBody>,
) -> Result<HttpResponse, Problem> {
    if body.username.is_some() || body.email.is_some() {
        recent(&app, &caller.claims).map_err(Error::Bearer)?;
    }
    let change = move || users::set_profile(&app, caller.user, &body.into(), &caller.origin);
    let user = blocking(change).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(&user)))
}

/// Give my password again
///
/// Needed before sensitive actions. Answers the session's pair, with an access token whose `auth_time` is now.
#[utoipa::path(post, path = "/v1/me/reauthenticate", tag = "me", request_body = ReauthenticateBody,
    responses((status = 200, body = PairView)))]
pub(in crate::http) async fn reauthenticate(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Json(body): Json<ReauthenticateBody>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session()?;
    let Caller { user, origin, .. } = caller;
    let its_origin = origin.clone();
    let claim = move |app: &_| me::claim(app, user, &body.password, &origin);
    let record = move |app: &_, proof| me::reauthenticate(app, user, session, proof, &its_origin);
    let pair = proving(&app, claim, proof::prove, record).await?;
    Ok(answer(&pair))
}

/// Change my password
///
/// All other sessions end; API tokens stay.
#[utoipa::path(post, path = "/v1/me/password", tag = "me", request_body = PasswordBody,
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn change_password(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Json(body): Json<PasswordBody>,
) -> Result<HttpResponse, Problem> {
    let session = caller.session()?;
    let Caller { user, origin, .. } = caller;
    let PasswordBody { current_password: current, new_password: new } = body;
    let (its_current, its_origin) = (current.clone(), origin.clone());
    let claim =
        move |app: &_| me::claim(app, user, &current, &origin).map_err(|error| error.in_field("current_password"));
    let evaluate = move |app: &_, admitted| me::next_password(app, admitted, &its_current, &new);
    let change = move |app: &_, next| me::change_password(app, user, session, next, &its_origin);
    let sessions_ended = proving(&app, claim, evaluate, change).await?;
    Ok(HttpResponse::Ok().json(EndedView { sessions_ended }))
}
