//! The authenticator app, and recovery codes.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::notice::Notice;
use super::templates::{Moment, RecoveryCodes, SecondFactors, SetUp};
use super::visit::{Instead, Visit};
use super::words::refused;
use crate::error::Error;
use crate::http::failure::Failure;
use crate::http::pages::reply::page_with;
use crate::http::proving::next_step;
use crate::http::view::totp::EnrolledView;
use crate::model::names::ADMIN_ROLE;
use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::passkeys;
use crate::service::queries;
use crate::service::second_factor::{Needs, needs};
use crate::service::{owner::Owner, totp};

pub(super) async fn show(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let is_admin = visit.live.user.roles.contains(ADMIN_ROLE);
    let look = move |app: &_, user, _: &_| {
        let has_passkeys = !passkeys::list(app, user)?.is_empty();
        Ok((queries::find_app(app, user)?, has_passkeys, needs(app, user, is_admin)?))
    };
    let ((since, codes_left), has_passkeys, needs) = visit.run(look).await?;
    let template = SecondFactors {
        site: &visit.site,
        visit,
        problem,
        since: since.map(Moment),
        codes_left,
        must_have_one: needs == Needs::Enrolment,
        has_passkeys,
    };
    page_with(&visit.site, response, &template)
}

pub(super) async fn act(visit: &mut Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    visit.protecting(params).await?;
    match params.get("do") {
        Some("set_up") => set_up(visit).await,
        Some("confirm") => confirm(visit, params).await,
        Some("new_codes") => {
            let codes = visit.run(totp::renew_codes).await?;
            recovery_codes(visit, &codes)
        }
        Some("remove") => {
            visit.run(totp::remove).await?;
            Ok(visit.done(Notice::AppRemoved))
        }
        _ => visit.bad_request(),
    }
}

async fn set_up(visit: &Visit<'_>) -> Result<HttpResponse, Instead> {
    let session = visit.session();
    let enrolled = visit.run(move |app, user, _| totp::begin(app, Owner::LoggedIn(user, session))).await?;
    let shown = EnrolledView::new(visit.app, &enrolled)?;
    code_form(visit, HttpResponse::Ok(), Some(&shown), None)
}

async fn confirm(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    // It does not go through the question for the password.
    let Some(code) = params.get("code") else { return code_form(visit, HttpResponse::Ok(), None, None) };
    let (session, code) = (visit.session(), Secret::new(code.to_owned()));
    let (who, origin) = (Owner::LoggedIn(visit.user(), session), visit.origin());
    let its_origin = origin.clone();
    let claim = move |app: &_| totp::claim(app, who, &its_origin);
    let finish = move |app: &_, claim, charge| totp::confirm(app, claim, charge, &code, &origin);
    match next_step(visit.app, claim, finish).await {
        Ok(codes) => recovery_codes(visit, &codes),
        Err(error @ (Error::WrongOtp | Error::TooManyFailures { .. })) => {
            let (response, problem) = refused(visit, error)?;
            code_form(visit, response, None, Some(problem))
        }
        Err(error) => Err(error.into()),
    }
}

/// Asks for the first code of an app, whose secret is shown once.
fn code_form(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    shown: Option<&EnrolledView>,
    problem: Option<String>,
) -> Result<HttpResponse, Instead> {
    Ok(page_with(&visit.site, response, &SetUp { site: &visit.site, visit, shown, problem })?)
}

pub(super) fn recovery_codes(visit: &Visit<'_>, codes: &[String]) -> Result<HttpResponse, Instead> {
    let template = RecoveryCodes { site: &visit.site, visit, problem: None, codes };
    Ok(page_with(&visit.site, HttpResponse::Ok(), &template)?)
}
