//! Browser apps of other origins, by the [CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol). A request
//! without a preflight is handled for any origin, since our own pages send an origin, too. The browser hides the
//! response from pages that are not allowed to read it.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};

use super::audience::{Audience, Origins};
use super::failure::Failure;
use crate::app::App;

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-none-match, x-request-id");
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("etag, retry-after, www-authenticate, x-request-id");
const MAX_AGE_SECONDS: u32 = 3_600;

/// Enough for a scheme, a host name of 255 characters and a port. Longer origins would fill the log.
const MAX_ORIGIN_CHARS: usize = 300;

/// Answers preflights and tells browsers which pages may read a response. Cookies are never allowed: tokens are sent in
/// headers and bodies.
pub(super) async fn cors(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let is_public = Audience::of(request.request()).origins == Origins::Any;
    let app = request.app_data::<web::Data<App>>();
    let origins = app.map_or(&[][..], |app| &app.config.cors_origins);
    let is_any = is_public || origins.iter().any(|allowed| allowed == "*");
    let depends_on_origin = !is_any && !origins.is_empty();
    let origin = request.headers().get(ORIGIN).cloned();
    let is_listed = |origin: &&HeaderValue| origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
    // Public responses are the same for all origins, so a cache may share them.
    let allowed = if is_any { Some(ANY) } else { origin.as_ref().filter(is_listed).cloned() };
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (origin, is_preflight) {
        (Some(_), true) if allowed.is_some() => {
            let headers = if is_public { ANY } else { REQUEST_HEADERS };
            request.into_response(preflight(headers))
        }
        (Some(origin), true) => request.error_response(Failure::OriginNotAllowed(shown(&origin))),
        _ => next.call(request).await?,
    };
    let headers = response.headers_mut();
    if let Some(allowed) = allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
    if depends_on_origin {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    Ok(response)
}

/// The browser compares its request with these lists and sends only what they allow.
fn preflight(headers: HeaderValue) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, headers))
        .insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS))
        .finish()
}

/// The origin as it is shown in the log. Clients may send anything as an origin.
fn shown(origin: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(origin.as_bytes());
    text.chars().flat_map(char::escape_default).take(MAX_ORIGIN_CHARS).collect()
}
