//! The layer around every request: its id, its log line, the rendering of its error, and the headers of every response.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::audience::Audience;
use super::cookies;
use super::extract::{ProxyWarnings, RequestId};
use super::failure::Failure;
use crate::app::App;
use crate::engine::deadline;
use crate::error::{Error, root_cause};
use crate::jwt::DENYLIST_PATH;
use tokensmith_verifier::BearerError;

/// The target of the lines of requests in the log.
pub(crate) const LOG_TARGET: &str = "tokensmith::http";
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, calls the handler, completes the response and writes the log line. The line has the path
/// without its query and without the secret of a link, and nothing of the body.
pub(super) async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, actix_web::Error> {
    let started_at = Instant::now();
    let id = given_id(request.headers()).or_else(|| Some(request.app_data::<web::Data<RequestIds>>()?.next()));
    let id = id.unwrap_or_default();
    request.extensions_mut().insert(RequestId(id.clone()));
    let response = complete(deadline::request(next.call(request)).await?, &id);
    count(&response, started_at.elapsed());
    let request = response.request();
    let (app, warnings) = (request.app_data::<web::Data<App>>(), request.app_data::<web::Data<ProxyWarnings>>());
    let ip = app.zip(warnings).and_then(|(app, said)| said.check(request, &app.config.trusted_proxies));
    let level = if is_routine(&response) { log::Level::Debug } else { log::Level::Info };
    if log::log_enabled!(target: LOG_TARGET, level) {
        let ip = ip.map(|ip| ip.to_string()).unwrap_or_default();
        log::log!(
            target: LOG_TARGET, level,
            method = request.method().as_str(), path = logged_path(request), status = response.status().as_u16(),
            microseconds = u64::try_from(started_at.elapsed().as_micros()).unwrap_or(u64::MAX), ip, request_id = id;
            "request"
        );
    }
    Ok(response)
}

/// The path for the log.
fn logged_path(request: &HttpRequest) -> &str {
    let audience = Audience::of(request);
    if audience.has_secret_paths { audience.prefix } else { request.path() }
}

/// Counts the response by the pattern of its route, since the number of paths is unlimited.
fn count<B>(response: &ServiceResponse<B>, took: Duration) {
    let request = response.request();
    let app = request.app_data::<web::Data<App>>();
    if let Some(app) = app.filter(|app| app.config.metrics_listen.is_some()) {
        let route = request.match_pattern().unwrap_or_else(|| "unmatched".to_owned());
        let known =
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        let method = if known.contains(request.method()) { request.method().as_str() } else { "other" };
        app.metrics.answered(method, &route, response.status().as_u16(), took);
    }
}

/// Every verifier asks for the denylist every second. Such a request is only logged if something is wrong.
fn is_routine<B>(response: &ServiceResponse<B>) -> bool {
    let status = response.status();
    response.request().path() == DENYLIST_PATH && !status.is_client_error() && !status.is_server_error()
}

/// Ids of requests. Each is unique, even among several processes.
pub(super) struct RequestIds {
    process: [u8; 6],
    given: AtomicU64,
}

impl RequestIds {
    pub(super) fn new(process: [u8; 6]) -> Self {
        Self { process, given: AtomicU64::new(0) }
    }

    fn next(&self) -> String {
        let [_, _, number @ ..] = self.given.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        URL_SAFE_NO_PAD.encode([self.process, number].as_flattened())
    }
}

/// The id that the client or a proxy gave, if it is harmless in a log.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(harmless).map(ToOwned::to_owned)
}

fn complete<B: MessageBody + 'static>(response: ServiceResponse<B>, id: &str) -> ServiceResponse<EitherBody<B>> {
    let audience = Audience::of(response.request());
    let error = response.response().error();
    let rendered = error.and_then(|error| match error.as_error::<BearerError>() {
        Some(refused) => Some((audience.render)(&Failure::Bearer(refused.kind()), response.request(), id)),
        None => error.as_error::<Failure>().map(|failure| {
            log_cause(failure, id);
            (audience.render)(failure, response.request(), id)
        }),
    });
    let mut response = match rendered {
        Some(rendered) => {
            let (request, original) = response.into_parts();
            let mut rendered = rendered.map_into_right_body();
            // Keeps headers that inner layers have added.
            for (name, value) in original.headers() {
                if !rendered.headers().contains_key(name) {
                    rendered.headers_mut().insert(name.clone(), value.clone());
                }
            }
            ServiceResponse::new(request, rendered)
        }
        None => response.map_into_left_body(),
    };
    let status = response.status();
    let fresh = cookies::take_fresh(response.request());
    let headers = response.headers_mut();
    for fresh in fresh {
        headers.append(SET_COOKIE, fresh);
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    (audience.add_headers)(status, headers);
    response
}

/// Logs the cause of an internal error once; the client never gets it. Also logs a web page whose origin is not
/// allowed, so that the operator can find the missing setting.
fn log_cause(failure: &Failure, id: &str) {
    match failure {
        Failure::Domain(Error::Unavailable(cause) | Error::DataKeyUnavailable(cause) | Error::Internal(cause)) => {
            log::error!(target: LOG_TARGET, request_id = id, cause = root_cause(&**cause); "{failure}");
        }
        Failure::OriginNotAllowed(origin) => {
            log::warn!(target: LOG_TARGET, request_id = id, origin; "refused a request from a web page: its origin is not in CORS_ORIGINS");
        }
        Failure::OriginOfNoClient(origin) => {
            log::warn!(target: LOG_TARGET, request_id = id, origin; "refused a request from a web page: no public client has a redirect URI of its origin");
        }
        _ => {}
    }
}
