//! `/.well-known/change-password`: where password managers send users
//! ([A Well-Known URL for Changing Passwords](https://w3c.github.io/webappsec-change-password-url/)).

use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::http::failure::Failure;
use crate::jwt::issuer_url;

/// Where to change one's password
///
/// The page of the settings, or that of the account pages.
#[utoipa::path(get, path = "/.well-known/change-password", tag = "pages", security(()), responses(
    (status = 303, description = "To `CHANGE_PASSWORD_URL`, or to `/account/password`.", headers(("Location" = String)))))]
pub(in crate::http) async fn change_password(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let config = &app.config;
    let own = config.session_cookies.then(|| issuer_url(&config.issuer, "/account/password"));
    let url = config.change_password_url.clone().or(own).ok_or(Failure::PathUnknown)?;
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, url)).finish())
}
