//! The registered applications that have access to the account.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::notice::Notice;
use super::templates::{ApplicationRow, Applications, Moment};
use super::visit::{Instead, Visit};
use crate::error::Error;
use crate::http::failure::Failure;
use crate::http::pages::reply::page_with;
use crate::model::client::ClientId;
use crate::oauth::params::Params;
use crate::service::oauth::applications::{self, Application};

pub(super) async fn show(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let found = visit.run(|app, user, _| applications::list(app, user)).await?;
    let listed = found.into_iter().map(row).collect();
    let template = Applications { site: &visit.site, visit, problem, listed };
    page_with(&visit.site, response, &template)
}

fn row((id, application): (String, Application)) -> ApplicationRow {
    let Application { name, scopes, allowed_at, .. } = application;
    ApplicationRow { id, name, scopes: scopes.into_iter().collect(), allowed_at: allowed_at.map(Moment) }
}

pub(super) async fn act(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    if params.get("do") != Some("remove") {
        return visit.bad_request();
    }
    let client = params.get("id").and_then(|id| id.parse::<ClientId>().ok()).ok_or(Error::ClientUnknown)?;
    let remove = move |app: &_, user, origin: &_| {
        if !applications::list(app, user)?.contains_key(&client.to_string()) {
            return Err(Error::ClientUnknown);
        }
        applications::remove(app, user, client, origin)
    };
    visit.run(remove).await?;
    Ok(visit.done(Notice::AccessRemoved))
}
