//! `/v1/tokens/continue`: the second step of a login.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{checked, look_up};
use crate::app::App;
use crate::error::Error;
use crate::http::cookies::Cookies;
use crate::http::delivery::Delivery;
use crate::http::extract::{AssertionBody, Json, device, origin};
use crate::http::failure::Failure;
use crate::http::view::pair::PairView;
use crate::secret::Secret;
use crate::service::login;
use crate::service::second_step;
use crate::service::shown::{self, Shown};

/// What a login waits for: `otp`, `recovery_code` or `assertion`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Continue, example = json!({"challenge": "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg", "otp": "123456"}))]
pub(in crate::http) struct ContinueBody {
    /// The `challenge` of the response that asked for it.
    #[schema(value_type = String)]
    challenge: Secret<String>,
    /// The code that the authenticator app shows.
    #[schema(value_type = Option<String>, nullable = false)]
    otp: Option<Secret<String>>,
    /// One of the recovery codes.
    #[schema(value_type = Option<String>, nullable = false)]
    recovery_code: Option<Secret<String>>,
    /// What a passkey has signed. Its challenge is that of `POST /v1/tokens/passkey/options` with the login's `challenge`.
    #[schema(nullable = false)]
    assertion: Option<AssertionBody>,
    /// `true`: the tokens go into cookies that no script can read, not into the body. That is also the default if a cookie
    /// authenticated the request that the challenge comes from.
    #[serde(default)]
    cookies: bool,
    /// `false`, together with `"cookies": true`: the access token is in the body, and only the refresh token in a cookie.
    #[schema(nullable = false)]
    access_cookie: Option<bool>,
}

/// Continue a login
///
/// Follows `second_factor_required`. Opens the session and returns its first token pair; after
/// `POST /v1/me/reauthenticate` it returns a pair of the session whose user has authenticated again. A challenge is used by
/// success, and a wrong code leaves it as it is.
#[utoipa::path(post, path = "/v1/tokens/continue", tag = "tokens", request_body = ContinueBody, security(()),
    responses((status = 200, body = PairView)))]
pub(in crate::http) async fn go_on(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<ContinueBody>,
) -> Result<HttpResponse, Failure> {
    let shown = match (body.otp, body.recovery_code, body.assertion) {
        (Some(code), None, None) => Shown::Otp(code),
        (None, Some(code), None) => Shown::RecoveryCode(code),
        (None, None, Some(assertion)) => Shown::Passkey(Box::new(assertion.into())),
        (None, None, None) => {
            let message = "missing field `otp`, `recovery_code` or `assertion`";
            return Err(Failure::BodyMalformed(message.to_owned()));
        }
        (_, Some(_), _) => return Err(Error::invalid("recovery_code", "invalid", "must come alone").into()),
        (Some(_), None, Some(_)) => return Err(Error::invalid("assertion", "invalid", "must come alone").into()),
    };
    let (device, challenge) = (device(&request, &app, None)?, body.challenge);
    let origin = origin(&request, &app);
    let its_origin = origin.clone();
    let claim = look_up(&app, move |app: &_| shown::claim(app, &challenge, shown, &its_origin)).await;
    let claim = claim.inspect_err(|error| login::count(&app, Err(error)))?;
    let cookies = body.cookies || claim.is_by_cookie();
    let delivery = Delivery::asked(&request, &app, cookies, body.access_cookie)?;
    let origin = if cookies { Cookies::of(&app).make_known(&app, &request, origin)? } else { origin };
    let finish = move |app: &_, claim, charge| second_step::finish(app, claim, charge, &device, &origin);
    let pair = checked(&app, claim, finish).await;
    login::count(&app, pair.as_ref().map(|_| ()));
    delivery.answer(&request, &app, &pair?).await
}
