//! Username, name and e-mail address.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::notice::Notice;
use super::passkeys;
use super::templates::{EmailForm, Profile};
use super::visit::{Instead, Visit};
use super::words::refused;
use crate::error::Error;
use crate::http::confirming;
use crate::http::failure::Failure;
use crate::http::pages::choosing;
use crate::http::pages::reply::page_with_passkeys;
use crate::oauth::params::Params;
use crate::service::email;
use crate::service::users::NewProfile;

/// What was typed, if it is to be shown again.
#[derive(Clone, Copy, Default)]
struct Typed<'a> {
    names: Option<(&'a str, &'a str)>,
    email: Option<&'a str>,
}

pub(super) async fn show(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let upgrade = passkeys::upgrade(visit).await?;
    page(visit, response, problem, Typed::default(), upgrade).await
}

async fn page(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
    typed: Typed<'_>,
    upgrade: Option<String>,
) -> Result<HttpResponse, Failure> {
    let user = &visit.live.user;
    let (username, name) = (user.username.to_string(), user.name.as_ref().map(ToString::to_string).unwrap_or_default());
    let (username, name) = typed.names.unwrap_or((&username, &name));
    let pending = visit.run(|app, user, _| email::own_account(app, user)).await?.pending.map(|email| email.to_string());
    let form = EmailForm {
        current: user.email.as_ref().map(ToString::to_string),
        is_verified: user.verified_email().is_some(),
        typed: typed.email.map(ToOwned::to_owned).or(pending.clone()).unwrap_or_default(),
        is_refused: typed.email.is_some(),
        pending,
    };
    let has_script = upgrade.is_some();
    let template = Profile { site: &visit.site, visit, username, name, email: form, problem, upgrade };
    page_with_passkeys(&visit.site, response, &template, has_script)
}

pub(super) async fn act(visit: &mut Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    match params.get("do") {
        None => change_names(visit, params).await,
        Some("change_email") if visit.site.sends_mail() => change_email(visit, params).await,
        Some("confirm_email") if visit.site.sends_mail() => confirm_email(visit).await,
        Some(_) => visit.bad_request(),
    }
}

async fn change_names(visit: &mut Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    let (username, name) = (params.get("username").unwrap_or_default(), params.get("name"));
    let user = &visit.live.user;
    let new_username = Some(username.to_owned()).filter(|typed| *typed != user.username.to_string());
    let new_name =
        Some(name.map(ToOwned::to_owned)).filter(|typed| *typed != user.name.as_ref().map(ToString::to_string));
    if new_username.is_some() {
        visit.lasting(params).await?;
    }
    let new = NewProfile { username: new_username, name: new_name, ..NewProfile::default() };
    let typed = Typed { names: Some((username, name.unwrap_or_default())), ..Typed::default() };
    change(visit, new, typed, Notice::Saved).await
}

async fn change_email(visit: &mut Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    visit.lasting(params).await?;
    let typed = params.get("email").unwrap_or_default();
    let is_current = visit.live.user.email.as_ref().is_some_and(|email| email.to_string() == typed.trim());
    let notice = if is_current { Notice::Saved } else { Notice::MailSent };
    let new = NewProfile { email: Some(Some(typed.to_owned())), ..NewProfile::default() };
    change(visit, new, Typed { email: Some(typed), ..Typed::default() }, notice).await
}

async fn change(visit: &Visit<'_>, new: NewProfile, typed: Typed<'_>, notice: Notice) -> Result<HttpResponse, Instead> {
    match confirming::change_profile(visit.app, visit.user(), new, visit.origin()).await {
        Ok(_changed) => Ok(visit.done(notice)),
        Err(error) => {
            let (response, problem) = match error {
                error @ Error::TooManyFailures { .. } => choosing::problem(visit.site.texts, error)?,
                error => refused(visit, error)?,
            };
            Ok(page(visit, response, Some(problem), typed, None).await?)
        }
    }
}

/// Sends the mail to the address on record once more.
async fn confirm_email(visit: &Visit<'_>) -> Result<HttpResponse, Instead> {
    match confirming::send(visit.app, visit.user(), visit.origin()).await {
        Ok(()) => Ok(visit.done(Notice::MailSent)),
        Err(error) => {
            let (response, problem) = refused(visit, error)?;
            Ok(page(visit, response, Some(problem), Typed::default(), None).await?)
        }
    }
}
