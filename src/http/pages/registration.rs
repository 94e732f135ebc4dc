//! `/registration` and `/invitation`: people open accounts for themselves. They prove their address by the link or the code of a
//! mail, and choose a username and a password after that. The code works in the browser only that has asked for the mail.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::choosing::{Place, Refused, problem, void};
use super::offered::{offered, offered_with};
use super::on_the_way::{return_to, wait_for_mail};
use super::reply::{page, page_with};
use super::return_to::with_return;
use super::site::Site;
use super::templates::{Offered, ProveAddress, Register};
use crate::app::App;
use crate::error::Error;
use crate::http::cookies::{Cookies, put};
use crate::http::extract::{OwnForm, origin};
use crate::http::failure::Failure;
use crate::http::registering;
use crate::http::words::ReturnAddress;
use crate::model::registration::MayRegister;
use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::registration::Shown;

/// Register
///
/// 404 if `REGISTRATION` is off.
#[utoipa::path(get, path = "/registration", tag = "pages", security(()),
    params(("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go then. Default: the account pages.")),
    responses(
    (status = 200, content_type = "text/html", body = String, description = "The form for the address."),
    (status = 403, content_type = "text/html", body = String, description = "A page: an invitation is needed.")))]
pub(in crate::http) async fn show(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    if !site.is_open() {
        return void(site, Error::InvitationMissing);
    }
    let return_to = return_to(&request, &app);
    let (action, providers) = (&*own_page(site, &return_to), &*offered(&app, &return_to).await?);
    page(site, StatusCode::OK, &Register { site, action, is_invited: false, providers, email: "", problem: None })
}

