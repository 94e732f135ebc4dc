//! `/v1/me`: the owner of the access token, and changes to their own account.

use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{asserting, blocking};
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::confirming;
use crate::http::delivery::Delivery;
use crate::http::extract::{AssertionBody, Caller, Json, LoggedIn, User, lasting};
use crate::http::failure::Failure;
use crate::http::proving;
use crate::http::view::pair::PairView;
use crate::http::view::profile::ProfileBody;
use crate::http::view::session::EndedView;
use crate::http::view::user::OwnAccountView;
use crate::http::words::{NewPassword, RoleName};
use crate::model::id::SessionId;
use crate::secret::Secret;
use crate::service::users::NewProfile;
use crate::service::{email, passkey_login};
use tokensmith_verifier::Subject;

/// What the access token says about its bearer.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity)]
pub(in crate::http) struct IdentityView<'a> {
    /// The user.
    #[schema(value_type = String)]
    id: &'a Subject,
    /// Roles of the user.
    #[schema(value_type = Vec<RoleName>)]
    roles: &'a [String],
    /// Scopes of the token, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<&'a str>,
    /// The session that the token belongs to; null if there is none.
    #[schema(required, value_type = Option<String>, format = "uuid")]
    session_id: Option<SessionId>,
    /// `first-party` after a login, or `api-token` if the token comes from an API token.
    #[schema(example = "first-party")]
    client_id: &'a str,
    /// When the user last gave the password; null if there was no login.
    #[schema(required, format = "date-time")]
    authenticated_at: Option<String>,
    /// When the token expires.
    #[schema(format = "date-time")]
    expires_at: String,
}

/// The password, or what a passkey has signed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reauthenticate, example = json!({"password": "correct horse battery staple"}))]
pub(in crate::http) struct ReauthenticateBody {
    /// The password.
    #[schema(value_type = Option<String>, max_length = 1024, nullable = false)]
    password: Option<Secret<String>>,
    /// What a passkey has signed. Its challenge is that of `POST /v1/tokens/passkey/options`.
    #[schema(nullable = false)]
    assertion: Option<AssertionBody>,
    /// `true`: the tokens go into cookies. That is also the default if a cookie authenticates the request.
    #[serde(default)]
    cookies: bool,
    /// `false`: if the tokens go into cookies, the access token is in the body all the same.
    #[schema(nullable = false)]
    access_cookie: Option<bool>,
}

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange, example = json!({
    "current_password": "correct horse battery staple", "new_password": "a long and unusual sentence",
}))]
pub(in crate::http) struct PasswordBody {
    /// The current password.
    #[schema(value_type = String, max_length = 1024)]
    current_password: Secret<String>,
    /// The new password.
    #[schema(value_type = NewPassword)]
    new_password: Secret<String>,
}

/// Holds the user's id for a proxy that asks on behalf of another service, since the proxy cannot read the body.
const X_USER_ID: HeaderName = HeaderName::from_static("x-user-id");

/// Who am I
///
/// Returns what the token says, without asking the database. The header `X-User-Id` holds the user's id, for proxies.
/// Tokens of registered applications are refused; they use `/oauth/userinfo`.
#[utoipa::path(get, path = "/v1/me", tag = "me", responses(
    (status = 200, body = IdentityView, headers(("X-User-Id" = String, description = "The user's id.")))))]
pub(in crate::http) async fn identity(Caller { claims, user, .. }: Caller<User>) -> HttpResponse {
    HttpResponse::Ok().insert_header((X_USER_ID, user.to_string())).json(IdentityView {
        id: &claims.sub,
        roles: &claims.roles,
        scope: claims.scope.as_deref(),
        session_id: claims.sid,
        client_id: &claims.client_id,
        authenticated_at: claims.auth_time.map(Timestamp::to_rfc3339),
        expires_at: claims.exp.to_rfc3339(),
    })
}

/// Get my record
///
/// Returns the user's record from the database.
#[utoipa::path(get, path = "/v1/me/profile", tag = "me", responses((status = 200, body = OwnAccountView)))]
pub(in crate::http) async fn profile(caller: Caller<User>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let own = blocking(move || email::own_account(&app, caller.user)).await?;
    Ok(HttpResponse::Ok().json(OwnAccountView::from(&own)))
}

/// Change my record
///
/// Changes the fields that are in the body. To change username or e-mail address, the user must have given the password
/// within `REAUTHENTICATION_PERIOD`; a sign-in at a provider is not enough if the account has a password or a second factor. If the service sends mail, a new address gets one, with a link and a code: the user's
/// address is the old one until it is confirmed.
#[utoipa::path(patch, path = "/v1/me/profile", tag = "me", request_body = ProfileBody,
    responses((status = 200, body = OwnAccountView)))]
pub(in crate::http) async fn change_profile(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Json(body): Json<ProfileBody>,
) -> Result<HttpResponse, Failure> {
    // Both log in, and the address resets the password.
    if body.username.is_some() || body.email.is_some() {
        lasting(&app, &caller.claims).await?;
    }
    let Caller { user, origin, .. } = caller;
    let own = confirming::change_profile(&app, user, NewProfile::from(body), origin).await?;
    Ok(HttpResponse::Ok().json(OwnAccountView::from(&own)))
}

/// Give my password again, or use a passkey
///
/// Needed before sensitive actions. A passkey needs no second factor besides. Returns a token pair of the session, with an access token whose `auth_time` is now. If
/// a cookie authenticates the request, the tokens are set as cookies.
#[utoipa::path(post, path = "/v1/me/reauthenticate", tag = "me", request_body = ReauthenticateBody,
    responses((status = 200, body = PairView)))]
pub(in crate::http) async fn reauthenticate(
    request: HttpRequest,
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Json(body): Json<ReauthenticateBody>,
) -> Result<HttpResponse, Failure> {
    let session = caller.session()?;
    let cookies = body.cookies || caller.by_cookie;
    let delivery = Delivery::asked(&request, &app, cookies, body.access_cookie.filter(|_| cookies))?;
    let Caller { user, origin, by_cookie, .. } = caller;
    let pair = match (body.password, body.assertion) {
        (Some(password), None) => proving::reauthenticate(&app, user, session, password, (origin, by_cookie)).await?,
        (None, Some(assertion)) => {
            let (assertion, ip) = (assertion.into(), origin.ip.clone());
            let record =
                move |app: &_, charge| passkey_login::reauthenticate(app, (&assertion, charge), user, session, &origin);
            asserting(&app, ip.as_deref(), record).await?
        }
        (None, None) => return Err(Failure::BodyMalformed("missing field `password` or `assertion`".to_owned())),
        (Some(_), Some(_)) => return Err(Error::invalid("assertion", "invalid", "must come alone").into()),
    };
    delivery.answer(&request, &app, &pair).await
}

/// Change my password
///
/// All other sessions of the user end. API tokens stay valid.
#[utoipa::path(post, path = "/v1/me/password", tag = "me", request_body = PasswordBody,
    responses((status = 200, body = EndedView)))]
pub(in crate::http) async fn change_password(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Json(body): Json<PasswordBody>,
) -> Result<HttpResponse, Failure> {
    let session = caller.session()?;
    let Caller { user, origin, .. } = caller;
    let PasswordBody { current_password: current, new_password: new } = body;
    let sessions_ended = proving::change_password(&app, user, session, (current, new), origin).await?;
    Ok(HttpResponse::Ok().json(EndedView { sessions_ended }))
}
