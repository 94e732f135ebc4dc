//! Username, name and e-mail address.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::notice::Notice;
use super::passkeys;
use super::templates::Profile;
use super::visit::{Instead, Visit};
use super::words::refused;
use crate::http::failure::Failure;
use crate::http::pages::reply::page_with_passkeys;
use crate::oauth::params::Params;
use crate::service::users::{self, NewProfile};

pub(super) async fn show(visit: &Visit<'_>) -> Result<HttpResponse, Failure> {
    let user = &visit.live.user;
    let name = user.name.as_ref().map(ToString::to_string).unwrap_or_default();
    let upgrade = passkeys::upgrade(visit).await?;
    page(visit, HttpResponse::Ok(), (&user.username.to_string(), &name), None, upgrade)
}

fn page(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    (username, name): (&str, &str),
    problem: Option<String>,
    upgrade: Option<String>,
) -> Result<HttpResponse, Failure> {
    let email = visit.live.user.email.as_ref().map(ToString::to_string);
    let has_script = upgrade.is_some();
    let template = Profile { site: &visit.site, visit, username, name, email, problem, upgrade };
    page_with_passkeys(&visit.site, response, &template, has_script)
}

pub(super) async fn act(visit: &mut Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    let (username, name) = (params.get("username").unwrap_or_default(), params.get("name"));
    let user = &visit.live.user;
    let new_username = Some(username.to_owned()).filter(|typed| *typed != user.username.to_string());
    let new_name =
        Some(name.map(ToOwned::to_owned)).filter(|typed| *typed != user.name.as_ref().map(ToString::to_string));
    if new_username.is_some() {
        visit.sensitive(params).await?;
    }
    let new = NewProfile { username: new_username, name: new_name, ..NewProfile::default() };
    match visit.run(move |app, user, origin| users::set_profile(app, user, &new, origin)).await {
        Ok(_user) => Ok(visit.done(Notice::Saved)),
        Err(error) => {
            let (response, problem) = refused(visit, error)?;
            Ok(page(visit, response, (username, name.unwrap_or_default()), Some(problem), None)?)
        }
    }
}
