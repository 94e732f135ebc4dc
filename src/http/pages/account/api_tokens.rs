//! API tokens. The key of a new one is shown once.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::notice::Notice;
use super::templates::{ApiTokens, Choice, Moment, NewToken, TokenForm, TokenRow};
use super::visit::{Instead, Visit};
use super::words::refused;
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::http::failure::Failure;
use crate::http::pages::reply::page_with;
use crate::model::api_token::{ApiToken, ApiTokenId};
use crate::oauth::params::Params;
use crate::secret::ApiKey;
use crate::service::api_tokens::{self, NewApiToken};
use crate::service::queries;

const SECONDS_OF_A_DAY: i64 = 86_400;

/// What the form proposes.
const USUAL_DAYS: &str = "90";

pub(super) async fn show(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    page(visit, response, form(visit, &Params::default(), USUAL_DAYS), problem).await
}

async fn page(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    form: TokenForm,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let now = visit.app.clock.now();
    let found = visit.run(|app, user, _| queries::list_api_tokens(app, user)).await?;
    let tokens = found.iter().map(|token| row(token, now)).collect();
    page_with(&visit.site, response, &ApiTokens { site: &visit.site, visit, problem, tokens, form })
}

fn row(token: &ApiToken, now: Timestamp) -> TokenRow {
    TokenRow {
        id: token.id.to_string(),
        name: token.name.to_string(),
        scopes: token.scopes.names().to_vec(),
        roles: token.roles.names().to_vec(),
        created: Moment(token.created_at),
        expires: token.expires_at.map(Moment),
        last_used: token.last_used_at.map(Moment),
        state: token.state(now),
    }
}

/// The form for a new one, with what was typed.
fn form(visit: &Visit<'_>, params: &Params, days: &str) -> TokenForm {
    let choice = |field: &'static str| {
        move |name: &String| Choice { name: name.clone(), is_chosen: params.all(field).any(|chosen| chosen == name) }
    };
    TokenForm {
        name: params.get("name").unwrap_or_default().to_owned(),
        days: days.to_owned(),
        scopes: visit.app.config.scopes.names().iter().map(choice("scope")).collect(),
        roles: visit.live.user.roles.names().iter().map(choice("role")).collect(),
    }
}

pub(super) async fn act(visit: &mut Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    match params.get("do") {
        Some("create") => {
            visit.lasting(params).await?;
            created(visit, params).await
        }
        Some("revoke") => {
            let id = params.get("id").and_then(|id| id.parse::<ApiTokenId>().ok()).ok_or(Error::ApiTokenNotFound)?;
            visit.run(move |app, user, origin| api_tokens::revoke(app, user, id, origin)).await?;
            Ok(visit.done(Notice::TokenRevoked))
        }
        _ => visit.bad_request(),
    }
}

async fn created(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    match create(visit, params).await {
        Ok((token, key)) => {
            let (name, key) = (token.name.to_string(), key.expose());
            let template = NewToken { site: &visit.site, visit, problem: None, name: &name, key };
            Ok(page_with(&visit.site, HttpResponse::Ok(), &template)?)
        }
        Err(error) => {
            let (response, problem) = refused(visit, error)?;
            let typed = form(visit, params, params.get("days").unwrap_or_default());
            Ok(page(visit, response, typed, Some(problem)).await?)
        }
    }
}

async fn create(visit: &Visit<'_>, params: &Params) -> Result<(ApiToken, ApiKey), Error> {
    let of = |field: &str| -> Vec<String> { params.all(field).map(ToOwned::to_owned).collect() };
    let (name, scopes, roles) = (params.get("name").unwrap_or_default().to_owned(), of("scope"), of("role"));
    let lifetime = params.get("days").map(lifetime).transpose()?;
    let create = move |app: &_, user, origin: &_| {
        let new = NewApiToken { name: &name, scopes: &scopes, roles: &roles, lifetime };
        api_tokens::create(app, user, &new, origin)
    };
    visit.run(create).await
}

fn lifetime(days: &str) -> Result<Seconds, Error> {
    let seconds = days.trim().parse::<i64>().ok().and_then(|days| days.checked_mul(SECONDS_OF_A_DAY));
    seconds.map(Seconds).ok_or_else(|| Error::invalid("expires_in", "invalid", "must be a number of days"))
}
