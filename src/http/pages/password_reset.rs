//! `/password-reset`: users who have forgotten the password ask for a mail, and set a new one by its link or its code.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::on_the_way::{begun_by_application, wait_for_mail};
use super::reply::{page, page_with, titled};
use super::signing_in;
use super::site::Site;
use super::templates::{NewPassword, PasswordReset};
use crate::app::App;
use crate::clock::Seconds;
use crate::engine::deadline::on_a_thread;
use crate::error::Error;
use crate::http::extract::{OwnForm, origin};
use crate::http::failure::Failure;
use crate::http::recovering::{self, Recovery};
use crate::model::mail::LINK_LIFETIME;
use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::password_reset::{self, ByMail};
use crate::service::shown::Shown;

/// Ask for a mail to reset the password
///
/// 404 if the service sends no mail.
#[utoipa::path(get, path = "/password-reset", tag = "pages", security(()), responses(
    (status = 200, content_type = "text/html", body = String, description = "The form.")))]
pub(in crate::http) async fn show(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    page(site, StatusCode::OK, &PasswordReset { site, email: "", problem: None })
}

/// Ask for the mail, or set a new password by its code
///
/// What the forms post: `email`; then `email`, `code` and `new_password`, and `otp` or `recovery_code` if the user has a
/// second factor. For every address the answer is the same.
#[utoipa::path(post, path = "/password-reset", tag = "pages", security(()), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: type the code; or it is done."),
    (status = 400, content_type = "text/html", body = String, description = "A page: the address or the password is refused."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: a code is wrong, or another page has sent this."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many mails or wrong codes.")))]
pub(in crate::http) async fn act(
    request: HttpRequest,
    app: web::Data<App>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let site = &site(&request, &app)?;
    let email = params.get("email").unwrap_or_default();
    let action = &*format!("{}/password-reset", site.base);
    let Some(code) = params.get("code") else {
        return match recovering::ask(&app, email, origin(&request, &app)).await {
            Ok(()) => {
                wait_for_mail(&request, &app).await?;
                let minutes = (LINK_LIFETIME.0 / 60).to_string();
                let notice = Some(site.texts.reset_sent.replace("{minutes}", &minutes));
                let email = Some(email);
                let form = NewPassword { site, action, email, code: "", methods: &[], notice, problem: None };
                page(site, StatusCode::OK, &form)
            }
            Err(error) => {
                let (response, problem) = problem(site, error)?;
                page_with(site, response, &PasswordReset { site, email, problem: Some(problem) })
            }
        };
    };
    let read = password_reset::address(&app, email).map(|email| ByMail::Code(email, Secret::new(code.to_owned())));
    let recovered = match read {
        Ok(read) => recovering::recover(&app, recovery(read, &params), origin(&request, &app)).await,
        Err(error) => Err(error),
    };
    // A wrong code is typed anew.
    let code = if matches!(recovered, Err(Error::BadMailToken)) { "" } else { code };
    // Only with the right code it is asked for a second factor.
    let form = NewPassword { site, action, email: Some(email), code, methods: &[], notice: None, problem: None };
    answer((&request, &app), &form, recovered, &asks(&params)).await
}

/// Follow the link of a mail
///
/// Changes nothing: programs that look at mails follow links, too.
#[utoipa::path(get, path = "/password-reset/{token}", tag = "pages", security(()),
    params(("token" = String, Path, description = "What the mail says.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "The form for a new password."),
    (status = 403, content_type = "text/html", body = String, description = "A page: the link is void.")))]
pub(in crate::http) async fn show_link(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let site = &Site::new(&request, &app, &[]);
    let (asked, link) = (app.clone(), Secret::new(token.clone()));
    match on_a_thread(move || password_reset::look(&asked, &link)).await {
        Ok(methods) => {
            let (action, methods) = (&*site.page_of("password-reset", &token), methods.as_slice());
            page(
                site,
                StatusCode::OK,
                &NewPassword { site, action, email: None, code: "", methods, notice: None, problem: None },
            )
        }
        Err(Error::BadMailToken) => void(site),
        Err(error) => Err(error.into()),
    }
}

/// Set a new password by the link of a mail
///
/// What the form posts: `new_password`, and `otp` or `recovery_code` if the user has a second factor.
#[utoipa::path(post, path = "/password-reset/{token}", tag = "pages", security(()),
    params(("token" = String, Path, description = "What the mail says.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: it is done, or a second factor is needed."),
    (status = 400, content_type = "text/html", body = String, description = "A page: the password is refused."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: the link is void, the code is wrong, or another page has sent this."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many wrong codes.")))]
