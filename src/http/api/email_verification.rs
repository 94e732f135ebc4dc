//! `/v1/me/email/verification`: a user confirms an e-mail address.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::confirming;
use crate::http::extract::{Caller, Json, LoggedIn};
use crate::http::failure::Failure;
use crate::http::view::user::AccountView;
use crate::secret::Secret;
use crate::service::email;
use crate::service::mail_tokens::LinkOrCode;

/// What the mail says: `token` or `code`.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmAddress, example = json!({"code": "1234 5678"}))]
pub(in crate::http) struct ConfirmBody {
    /// The last part of the link's path.
    #[schema(value_type = Option<String>, nullable = false)]
    token: Option<Secret<String>>,
    /// The code in the mail; spaces in it do not matter.
    #[schema(value_type = Option<String>, nullable = false)]
    code: Option<Secret<String>>,
}

/// Ask for a mail to confirm my address
///
/// The address on record gets a mail with a link and a code, which work once and for 30 minutes.
#[utoipa::path(post, path = "/v1/me/email/verification", tag = "me",
    responses((status = 202, description = "The mail is on its way.")))]
pub(in crate::http) async fn create(caller: Caller<LoggedIn>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let Caller { user, origin, .. } = caller;
    confirming::send(&app, user, origin).await?;
    Ok(HttpResponse::Accepted().finish())
}

/// Confirm my address
///
/// By the code or the link of a mail to this user. If it was sent to a new address, that is the user's from now on. Anyone
/// who follows the link confirms it by a button on a page, without being logged in.
#[utoipa::path(post, path = "/v1/me/email/verification/confirm", tag = "me", request_body = ConfirmBody,
    responses((status = 200, body = AccountView)))]
pub(in crate::http) async fn confirm(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    Json(body): Json<ConfirmBody>,
) -> Result<HttpResponse, Failure> {
    let Caller { user, origin, .. } = caller;
    let shown = match (body.token, body.code) {
        (Some(token), None) => LinkOrCode::Link(token),
        (None, Some(code)) => LinkOrCode::Code(code),
        _ => return Err(Failure::BodyMalformed("expected `token` or `code`".to_owned())),
    };
    let charge = email::admit(&app, user, &shown, origin.ip.as_deref()).await?;
    let user = blocking(move || email::confirm_own(&app, user, &shown, charge, &origin)).await?;
    Ok(HttpResponse::Ok().json(AccountView::from(&user)))
}
