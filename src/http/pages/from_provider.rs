//! `/registration/provider`: somebody whom a provider knows opens an account, in the browser in which the provider has said so.

use actix_web::{HttpRequest, HttpResponse, web};

use super::choosing::{Place, Refused, void};
use super::on_the_way::return_to;
use super::return_to::registration_page;
use super::site::Site;
use crate::app::App;
use crate::http::cookies::Cookies;
use crate::http::extract::OwnForm;
use crate::http::failure::Failure;
use crate::http::registering;
use crate::http::words::ReturnAddress;
use crate::secret::Secret;
use crate::service::registration::Shown;

/// Open an account after a sign-in at a provider
///
/// Only in the browser in which that was, and where `REGISTRATION` allows it.
#[utoipa::path(get, path = "/registration/provider", tag = "pages", security(()),
    params(("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go then. Default: the account pages.")),
    responses(
        (status = 200, content_type = "text/html", body = String, description = "The form to choose a username."),
        (status = 403, content_type = "text/html", body = String, description = "A page: begin again.")))]
pub(in crate::http) async fn show(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let (site, return_to) = (&Site::new(&request, &app, &[]), return_to(&request, &app));
    let (action, shown) = (&*registration_page(&site.base, &return_to), shown(&request, &app));
    match registering::look(&app, shown).await {
        Ok(applicant) => {
            Place { site, request: &request, app: &app, action, return_to: Some(&return_to) }.choose(&applicant)
        }
        Err(error) => void(site, error),
    }
}

/// Choose a username after a sign-in at a provider
///
/// What the form posts: `username`, `name` and `terms_accepted`. There is no password.
#[utoipa::path(post, path = "/registration/provider", tag = "pages", security(()),
    params(("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go then. Default: the account pages.")),
    responses(
        (status = 200, content_type = "text/html", body = String, description = "A page: the form; or it is done."),
        (status = 303, description = "The user is registered and logged in: to `return_to`.", headers(("Location" = String))),
        (status = 400, content_type = "text/html", body = String, description = "A page: what was typed is refused."),
        (status = 403, content_type = "text/html", body = String, description = "A page: begin again; or another page has sent this."),
        (status = 409, content_type = "text/html", body = String, description = "A page: the username is taken, or looks like another."),
        (status = 429, content_type = "text/html", body = String, description = "A page: too many refused names.")))]
pub(in crate::http) async fn act(
    request: HttpRequest,
    app: web::Data<App>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let (site, return_to) = (&Site::new(&request, &app, &[]), return_to(&request, &app));
    let action = &*registration_page(&site.base, &return_to);
    let place = Place { site, request: &request, app: &app, action, return_to: Some(&return_to) };
    match place.go_on(shown(&request, &app), &params).await {
        Ok(page) => Ok(page),
        Err(Refused::Proof(error)) => void(site, error),
        Err(Refused::Other(failure)) => Err(failure),
    }
}

fn shown(request: &HttpRequest, app: &App) -> Shown {
    Shown::Provider(Secret::new(Cookies::of(app).registering(request).unwrap_or_default()))
}
