//! Why a request is refused, and the response to it
//! ([RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3),
//! [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::api_token::ApiTokenError;
use crate::jwt::TokenError;
use crate::rendering::{Rendering, challenge};
use crate::verifier::{Verifier, VerifyError};

/// When keys or denylist may be available again, in seconds.
const UNAVAILABLE_RETRY_AFTER: u64 = 2;

/// Why a request is refused. Its response is `application/problem+json` with the code of its [kind](BearerErrorKind),
/// and a 401 or 403 has the challenge of RFC 6750. The verifier's [`Builder`](crate::Builder) sets realm and problem
/// types.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct BearerError {
    kind: BearerErrorKind,
    rendering: Arc<Rendering>,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BearerErrorKind {
    /// The route needs an access token and there is none: 401.
    #[error("an access token is needed")]
    Missing,
    /// The `Authorization` header is not one Bearer token: 400.
    #[error("{0}")]
    Malformed(&'static str),
    /// The access token is refused: 401.
    #[error("{0}")]
    Refused(TokenError),
    /// The token does not come from a user's login: 403.
    #[error("this needs a login; an API token may not do it")]
    SessionRequired,
    /// The access token lacks a role: 403.
    #[error("the role '{0}' is needed")]
    RoleMissing(&'static str),
    /// The access token lacks a scope: 403.
    #[error("the scope '{0}' is needed")]
    ScopeMissing(&'static str),
    /// The user must authenticate again, or in another way: 401, with the challenge of
    /// [RFC 9470](https://www.rfc-editor.org/rfc/rfc9470#section-3).
    #[error("the user must log in again, or in another way")]
    AuthenticationInsufficient {
        /// The values of `acr` that are enough, separated by spaces.
        acr_values: Option<&'static str>,
        /// The greatest age of the login in seconds.
        max_age: Option<u32>,
    },
    /// The issuer's keys are not known yet: 503.
    #[error("access tokens cannot be verified yet")]
    NoKeys,
    /// The issuer's denylist has been unavailable for too long: 503.
    #[error("it is not known whether the access token was revoked")]
    DenylistStale,
    /// The app's data holds no `web::Data<Verifier>`: 500.
    #[error("the service is not set up to verify access tokens")]
    NotSetUp,
    /// At the issuer itself: an API token is refused.
    #[doc(hidden)]
    #[error("{0}")]
    ApiToken(ApiTokenError),
}

impl From<VerifyError> for BearerErrorKind {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Refused(why) => Self::Refused(why),
            VerifyError::NoKeys => Self::NoKeys,
            VerifyError::DenylistStale => Self::DenylistStale,
        }
    }
}

/// What a client gets besides code and reason: title, status, and the `error` of the challenge.
type Told = (&'static str, StatusCode, Option<&'static str>);

impl BearerErrorKind {
    /// A stable name of the reason, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "access_token_missing",
            Self::Malformed(_) => "invalid_request",
            Self::Refused(why) => why.code(),
            Self::SessionRequired => "session_required",
            Self::RoleMissing(_) => "role_missing",
            Self::ScopeMissing(_) => "scope_missing",
            Self::AuthenticationInsufficient { .. } => "reauthentication_required",
            Self::NoKeys => "keys_unavailable",
            Self::DenylistStale => "denylist_stale",
            Self::NotSetUp => "internal_error",
            Self::ApiToken(why) => why.code(),
        }
    }

    fn told(self) -> Told {
        let insufficient = Some("insufficient_scope");
        match self {
            // RFC 6750 section 3.1: no error code for a request without any authentication.
            Self::Missing => ("Access token missing", StatusCode::UNAUTHORIZED, None),
            Self::Malformed(_) => ("Malformed Authorization header", StatusCode::BAD_REQUEST, Some("invalid_request")),
            Self::Refused(_) => ("Token refused", StatusCode::UNAUTHORIZED, Some("invalid_token")),
            Self::SessionRequired => ("Session required", StatusCode::FORBIDDEN, insufficient),
            Self::RoleMissing(_) => ("Role missing", StatusCode::FORBIDDEN, insufficient),
            Self::ScopeMissing(_) => ("Scope missing", StatusCode::FORBIDDEN, insufficient),
            Self::AuthenticationInsufficient { .. } => {
                ("Reauthentication required", StatusCode::UNAUTHORIZED, Some("insufficient_user_authentication"))
            }
            Self::NoKeys => ("Keys unavailable", StatusCode::SERVICE_UNAVAILABLE, None),
            Self::DenylistStale => ("Denylist stale", StatusCode::SERVICE_UNAVAILABLE, None),
            Self::NotSetUp => ("Internal error", StatusCode::INTERNAL_SERVER_ERROR, None),
            Self::ApiToken(why) => of_api_token(why),
        }
    }

    /// The reason in a few words, the same for each code.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.told().0
    }

    /// The status of the response.
    #[must_use]
    pub fn status(self) -> StatusCode {
        self.told().1
    }

    /// The value of `WWW-Authenticate` with this realm, if the response has that header.
    #[must_use]
    pub fn challenge(self, realm: &str) -> Option<String> {
        let (_, status, error) = self.told();
        let Some(error) = error else { return (status == StatusCode::UNAUTHORIZED).then(|| challenge(realm, &[])) };
        let mut parameters = vec![("error", error)];
        // RFC 6750 section 3: the challenge may name the required scope.
        if let Self::ScopeMissing(scope) = self {
            parameters.push(("scope", scope));
        }
        let (mut acr, mut age) = (None, None);
        if let Self::AuthenticationInsufficient { acr_values, max_age } = self {
            (acr, age) = (acr_values, max_age.map(|seconds| seconds.to_string()));
        }
        parameters.extend(acr.map(|values| ("acr_values", values)));
        parameters.extend(age.as_deref().map(|seconds| ("max_age", seconds)));
        let detail = self.to_string();
        parameters.push(("error_description", &detail));
        Some(challenge(realm, &parameters))
    }

    /// The value of `Retry-After` in seconds, if the response has that header.
    #[must_use]
    pub fn retry_after(self) -> Option<u64> {
        (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(UNAVAILABLE_RETRY_AFTER)
    }
}

