//! `/v1/me/passkeys`: a user's passkeys, and where browsers find their page.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::extract::{
    Caller, Json, JsonOrNothing, LoggedIn, PathId, Protecting, RegistrationBody, origin, owner,
};
use crate::http::failure::Failure;
use crate::http::view::pair::not_stored;
use crate::http::view::passkey::{AddedView, CreationView, PasskeyView, PasskeysView};
use crate::http::words::Name;
use crate::jwt::issuer_url;
use crate::model::passkey::PasskeyId;
use crate::secret::Secret;
use crate::service::passkeys::{self, NewPasskey};

/// Who registers a passkey: a logged-in user, or one whose login waits for it.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasskeyOffer, example = json!({}))]
pub(in crate::http) struct OfferBody {
    /// The `challenge` of a login that asked for enrolment. Then no token is needed.
    #[schema(value_type = Option<String>)]
    challenge: Option<Secret<String>>,
    /// `true`: the browser may make the passkey by itself, right after a login by password (`mediation: "conditional"`). Then
    /// the user need not be verified. Default: `false`.
    #[serde(default)]
    conditional: bool,
}

/// A passkey that a browser has made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RegisterPasskey, example = json!({
    "credential": {"type": "public-key", "response": {"clientDataJSON": "eyJ0eXBlIjoi", "attestationObject": "o2NmbXRk"}},
    "name": "my laptop",
}))]
pub(in crate::http) struct RegisterBody {
    /// What the browser returns, by `toJSON()`.
    credential: RegistrationBody,
    /// The owner's name for it. Default: `Passkey`.
    #[schema(value_type = Option<Name>, example = "my laptop")]
    name: Option<String>,
    /// The `challenge` of a login that asked for enrolment. Then no token is needed.
    #[schema(value_type = Option<String>)]
    challenge: Option<Secret<String>>,
}

/// Another name for a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RenamePasskey, example = json!({"name": "my laptop"}))]
pub(in crate::http) struct RenameBody {
    /// The owner's name for it.
    #[schema(value_type = Name)]
    name: String,
}

/// Where users manage their passkeys.
#[derive(Serialize, ToSchema)]
#[schema(as = PasskeyEndpoints)]
pub(in crate::http) struct EndpointsView {
    /// The page where one is made.
    enroll: String,
    /// The page where they are listed.
    manage: String,
}

/// Get what a browser needs to make a passkey
///
/// The user must have authenticated within `REAUTHENTICATION_PERIOD`, by what the account has: a sign-in at a
/// provider is enough only if that is nothing else.
#[utoipa::path(post, path = "/v1/me/passkeys/options", tag = "me", request_body = Option<OfferBody>,
    responses((status = 200, body = CreationView)))]
pub(in crate::http) async fn options(
    caller: Result<Caller<Protecting>, Failure>,
    app: web::Data<App>,
    JsonOrNothing(body): JsonOrNothing<OfferBody>,
) -> Result<HttpResponse, Failure> {
    let (who, _) = owner(caller, body.challenge)?;
    let asked = app.clone();
    let offer = blocking(move || passkeys::offer(&asked, &who, body.conditional)).await?;
    Ok(not_stored(CreationView::new(&app, &offer)))
}

/// Register a passkey
///
/// From now on it logs in by itself, and after a password. Returns recovery codes if it is the first second factor of the
/// account.
#[utoipa::path(post, path = "/v1/me/passkeys", tag = "me", request_body = RegisterBody,
    responses((status = 201, body = AddedView)))]
pub(in crate::http) async fn create(
    request: HttpRequest,
    caller: Result<Caller<Protecting>, Failure>,
    app: web::Data<App>,
    Json(body): Json<RegisterBody>,
) -> Result<HttpResponse, Failure> {
    let (who, of_caller) = owner(caller, body.challenge)?;
    let origin = of_caller.unwrap_or_else(|| origin(&request, &app));
    let (transports, registration) = body.credential.parts();
    let register = move || {
        let new = NewPasskey { registration, transports: &transports, name: body.name.as_deref() };
        passkeys::register(&app, who, &new, &origin)
    };
    let view = AddedView::from(blocking(register).await?);
    Ok(HttpResponse::Created().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// List my passkeys
#[utoipa::path(get, path = "/v1/me/passkeys", tag = "me", responses((status = 200, body = PasskeysView)))]
pub(in crate::http) async fn list(caller: Caller<LoggedIn>, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let found = blocking(move || passkeys::list(&app, caller.user)).await?;
    let passkeys = found.iter().map(PasskeyView::from).collect();
    Ok(HttpResponse::Ok().json(PasskeysView { passkeys }))
}

/// Rename a passkey
#[utoipa::path(patch, path = "/v1/me/passkeys/{id}", tag = "me", request_body = RenameBody,
    params(("id" = String, Path, format = "uuid", description = "The passkey's id.")),
    responses((status = 200, body = PasskeyView)))]
pub(in crate::http) async fn rename(
    caller: Caller<LoggedIn>,
    app: web::Data<App>,
    PathId(id): PathId<PasskeyId>,
    Json(body): Json<RenameBody>,
) -> Result<HttpResponse, Failure> {
    let passkey = blocking(move || passkeys::rename(&app, caller.user, id, &body.name)).await?;
    Ok(HttpResponse::Ok().json(PasskeyView::from(&passkey)))
}

/// Remove a passkey
///
/// With the last second factor the recovery codes go, too. The user must have authenticated within
/// `REAUTHENTICATION_PERIOD`, with a second factor of the account.
#[utoipa::path(delete, path = "/v1/me/passkeys/{id}", tag = "me",
    params(("id" = String, Path, format = "uuid", description = "The passkey's id.")),
    responses((status = 204, description = "The passkey is removed.")))]
pub(in crate::http) async fn remove(
    caller: Caller<Protecting>,
    app: web::Data<App>,
    PathId(id): PathId<PasskeyId>,
) -> Result<HttpResponse, Failure> {
    let Caller { user, origin, .. } = caller;
    blocking(move || passkeys::remove(&app, user, id, &origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Find the pages for passkeys
///
/// Where password managers send users who want a passkey
/// ([A Well-Known URL for Relying Party Passkey Endpoints](https://www.w3.org/TR/passkey-endpoints/)).
#[utoipa::path(get, path = "/.well-known/passkey-endpoints", tag = "pages", security(()),
    responses((status = 200, body = EndpointsView)))]
pub(in crate::http) async fn endpoints(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    if app.config.relying_party.is_none() {
        return Err(Failure::PathUnknown);
    }
    let page = issuer_url(&app.config.issuer, "/account/passkeys");
    Ok(HttpResponse::Ok().json(EndpointsView { enroll: page.clone(), manage: page }))
}
