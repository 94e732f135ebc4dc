//! Identities at providers: a list of them, linking another one, and unlinking.

use actix_web::{HttpResponse, HttpResponseBuilder};

use super::notice::Notice;
use super::section::Section;
use super::templates::{Identities, IdentityRow, Moment};
use super::visit::{Instead, Visit};
use super::words::refused;
use crate::error::Error;
use crate::http::cookies::{Cookies, put};
use crate::http::failure::Failure;
use crate::http::pages::reply::{go, page_with};
use crate::http::pages::upstream::{refused as refused_by_provider, shown};
use crate::model::identity::LinkedIdentity;
use crate::model::provider::{Provider, ProviderId};
use crate::model::text::BadText;
use crate::model::upstream::Purpose;
use crate::oauth::params::Params;
use crate::service::{identities, providers, upstream};

pub(super) async fn show(
    visit: &Visit<'_>,
    response: HttpResponseBuilder,
    problem: Option<String>,
) -> Result<HttpResponse, Failure> {
    let look = |app: &_, user, _: &_| Ok((identities::list(app, user)?, providers::list(app)?));
    let (found, all) = visit.run(look).await?;
    let template = Identities {
        site: &visit.site,
        visit,
        problem,
        rows: found.iter().map(|identity| row(identity, &all)).collect(),
        providers: all
            .iter()
            .filter(|provider| provider.disabled_at.is_none())
            .map(|provider| (provider.id.to_string(), provider.name.to_string()))
            .collect(),
    };
    page_with(&visit.site, response, &template)
}

fn row(identity: &LinkedIdentity, providers: &[Provider]) -> IdentityRow {
    let provider = providers.iter().find(|provider| provider.id == identity.provider_id);
    let (email, name) =
        (identity.email.as_ref().map(ToString::to_string), identity.name.as_ref().map(ToString::to_string));
    IdentityRow {
        id: identity.id.to_string(),
        provider: provider.map(|provider| provider.name.to_string()).unwrap_or_default(),
        who: email.or(name).unwrap_or_else(|| identity.subject.clone()),
        created: Moment(identity.created_at),
        last_used: identity.last_used_at.map(Moment),
    }
}

pub(super) async fn act(visit: &mut Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    visit.protecting(params).await?;
    match params.get("do") {
        Some("link") => link(visit, params).await,
        Some("unlink") => unlink(visit, params).await,
        _ => visit.bad_request(),
    }
}

/// Sends the user to the provider. The callback links the identity in this session only.
async fn link(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    let id = params.get("id").unwrap_or_default().parse::<ProviderId>();
    let id = id.map_err(|_bad_form: BadText| Error::ProviderUnknown)?;
    if let Err(error) = visit.run(|app, user, _| identities::may_link(app, user)).await {
        let (response, problem) = refused(visit, error)?;
        return Ok(show(visit, response, Some(problem)).await?);
    }
    let purpose = Purpose::Link { user: visit.user(), session: visit.session() };
    let (back, ip) = (visit.address(Section::Identities), visit.origin().ip);
    match upstream::begin(visit.app, &id, purpose, back, (false, ip.as_deref())).await {
        Ok(begun) => {
            let mut response = go(&visit.site, &begun.redirect)?;
            let headers = Cookies::of(visit.app).keep_upstream(visit.request, begun.id, begun.browser.expose());
            put(visit.request, &mut response, headers)?;
            Ok(response)
        }
        Err(error) => {
            let shown = shown(visit.app, &id).await;
            Ok(refused_by_provider(&visit.site, (&id, &shown), None, error)?)
        }
    }
}

async fn unlink(visit: &Visit<'_>, params: &Params) -> Result<HttpResponse, Instead> {
    let id = params.get("id").and_then(|id| id.parse().ok()).ok_or(Error::IdentityNotFound)?;
    match visit.run(move |app, user, origin| identities::unlink(app, user, id, origin)).await {
        Ok(()) => Ok(visit.done(Notice::IdentityRemoved)),
        Err(error) => {
            let (response, problem) = refused(visit, error)?;
            Ok(show(visit, response, Some(problem)).await?)
        }
    }
}
