//! Errors on the wire: `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable
//! `code`, and the challenges of bearer tokens ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::words::{EndReason, FieldCode, ProblemCode};
use crate::clock::Seconds;
use crate::error::{Error, FieldProblem};
use tokensmith_verifier::BearerError;
use tokensmith_verifier::issuing::ApiTokenError;

/// When to come back after the database was out of reach.
const UNAVAILABLE_RETRY_AFTER: Seconds = Seconds(5);

/// An [`Error`] as the answer to a request.
#[derive(Debug)]
pub struct Problem(pub Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An error ([RFC 9457 section 3](https://www.rfc-editor.org/rfc/rfc9457#section-3)).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemView<'a> {
    /// `urn:tokensmith:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// The code in a few words.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What is wrong with this request, for people.
    detail: String,
    /// What is wrong, for programs.
    #[schema(value_type = ProblemCode)]
    code: &'a str,
    /// What to look for in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required, nullable = false)]
    request_id: Option<&'a str>,
    /// Why the session has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<EndReason>, nullable = false)]
    reason: Option<String>,
    /// Which fields are not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    errors: Option<Vec<FieldView<'a>>>,
}

/// A field that is not valid.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldProblem)]
struct FieldView<'a> {
    /// Its name.
    field: &'a str,
    /// What is wrong, for programs.
    #[schema(value_type = FieldCode)]
    code: &'a str,
    /// What to do about it, for people.
    message: &'a str,
}

impl<'a> From<&'a FieldProblem> for FieldView<'a> {
    fn from(problem: &'a FieldProblem) -> Self {
        Self { field: problem.field, code: problem.code, message: &problem.message }
    }
}

/// What a client is told of an error: status, code and title never change for one code.
#[derive(Clone, Copy, Debug)]
struct Kind(u16, &'static str, &'static str);

fn kind(error: &Error) -> Kind {
    match error {
        Error::BasicAuthOff => Kind(400, "basic_auth_off", "HTTP Basic is off"),
        Error::BadCredentials => Kind(401, "bad_credentials", "Wrong username or password"),
        Error::AccountDisabled => Kind(403, "account_disabled", "Account disabled"),
        Error::Bearer(why) => Kind(why.status_code().as_u16(), why.code(), why.title()),
        Error::TokenRefused(why) => Kind(401, why.code(), "Token refused"),
        Error::RefreshTokenReused => Kind(401, "refresh_token_reused", "Refresh token reused"),
        Error::SessionEnded(_) => Kind(401, "session_ended", "Session ended"),
        Error::SessionUnknown => Kind(401, "session_unknown", "Session unknown"),
        Error::SessionNotFound => Kind(404, "session_not_found", "Session not found"),
        Error::ApiTokenNotFound => Kind(404, "api_token_not_found", "API token not found"),
        Error::TooManyApiTokens(_) => Kind(409, "too_many_api_tokens", "Too many API tokens"),
        Error::WrongPassword => Kind(403, "wrong_password", "Wrong password"),
        Error::LastAdmin => Kind(409, "last_admin", "Last administrator"),
        Error::Invalid(_) => Kind(400, "invalid_fields", "Invalid fields"),
        Error::BodyMalformed(_) => Kind(400, "malformed_json", "Body not as expected"),
        Error::BodyTooLarge(_) => Kind(413, "body_too_large", "Body too large"),
        Error::BodyTimedOut => Kind(408, "request_timeout", "Request timeout"),
        Error::MediaTypeUnsupported => Kind(415, "unsupported_media_type", "Unsupported media type"),
        Error::PathUnknown => Kind(404, "not_found", "Not found"),
        Error::OriginNotAllowed(_) => Kind(403, "origin_not_allowed", "Origin not allowed"),
        Error::MethodNotAllowed(_) => Kind(405, "method_not_allowed", "Method not allowed"),
        Error::UsernameTaken => Kind(409, "username_taken", "Username taken"),
        Error::KeyConflict(_) => Kind(409, "key_conflict", "Key conflict"),
        Error::KeyUnknown => Kind(404, "key_unknown", "Key unknown"),
        Error::UserUnknown => Kind(404, "user_unknown", "User unknown"),
        Error::TooManyFailures { .. } => Kind(429, "too_many_failures", "Too many failures"),
        Error::Overloaded { .. } => Kind(503, "overloaded", "Overloaded"),
        Error::Unavailable(_) => Kind(503, "database_unavailable", "Database unavailable"),
        Error::Internal(_) => Kind(500, "internal_error", "Internal error"),
    }
}

impl Problem {
    /// The status and the stable code.
    #[must_use]
    pub fn code(&self) -> (StatusCode, &'static str) {
        let Kind(status, code, _) = kind(&self.0);
        (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), code)
    }

    fn view<'a>(&'a self, request_id: Option<&'a str>) -> ProblemView<'a> {
        let Kind(status, code, title) = kind(&self.0);
        let errors = match &self.0 {
            Error::Invalid(problems) => Some(problems.iter().map(FieldView::from).collect()),
            _ => None,
        };
        ProblemView {
            kind: format!("urn:tokensmith:problem:{code}"),
            title,
            status,
            detail: self.0.to_string(),
            code,
            request_id,
            reason: if let Error::SessionEnded(reason) = &self.0 { Some(reason.to_string()) } else { None },
            errors,
        }
    }

    /// The body, for the documentation.
    pub(super) fn example(&self) -> Value {
        json!(self.view(Some("dGhpcyBpcyBvbmUK")))
    }

    /// The whole answer.
    pub(super) fn render(&self, request_id: Option<&str>) -> HttpResponse {
        let (status, _) = self.code();
        let body = json!(self.view(request_id)).to_string();
        let mut response = HttpResponse::build(status);
        self.add_headers(&mut response, status);
        response.content_type("application/problem+json").body(body)
    }

    fn add_headers(&self, response: &mut HttpResponseBuilder, status: StatusCode) {
        let retry_after = match &self.0 {
            Error::Overloaded { retry_after } | Error::TooManyFailures { retry_after } => Some(*retry_after),
            Error::Unavailable(_) | Error::Bearer(BearerError::ApiToken(ApiTokenError::Unavailable)) => {
                Some(UNAVAILABLE_RETRY_AFTER)
            }
            _ => None,
        };
        if let Some(Seconds(seconds)) = retry_after {
            response.insert_header((RETRY_AFTER, seconds));
        }
        if let Error::MethodNotAllowed(methods) = &self.0 {
            response.insert_header((ALLOW, methods.join(", ")));
        }
        let challenge = match &self.0 {
            Error::Bearer(why) => why.challenge(),
            // RFC 9110 section 15.5.2: a 401 carries a challenge.
            _ => BearerError::Missing.challenge().filter(|_| status == StatusCode::UNAUTHORIZED),
        };
        if let Some(challenge) = challenge {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
    }
}

/// Rendered again with the request's id by the layer `observe`, which finds the problem in the response.
impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code().0
    }

    fn error_response(&self) -> HttpResponse {
        self.render(None)
    }
}
