//! `/account`: where users look after their own account. Each section shows what the JSON API does, and does it by the same
//! use cases.

mod api_tokens;
mod applications;
mod device;
mod identities;
mod notice;
mod passkeys;
mod password;
mod profile;
mod proof;
mod second_factors;
mod section;
mod sessions;
mod templates;
mod texts;
mod visit;
mod words;

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use self::section::Section;
use self::visit::{Instead, Visit};
use super::reply::see_other;
use crate::app::App;
use crate::error::Error;
use crate::http::extract::OwnForm;
use crate::http::failure::Failure;
use crate::oauth::params::Params;

/// See my account
///
/// Username, name and e-mail address, with links to the other sections. Users who are not logged in are sent to
/// `/login` and back. 404 with `SESSION_COOKIES=off`, as for all sections.
#[utoipa::path(get, path = "/account", tag = "pages", security(()), responses(
    (status = 200, content_type = "text/html", body = String, description = "The page."),
    (status = 303, description = "To the login page.", headers(("Location" = String)))))]
pub(in crate::http) async fn show_profile(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    show(&request, &app, Section::Profile).await
}

/// Change username, name or e-mail address
///
/// What the forms of the page post. A new username and a new address ask for the password, if it was not given within
/// `REAUTHENTICATION_PERIOD`. A new address gets a mail, and is in force when it is confirmed.
#[utoipa::path(post, path = "/account", tag = "pages", security(()), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: the password or a code is needed."),
    (status = 303, description = "It is done: to the page.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: the form is not valid."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: password or code are wrong, or another page has sent this."),
    (status = 409, content_type = "text/html", body = String, description = "A page: the username is taken."),
    (status = 429, content_type = "text/html", body = String,
        description = "A page: too many wrong passwords or codes, or too many mails."),
    (status = 503, content_type = "text/html", body = String, description = "A page: try again.")))]
pub(in crate::http) async fn change_profile(
    request: HttpRequest,
    app: web::Data<App>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    act(&request, &app, Section::Profile, &params).await
}

/// See a section of my account
///
/// `password`, `passkeys`, `second-factors`, `identities`, `sessions`, `api-tokens` or `applications`.
#[utoipa::path(get, path = "/account/{section}", tag = "pages", security(()),
    params(("section" = String, Path, description = "The section.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "The page."),
    (status = 303, description = "To the login page.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: the query is not valid.")))]
pub(in crate::http) async fn show_section(
    request: HttpRequest,
    app: web::Data<App>,
    section: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    show(&request, &app, Section::named(&section).ok_or(Failure::PathUnknown)?).await
}

/// Change something in a section of my account
///
/// What the forms of the page post. What is sensitive over JSON asks for the password and the second factor here, and then
/// goes on. Recovery codes and new API tokens are shown in the response and nowhere else.
#[utoipa::path(post, path = "/account/{section}", tag = "pages", security(()),
    params(("section" = String, Path, description = "The section.")), responses(
    (status = 200, content_type = "text/html", body = String,
        description = "A page: the password or a code is needed, or what is shown once."),
    (status = 303, description = "It is done: to the page.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: the form is not valid."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: password or code are wrong, or another page has sent this."),
    (status = 404, content_type = "text/html", body = String, description = "A page: what was chosen is not there any more."),
    (status = 409, content_type = "text/html", body = String,
        description = "A page: there are too many API tokens or passkeys, or it is the last way to log in."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many wrong passwords or codes."),
    (status = 503, content_type = "text/html", body = String, description = "A page: try again.")))]
pub(in crate::http) async fn change_section(
    request: HttpRequest,
    app: web::Data<App>,
    section: web::Path<String>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    act(&request, &app, Section::named(&section).ok_or(Failure::PathUnknown)?, &params).await
}

async fn show(request: &HttpRequest, app: &web::Data<App>, section: Section) -> Result<HttpResponse, Failure> {
    let visit = match Visit::begin(request, app, section).await {
        Ok(visit) => visit,
        Err(instead) => return instead.response(),
    };
    section_page(&visit, HttpResponse::Ok(), None).await
}

async fn section_page(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    match visit.section {
        Section::Profile => profile::show(visit, response, problem).await,
        Section::Password => password::show(visit, response, problem).await,
        Section::Passkeys => passkeys::show(visit, response, problem).await,
        Section::SecondFactors => second_factors::show(visit, response, problem).await,
        Section::Identities => identities::show(visit, response, problem).await,
        Section::Sessions => sessions::show(visit, response, problem).await,
        Section::ApiTokens => api_tokens::show(visit, response, problem).await,
        Section::Applications => applications::show(visit, response, problem).await,
    }
}

async fn act(
    request: &HttpRequest,
    app: &web::Data<App>,
    section: Section,
    params: &Params,
) -> Result<HttpResponse, Failure> {
    let mut visit = match Visit::begin(request, app, section).await {
        Ok(visit) => visit,
        Err(instead) => return instead.response(),
    };
    // The page was shown to another user, or before another login.
    if !visit.has_shown(params) {
        return Ok(see_other(&visit.action()));
    }
    let done = match section {
        Section::Profile => profile::act(&mut visit, params).await,
        Section::Password => password::act(&visit, params).await,
        Section::Passkeys => passkeys::act(&mut visit, params).await,
        Section::SecondFactors => second_factors::act(&mut visit, params).await,
        Section::Identities => identities::act(&mut visit, params).await,
        Section::Sessions => sessions::act(&visit, params).await,
        Section::ApiTokens => api_tokens::act(&mut visit, params).await,
        Section::Applications => applications::act(&visit, params).await,
    };
    match done {
        // The session has ended meanwhile.
        Err(Instead::Failure(failure)) if failure.is_about_the_token() => Ok(visit.to_login()),
        Err(Instead::Failure(Failure::Domain(error))) if is_gone(&error) => {
            section_page(&visit, HttpResponse::NotFound(), Some(visit.texts.is_gone.to_owned())).await
        }
        done => done.or_else(Instead::response),
    }
}

/// Whether what a form is about is not there any more.
fn is_gone(error: &Error) -> bool {
    matches!(
        error,
        Error::SessionNotFound
            | Error::ApiTokenNotFound
            | Error::ClientUnknown
            | Error::PasskeyNotFound
            | Error::FactorNotFound
            | Error::IdentityNotFound
    )
}
