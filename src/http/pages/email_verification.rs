//! `/email-verification/{token}`: the link of a mail that confirms an address.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::reply::{page, titled};
use super::site::Site;
use super::templates::VerifyAddress;
use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::error::Error;
use crate::http::extract::{OwnForm, origin};
use crate::http::failure::Failure;
use crate::secret::Secret;
use crate::service::email::{self, Confirmable};

/// Follow the link of a mail that confirms an address
///
/// Shows a button and changes nothing: programs that look at mails follow links, too.
#[utoipa::path(get, path = "/email-verification/{token}", tag = "pages", security(()),
    params(("token" = String, Path, description = "What the mail says.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "The button."),
    (status = 403, content_type = "text/html", body = String, description = "A page: the link is void.")))]
pub(in crate::http) async fn show(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let site = &Site::new(&request, &app, &[]);
    let (asked, link) = (app.clone(), Secret::new(token.into_inner()));
    let its_link = link.clone();
    match on_a_thread(move || email::look(&asked, &its_link)).await {
        Ok(Confirmable { user, email }) => {
            let action = &*site.page_of("email-verification", link.expose());
            let (email, user) = (&*email.to_string(), &*user.username.to_string());
            page(site, StatusCode::OK, &VerifyAddress { site, action, email, user })
        }
        Err(error) => refused(site, error),
    }
}

/// Confirm the address
///
/// By the button. No login is needed.
#[utoipa::path(post, path = "/email-verification/{token}", tag = "pages", security(()),
    params(("token" = String, Path, description = "What the mail says.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: the address is confirmed."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: the link is void, or another page has sent this."),
    (status = 409, content_type = "text/html", body = String, description = "A page: another account has the address.")))]
pub(in crate::http) async fn act(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    OwnForm(_): OwnForm,
) -> Result<HttpResponse, Failure> {
    let site = &Site::new(&request, &app, &[]);
    let (asked, link, origin) = (app.clone(), Secret::new(token.into_inner()), origin(&request, &app));
    match on_a_thread(move || email::confirm_by_link(&asked, &link, &origin)).await {
        Ok(_user) => titled(site, StatusCode::OK, site.texts.verified_title, site.texts.verified_lead, None),
        Err(error) => refused(site, error),
    }
}

fn refused(site: &Site<'_>, error: Error) -> Result<HttpResponse, Failure> {
    match error {
        Error::BadMailToken => {
            titled(site, StatusCode::FORBIDDEN, site.texts.bad_link_title, site.texts.bad_link, None)
        }
        Error::EmailTaken => {
            titled(site, StatusCode::CONFLICT, site.texts.bad_link_title, site.texts.email_taken, None)
        }
        error => Err(error.into()),
    }
}
