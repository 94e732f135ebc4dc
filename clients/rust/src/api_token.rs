//! API tokens, which only the issuer itself accepts. Other services accept the access tokens that they are exchanged
//! for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::jwt::AccessClaims;

/// Why an API token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiTokenRefusal {
    /// It does not have the form of an API token.
    #[error("that is not an API token")]
    Malformed,
    /// It does not exist, or no longer.
    #[error("this API token is not known")]
    Unknown,
    /// It has expired.
    #[error("this API token has expired")]
    Expired,
    /// It was revoked.
    #[error("this API token was revoked")]
    Revoked,
}

/// Why a request with an API token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiTokenError {
    /// The token is refused.
    #[error(transparent)]
    Refused(#[from] ApiTokenRefusal),
    /// Its owner's account is disabled.
    #[error("this account is disabled")]
    AccountDisabled,
    /// More API tokens are waiting than can be looked up in time.
    #[error("too busy")]
    Overloaded,
    /// The database is not available.
    #[error("the database is not available")]
    Unavailable,
    /// An internal error.
    #[error("internal error")]
    Internal,
}

impl ApiTokenRefusal {
    /// A stable name of the reason, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "api_token_malformed",
            Self::Unknown => "api_token_unknown",
            Self::Expired => "api_token_expired",
            Self::Revoked => "api_token_revoked",
        }
    }
}

impl ApiTokenError {
    /// A stable name of the reason, for programs.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Refused(why) => why.code(),
            Self::AccountDisabled => "account_disabled",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "database_unavailable",
            Self::Internal => "internal_error",
        }
    }
}

/// The claims of an authenticated API token.
pub type Authenticated<'a> = Pin<Box<dyn Future<Output = Result<Arc<AccessClaims>, ApiTokenError>> + 'a>>;

/// Looks up API tokens.
pub trait ApiTokens: Send + Sync {
    /// Whether a text looks like an API token; an access token never does.
    fn is_meant(&self, text: &str) -> bool;

    /// Authenticates an API token; returns the claims of the access token that it could be exchanged for now.
    fn authenticate<'a>(&'a self, text: &'a str) -> Authenticated<'a>;
}
