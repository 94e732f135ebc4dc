//! Failures as OAuth has them ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::WWW_AUTHENTICATE;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::api::problem;
use crate::http::failure::Failure;
use crate::oauth::error::{ErrorCode, OAuthError};

/// How clients authenticate.
const BASIC_CHALLENGE: &str = r#"Basic realm="tokensmith""#;

/// An error ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
#[derive(Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(in crate::http) struct OAuthErrorView<'a> {
    /// The registered code.
    error: &'a str,
    /// What is wrong with this request, for the developer of the client.
    error_description: String,
}

/// The body, for the documentation.
pub(in crate::http) fn body(failure: &Failure) -> OAuthErrorView<'_> {
    let code = failure.code();
    let error = match failure {
        Failure::Domain(Error::OAuth(OAuthError { code, .. })) => code.name(),
        _ if code.status == 503 => ErrorCode::TemporarilyUnavailable.name(),
        _ if code.status >= 500 => ErrorCode::ServerError.name(),
        // Neither too many requests nor a path or method that is not there has a code of its own.
        _ => code.oauth.unwrap_or(ErrorCode::InvalidRequest.name()),
    };
    OAuthErrorView { error, error_description: OAuthError::printable(&failure.to_string()) }
}

/// The response.
pub(in crate::http) fn render(failure: &Failure, _request_id: &str) -> HttpResponse {
    let status = failure.code().status();
    let mut response = HttpResponse::build(status);
    problem::add_headers(failure, &mut response, status);
    if matches!(failure, Failure::Domain(Error::OAuth(_))) && status == StatusCode::UNAUTHORIZED {
        response.insert_header((WWW_AUTHENTICATE, BASIC_CHALLENGE));
    }
    response.json(body(failure))
}
