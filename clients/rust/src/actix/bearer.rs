//! Why a request is not let in, and how it is told so
//! ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3),
//! [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::api_token::ApiTokenError;
use crate::jwt::TokenError;
use crate::verifier::VerifyError;

/// When keys or denylist may be within reach again, in seconds.
const UNAVAILABLE_RETRY_AFTER: u64 = 2;

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// The route needs an access token and there is none.
    #[error("an access token is needed")]
    Missing,
    /// The `Authorization` header is not one Bearer token.
    #[error("{0}")]
    Malformed(&'static str),
    /// The access token is refused.
    #[error("{0}")]
    Refused(TokenError),
    /// The API token is refused.
    #[error("{0}")]
    ApiToken(ApiTokenError),
    /// Only who is logged in may do this, not an API token.
    #[error("this needs a login; an API token may not do it")]
    SessionRequired,
    /// The user must have proved who they are so many seconds ago at most.
    #[error("the password must have been given within the last {0} seconds")]
    ReauthenticationRequired(i64),
    /// The access token lacks a role.
    #[error("the role '{0}' is needed")]
    RoleMissing(&'static str),
    /// The access token lacks a scope.
    #[error("the scope '{0}' is needed")]
    ScopeMissing(&'static str),
    /// The issuer's keys are not known yet.
    #[error("access tokens cannot be verified yet")]
    NoKeys,
    /// The issuer's denylist is out of reach for too long.
    #[error("it cannot be told whether the access token was revoked")]
    DenylistStale,
    /// The app's data holds no `web::Data<Verifier>`.
    #[error("the service is not set up to verify access tokens")]
    NotSetUp,
}

impl From<VerifyError> for BearerError {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Refused(why) => Self::Refused(why),
            VerifyError::NoKeys => Self::NoKeys,
            VerifyError::DenylistStale => Self::DenylistStale,
        }
    }
}

impl BearerError {
    /// A stable name of the reason, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "access_token_missing",
            Self::Malformed(_) => "invalid_request",
            Self::Refused(why) => why.code(),
            Self::ApiToken(why) => why.code(),
            Self::SessionRequired => "session_required",
            Self::ReauthenticationRequired(_) => "reauthentication_required",
            Self::RoleMissing(_) => "role_missing",
            Self::ScopeMissing(_) => "scope_missing",
            Self::NoKeys => "keys_unavailable",
            Self::DenylistStale => "denylist_stale",
            Self::NotSetUp => "internal_error",
        }
    }

    /// The reason in a few words, the same for each code.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Missing => "Access token missing",
            Self::Malformed(_) => "Malformed Authorization header",
            Self::Refused(_) => "Token refused",
            Self::ApiToken(ApiTokenError::AccountDisabled) => "Account disabled",
            Self::ApiToken(ApiTokenError::Overloaded) => "Overloaded",
            Self::ApiToken(ApiTokenError::Unavailable) => "Database unavailable",
            Self::SessionRequired => "Session required",
            Self::ReauthenticationRequired(_) => "Reauthentication required",
            Self::RoleMissing(_) => "Role missing",
            Self::ScopeMissing(_) => "Scope missing",
            Self::NoKeys => "Keys unavailable",
            Self::DenylistStale => "Denylist stale",
            Self::NotSetUp | Self::ApiToken(ApiTokenError::Internal) => "Internal error",
            Self::ApiToken(ApiTokenError::Refused(_)) => "API token refused",
        }
    }

    /// The value of `WWW-Authenticate`, if the answer has that header.
    #[must_use]
    pub fn challenge(self) -> Option<String> {
        // RFC 6750 section 3.1: no error code for a request without any authentication.
        let error = match self {
            Self::Missing => return Some(r#"Bearer realm="tokensmith""#.to_owned()),
            Self::Malformed(_) => "invalid_request".to_owned(),
            Self::RoleMissing(_) | Self::SessionRequired => "insufficient_scope".to_owned(),
            // RFC 9470 section 3: how old the authentication may be.
            Self::ReauthenticationRequired(seconds) => {
                format!(r#"insufficient_user_authentication", max_age="{seconds}"#)
            }
            // RFC 6750 section 3: the scope that is needed may be told.
            Self::ScopeMissing(scope) => format!(r#"insufficient_scope", scope="{scope}"#),
            Self::Refused(_) | Self::ApiToken(ApiTokenError::Refused(_)) => "invalid_token".to_owned(),
            Self::ApiToken(_) | Self::NoKeys | Self::DenylistStale | Self::NotSetUp => return None,
        };
        Some(format!(r#"Bearer realm="tokensmith", error="{error}", error_description="{self}""#))
    }

    /// The value of `Retry-After` in seconds, if the answer has that header.
    #[must_use]
    pub fn retry_after(self) -> Option<u64> {
        let passes = self.status_code() == StatusCode::SERVICE_UNAVAILABLE;
        passes.then_some(UNAVAILABLE_RETRY_AFTER)
    }
}

impl ResponseError for BearerError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::ApiToken(ApiTokenError::Unavailable | ApiTokenError::Overloaded)
            | Self::NoKeys
            | Self::DenylistStale => StatusCode::SERVICE_UNAVAILABLE,
            Self::ApiToken(ApiTokenError::AccountDisabled)
            | Self::SessionRequired
            | Self::RoleMissing(_)
            | Self::ScopeMissing(_) => StatusCode::FORBIDDEN,
            Self::NotSetUp | Self::ApiToken(ApiTokenError::Internal) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Missing
            | Self::Refused(_)
            | Self::ReauthenticationRequired(_)
            | Self::ApiToken(ApiTokenError::Refused(_)) => StatusCode::UNAUTHORIZED,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let (status, code) = (self.status_code(), self.code());
        let mut response = HttpResponse::build(status);
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(challenge) = self.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Some(seconds) = self.retry_after() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        let body = json!({
            "type": format!("urn:tokensmith:problem:{code}"), "title": self.title(), "status": status.as_u16(),
            "detail": self.to_string(), "code": code,
        });
        response.content_type("application/problem+json").body(body.to_string())
    }
}
