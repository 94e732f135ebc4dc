//! `/v1/registrations`: people open accounts for themselves.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::delivery::Delivery;
use crate::http::extract::{Json, device, origin};
use crate::http::failure::Failure;
use crate::http::registering;
use crate::http::view::pair::PairView;
use crate::http::words::{DeviceLabel, EmailAddress, Name, NewPassword, NewUsername};
use crate::secret::Secret;
use crate::service::login;
use crate::service::registration::finishing::{Wanted, outcome};
use crate::service::registration::{Applicant, Shown};

/// Who wants to register.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Register, example = json!({"email": "ada@example.com"}))]
pub(in crate::http) struct AskBody {
    /// The e-mail address.
    #[schema(value_type = EmailAddress)]
    email: String,
    /// The last part of an invitation's link. Required if `REGISTRATION` is `invite`.
    #[schema(value_type = Option<String>, nullable = false)]
    invitation: Option<Secret<String>>,
}

/// What the mail says: `token`, or `code` together with `registration`. Without mail: `invitation`. To open the account `username`
/// and `password`, too.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmRegistration, example = json!({
    "token": "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg", "username": "ada", "password": "a long and unusual sentence",
}))]
pub(in crate::http) struct ConfirmBody {
    /// The last part of the link's path.
    #[schema(value_type = Option<String>, nullable = false)]
    token: Option<Secret<String>>,
    /// What the response to `POST /v1/registrations` said.
    #[schema(value_type = Option<String>, nullable = false)]
    registration: Option<Secret<String>>,
    /// The code in the mail; spaces in it do not matter. Once it was right, `registration` is enough.
    #[schema(value_type = Option<String>, nullable = false, example = "1234 5678")]
    code: Option<Secret<String>>,
    /// The last part of an invitation's link, if the service sends no mail.
    #[schema(value_type = Option<String>, nullable = false)]
    invitation: Option<Secret<String>>,
    /// The name to log in with.
    #[schema(value_type = Option<NewUsername>, nullable = false)]
    username: Option<String>,
    /// The password.
    #[schema(value_type = Option<NewPassword>, nullable = false)]
    password: Option<Secret<String>>,
    /// The full name.
    #[schema(value_type = Option<Name>, example = "Ada Lovelace")]
    name: Option<String>,
    /// Whether the user accepts the terms. Required to be `true` if `TERMS_URL` is set.
    #[serde(default)]
    terms_accepted: bool,
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

/// A registration that has begun.
#[derive(Serialize, ToSchema)]
#[schema(as = AskedRegistration)]
pub(in crate::http) struct AskedView {
    /// Keep it: the code of the mail works together with it only. It is a secret.
    #[schema(example = "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg")]
    registration: String,
}

/// An address that is proved.
#[derive(Serialize, ToSchema)]
#[schema(as = ProvedRegistration)]
pub(in crate::http) struct ProvedView {
    /// The address; null if there is none.
    #[schema(required)]
    email: Option<String>,
    /// Whether the account will have it as a confirmed one.
    email_verified: bool,
    /// Where the terms are that must be accepted; null if there are none.
    #[schema(required)]
    terms_url: Option<String>,
}

impl ProvedView {
    fn new(app: &App, applicant: &Applicant) -> Self {
        let (email, email_verified) = applicant.email().map_or((None, false), |(email, is)| (Some(email), is));
        Self { email: email.map(|email| email.to_string()), email_verified, terms_url: app.config.terms_url.clone() }
    }
}

/// Ask to register
///
/// The address gets a mail: with a link and a code to go on with, which work for 30 minutes; or, if it has an account, with the
/// advice to log in. The answer is always the same, and is sent before the address is looked for.
#[utoipa::path(post, path = "/v1/registrations", tag = "registration", request_body = AskBody, security(()),
    responses((status = 202, body = AskedView, description = "A mail is on its way.")))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<AskBody>,
) -> Result<HttpResponse, Failure> {
    let held = registering::ask(&app, body.email, body.invitation, origin(&request, &app)).await?;
    Ok(HttpResponse::Accepted().json(AskedView { registration: held.expose().to_owned() }))
}

/// Prove an address, and open an account
///
/// Without `username` and `password` the address is proved, and there is an hour for the rest. With them the account is opened, and
/// the user is logged in as by `POST /v1/tokens`. What is refused (a username that is taken, a password that is too weak) leaves
/// link and code as they are; they are used up when there is an account. With `REQUIRE_SECOND_FACTOR` the account is opened and
/// the answer is `second_factor_enrolment_required`.
#[utoipa::path(post, path = "/v1/registrations/confirm", tag = "registration", request_body = ConfirmBody, security(()),
    responses((status = 200, body = ProvedView), (status = 201, body = PairView)))]
pub(in crate::http) async fn confirm(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<ConfirmBody>,
) -> Result<HttpResponse, Failure> {
    let delivery = Delivery::asked(&request, &app, body.cookies, body.access_cookie)?;
    let shown = match (body.token, body.registration, body.code, body.invitation) {
        (Some(token), None, None, None) => Shown::Link(token),
        (None, Some(registration), code, None) => Shown::Client(registration, code),
        (None, None, None, Some(invitation)) => Shown::Invitation(invitation),
        _ => {
            let message = "expected `token`, or `registration` and `code`, or `invitation`";
            return Err(Failure::BodyMalformed(message.to_owned()));
        }
    };
    let (device, origin) = (device(&request, &app, body.label)?, origin(&request, &app));
    let chosen = match (body.username, body.password) {
        (Some(username), Some(password)) => Some((username, password)),
        (None, None) => None,
        (None, Some(_)) => return Err(Failure::BodyMalformed("missing field `username`".to_owned())),
        (Some(_), None) => return Err(Failure::BodyMalformed("missing field `password`".to_owned())),
    };
    let applicant = registering::prove(&app, shown, origin.ip.as_deref()).await?;
    let Some((username, password)) = chosen else {
        return Ok(HttpResponse::Ok().json(ProvedView::new(&app, &applicant)));
    };
    let (name, terms_accepted, audience) = (body.name, body.terms_accepted, body.audience.clone());
    let wanted = Wanted { username, password, name, terms_accepted, audience };
    let opened = registering::open(&app, applicant, wanted, origin.clone()).await?;
    let (its_app, asked) = (app.clone(), app.config.first_party(body.audience.as_deref()));
    let log_in = move || login::login(&its_app, outcome(&its_app, opened), asked, &device, &origin);
    let pair = blocking(log_in).await;
    login::count(&app, pair.as_ref().map(|_| ()));
    let mut response = delivery.answer(&request, &app, &pair?).await?;
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}
