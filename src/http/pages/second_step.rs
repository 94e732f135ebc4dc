//! The steps of a login, on whatever page it is: the password, a passkey, a code, or setting up a second factor. The challenge is
//! in the forms, never in an address: a link cannot sign its reader in as somebody else.

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::posted::{By, SignIn, Step};
use super::reply::page_with_passkeys;
use super::signing_in::{Before, go_on, log_in, log_in_by_passkey, problem};
use super::templates::{Enrol, Login, Place, SecondStep};
use crate::app::App;
use crate::clock::Seconds;
use crate::engine::deadline::on_a_thread;
use crate::error::{Challenged, Error};
use crate::http::extract::{RegistrationBody, origin};
use crate::http::failure::Failure;
use crate::http::proving::next_step;
use crate::http::view::passkey::CreationView;
use crate::http::view::totp::EnrolledView;
use crate::secret::Secret;
use crate::service::pair::Pair;
use crate::service::passkeys::{self, NewPasskey};
use crate::service::{owner::Owner, totp};
use crate::webauthn::Refusal;

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
                Err(error) => after_first_step(app, place, &typed, error).await.map(Outcome::Page),
            }
        }
        SignIn::Passkey(assertion) => {
            let id = URL_SAFE_NO_PAD.encode(&assertion.credential_id);
            match log_in_by_passkey(request, app, before, assertion, also).await {
                Ok(pair) => Ok(Outcome::SignedIn(Box::new(pair))),
                Err(error) => {
                    let is_unknown = matches!(error, Error::PasskeyRefused(Refusal::Unknown));
                    let unknown = (is_unknown && place.site.owns_domain()).then_some(id);
                    again(place, "", error, unknown).map(Outcome::Page)
                }
            }
        }
        SignIn::Step { waiting, step: next } => step(request, app, place, (waiting, next), (before, also)).await,
    }
}

/// What a browser is shown after a password, or a provider's answer, that did not sign its user in: the next step, or the form again.
pub(super) async fn after_first_step(
    app: &web::Data<App>,
    place: Place<'_>,
    typed: &str,
    error: Error,
) -> Result<HttpResponse, Failure> {
    match error {
        Error::SecondFactorRequired(Some(waiting)) => {
            ask(place, HttpResponse::Ok(), (&waiting, By::first(&waiting)), None)
        }
        Error::SecondFactorEnrolmentRequired(Some(waiting)) => enrol(app, place, waiting, None).await,
        error => again(place, typed, error, None),
    }
}

/// Does the next step of a login.
async fn step(
    request: &HttpRequest,
    app: &web::Data<App>,
    place: Place<'_>,
    (waiting, step): (Challenged, Step),
    (before, also): (Before<'_>, impl FnOnce(&App) -> Result<(), Error> + Send + 'static),
) -> Result<Outcome, Failure> {
    let page = match step {
        Step::Ask(by) => ask(place, HttpResponse::Ok(), (&waiting, by), None)?,
        Step::Enrol => enrol(app, place, waiting, None).await?,
        Step::Confirm(code) => confirm(request, app, place, waiting, code).await?,
        Step::Register(credential) => register(request, app, place, waiting, credential).await?,
        Step::Shown(shown) => {
            let by = By::of(&shown);
            match go_on(request, app, before, (waiting.challenge.clone(), shown), also).await {
                Ok(pair) => return Ok(Outcome::SignedIn(Box::new(pair))),
                Err(error @ (Error::BadChallenge | Error::AccountDisabled)) => again(place, "", error, None)?,
                Err(Error::SecondFactorEnrolmentRequired(_)) => enrol(app, place, waiting, None).await?,
                Err(error) => ask_again(place, (&waiting, by), error)?,
            }
        }
    };
    Ok(Outcome::Page(page))
}

