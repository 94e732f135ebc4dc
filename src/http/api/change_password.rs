//! `/.well-known/change-password`: where password managers send users
//! ([A Well-Known URL for Changing Passwords](https://w3c.github.io/webappsec-change-password-url/)).

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::http::failure::Failure;

/// Where to change one's password
///
/// The page of the settings, if there is one.
#[utoipa::path(get, path = "/.well-known/change-password", tag = "pages", security(()), responses(
    (status = 303, description = "To `CHANGE_PASSWORD_URL`.", headers(("Location" = String)))))]
pub(in crate::http) async fn change_password(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let url = app.config.change_password_url.as_deref().ok_or(Failure::PathUnknown)?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, url)).finish())
}
