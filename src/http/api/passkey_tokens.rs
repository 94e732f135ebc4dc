//! `/v1/tokens/passkey`: a login by a passkey, without a username.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{asserting, blocking};
use crate::app::App;
use crate::http::cookies::Cookies;
use crate::http::delivery::Delivery;
use crate::http::extract::{AssertionBody, Json, JsonOrNothing, device, origin};
use crate::http::failure::Failure;
use crate::http::view::pair::{PairView, not_stored};
use crate::http::view::passkey::RequestView;
use crate::http::words::DeviceLabel;
use crate::secret::Secret;
use crate::service::{login, passkey_login};
use crate::webauthn::Assertion;

/// What the passkey is for.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasskeyQuestion, example = json!({}))]
pub(in crate::http) struct QuestionBody {
    /// The `challenge` of a login that waits for its second step. Default: a login without a username.
    #[schema(value_type = Option<String>)]
    challenge: Option<Secret<String>>,
}

/// A login by a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasskeyLogin, example = json!({"assertion": {
    "id": "ihNnAXeW", "type": "public-key",
    "response": {"clientDataJSON": "eyJ0eXBlIjoi", "authenticatorData": "SZYN5YgO", "signature": "MEUCIQDk", "userHandle": "AaITdr0h"},
}}))]
pub(in crate::http) struct LoginBody {
    /// What the browser returns, by `toJSON()`.
    assertion: AssertionBody,
    /// The user's name for the device.
    #[schema(value_type = Option<DeviceLabel>)]
    label: Option<String>,
    /// Audience of the access token: one of `AUDIENCE`. Default: the first one.
    audience: Option<String>,
    /// `true`: the tokens go into cookies that no script can read, not into the body. Default: `false`.
    #[serde(default)]
    cookies: bool,
    /// `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie.
    #[schema(nullable = false)]
    access_cookie: Option<bool>,
}

/// Get what a browser needs to use a passkey
///
/// For a login without a username, and for `POST /v1/me/reauthenticate`; or, with the `challenge` of a login, for its second
/// step.
#[utoipa::path(post, path = "/v1/tokens/passkey/options", tag = "tokens", request_body = Option<QuestionBody>, security(()),
    responses((status = 200, body = RequestView)))]
pub(in crate::http) async fn options(
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<QuestionBody>,
) -> Result<HttpResponse, Failure> {
    let question = blocking(move || passkey_login::question(&app, body.challenge.as_ref())).await?;
    Ok(not_stored(RequestView::from(&question)))
}

/// Log in by a passkey
///
/// Opens a session and returns its first token pair. The passkey says who it is, and its authenticator has verified them: no
/// second factor is asked for.
#[utoipa::path(post, path = "/v1/tokens/passkey", tag = "tokens", request_body = LoginBody, security(()),
    responses((status = 200, body = PairView)))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<LoginBody>,
) -> Result<HttpResponse, Failure> {
    let delivery = Delivery::asked(&request, &app, body.cookies, body.access_cookie)?;
    let (device, origin) = (device(&request, &app, body.label)?, origin(&request, &app));
    let origin = if body.cookies { Cookies::of(&app).make_known(&app, &request, origin)? } else { origin };
    let (assertion, ip): (Assertion, _) = (body.assertion.into(), device.ip.clone());
    let open = move |app: &_, charge| {
        passkey_login::login(app, (&assertion, charge), body.audience.as_deref(), &device, &origin)
    };
    let pair = asserting(&app, ip.as_deref(), open).await;
    login::count(&app, pair.as_ref().map(|_| ()));
    delivery.answer(&request, &app, &pair?).await
}
