//! The steps of a login, on whatever page it is: the password, a code, or setting up an authenticator app. The challenge is in
//! the forms, never in an address: a link cannot sign its reader in as somebody else.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::posted::{SignIn, Step};
use super::reply::page_with;
use super::signing_in::{Before, go_on, log_in, problem};
use super::templates::{Enrol, Login, Place, SecondStep};
use crate::app::App;
use crate::clock::Seconds;
use crate::engine::deadline::on_a_thread;
use crate::error::{Challenged, Error};
use crate::http::extract::origin;
use crate::http::failure::Failure;
use crate::http::view::totp::EnrolledView;
use crate::secret::Secret;
use crate::service::pair::Pair;
use crate::service::shown::Shown;
use crate::service::totp::{self, Enroller};

/// What has come of a step.
pub(super) enum Outcome {
    /// The user is signed in.
    SignedIn(Box<Pair>),
    /// Something more is asked.
    Page(HttpResponse),
}

/// Does a step of a login, and `also` when the user is signed in.
pub(super) async fn sign_in(
    request: &HttpRequest,
    app: &web::Data<App>,
    place: Place<'_>,
    posted: SignIn,
    (before, also): (Before<'_>, impl FnOnce(&App) -> Result<(), Error> + Send + 'static),
) -> Result<Outcome, Failure> {
    match posted {
        SignIn::Password { username, password } => {
            let typed = username.clone();
            match log_in(request, app, before, (username, password), also).await {
                Ok(pair) => Ok(Outcome::SignedIn(Box::new(pair))),
                Err(error) => after_password(app, place, &typed, error).await.map(Outcome::Page),
            }
        }
        SignIn::Step { challenge, step: next } => step(request, app, place, (challenge, next), (before, also)).await,
    }
}

/// What a browser is shown after a password that did not sign its user in: the next step, or the form again.
async fn after_password(
    app: &web::Data<App>,
    place: Place<'_>,
    typed: &str,
    error: Error,
) -> Result<HttpResponse, Failure> {
    match error {
        Error::SecondFactorRequired(Challenged { challenge, .. }) => {
            ask(place, HttpResponse::Ok(), &challenge, false, None)
        }
        Error::SecondFactorEnrolmentRequired(Some(Challenged { challenge, .. })) => enrol(app, place, challenge).await,
        error => again(place, typed, error),
    }
}

/// Does the next step of a login.
async fn step(
    request: &HttpRequest,
    app: &web::Data<App>,
    place: Place<'_>,
    (challenge, step): (Secret<String>, Step),
    (before, also): (Before<'_>, impl FnOnce(&App) -> Result<(), Error> + Send + 'static),
) -> Result<Outcome, Failure> {
    let page = match step {
        Step::Ask { for_recovery_code } => ask(place, HttpResponse::Ok(), &challenge, for_recovery_code, None)?,
        Step::Enrol => enrol(app, place, challenge).await?,
        Step::Confirm(code) => confirm(request, app, place, challenge, code).await?,
        Step::Shown(shown) => {
            let by_recovery_code = matches!(shown, Shown::RecoveryCode(_));
            match go_on(request, app, before, (challenge.clone(), shown), also).await {
                Ok(pair) => return Ok(Outcome::SignedIn(Box::new(pair))),
                Err(error @ (Error::BadChallenge | Error::AccountDisabled)) => again(place, "", error)?,
                Err(Error::SecondFactorEnrolmentRequired(_)) => enrol(app, place, challenge).await?,
                Err(error) => ask_again(place, &challenge, by_recovery_code, error)?,
            }
        }
    };
    Ok(Outcome::Page(page))
}

/// The login form with what was wrong.
fn again(place: Place<'_>, username: &str, error: Error) -> Result<HttpResponse, Failure> {
    let (response, problem) = problem(place.site.texts, error)?;
    page_with(place.site, response, &Login { site: place.site, place, username, problem: Some(problem) })
}

/// As [`problem`], of codes.
fn wrong(place: Place<'_>, error: Error) -> Result<(HttpResponseBuilder, String), Failure> {
    let seconds = match &error {
        Error::TooManyFailures { retry_after: Seconds(seconds) } => Some(*seconds),
        _ => None,
    };
    let (response, problem) = problem(place.site.texts, error)?;
    let of_codes = |seconds: i64| place.site.texts.too_many_codes.replace("{seconds}", &seconds.to_string());
    Ok((response, seconds.map_or(problem, of_codes)))
}

/// Asks for a code again, and says what was wrong.
pub(super) fn ask_again(
    place: Place<'_>,
    challenge: &Secret<String>,
    by_recovery_code: bool,
    error: Error,
) -> Result<HttpResponse, Failure> {
    let (response, problem) = wrong(place, error)?;
    ask(place, response, challenge, by_recovery_code, Some(problem))
}

/// Asks for a code.
pub(super) fn ask(
    place: Place<'_>,
    response: HttpResponseBuilder,
    challenge: &Secret<String>,
    by_recovery_code: bool,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let (site, challenge) = (place.site, challenge.expose().as_str());
    page_with(site, response, &SecondStep { site, place, challenge, by_recovery_code, recovery_codes: &[], problem })
}

async fn enrol(app: &web::Data<App>, place: Place<'_>, challenge: Secret<String>) -> Result<HttpResponse, Failure> {
    let (asked, who) = (app.clone(), Enroller::LoggingIn(challenge.clone()));
    let enrolled = match on_a_thread(move || totp::begin(&asked, &who)).await {
        Ok(enrolled) => EnrolledView::new(app, &enrolled)?,
        Err(error) => return again(place, "", error),
    };
    let (site, challenge, shown) = (place.site, challenge.expose().as_str(), Some(&enrolled));
    page_with(site, HttpResponse::Ok(), &Enrol { site, place, challenge, shown, problem: None })
}

/// Confirms an app. Then the recovery codes are shown, and the next code is asked for.
async fn confirm(
    request: &HttpRequest,
    app: &web::Data<App>,
    place: Place<'_>,
    challenge: Secret<String>,
    code: Secret<String>,
) -> Result<HttpResponse, Failure> {
    let (asked, origin, who) = (app.clone(), origin(request, app), Enroller::LoggingIn(challenge.clone()));
    let confirmed = on_a_thread(move || totp::confirm(&asked, &who, &code, &origin)).await;
    let (site, text) = (place.site, challenge.expose().as_str());
    match confirmed {
        Ok(codes) => {
            let recovery_codes = codes.as_slice();
            let (by_recovery_code, problem) = (false, None);
            let template = SecondStep { site, place, challenge: text, by_recovery_code, recovery_codes, problem };
            page_with(site, HttpResponse::Ok(), &template)
        }
        Err(error @ Error::WrongOtp) => {
            // The secret is not shown again: it could be somebody else's, who has the password, too.
            let (response, problem) = wrong(place, error)?;
            page_with(site, response, &Enrol { site, place, challenge: text, shown: None, problem: Some(problem) })
        }
        Err(error) => again(place, "", error),
    }
}
