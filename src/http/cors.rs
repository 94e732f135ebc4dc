//! Browser apps of other origins, by the [CORS protocol](https://fetch.spec.whatwg.org/#http-cors-protocol). A request
//! without a preflight is handled for any origin, since our own pages send an origin, too. The browser hides the
//! response from pages that are not allowed to read it.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderValue, ORIGIN, VARY,
};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};

use super::audience::{Audience, Origins};
use super::failure::{Failure, shown_origin};
use crate::app::App;

const ANY: HeaderValue = HeaderValue::from_static("*");
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";

/// `X-Requested-With` must not be here: a request with it could come from any page then (see [`super::csrf`]).
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("authorization, content-type, if-none-match, x-request-id");
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("etag, retry-after, www-authenticate, x-request-id");
const MAX_AGE_SECONDS: u32 = 3_600;

/// The endpoints that web pages of public clients may call.
const OF_CLIENTS: [&str; 3] = ["/oauth/token", "/oauth/revoke", "/oauth/userinfo"];

/// Answers preflights and tells browsers which pages may read a response. Cookies are only allowed to origins that the
/// operator names, and only for our own API.
pub(super) async fn cors(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let origins = Audience::of(request.request()).origins;
    let origin = request.headers().get(ORIGIN).cloned();
    let Allowed { origin: allowed, depends_on_origin } = allowed(&request, origins, origin.as_ref());
    let app = request.app_data::<web::Data<App>>();
    let with_cookies = origins == Origins::Configured && app.is_some_and(|app| app.config.session_cookies);
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match (origin, is_preflight) {
        (Some(_), true) if allowed.is_some() => {
            let headers = if origins == Origins::Any { ANY } else { REQUEST_HEADERS };
            request.into_response(preflight(headers))
        }
        (Some(origin), true) if origins == Origins::OfClients => {
            request.error_response(Failure::OriginOfNoClient(shown_origin(&origin)))
        }
        (Some(origin), true) => request.error_response(Failure::OriginNotAllowed(shown_origin(&origin))),
        _ => next.call(request).await?,
    };
    let headers = response.headers_mut();
    if let Some(allowed) = allowed {
        if with_cookies && allowed != ANY {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
    if depends_on_origin {
        headers.append(VARY, HeaderValue::from_static("origin"));
    }
    Ok(response)
}

/// The pages that may read the response to a request.
struct Allowed {
    /// The value of the header.
    origin: Option<HeaderValue>,
    /// Whether it is different for another origin.
    depends_on_origin: bool,
}

fn allowed(request: &ServiceRequest, origins: Origins, origin: Option<&HeaderValue>) -> Allowed {
    let app = request.app_data::<web::Data<App>>();
    let listed = match origins {
        // Public responses are the same for all origins, so a cache may share them.
        Origins::Any => return Allowed { origin: Some(ANY), depends_on_origin: false },
        Origins::OfClients => {
            let depends_on_origin = OF_CLIENTS.contains(&request.path());
            let has_pages = |origin: &&HeaderValue| {
                let origin = origin.to_str().unwrap_or_default();
                app.is_some_and(|app| app.known_clients.has_pages_of(origin))
            };
            let origin = origin.filter(|_| depends_on_origin).filter(has_pages).cloned();
            return Allowed { origin, depends_on_origin };
        }
        Origins::None => &[][..],
        Origins::Configured => app.map_or(&[][..], |app| &app.config.cors_origins),
    };
    if listed.iter().any(|allowed| allowed == "*") {
        return Allowed { origin: Some(ANY), depends_on_origin: false };
    }
    let is_listed = |origin: &&HeaderValue| listed.iter().any(|listed| listed.as_bytes() == origin.as_bytes());
    Allowed { origin: origin.filter(is_listed).cloned(), depends_on_origin: !listed.is_empty() }
}

/// The browser compares its request with these lists and sends only what they allow.
fn preflight(headers: HeaderValue) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS))
        .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, headers))
        .insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECONDS))
        .finish()
}
