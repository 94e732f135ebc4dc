//! A login by a form, on whatever page it is.

use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::texts::Texts;
use crate::app::App;
use crate::clock::Seconds;
use crate::engine::deadline::on_a_thread;
use crate::error::Error;
use crate::http::cookies::Cookies;
use crate::http::extract::{device, origin};
use crate::http::failure::Failure;
use crate::http::proving::{asserting, next_step, proving};
use crate::model::audit::Origin;
use crate::model::grant::Live;
use crate::model::session::{Device, EndReason};
use crate::model::upstream::{self, Verified};
use crate::secret::Secret;
use crate::service::oauth::browser::{SignedIn, sign_in, sign_in_by_passkey, sign_in_by_step, signed_in};
use crate::service::pair::Pair;
use crate::service::shown::{self, Shown};
use crate::service::{login, proof, refresh, sessions, upstream_login};
use crate::webauthn::{Assertion, Refusal};

/// What a browser that logs in has had before.
pub(super) struct Before<'a> {
    /// The cookie with the refresh token.
    pub(super) cookie: Option<&'a str>,
    /// Its session, if that is live.
    pub(super) live: Option<&'a Live>,
}

/// Who is signed in in the browser with this cookie.
pub(super) async fn who(app: &web::Data<App>, cookie: Option<String>) -> Result<Option<Live>, Failure> {
    let Some(cookie) = cookie else { return Ok(None) };
    app.known_keys.find_key_of(&cookie).await?;
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let live = on_a_thread(move || signed_in(&asked, Some(&cookie))).await?;
    drop(turn);
    Ok(live)
}

/// Logs a user in and does `also`; returns the pair for the browser's cookies.
pub(super) async fn log_in(
    request: &HttpRequest,
    app: &web::Data<App>,
    before: Before<'_>,
    (username, password): (String, Secret<String>),
    also: impl FnOnce(&App) -> Result<(), Error> + Send + 'static,
) -> Result<Pair, Error> {
    let (device, origin) = (device(request, app, None)?, origin(request, app));
    let Before { cookie, live } = before;
    let before = live.map(|live| (live.user.id, live.session.id));
    let (its_device, finishing, its_origin) = (device.clone(), device.clone(), origin.clone());
    let claim = move |app: &_| login::claim(app, &username, &password, None, &its_device);
    let finish = move |app: &App, outcome| {
        let signed_in = sign_in(app, outcome, before, &finishing, &its_origin)?;
        also(app)?;
        Ok(signed_in)
    };
    let signed_in = proving(app, claim, proof::prove, finish).await;
    login::count(app, signed_in.as_ref().map(|_| ()));
    pair_of(app, signed_in?, cookie, &device, origin).await
}

/// Logs a user in by a passkey alone and does `also`; returns the pair for the browser's cookies.
pub(super) async fn log_in_by_passkey(
    request: &HttpRequest,
    app: &web::Data<App>,
    before: Before<'_>,
    assertion: Box<Assertion>,
    also: impl FnOnce(&App) -> Result<(), Error> + Send + 'static,
) -> Result<Pair, Error> {
    let (device, origin) = (device(request, app, None)?, origin(request, app));
    let origin = Cookies::of(app).make_known(app, request, origin)?;
    let Before { cookie, live } = before;
    let before = live.map(|live| (live.user.id, live.session.id));
    let (its_device, its_origin) = (device.clone(), origin.clone());
    let finish = move |app: &App, charge| {
        let signed_in = sign_in_by_passkey(app, (&assertion, charge), before, &its_device, &its_origin)?;
        also(app)?;
        Ok(signed_in)
    };
    let signed_in = asserting(app, device.ip.as_deref(), finish).await;
    login::count(app, signed_in.as_ref().map(|_| ()));
    pair_of(app, signed_in?, cookie, &device, origin).await
}

/// Goes on with a login by a code or a passkey and does `also`; returns the pair for the browser's cookies.
pub(super) async fn go_on(
    request: &HttpRequest,
    app: &web::Data<App>,
    before: Before<'_>,
    (challenge, typed): (Secret<String>, Shown),
    also: impl FnOnce(&App) -> Result<(), Error> + Send + 'static,
) -> Result<Pair, Error> {
    let (device, origin) = (device(request, app, None)?, origin(request, app));
    let Before { cookie, live } = before;
    let before = live.map(|live| (live.user.id, live.session.id));
    let origin = Cookies::of(app).make_known(app, request, origin)?;
    let (known_by, its_device, its_origin) = (origin.clone(), device.clone(), origin.clone());
    let claim = move |app: &_| shown::claim(app, &challenge, typed, &known_by);
    let finish = move |app: &App, claim, charge| {
        let signed_in = sign_in_by_step(app, (claim, charge), before, &its_device, &its_origin)?;
        also(app)?;
        Ok(signed_in)
    };
    let signed_in = next_step(app, claim, finish).await;
    login::count(app, signed_in.as_ref().map(|_| ()));
    pair_of(app, signed_in?, cookie, &device, origin).await
}

