//! `/v1/password-resets`: a new password for users who have forgotten theirs.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::Error;
use crate::http::extract::{Json, origin};
use crate::http::failure::Failure;
use crate::http::recovering::{self, Recovery};
use crate::http::words::{EmailAddress, NewPassword};
use crate::secret::Secret;
use crate::service::password_reset::{self, ByMail};
use crate::service::shown::Shown;

/// Who has forgotten the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AskForReset, example = json!({"email": "ada@example.com"}))]
pub(in crate::http) struct AskBody {
    /// The e-mail address of the account.
    #[schema(value_type = EmailAddress)]
    email: String,
}

/// What the mail says, and the new password: `token`, or `email` and `code`. If the user has a second factor, `otp` or
/// `recovery_code`, too.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmReset, example = json!({
    "token": "q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg", "new_password": "a long and unusual sentence",
}))]
pub(in crate::http) struct ConfirmBody {
    /// The last part of the link's path.
    #[schema(value_type = Option<String>, nullable = false)]
    token: Option<Secret<String>>,
    /// The address that the mail went to.
    #[schema(value_type = Option<EmailAddress>, nullable = false)]
    email: Option<String>,
    /// The code in the mail; spaces in it do not matter.
    #[schema(value_type = Option<String>, nullable = false, example = "1234 5678")]
    code: Option<Secret<String>>,
    /// The new password.
    #[schema(value_type = NewPassword)]
    new_password: Secret<String>,
    /// The code that the authenticator app shows.
    #[schema(value_type = Option<String>, nullable = false)]
    otp: Option<Secret<String>>,
    /// One of the recovery codes.
    #[schema(value_type = Option<String>, nullable = false)]
    recovery_code: Option<Secret<String>>,
}

/// Ask for a mail to reset a password
///
/// If an active account has this address and it is verified, it gets a mail with a link and a code, which work once and for
/// 30 minutes. The answer is always the same, and is sent before the address is looked for.
#[utoipa::path(post, path = "/v1/password-resets", tag = "tokens", request_body = AskBody, security(()),
    responses((status = 202, description = "If the address is somebody's, the mail is on its way.")))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<AskBody>,
) -> Result<HttpResponse, Failure> {
    recovering::ask(&app, &body.email, origin(&request, &app)).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Set a new password
///
/// Ends all sessions of the user; API tokens stay valid. It opens no session. If the user has a second factor and none
/// is in the request, it is refused with `second_factor_required`, without a `challenge`: send it again with a code. A
/// refused password or code leaves the link as it is.
#[utoipa::path(post, path = "/v1/password-resets/confirm", tag = "tokens", request_body = ConfirmBody, security(()),
    responses((status = 204, description = "The password is changed.")))]
pub(in crate::http) async fn confirm(
    request: HttpRequest,
    app: web::Data<App>,
    Json(body): Json<ConfirmBody>,
) -> Result<HttpResponse, Failure> {
    let ConfirmBody { token, email, code, new_password: password, otp, recovery_code } = body;
    let read = match (token, email, code) {
        (Some(token), None, None) => ByMail::Link(token),
        (None, Some(email), Some(code)) => ByMail::Code(password_reset::address(&app, &email)?, code),
        _ => return Err(Failure::BodyMalformed("expected `token`, or `email` and `code`".to_owned())),
    };
    let shown = match (otp, recovery_code) {
        (None, None) => None,
        (Some(code), None) => Some(Shown::Otp(code)),
        (None, Some(code)) => Some(Shown::RecoveryCode(code)),
        (Some(_), Some(_)) => return Err(Error::invalid("recovery_code", "invalid", "must not come with otp").into()),
    };
    recovering::recover(&app, Recovery { read, password, shown }, origin(&request, &app)).await?;
    Ok(HttpResponse::NoContent().finish())
}