/// Ask for the mail, or go on by its code
///
/// What the forms post: `email`; then `email` and `code`; then `username`, `password`, `name` and `terms_accepted`. For every
/// address the answer is the same. A cookie holds that this browser has asked: without it no code is right.
#[utoipa::path(post, path = "/registration", tag = "pages", security(()),
    params(("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go then. Default: the account pages.")),
    responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: type the code; or choose."),
    (status = 303, description = "The user is registered and logged in: to `return_to`, to what an application has begun in this \
        browser, or to the account pages.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: what was typed is refused."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: a code is wrong, an invitation is needed, or another page has sent this."),
    (status = 409, content_type = "text/html", body = String, description = "A page: the username is taken, or looks like another."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many mails, wrong codes or refused names.")))]
pub(in crate::http) async fn act(
    request: HttpRequest,
    app: web::Data<App>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    let (email, return_to) = (params.get("email").unwrap_or_default(), return_to(&request, &app));
    let action = &*own_page(site, &return_to);
    let place = Place { site, request: &request, app: &app, action, return_to: Some(&return_to) };
    let code = params.get("code").map(|code| Secret::new(code.to_owned()));
    if code.is_none() && params.get("username").is_none() {
        return ask(&place, email, None).await;
    }
    let held = Secret::new(Cookies::of(&app).asked(&request).unwrap_or_default());
    let has_code = code.is_some();
    match place.go_on(Shown::Client(held, code), &params).await {
        Ok(page) => Ok(page),
        Err(Refused::Proof(error @ (Error::BadMailToken | Error::TooManyFailures { .. }))) if has_code => {
            let (response, problem) = problem(site.texts, error)?;
            page_with(site, response, &ProveAddress { site, action, email, by_code: true, problem: Some(problem) })
        }
        Err(Refused::Proof(error)) => void(site, error),
        Err(Refused::Other(failure)) => Err(failure),
    }
}

/// Has the mail sent, and asks for its code.
async fn ask(place: &Place<'_>, email: &str, invitation: Option<&str>) -> Result<HttpResponse, Failure> {
    let return_to = return_to(place.request, place.app);
    let (site, action) = (place.site, &*own_page(place.site, &return_to));
    let shown = invitation.map(|text| Secret::new(text.to_owned()));
    match registering::ask(place.app, email.to_owned(), shown, origin(place.request, place.app)).await {
        Ok(held) => {
            wait_for_mail(place.request, place.app).await?;
            let form = ProveAddress { site, action, email, by_code: true, problem: None };
            let mut response = page(site, StatusCode::OK, &form)?;
            put(place.request, &mut response, Cookies::of(place.app).keep_asked(held.expose()))?;
            Ok(response)
        }
        Err(error @ (Error::RegistrationOff | Error::InvitationMissing)) => void(site, error),
        Err(error) => {
            let (response, problem) = problem(site.texts, error)?;
            let (action, is_invited) = (place.action, invitation.is_some());
            let providers = &*match invitation {
                Some(text) => offered_invited(place.app, text, action).await?,
                None => offered(place.app, &return_to).await?,
            };
            page_with(site, response, &Register { site, action, is_invited, providers, email, problem: Some(problem) })
        }
    }
}

/// The providers beside the form of an invitation; none if that is over.
async fn offered_invited(app: &web::Data<App>, text: &str, return_to: &str) -> Result<Vec<Offered>, Failure> {
    match registering::invitation(app, Secret::new(text.to_owned())).await {
        Ok(invitation) => offered_with(app, &invitation, return_to).await,
        Err(Error::BadInvitation) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Follow the link of a mail to register
///
/// Changes nothing: programs that look at mails follow links, too.
#[utoipa::path(get, path = "/registration/{token}", tag = "pages", security(()),
    params(("token" = String, Path, description = "What the mail says.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "The button to go on, or the form to choose."),
    (status = 403, content_type = "text/html", body = String, description = "A page: the link is void.")))]
pub(in crate::http) async fn show_link(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    let action = &*site.page_of("registration", &token);
    let applicant = match registering::look(&app, Shown::Link(Secret::new(token.into_inner()))).await {
        Ok(applicant) => applicant,
        Err(error) => return void(site, error),
    };
    if applicant.is_choosing() {
        return Place { site, request: &request, app: &app, action, return_to: None }.choose(&applicant);
    }
    let email = &*applicant.email().map(|(email, _)| email.to_string()).unwrap_or_default();
    page(site, StatusCode::OK, &ProveAddress { site, action, email, by_code: false, problem: None })
}

/// Go on with a registration by the link of a mail
///
/// What the forms post: nothing, by which the address is proved; then `username`, `password`, `name` and `terms_accepted`.
#[utoipa::path(post, path = "/registration/{token}", tag = "pages", security(()),
    params(("token" = String, Path, description = "What the mail says.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: the form to choose; or it is done."),
    (status = 303, description = "The user is registered and logged in: to what an application has begun in this browser, or to the \
        account pages.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: what was typed is refused."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: the link is void, or another page has sent this."),
    (status = 409, content_type = "text/html", body = String, description = "A page: the username is taken, or looks like another."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many refused names.")))]
pub(in crate::http) async fn act_on_link(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    let action = &*site.page_of("registration", &token);
    let place = Place { site, request: &request, app: &app, action, return_to: None };
    go_on(&place, Shown::Link(Secret::new(token.into_inner())), &params).await
}

async fn go_on(place: &Place<'_>, shown: Shown, params: &Params) -> Result<HttpResponse, Failure> {
    match place.go_on(shown, params).await {
        Ok(page) => Ok(page),
        Err(Refused::Proof(error)) => void(place.site, error),
        Err(Refused::Other(failure)) => Err(failure),
    }
}

/// Follow the link of an invitation
#[utoipa::path(get, path = "/invitation/{token}", tag = "pages", security(()),
    params(("token" = String, Path, description = "The invitation's.")), responses(
    (status = 200, content_type = "text/html", body = String,
        description = "The form for the address, or the form to choose if the service sends no mail."),
    (status = 403, content_type = "text/html", body = String, description = "A page: the invitation is over.")))]
pub(in crate::http) async fn show_invitation(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    let action = &*site.page_of("invitation", &token);
    let text = Secret::new(token.into_inner());
    if !site.sends_mail() {
        return match registering::look(&app, Shown::Invitation(text)).await {
            Ok(applicant) => Place { site, request: &request, app: &app, action, return_to: None }.choose(&applicant),
            Err(error) => void(site, error),
        };
    }
    match registering::invitation(&app, text).await {
        Ok(invitation) => {
            let providers = &*offered_with(&app, &invitation, action).await?;
            let email = &*invitation.email.map(|email| email.to_string()).unwrap_or_default();
            page(site, StatusCode::OK, &Register { site, action, is_invited: true, providers, email, problem: None })
        }
        Err(error) => void(site, error),
    }
}

/// Go on with an invitation
///
/// What the form posts: `email`, which gets a mail; or `username`, `password`, `name` and `terms_accepted` if the service sends no
/// mail.
#[utoipa::path(post, path = "/invitation/{token}", tag = "pages", security(()),
    params(("token" = String, Path, description = "The invitation's.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: type the code of the mail; or it is done."),
    (status = 303, description = "The user is registered and logged in: to what an application has begun in this browser, or to the \
        account pages.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: what was typed is refused."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: the invitation is over, or another page has sent this."),
    (status = 409, content_type = "text/html", body = String, description = "A page: the username is taken, or looks like another."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many mails or refused names.")))]
pub(in crate::http) async fn act_on_invitation(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    let action = &*site.page_of("invitation", &token);
    let place = Place { site, request: &request, app: &app, action, return_to: None };
    if site.sends_mail() {
        return ask(&place, params.get("email").unwrap_or_default(), Some(&token)).await;
    }
    go_on(&place, Shown::Invitation(Secret::new(token.into_inner())), &params).await
}

/// The page for addresses and codes, which leads to a path of this host then.
fn own_page(site: &Site<'_>, return_to: &str) -> String {
    let page = format!("{}/registration", site.base);
    if return_to == format!("{}/account", site.base) { page } else { with_return(&page, return_to) }
}

/// There are no such pages where nobody can register.
fn site<'a>(request: &HttpRequest, app: &'a App) -> Result<Site<'a>, Failure> {
    if app.config.registration == MayRegister::Off {
        return Err(Failure::PathUnknown);
    }
    Ok(Site::new(request, app, &[]))
}
