//! Why a request fails: errors of HTTP and errors of the domain. The code of the error and a renderer decide what the
//! client gets.

use actix_web::ResponseError;
use actix_web::http::StatusCode;
use actix_web::http::header::HeaderValue;

use crate::clock::Seconds;
use crate::error::Error;
use tokensmith_verifier::{BearerError, BearerErrorKind};

/// Enough for a scheme, a host name of 255 characters and a port. Longer origins would fill the log.
const MAX_ORIGIN_CHARS: usize = 300;

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// An error of the domain.
    #[error(transparent)]
    Domain(#[from] Error),
    /// The request is not authenticated or not allowed.
    #[error(transparent)]
    Bearer(#[from] BearerErrorKind),
    /// The user must have given the password within this time.
    #[error("the password must have been given within the last {} seconds", .0.0)]
    ReauthenticationRequired(Seconds),
    /// The access token belongs to a registered application.
    #[error("a registered application may ask for /oauth/userinfo, and for nothing else here")]
    ApplicationToken,
    /// A request that a cookie authenticates, or that sets one, may be forged by another site.
    #[error(
        "a request of another site, or of a client that does not say where it comes from, may not use cookies here"
    )]
    CsrfRefused,
    /// There is no refresh token, neither in the body nor in a cookie.
    #[error("there is no refresh token in a cookie")]
    RefreshCookieMissing,
    /// Cookies are off.
    #[error("cookies are off; leave out `cookies` and take the tokens from the body")]
    SessionCookiesOff,
    /// The token lacks a role.
    #[error("the role '{0}' is needed")]
    RoleMissing(String),
    /// The token lacks a scope.
    #[error("the scope '{0}' is needed")]
    ScopeMissing(String),
    /// Username and password were sent as HTTP Basic, which is off.
    #[error("HTTP Basic is off; send username and password in the body")]
    BasicAuthOff,
    /// The body is not the expected JSON; says what is wrong and where.
    #[error("{0}")]
    BodyMalformed(String),
    /// The body is larger than this many bytes.
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(usize),
    /// The body did not arrive in time.
    #[error("the request did not arrive in time")]
    BodyTimedOut,
    /// The body is not declared as JSON.
    #[error("expected Content-Type: application/json")]
    MediaTypeUnsupported,
    /// There is no such path.
    #[error("there is nothing at this path")]
    PathUnknown,
    /// The path has other methods; these are allowed.
    #[error("this path takes {}", .0.join(", "))]
    MethodNotAllowed(Vec<&'static str>),
    /// Web pages of this origin may not call the service.
    #[error("pages of {0} may not call this service; see CORS_ORIGINS")]
    OriginNotAllowed(String),
    /// No public client has pages of this origin.
    #[error("pages of {0} may not call this: no public client has a redirect URI there")]
    OriginOfNoClient(String),
}

impl Failure {
    /// Whether the token of the request is refused: it is bad, or its session is over.
    pub(super) fn is_about_the_token(&self) -> bool {
        matches!(
            self,
            Self::Bearer(BearerErrorKind::Refused(_))
                | Self::Domain(
                    Error::TokenRefused(_)
                        | Error::WrongClient
                        | Error::RefreshTokenReplaced
                        | Error::SessionEnded(_)
                        | Error::SessionUnknown
                        | Error::AccountDisabled
                )
        )
    }
}

/// Realm and problem types are our own, not those of the error.
impl From<BearerError> for Failure {
    fn from(refused: BearerError) -> Self {
        Self::Bearer(refused.kind())
    }
}

/// The layer `observe` finds the failure in the response and renders it.
impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.code().status()
    }
}

/// The origin as it is shown in the log. Clients may send anything as an origin.
pub(super) fn shown_origin(origin: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(origin.as_bytes());
    text.chars().flat_map(char::escape_default).take(MAX_ORIGIN_CHARS).collect()
}
