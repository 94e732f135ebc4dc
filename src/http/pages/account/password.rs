//! A new password. As over JSON, the current one is needed, and all other sessions end. Who has none sets one by a mail.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::notice::Notice;
use super::templates::NewPassword;
use super::visit::{Instead, Visit};
use super::words::refused;
use crate::error::Error;
use crate::http::failure::Failure;
use crate::http::pages::reply::page_with;
use crate::http::proving::change_password;
use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::email::own_account;

pub(super) async fn show(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let has_password = visit.run(|app, user, _| Ok(own_account(app, user)?.has_password)).await?;
    page_with(&visit.site, response, &NewPassword { site: &visit.site, visit, has_password, problem })
}

pub(super) async fn act(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    match change(visit, params).await {
        Ok(_sessions_ended) => Ok(visit.done(Notice::PasswordChanged)),
        Err(error) => {
            let (response, problem) = refused(visit, error)?;
            Ok(show(visit, response, Some(problem)).await?)
        }
    }
}

async fn change(visit: &Visit<'_>, params: &Params) -> Result<usize, Error> {
    let secret = |name: &str| Secret::new(params.get(name).unwrap_or_default().to_owned());
    let (current, new) = (secret("current_password"), secret("new_password"));
    if new.expose() != secret("new_password_again").expose() {
        return Err(Error::invalid("new_password_again", "invalid", "is not the same"));
    }
    change_password(visit.app, visit.user(), visit.session(), (current, new), visit.origin()).await
}