/// Logs a user in whom a provider knows and does `also`; returns the pair for the browser's cookies.
pub(super) async fn log_in_at_provider(
    request: &HttpRequest,
    app: &web::Data<App>,
    before: Before<'_>,
    verified: Verified,
    also: impl FnOnce(&App) -> Result<(), Error> + Send + 'static,
) -> Result<Pair, Error> {
    let (device, origin) = (device(request, app, None)?, origin(request, app));
    let origin =
        if verified.identity.is_second_factor { Cookies::of(app).make_known(app, request, origin)? } else { origin };
    let Before { cookie, live } = before;
    let before = live.map(|live| (live.user.id, live.session.id));
    let (finishing, its_device, its_origin) = (app.clone(), device.clone(), origin.clone());
    let finish = move || {
        let outcome = upstream_login::outcome(&finishing, &verified, &its_origin)?;
        let signed_in = sign_in(&finishing, outcome, before, &its_device, &its_origin)?;
        also(&finishing)?;
        Ok(signed_in)
    };
    let signed_in = match on_a_thread(finish).await {
        // It was unlinked at the same moment.
        Err(Error::BadCredentials) => Err(Error::UpstreamRefused(upstream::Refusal::NotLinked)),
        signed_in => signed_in,
    };
    login::count(app, signed_in.as_ref().map(|_| ()));
    pair_of(app, signed_in?, cookie, &device, origin).await
}

async fn pair_of(
    app: &web::Data<App>,
    signed_in: SignedIn,
    cookie: Option<&str>,
    device: &Device,
    origin: Origin,
) -> Result<Pair, Error> {
    match signed_in {
        SignedIn::New(pair, Some((user, session))) => {
            sessions::end_if_stored(app, user, session, EndReason::Logout, origin).await?;
            Ok(*pair)
        }
        SignedIn::New(pair, None) => {
            // A browser that had to log in again may hold a refresh token that somebody else has replaced: that session
            // ends, as with any reuse. One that has ended stays so.
            if let Some(cookie) = cookie {
                let _refused = refresh::refresh(app, cookie, None, device, origin).await;
            }
            Ok(*pair)
        }
        SignedIn::Again => refresh::refresh(app, cookie.unwrap_or_default(), None, device, origin).await,
    }
}

/// The response with the form again, and what was wrong. An unknown user and a wrong password look the same (ASVS 6.3.8).
pub(super) fn problem(texts: &Texts, error: Error) -> Result<(HttpResponseBuilder, String), Failure> {
    let (mut response, problem) = match error {
        Error::BadCredentials | Error::Invalid(_) => (HttpResponse::Forbidden(), texts.bad_credentials.to_owned()),
        Error::WrongOtp => (HttpResponse::Forbidden(), texts.wrong_otp.to_owned()),
        Error::WrongRecoveryCode => (HttpResponse::Forbidden(), texts.wrong_recovery_code.to_owned()),
        Error::OtpLocked => (HttpResponse::Forbidden(), texts.otp_locked.to_owned()),
        Error::BadChallenge | Error::PasskeyRefused(Refusal::ChallengeOver) => {
            (HttpResponse::Forbidden(), texts.bad_challenge.to_owned())
        }
        Error::PasskeyRefused(_) => (HttpResponse::Forbidden(), texts.passkey_refused.to_owned()),
        Error::SignedInElsewhere { .. } => (HttpResponse::Forbidden(), texts.own_login_first.to_owned()),
        Error::AccountDisabled => (HttpResponse::Forbidden(), texts.account_disabled.to_owned()),
        Error::TooManyFailures { retry_after: Seconds(seconds) } => {
            let problem = texts.too_many_failures.replace("{seconds}", &seconds.to_string());
            let mut response = HttpResponse::TooManyRequests();
            response.insert_header((RETRY_AFTER, seconds));
            (response, problem)
        }
        Error::Overloaded { retry_after: Seconds(seconds) } => {
            let mut response = HttpResponse::ServiceUnavailable();
            response.insert_header((RETRY_AFTER, seconds));
            (response, texts.overloaded.to_owned())
        }
        error => return Err(error.into()),
    };
    response.insert_header(("cache-control", "no-store"));
    Ok((response, problem))
}
