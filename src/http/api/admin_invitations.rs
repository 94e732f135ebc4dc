//! `/v1/admin/invitations` and `/v1/admin/registrations`: who may register, and who is about to, for administrators.

use actix_web::http::header::{CACHE_CONTROL, PRAGMA};
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::clock::Seconds;
use crate::http::extract::{
    Administrator, AdministratorRecently, Caller, Json, PathId, Query, cut, page_size, parameter,
};
use crate::http::failure::Failure;
use crate::http::view::invitation::{InvitationView, NewInvitationView, RegistrationView};
use crate::http::view::session::PageQuery;
use crate::http::words::{EmailAddress, RoleName};
use crate::model::invitation::InvitationId;
use crate::model::registration::RegistrationId;
use crate::service::invitations::{self, NewInvitation};
use crate::service::registration::pending;

/// A new invitation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CreateInvitation, example = json!({"roles": ["editor"], "email": "grace@example.com"}))]
pub(in crate::http) struct InvitationBody {
    /// Roles of the account. Default: none.
    #[serde(default)]
    #[schema(value_type = Vec<RoleName>, max_items = 64)]
    roles: Vec<String>,
    /// The only address that may be registered with it. If the service sends mail, it gets one. Default: any address.
    #[schema(value_type = Option<EmailAddress>)]
    email: Option<String>,
    /// How long it is valid, in seconds. Default: a week.
    #[schema(minimum = 1, maximum = 31_536_000)]
    expires_in: Option<i64>,
}

/// Invitations, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitations)]
pub(in crate::http) struct InvitationsView<'a> {
    invitations: Vec<InvitationView<'a>>,
    /// Pass it as `cursor` to get the next page; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Registrations that are not finished, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Registrations)]
pub(in crate::http) struct RegistrationsView<'a> {
    registrations: Vec<RegistrationView<'a>>,
    /// Pass it as `cursor` to get the next page; null on the last page.
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Invite somebody
///
/// Makes a link that opens one account, which gets the roles. The link is in the response only. If there is an `email` and the
/// service sends mail, that address gets a link of its own, which proves it. The administrator must have given the password within
/// `REAUTHENTICATION_PERIOD`.
#[utoipa::path(post, path = "/v1/admin/invitations", tag = "administration", request_body = InvitationBody,
    responses((status = 201, body = NewInvitationView)))]
pub(in crate::http) async fn create_invitation(
    caller: Caller<AdministratorRecently>,
    app: web::Data<App>,
    Json(body): Json<InvitationBody>,
) -> Result<HttpResponse, Failure> {
    let create = move || {
        let InvitationBody { roles, email, expires_in } = &body;
        let new = NewInvitation { roles, email: email.as_deref(), lifetime: expires_in.map(Seconds) };
        invitations::create(&app, &new, &caller.origin)
    };
    let made = blocking(create).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((CACHE_CONTROL, "no-store")).insert_header((PRAGMA, "no-cache"));
    Ok(response.json(NewInvitationView::from(&made)))
}

/// List invitations
///
/// Those that were used or have expired are listed until a day after their end.
#[utoipa::path(get, path = "/v1/admin/invitations", tag = "administration", params(PageQuery),
    responses((status = 200, body = InvitationsView)))]
pub(in crate::http) async fn list_invitations(
    _: Caller<Administrator>,
    app: web::Data<App>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, Failure> {
    let limit = page_size(query.limit.as_deref())?;
    let before = parameter::<InvitationId>("cursor", query.cursor.as_deref(), "the next_cursor of a page")?;
    let found = blocking(move || invitations::list(&app, before, limit + 1)).await?;
    let (found, next_cursor) = cut(found, limit, |invitation| invitation.id.to_string());
    let invitations = found.iter().map(InvitationView::from).collect();
    Ok(HttpResponse::Ok().json(InvitationsView { invitations, next_cursor }))
}

/// Withdraw an invitation
///
/// Its link is void, and so are the registrations that rely on it. One that was used cannot be withdrawn.
#[utoipa::path(delete, path = "/v1/admin/invitations/{id}", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The invitation's id.")),
    responses((status = 204, description = "The invitation is withdrawn.")))]
pub(in crate::http) async fn withdraw_invitation(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<InvitationId>,
) -> Result<HttpResponse, Failure> {
    blocking(move || invitations::withdraw(&app, id, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// List registrations that are not finished
#[utoipa::path(get, path = "/v1/admin/registrations", tag = "administration", params(PageQuery),
    responses((status = 200, body = RegistrationsView)))]
pub(in crate::http) async fn list_registrations(
    _: Caller<Administrator>,
    app: web::Data<App>,
    Query(query): Query<PageQuery>,
) -> Result<HttpResponse, Failure> {
    let limit = page_size(query.limit.as_deref())?;
    let before = parameter::<RegistrationId>("cursor", query.cursor.as_deref(), "the next_cursor of a page")?;
    let found = blocking(move || pending::list(&app, before, limit + 1)).await?;
    let (found, next_cursor) = cut(found, limit, |registration| registration.id.to_string());
    let registrations = found.iter().map(RegistrationView::from).collect();
    Ok(HttpResponse::Ok().json(RegistrationsView { registrations, next_cursor }))
}

/// Withdraw a registration
///
/// Its link and its code are void. The address may be registered again.
#[utoipa::path(delete, path = "/v1/admin/registrations/{id}", tag = "administration",
    params(("id" = String, Path, format = "uuid", description = "The registration's id.")),
    responses((status = 204, description = "The registration is withdrawn.")))]
pub(in crate::http) async fn withdraw_registration(
    caller: Caller<Administrator>,
    app: web::Data<App>,
    PathId(id): PathId<RegistrationId>,
) -> Result<HttpResponse, Failure> {
    blocking(move || pending::withdraw(&app, id, &caller.origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}
