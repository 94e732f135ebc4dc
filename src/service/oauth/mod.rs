//! The use cases of OAuth 2.1 and OpenID Connect.

pub(crate) mod client_auth;

use crate::error::Error;
use crate::oauth::error::{ErrorCode, OAuthError};

/// Why a request of a client is refused, or cannot be answered now.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OAuthFailure {
    /// The client's developer is told a registered code.
    #[error("{0}")]
    Refused(OAuthError),
    /// Something that is no fault of the client's: the database is out of reach, say.
    #[error("{0}")]
    Domain(Error),
}

impl OAuthFailure {
    /// With this code and these words.
    pub(crate) fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self::Refused(OAuthError::new(code, description))
    }
}

impl From<OAuthError> for OAuthFailure {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<Error> for OAuthFailure {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}