pub(in crate::http) async fn act_on_link(
    request: HttpRequest,
    app: web::Data<App>,
    token: web::Path<String>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let site = &Site::new(&request, &app, &[]);
    let read = ByMail::Link(Secret::new(token.clone()));
    let recovered = recovering::recover(&app, recovery(read, &params), origin(&request, &app)).await;
    if matches!(recovered, Err(Error::BadMailToken)) {
        return void(site);
    }
    let action = &*site.page_of("password-reset", &token);
    let form = NewPassword { site, action, email: None, code: "", methods: &[], notice: None, problem: None };
    answer((&request, &app), &form, recovered, &asks(&params)).await
}

/// Without mail there is nothing to ask for.
fn site<'a>(request: &HttpRequest, app: &'a App) -> Result<Site<'a>, Failure> {
    let site = Site::new(request, app, &[]);
    if site.sends_mail() { Ok(site) } else { Err(Failure::PathUnknown) }
}

fn recovery(read: ByMail, params: &Params) -> Recovery {
    let secret = |name: &str| params.get(name).filter(|text| !text.is_empty()).map(|text| Secret::new(text.to_owned()));
    let shown = secret("otp").map(Shown::Otp).or_else(|| secret("recovery_code").map(Shown::RecoveryCode));
    Recovery { read, password: secret("new_password").unwrap_or_else(|| Secret::new(String::new())), shown }
}

/// The fields for a second factor that the form had.
fn asks(params: &Params) -> Vec<&str> {
    let names = params.get("methods").unwrap_or_default().split(' ');
    names.filter(|name| ["otp", "recovery_code"].contains(name)).collect()
}

/// The end, or the form again. Passwords are never shown again. From the end it goes on with what an application has begun.
async fn answer(
    (request, app): (&HttpRequest, &web::Data<App>),
    form: &NewPassword<'_>,
    recovered: Result<(), Error>,
    asks: &[&str],
) -> Result<HttpResponse, Failure> {
    let site = form.site;
    match recovered {
        Ok(()) => {
            let login = app.config.session_cookies.then(|| format!("{}/login", site.base));
            let link = begun_by_application(request, app).await?.or(login);
            let link = link.map(|address| (site.texts.to_login.to_owned(), address));
            titled(site, StatusCode::OK, site.texts.password_set_title, site.texts.password_set_lead, link)
        }
        Err(Error::SecondFactorMissing { methods }) => {
            page(site, StatusCode::OK, &NewPassword { methods: &methods, notice: None, problem: None, ..*form })
        }
        Err(error) => {
            let (response, problem) = problem(site, error)?;
            let form = NewPassword { methods: asks, notice: None, problem: Some(problem), ..*form };
            page_with(site, response, &form)
        }
    }
}

/// The form again, with what was wrong.
fn problem(site: &Site<'_>, error: Error) -> Result<(HttpResponseBuilder, String), Failure> {
    let texts = site.texts;
    let limited = |text: &str, place: &str, number: i64, Seconds(retry_after): Seconds| {
        let mut response = HttpResponse::TooManyRequests();
        response.insert_header((RETRY_AFTER, retry_after));
        (response, text.replace(place, &number.to_string()))
    };
    match error {
        Error::Invalid(problems) => {
            let problem = problems.first().map(|problem| (problem.field, problem.code));
            let text = match problem {
                Some(("email", _)) => texts.bad_email,
                Some((_, "password_too_short")) => texts.password_too_short,
                Some((_, "password_too_long")) => texts.password_too_long,
                Some((_, "password_too_common")) => texts.password_too_common,
                _ => texts.password_invalid,
            };
            Ok((HttpResponse::BadRequest(), text.to_owned()))
        }
        Error::BadMailToken => Ok((HttpResponse::Forbidden(), texts.bad_mail_code.to_owned())),
        Error::TooManyMails { retry_after } => {
            Ok(limited(texts.too_many_mails, "{minutes}", (retry_after.0 + 59) / 60, retry_after))
        }
        Error::TooManyFailures { retry_after } => {
            Ok(limited(texts.too_many_codes, "{seconds}", retry_after.0, retry_after))
        }
        error => signing_in::problem(texts, error),
    }
}

fn void(site: &Site<'_>) -> Result<HttpResponse, Failure> {
    let again =
        site.sends_mail().then(|| (site.texts.forgot_password.to_owned(), format!("{}/password-reset", site.base)));
    titled(site, StatusCode::FORBIDDEN, site.texts.bad_link_title, site.texts.bad_link, again)
}
