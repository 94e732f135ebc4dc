//! Errors on the wire: `application/problem+json` ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) with a stable
//! `code`, and the challenges of bearer tokens ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3)).

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::{Map, Value, json};

use crate::clock::Seconds;
use crate::error::Error;
use crate::store;
use crate::verifier::BearerError;

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

/// What a client is told of an error: status, code and title never change for one code.
#[derive(Clone, Copy, Debug)]
struct Kind(u16, &'static str, &'static str);

fn kind(error: &Error) -> Kind {
    match error {
        Error::BadCredentials => Kind(401, "bad_credentials", "Wrong username or password"),
        Error::AccountDisabled => Kind(403, "account_disabled", "Account disabled"),
        Error::Bearer(why) => Kind(why.status_code().as_u16(), why.code(), why.title()),
        Error::TokenRefused(why) => Kind(401, why.code(), "Token refused"),
        Error::RefreshTokenReused => Kind(401, "refresh_token_reused", "Refresh token reused"),
        Error::SessionEnded(_) => Kind(401, "session_ended", "Session ended"),
        Error::SessionUnknown => Kind(401, "session_unknown", "Session unknown"),
        Error::Invalid(_) => Kind(400, "invalid_fields", "Invalid fields"),
        Error::BodyMalformed(_) => Kind(400, "malformed_json", "Malformed JSON"),
        Error::BodyTooLarge(_) => Kind(413, "body_too_large", "Body too large"),
        Error::BodyTimedOut => Kind(408, "request_timeout", "Request timeout"),
        Error::MediaTypeUnsupported => Kind(415, "unsupported_media_type", "Unsupported media type"),
        Error::PathUnknown => Kind(404, "not_found", "Not found"),
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

    /// The whole answer.
    pub(super) fn render(&self, request_id: Option<&str>) -> HttpResponse {
        let Kind(_, code, title) = kind(&self.0);
        let (status, _) = self.code();
        let mut body = Map::new();
        let mut put = |name: &str, value: Value| {
            body.insert(name.to_owned(), value);
        };
        put("type", format!("urn:tokensmith:problem:{code}").into());
        put("title", title.into());
        put("status", status.as_u16().into());
        put("detail", self.0.to_string().into());
        put("code", code.into());
        if let Some(request_id) = request_id {
            put("request_id", request_id.into());
        }
        match &self.0 {
            Error::SessionEnded(reason) => put("reason", reason.to_string().into()),
            Error::Invalid(problems) => {
                let errors = problems.iter().map(|p| json!({"field": p.field, "code": p.code, "message": p.message}));
                put("errors", errors.collect());
            }
            _ => {}
        }
        let mut response = HttpResponse::build(status);
        self.add_headers(&mut response, status);
        response.content_type("application/problem+json").body(Value::Object(body).to_string())
    }

    fn add_headers(&self, response: &mut HttpResponseBuilder, status: StatusCode) {
        let retry_after = match &self.0 {
            Error::Overloaded { retry_after } | Error::TooManyFailures { retry_after } => Some(*retry_after),
            Error::Unavailable(_) => Some(store::RETRY_AFTER),
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
