//! `/login/{provider}` and `/login/callback/{provider}`: where users go to sign in at a provider, and where they come back.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::reply::{see_other, titled};
use super::return_to::{self, login_page};
use super::site::{Site, base};
use crate::app::App;
use crate::error::Error;
use crate::http::cookies::{Cookies, put};
use crate::http::failure::Failure;
use crate::http::words::ReturnAddress;
use crate::model::provider::ProviderId;
use crate::model::text::BadText;
use crate::model::upstream::{Purpose, Refusal};
use crate::service::upstream;

/// Sign in at a provider
///
/// Sends the user to the provider.
#[utoipa::path(get, path = "/login/{provider}", tag = "pages", security(()),
    params(("provider" = String, Path, description = "The id of a provider."),
        ("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go after the login. Default: the account pages.")),
    responses(
        (status = 303, description = "To the provider.", headers(("Location" = String))),
        (status = 400, content_type = "text/html", body = String, description = "A page: `return_to` is not a path of this host."),
        (status = 502, content_type = "text/html", body = String, description = "A page: the provider cannot be reached.")))]
pub(in crate::http) async fn begin(
    request: HttpRequest,
    app: web::Data<App>,
    provider: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (app, provider) = (app.into_inner(), read(&provider)?);
    let site = &Site::new(&request, &app, &[]);
    let Some(return_to) = return_to::read(request.query_string(), &format!("{}/account", base(&app))) else {
        return titled(site, StatusCode::BAD_REQUEST, site.texts.error_title, site.texts.error_request, None);
    };
    match upstream::begin(&app, &provider, Purpose::SignIn, return_to).await {
        Ok(begun) => {
            let mut response = see_other(&begun.redirect);
            put(&request, &mut response, Cookies::of(&app).keep_upstream(&request, begun.id, begun.browser.expose()))?;
            Ok(response)
        }
        Err(error) => refused(site, &provider, error),
    }
}

/// Come back from a provider
///
/// Where a provider sends users back with a code, or with an error.
#[utoipa::path(get, path = "/login/callback/{provider}", tag = "pages", security(()),
    params(("provider" = String, Path, description = "The id of a provider."),
        ("state" = Option<String>, Query, description = "As it was sent to the provider."),
        ("code" = Option<String>, Query, description = "What the provider redeems for tokens."),
        ("error" = Option<String>, Query, description = "Why there is no code."),
        ("iss" = Option<String>, Query, description = "Who the answer is from ([RFC 9207](https://www.rfc-editor.org/rfc/rfc9207)).")),
    responses(
        (status = 303, description = "The user is signed in: to `return_to`.", headers(("Location" = String))),
        (status = 403, content_type = "text/html", body = String,
            description = "A page: the sign-in is over or was begun in another browser, the user has not agreed, the answer is \
                           not right, or no account is linked."),
        (status = 502, content_type = "text/html", body = String, description = "A page: the provider cannot be reached.")))]
pub(in crate::http) async fn finish(
    request: HttpRequest,
    app: web::Data<App>,
    provider: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (app, provider): (Arc<App>, _) = (app.into_inner(), read(&provider)?);
    let (site, cookies, query) = (&Site::new(&request, &app, &[]), Cookies::of(&app), request.query_string());
    let login = upstream::login_of(query);
    let cookie = login.and_then(|id| cookies.upstream(&request, id));
    let verified = upstream::callback(&app, &provider, query, cookie.as_deref()).await;
    let finished = verified.and_then(|verified| upstream::finish(&app, &verified).map(|()| verified.return_to));
    let mut response = match finished {
        Ok(return_to) => see_other(&return_to),
        Err(error) => refused(site, &provider, error)?,
    };
    // Only the browser that has begun it: the cookie is of no use any more.
    if let (Some(id), Some(_)) = (login, cookie) {
        put(&request, &mut response, cookies.forget_upstream(id))?;
    }
    Ok(response)
}

/// What is not an id by its form is no provider's.
fn read(id: &str) -> Result<ProviderId, Error> {
    id.parse().map_err(|_bad_form: BadText| Error::ProviderUnknown)
}

/// A page with the reason, and the way to every other login.
fn refused(site: &Site<'_>, provider: &ProviderId, error: Error) -> Result<HttpResponse, Failure> {
    let Error::UpstreamRefused(refusal) = error else { return Err(error.into()) };
    let texts = site.texts;
    let (status, text) = match refusal {
        Refusal::StateUnknown | Refusal::OtherBrowser | Refusal::Expired | Refusal::Used => {
            (StatusCode::FORBIDDEN, texts.provider_over)
        }
        Refusal::Denied => (StatusCode::FORBIDDEN, texts.provider_denied),
        Refusal::Unreachable(_) => (StatusCode::BAD_GATEWAY, texts.provider_unavailable),
        Refusal::NotLinked => (StatusCode::FORBIDDEN, texts.provider_not_linked),
        Refusal::ProviderError(_)
        | Refusal::WrongIssuer
        | Refusal::BadAnswer
        | Refusal::CodeRefused(_)
        | Refusal::IdToken(_)
        | Refusal::OtherSubject
        | Refusal::ClaimMissing(_) => (StatusCode::FORBIDDEN, texts.provider_refused),
    };
    let with_name = |text: &str| text.replace("{provider}", provider.as_str());
    let to_login = || (texts.to_login.to_owned(), login_page(&site.base, &format!("{}/account", site.base)));
    let link = site.app.config.session_cookies.then(to_login);
    titled(site, status, &with_name(texts.provider_title), &with_name(text), link)
}