/// The login form with what was wrong.
fn again(place: Place<'_>, username: &str, error: Error, unknown: Option<String>) -> Result<HttpResponse, Failure> {
    let (response, problem) = problem(place.site.texts, error)?;
    let template = Login { site: place.site, place, username, problem: Some(problem), unknown };
    page_with_passkeys(place.site, response, &template, true)
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

/// Asks for a code or a passkey again, and says what was wrong.
pub(super) fn ask_again(place: Place<'_>, asked: (&Challenged, By), error: Error) -> Result<HttpResponse, Failure> {
    let (response, problem) = wrong(place, error)?;
    ask(place, response, asked, Some(problem))
}

/// Asks for a code or a passkey.
pub(super) fn ask(
    place: Place<'_>,
    response: HttpResponseBuilder,
    (waiting, by): (&Challenged, By),
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let site = place.site;
    let has_script = waiting.methods.contains(&By::Passkey.name());
    let template = SecondStep { site, place, waiting, by, recovery_codes: &[], problem };
    page_with_passkeys(site, response, &template, has_script)
}

/// Shows a new secret for an app, and offers to make a passkey instead; or says what was wrong with one.
async fn enrol(
    app: &web::Data<App>,
    place: Place<'_>,
    waiting: Challenged,
    refused: Option<Error>,
) -> Result<HttpResponse, Failure> {
    let (asked, who) = (app.clone(), Owner::LoggingIn(waiting.challenge.clone()));
    let enrolled = match on_a_thread(move || totp::begin(&asked, who)).await {
        Ok(enrolled) => EnrolledView::new(app, &enrolled)?,
        Err(error) => return again(place, "", error, None),
    };
    let (response, problem) = match refused {
        None => (HttpResponse::Ok(), None),
        Some(error) => problem(place.site.texts, error).map(|(response, problem)| (response, Some(problem)))?,
    };
    enrolment(app, place, response, (&waiting, Some(&enrolled)), problem).await
}

async fn enrolment(
    app: &web::Data<App>,
    place: Place<'_>,
    response: HttpResponseBuilder,
    (waiting, shown): (&Challenged, Option<&EnrolledView>),
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let site = place.site;
    let options = if site.has_passkeys() {
        let (asked, who) = (app.clone(), Owner::LoggingIn(waiting.challenge.clone()));
        match on_a_thread(move || passkeys::offer(&asked, &who, false)).await {
            Ok(offer) => Some(CreationView::new(app, &offer).json()),
            Err(error) => return again(place, "", error, None),
        }
    } else {
        None
    };
    page_with_passkeys(site, response, &Enrol { site, place, waiting, shown, options, problem }, true)
}

/// The recovery codes, once, and the second step with what was set up now.
fn enrolled(place: Place<'_>, waiting: Challenged, by: By, codes: &[String]) -> Result<HttpResponse, Failure> {
    let site = place.site;
    let waiting = &Challenged { methods: vec![by.name(), By::RecoveryCode.name()], ..waiting };
    let template = SecondStep { site, place, waiting, by, recovery_codes: codes, problem: None };
    page_with_passkeys(site, HttpResponse::Ok(), &template, by == By::Passkey)
}

/// Confirms an app. Then the recovery codes are shown, and the next code is asked for.
async fn confirm(
    request: &HttpRequest,
    app: &web::Data<App>,
    place: Place<'_>,
    waiting: Challenged,
    code: Secret<String>,
) -> Result<HttpResponse, Failure> {
    let (origin, who) = (origin(request, app), Owner::LoggingIn(waiting.challenge.clone()));
    let its_origin = origin.clone();
    let claim = move |app: &_| totp::claim(app, who, &its_origin);
    let finish = move |app: &_, claim, charge| totp::confirm(app, claim, charge, &code, &origin);
    match next_step(app, claim, finish).await {
        Ok(codes) => enrolled(place, waiting, By::Otp, &codes),
        Err(error @ (Error::WrongOtp | Error::TooManyFailures { .. })) => {
            // The secret is not shown again: it could be somebody else's, who has the password, too.
            let (response, problem) = wrong(place, error)?;
            enrolment(app, place, response, (&waiting, None), Some(problem)).await
        }
        Err(error) => again(place, "", error, None),
    }
}

/// Registers a passkey. Then the recovery codes are shown, and the passkey is asked for.
async fn register(
    request: &HttpRequest,
    app: &web::Data<App>,
    place: Place<'_>,
    waiting: Challenged,
    credential: RegistrationBody,
) -> Result<HttpResponse, Failure> {
    let (origin, who) = (origin(request, app), Owner::LoggingIn(waiting.challenge.clone()));
    let (asked, (transports, registration)) = (app.clone(), credential.parts());
    let register = move || {
        let new = NewPasskey { registration, transports: &transports, name: None };
        passkeys::register(&asked, who, &new, &origin)
    };
    match on_a_thread(register).await {
        Ok(added) => enrolled(place, waiting, By::Passkey, &added.recovery_codes.unwrap_or_default()),
        Err(error @ Error::PasskeyRefused(_)) => enrol(app, place, waiting, Some(error)).await,
        Err(error) => again(place, "", error, None),
    }
}
