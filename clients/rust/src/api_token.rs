//! API tokens, where they are taken: at the issuer itself. Other services take the access tokens that they are exchanged
//! for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::jwt::AccessClaims;

/// Why an API token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiTokenRefusal {
    /// It is none by its form.
    #[error("that is not an API token")]
    Malformed,
    /// Nobody has it, or not any more.
    #[error("this API token is not known")]
    Unknown,
    /// Its time is over.
    #[error("this API token has expired")]
    Expired,
    /// It was revoked.
    #[error("this API token was revoked")]
    Revoked,
}

/// Why whoever has an API token is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiTokenError {
    /// The token is refused.
    #[error(transparent)]
    Refused(#[from] ApiTokenRefusal),
    /// Its owner's account is disabled.
    #[error("this account is disabled")]
    AccountDisabled,
    /// More API tokens are to be looked up than can be in time.
    #[error("too busy")]
    Overloaded,
    /// The database is out of reach.
    #[error("the database is not available")]
    Unavailable,
    /// A fault of ours.
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

/// The claims of what is to be authenticated.
pub type Authenticated<'a> = Pin<Box<dyn Future<Output = Result<Arc<AccessClaims>, ApiTokenError>> + 'a>>;

/// Knows the API tokens.
pub trait ApiTokens: Send + Sync {
    /// Whether a text wants to be an API token: an access token never does.
    fn is_meant(&self, text: &str) -> bool;

    /// What an API token is worth now, as the claims of the access token that it could be exchanged for.
    fn authenticate<'a>(&'a self, text: &'a str) -> Authenticated<'a>;
}
