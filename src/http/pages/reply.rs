//! How pages are sent: their headers, the way on to an application, and what a failure looks like.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderValue, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::site::Site;
use super::templates::{Go, Message, Post};
use crate::app::App;
use crate::error::Error;
use crate::http::api::problem;
use crate::http::failure::Failure;
use crate::model::authorization::ResponseMode;
use crate::oauth::answer::Answer;
use crate::oauth::redirect_uri::{origin, shown};
use crate::secret::digest_of;

/// What is not from here is not loaded, framed or posted to.
const POLICY: &str = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// For passkeys: a script of ours, which asks us for challenges.
const PASSKEY_POLICY: &str = "; script-src 'self'; connect-src 'self'";

/// Posts the form of the page.
const SCRIPT: &str = "document.forms[0].submit()";

/// The script of a page, by its hash ([CSP Level 3](https://www.w3.org/TR/CSP3/#grammardef-hash-source)).
static SCRIPT_SOURCE: LazyLock<String> =
    LazyLock::new(|| format!("; script-src 'sha256-{}'", STANDARD.encode(digest_of(SCRIPT).0)));

/// A page with a form that goes to our own origin.
pub(super) fn page(site: &Site<'_>, status: StatusCode, template: &impl Template) -> Result<HttpResponse, Failure> {
    send(site, HttpResponse::build(status), template, "'self'", "")
}

/// The same, as an answer that is begun already.
pub(super) fn page_with(
    site: &Site<'_>,
    response: HttpResponseBuilder,
    template: &impl Template,
) -> Result<HttpResponse, Failure> {
    send(site, response, template, "'self'", "")
}

/// The same, with the script for passkeys where there are any.
pub(super) fn page_with_passkeys(
    site: &Site<'_>,
    response: HttpResponseBuilder,
    template: &impl Template,
    has_script: bool,
) -> Result<HttpResponse, Failure> {
    send(site, response, template, "'self'", if has_script && site.has_passkeys() { PASSKEY_POLICY } else { "" })
}

fn send(
    site: &Site<'_>,
    mut response: HttpResponseBuilder,
    template: &impl Template,
    form_action: &str,
    script: &str,
) -> Result<HttpResponse, Failure> {
    let body = template.render().map_err(Error::internal)?;
    let pictures = site.logo_origin().map(|origin| format!("; img-src {origin}")).unwrap_or_default();
    let policy = format!("{POLICY}; form-action {form_action}{pictures}{script}");
    response.insert_header((CONTENT_SECURITY_POLICY, policy));
    Ok(response.content_type("text/html; charset=utf-8").body(body))
}

/// A message, with a way on if there is one.
pub(super) fn message(
    site: &Site<'_>,
    status: StatusCode,
    text: &str,
    link: Option<(String, String)>,
) -> Result<HttpResponse, Failure> {
    titled(site, status, site.texts.error_title, text, link)
}

/// A message with a title of its own.
pub(super) fn titled(
    site: &Site<'_>,
    status: StatusCode,
    title: &str,
    text: &str,
    link: Option<(String, String)>,
) -> Result<HttpResponse, Failure> {
    page(site, status, &Message { site, title, text, link, request_id: None })
}

/// 303: the browser goes on with GET, whatever it came with
/// ([RFC 9700 section 4.12](https://www.rfc-editor.org/rfc/rfc9700#section-4.12)).
pub(super) fn see_other(location: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((LOCATION, location)).finish()
}

/// The answer to an application from a navigation that no form of ours is part of.
pub(super) fn answer(site: &Site<'_>, answer: &Answer) -> Result<HttpResponse, Failure> {
    match answer.mode {
        ResponseMode::Query => Ok(see_other(&answer.location())),
        ResponseMode::FormPost => post(site, answer),
    }
}

/// The answer to an application after a form of ours: browsers hold a redirect to another origin against the policy of the
/// form's page. So it is a page that goes there.
pub(super) fn answer_after_form(site: &Site<'_>, answer: &Answer) -> Result<HttpResponse, Failure> {
    match answer.mode {
        ResponseMode::Query => go(site, &answer.location()),
        ResponseMode::FormPost => post(site, answer),
    }
}

/// A page that goes somewhere else.
pub(super) fn go(site: &Site<'_>, location: &str) -> Result<HttpResponse, Failure> {
    page(site, StatusCode::OK, &Go { site, location, host: &shown(location) })
}

/// [OAuth 2.0 Form Post Response Mode](https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html).
fn post(site: &Site<'_>, answer: &Answer) -> Result<HttpResponse, Failure> {
    let Answer { redirect_uri, params, .. } = answer;
    let template = Post { site, redirect_uri, host: &shown(redirect_uri), params, script: SCRIPT };
    let action = origin(redirect_uri).unwrap_or("'none'".to_owned());
    send(site, HttpResponse::Ok(), &template, &action, &SCRIPT_SOURCE)
}

/// A failure as a page, with the request's id.
pub(in crate::http) fn render(failure: &Failure, request: &HttpRequest, request_id: &str) -> HttpResponse {
    let Some(app) = request.app_data::<web::Data<App>>() else { return problem::render(failure, request_id) };
    let site = Site::new(request, app, &[]);
    let status = failure.code().status();
    let text = match status {
        _ if matches!(failure, Failure::CsrfRefused) => site.texts.error_form,
        StatusCode::NOT_FOUND => site.texts.error_not_found,
        StatusCode::SERVICE_UNAVAILABLE => site.texts.error_unavailable,
        status if status.is_server_error() => site.texts.error_internal,
        _ => site.texts.error_request,
    };
    let title = site.texts.error_title;
    let template = Message { site: &site, title, text, link: None, request_id: Some(request_id) };
    let mut response = HttpResponse::build(status);
    problem::add_headers(failure, &mut response, status);
    page_with(&site, response, &template).unwrap_or_else(|_fault| problem::render(failure, request_id))
}

/// The headers of every page. With `no-referrer` browsers send forms with the origin `null`.
pub(in crate::http) fn add_headers(status: StatusCode, headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    if !headers.contains_key(CACHE_CONTROL) && status != StatusCode::NOT_MODIFIED {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// The headers of pages whose address holds a secret: it is in no `Referer`. The origin is, without which older browsers
/// would not say where a form comes from.
pub(in crate::http) fn add_headers_of_links(status: StatusCode, headers: &mut HeaderMap) {
    add_headers(status, headers);
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
}
