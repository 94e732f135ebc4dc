//! `/registration` and `/invitation`: people open accounts for themselves. They prove their address by the link or the code of a
//! mail, and choose a username and a password after that.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::choosing::{Place, Refused, problem, void};
use super::offered::offered;
use super::reply::{message, page, page_with};
use super::site::Site;
use super::templates::{ProveAddress, Register};
use crate::app::App;
use crate::error::Error;
use crate::http::csrf::is_own_form;
use crate::http::extract::{Form, origin};
use crate::http::failure::Failure;
use crate::http::registering;
use crate::model::registration::MayRegister;
use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::registration::Shown;

/// Register
///
/// 404 if `REGISTRATION` is off.
#[utoipa::path(get, path = "/registration", tag = "pages", security(()), responses(
    (status = 200, content_type = "text/html", body = String, description = "The form for the address."),
    (status = 403, content_type = "text/html", body = String, description = "A page: an invitation is needed.")))]
pub(in crate::http) async fn show(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    if !site.is_open() {
        return void(site, Error::InvitationMissing);
    }
    let action = &*format!("{}/registration", site.base);
    let providers = &*offered(&app, &account(site)).await?;
    page(site, StatusCode::OK, &Register { site, action, is_invited: false, providers, email: "", problem: None })
}

/// Ask for the mail, or go on by its code
///
/// What the forms post: `email`; then `email` and `code`; then also `username`, `password`, and `name` and `terms_accepted`. For
/// every address the answer is the same.
#[utoipa::path(post, path = "/registration", tag = "pages", security(()), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: type the code; or choose."),
    (status = 303, description = "The user is registered and logged in: to the account pages.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: what was typed is refused."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: a code is wrong, an invitation is needed, or another page has sent this."),
    (status = 409, content_type = "text/html", body = String, description = "A page: the username is taken, or looks like another."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many mails, wrong codes or refused names.")))]
pub(in crate::http) async fn act(
    request: HttpRequest,
    app: web::Data<App>,
    Form(params): Form,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    if !is_own_form(&request, &app) {
        return message(site, StatusCode::FORBIDDEN, site.texts.error_form, None);
    }
    let (email, action) = (params.get("email").unwrap_or_default(), &*format!("{}/registration", site.base));
    let place = Place {
        site,
        request: &request,
        app: &app,
        action,
        code: params.get("code").unwrap_or_default(),
        return_to: &account(site),
    };
    let Some(code) = params.get("code") else { return ask(&place, email, None).await };
    let again = |error: Error| {
        let (response, problem) = problem(site.texts, error)?;
        page_with(site, response, &ProveAddress { site, action, email, by_code: true, problem: Some(problem) })
    };
    let Ok(address) = email.parse() else { return again(Error::BadMailToken) };
    match place.go_on(Shown::Code(address, Secret::new(code.to_owned())), &params).await {
        Ok(page) => Ok(page),
        Err(Refused::Proof(error @ (Error::BadMailToken | Error::TooManyFailures { .. }))) => again(error),
        Err(Refused::Proof(error)) => void(site, error),
        Err(Refused::Other(failure)) => Err(failure),
    }
}

/// Has the mail sent, and asks for its code.
async fn ask(place: &Place<'_>, email: &str, invitation: Option<&str>) -> Result<HttpResponse, Failure> {
    let (site, action) = (place.site, &*format!("{}/registration", place.site.base));
    let shown = invitation.map(|text| Secret::new(text.to_owned()));
    match registering::ask(place.app, email.to_owned(), shown, origin(place.request, place.app)).await {
        Ok(()) => page(site, StatusCode::OK, &ProveAddress { site, action, email, by_code: true, problem: None }),
        Err(error @ (Error::RegistrationOff | Error::InvitationMissing)) => void(site, error),
        Err(error) => {
            let (response, problem) = problem(site.texts, error)?;
            let (action, is_invited) = (place.action, invitation.is_some());
            let providers = &*offered(place.app, if is_invited { action } else { place.return_to }).await?;
            page_with(site, response, &Register { site, action, is_invited, providers, email, problem: Some(problem) })
        }
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
    let action = &*action(site, "registration", &token);
    let applicant = match registering::look(&app, Shown::Link(Secret::new(token.into_inner()))).await {
        Ok(applicant) => applicant,
        Err(error) => return void(site, error),
    };
    if applicant.is_choosing() {
        return Place { site, request: &request, app: &app, action, code: "", return_to: &account(site) }
            .choose(&applicant);
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
    (status = 303, description = "The user is registered and logged in: to the account pages.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: what was typed is refused."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: the link is void, or another page has sent this."),
    (status = 409, content_type = "text/html", body = String, description = "A page: the username is taken, or looks like another."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many refused names.")))]
pub(in crate::http) async fn act_on_link(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    Form(params): Form,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    if !is_own_form(&request, &app) {
        return message(site, StatusCode::FORBIDDEN, site.texts.error_form, None);
    }
    let place = Place {
        site,
        request: &request,
        app: &app,
        action: &action(site, "registration", &token),
        code: "",
        return_to: &account(site),
    };
    go_on(&place, Shown::Link(Secret::new(token.clone())), &params).await
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
    let action = &*action(site, "invitation", &token);
    let text = Secret::new(token.into_inner());
    if !site.sends_mail() {
        return match registering::look(&app, Shown::Invitation(text)).await {
            Ok(applicant) => Place { site, request: &request, app: &app, action, code: "", return_to: &account(site) }
                .choose(&applicant),
            Err(error) => void(site, error),
        };
    }
    match registering::invitation(&app, text).await {
        Ok(invitation) => {
            let email = &*invitation.email.map(|email| email.to_string()).unwrap_or_default();
            let providers = &*offered(&app, action).await?;
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
    (status = 303, description = "The user is registered and logged in: to the account pages.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: what was typed is refused."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: the invitation is over, or another page has sent this."),
    (status = 409, content_type = "text/html", body = String, description = "A page: the username is taken, or looks like another."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many mails or refused names.")))]
pub(in crate::http) async fn act_on_invitation(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    Form(params): Form,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    if !is_own_form(&request, &app) {
        return message(site, StatusCode::FORBIDDEN, site.texts.error_form, None);
    }
    let place = Place {
        site,
        request: &request,
        app: &app,
        action: &action(site, "invitation", &token),
        code: "",
        return_to: &account(site),
    };
    if site.sends_mail() {
        return ask(&place, params.get("email").unwrap_or_default(), Some(&token)).await;
    }
    go_on(&place, Shown::Invitation(Secret::new(token.clone())), &params).await
}

/// What of a token is escaped: nothing of a valid one.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

fn action(site: &Site<'_>, page: &str, token: &str) -> String {
    format!("{}/{page}/{}", site.base, utf8_percent_encode(token, ESCAPED))
}

/// Where a new user goes.
fn account(site: &Site<'_>) -> String {
    format!("{}/account", site.base)
}

/// There are no such pages where nobody can register.
fn site<'a>(request: &HttpRequest, app: &'a App) -> Result<Site<'a>, Failure> {
    if app.config.registration == MayRegister::Off {
        return Err(Failure::PathUnknown);
    }
    Ok(Site::new(request, app, &[]))
}