fn of_api_token(why: ApiTokenError) -> Told {
    match why {
        ApiTokenError::AccountDisabled => ("Account disabled", StatusCode::FORBIDDEN, None),
        ApiTokenError::Unavailable => ("Database unavailable", StatusCode::SERVICE_UNAVAILABLE, None),
        ApiTokenError::Internal => ("Internal error", StatusCode::INTERNAL_SERVER_ERROR, None),
        ApiTokenError::Refused(_) => ("API token refused", StatusCode::UNAUTHORIZED, Some("invalid_token")),
        ApiTokenError::Overloaded => ("Overloaded", StatusCode::SERVICE_UNAVAILABLE, None),
    }
}

impl Verifier {
    /// An error as the extractors return it, for your own guards: with this verifier's realm and problem types.
    ///
    /// ```
    /// use tokensmith_verifier::{Bearer, BearerError, BearerErrorKind, Verifier};
    ///
    /// fn is_editor_or_admin(verifier: &Verifier, Bearer(claims): &Bearer) -> Result<(), BearerError> {
    ///     let may = claims.has_role("editor") || claims.has_role("admin");
    ///     if may { Ok(()) } else { Err(verifier.refusal(BearerErrorKind::RoleMissing("editor"))) }
    /// }
    /// ```
    #[must_use]
    pub fn refusal(&self, kind: BearerErrorKind) -> BearerError {
        BearerError { kind, rendering: Arc::clone(&self.0.rendering) }
    }
}

impl BearerError {
    /// The error of a service that has no verifier.
    pub(super) fn not_set_up() -> Self {
        Self { kind: BearerErrorKind::NotSetUp, rendering: Arc::default() }
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> BearerErrorKind {
        self.kind
    }

    /// The value of `WWW-Authenticate`, if the response has that header.
    #[must_use]
    pub fn challenge(&self) -> Option<String> {
        let challenge = self.kind.challenge(&self.rendering.realm)?;
        // RFC 9728 section 5.1. The URL has no character that would need an escape.
        let named =
            self.rendering.resource.as_ref().map(|resource| format!(", resource_metadata=\"{}\"", resource.url));
        Some(challenge + &named.unwrap_or_default())
    }
}

impl ResponseError for BearerError {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let (code, (title, status, _)) = (self.kind.code(), self.kind.told());
        let mut response = HttpResponse::build(status);
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(challenge) = self.challenge() {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Some(seconds) = self.kind.retry_after() {
            response.insert_header((RETRY_AFTER, seconds));
        }
        let (kind, title) = self.rendering.problem(code, title, status.canonical_reason().unwrap_or(title));
        let body = json!({
            "type": kind, "title": title, "status": status.as_u16(), "detail": self.to_string(), "code": code,
        });
        response.content_type("application/problem+json").body(body.to_string())
    }
}
