//! `/v1/me/totp` and `/v1/me/recovery-codes`: a user's authenticator app.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{blocking, next_step};
use crate::app::App;
use crate::http::extract::{Caller, Json, JsonOrNothing, Protecting, origin, owner};
use crate::http::failure::Failure;
use crate::http::view::pair::not_stored;
use crate::http::view::totp::EnrolledView;
use crate::secret::Secret;
use crate::service::totp;

/// Who enrols: a logged-in user, or one whose login waits for it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Enrol, example = json!({}))]
pub(in crate::http) struct EnrolBody {
    /// The `challenge` of a login that asked for enrolment. Then no token is needed.
    #[schema(value_type = Option<String>)]
    challenge: Option<Secret<String>>,
}

/// The first code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ConfirmTotp, example = json!({"code": "123456"}))]
pub(in crate::http) struct ConfirmBody {
    /// The code that the authenticator app shows.
    #[schema(value_type = String)]
    code: Secret<String>,
    /// The `challenge` of a login that asked for enrolment. Then no token is needed.
    #[schema(value_type = Option<String>)]
    challenge: Option<Secret<String>>,
}

/// New recovery codes.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryCodes)]
pub(in crate::http) struct RecoveryCodesView {
    /// Ten codes. Each works once, in place of a code of the app or a passkey. They are shown only here; older ones are void.
    #[schema(example = json!(["abcd-efgh-jkmn-pqrs"]))]
    recovery_codes: Vec<String>,
}

/// Set up an authenticator app
///
/// Makes a secret for the app. It is in force when a code of it was sent to `/v1/me/totp/confirm`; an app that is set up
/// already works until then. The user must have authenticated within `REAUTHENTICATION_PERIOD`, by what the account has: a sign-in at a
/// provider is enough only if that is nothing else.
#[utoipa::path(post, path = "/v1/me/totp", tag = "me", request_body = Option<EnrolBody>,
    responses((status = 200, body = EnrolledView)))]
pub(in crate::http) async fn enrol(
    caller: Result<Caller<Protecting>, Failure>,
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<EnrolBody>,
) -> Result<HttpResponse, Failure> {
    let (who, _) = owner(caller, body.challenge)?;
    let asked = app.clone();
    let enrolled = blocking(move || totp::begin(&asked, who)).await?;
    Ok(not_stored(EnrolledView::new(&app, &enrolled)?))
}

/// Confirm an authenticator app
///
/// Its codes are asked for at each login from now on. Returns recovery codes, for users who have lost the app.
#[utoipa::path(post, path = "/v1/me/totp/confirm", tag = "me", request_body = ConfirmBody,
    responses((status = 200, body = RecoveryCodesView)))]
pub(in crate::http) async fn confirm(
    request: HttpRequest,
    caller: Result<Caller<Protecting>, Failure>,
    app: web::Data<App>,
    Json(body): Json<ConfirmBody>,
) -> Result<HttpResponse, Failure> {
    let (who, of_caller) = owner(caller, body.challenge)?;
    let origin = of_caller.unwrap_or_else(|| origin(&request, &app));
    let its_origin = origin.clone();
    let claim = move |app: &_| totp::claim(app, who, &its_origin);
    let finish = move |app: &_, claim, charge| totp::confirm(app, claim, charge, &body.code, &origin);
    let recovery_codes = next_step(&app, claim, finish).await?;
    Ok(not_stored(RecoveryCodesView { recovery_codes }))
}

/// Remove my authenticator app
///
/// Removes the recovery codes, too, unless there is a passkey. The user must have authenticated within `REAUTHENTICATION_PERIOD`, with a second
/// factor of the account.
#[utoipa::path(delete, path = "/v1/me/totp", tag = "me",
    responses((status = 204, description = "Logins ask for no code of it any more.")))]
pub(in crate::http) async fn remove(caller: Caller<Protecting>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let Caller { user, origin, .. } = caller;
    blocking(move || totp::remove(&app, user, &origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Make new recovery codes
///
/// The old ones are void. The user must have authenticated within `REAUTHENTICATION_PERIOD`, with a second factor of
/// the account.
#[utoipa::path(post, path = "/v1/me/recovery-codes", tag = "me",
    responses((status = 200, body = RecoveryCodesView)))]
pub(in crate::http) async fn renew_codes(
    caller: Caller<Protecting>,
    app: web::Data<App>,
) -> Result<HttpResponse, Failure> {
    let Caller { user, origin, .. } = caller;
    let recovery_codes = blocking(move || totp::renew_codes(&app, user, &origin)).await?;
    Ok(not_stored(RecoveryCodesView { recovery_codes }))
}
