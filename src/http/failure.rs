//! Why a request fails: what only HTTP can refuse, and what the domain cannot do. What it looks like on the wire is
//! decided by its code and by a renderer.

use actix_web::ResponseError;
use actix_web::http::StatusCode;

use crate::clock::Seconds;
use crate::error::Error;
use tokensmith_verifier::{BearerError, BearerErrorKind};

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The domain refuses it, or cannot do it.
    #[error(transparent)]
    Domain(#[from] Error),
    /// The request is not let in.
    #[error(transparent)]
    Bearer(#[from] BearerErrorKind),
    /// The user must have proved who they are no longer ago than this.
    #[error("the password must have been given within the last {} seconds", .0.0)]
    ReauthenticationRequired(Seconds),
    /// It is the token of a registered application.
    #[error("a registered application may ask for /oauth/userinfo, and for nothing else here")]
    ApplicationToken,
    /// Username and password came as HTTP Basic, which is not taken here.
    #[error("HTTP Basic is off; send username and password in the body")]
    BasicAuthOff,
    /// The body is not the JSON that is expected, and where.
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
    /// The path has other methods.
    #[error("this path takes {}", .0.join(", "))]
    MethodNotAllowed(Vec<&'static str>),
    /// Pages of this origin may not call.
    #[error("pages of {0} may not call this service; see CORS_ORIGINS")]
    OriginNotAllowed(String),
    /// No public client has pages of this origin.
    #[error("pages of {0} may not call this: no public client has a redirect URI there")]
    OriginOfNoClient(String),
}

/// Realm and type of the problem are our own.
impl From<BearerError> for Failure {
    fn from(refused: BearerError) -> Self {
        Self::Bearer(refused.kind())
    }
}

/// Rendered by the layer `observe`, which finds the failure in the response.
impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        self.code().status()
    }
}
