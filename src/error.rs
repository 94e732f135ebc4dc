//! The domain's error, named by meaning. What it looks like on the wire, and what only HTTP can refuse, is in `http`.

use std::sync::Arc;

use crate::clock::Seconds;
use crate::entropy::NoEntropy;
use crate::jwt::{SignError, TokenError};
use crate::model::api_token::ApiTokenRefusal;
use crate::model::session::EndReason;
use crate::oauth::error::{ErrorCode, OAuthError};

/// A cause from elsewhere: logged once, never sent to a client.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Everything that can go wrong with a use case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unknown user or wrong password: the same to the one who asks.
    #[error("username or password is wrong")]
    BadCredentials,
    /// The password is right and the account is disabled.
    #[error("this account is disabled")]
    AccountDisabled,
    /// A token is refused.
    #[error("{0}")]
    TokenRefused(TokenError),
    /// An API token is refused.
    #[error("{0}")]
    ApiTokenRefused(ApiTokenRefusal),
    /// An invalidated refresh token was presented; its session has been ended.
    #[error("this refresh token was used before and has been replaced; its session has been ended")]
    RefreshTokenReused,
    /// A refresh token was presented by another client than the one that it was issued to
    /// ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)). Its session goes on.
    #[error("this refresh token was issued to another client, which refreshes it at its own endpoint")]
    WrongClient,
    /// A request of a registered application is refused, or that of a browser that it has sent.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The token's session is over.
    #[error("the session has ended ({0})")]
    SessionEnded(EndReason),
    /// The token's session is not on record any more.
    #[error("the session is not on record any more")]
    SessionUnknown,
    /// The user has no such session.
    #[error("there is no such session")]
    SessionNotFound,
    /// The user has no such API token.
    #[error("there is no such API token, or it is not active any more")]
    ApiTokenNotFound,
    /// The user has as many API tokens as one may have.
    #[error("there are {0} API tokens already")]
    TooManyApiTokens(usize),
    /// Somebody who is logged in does not know the password.
    #[error("the password is wrong")]
    WrongPassword,
    /// The last administrator would be lost.
    #[error("this is the last active user with the role 'admin'")]
    LastAdmin,
    /// Fields are not what they should be.
    #[error("some fields are not valid")]
    Invalid(Vec<FieldProblem>),
    /// Another account has the username.
    #[error("this username is taken")]
    UsernameTaken,
    /// There is no such user.
    #[error("there is no such user")]
    UserUnknown,
    /// There is no such client.
    #[error("there is no such client")]
    ClientUnknown,
    /// Another client has the id.
    #[error("this client_id is taken")]
    ClientIdTaken,
    /// The client does not authenticate by a secret.
    #[error("this client authenticates without a secret")]
    ClientWithoutSecret,
    /// Too many passwords were wrong.
    #[error("too many wrong passwords; try again in {retry_after}")]
    TooManyFailures {
        /// When to try again.
        retry_after: Seconds,
    },
    /// The signing keys do not allow what is asked for.
    #[error("{0}")]
    KeyConflict(String),
    /// There is no such key.
    #[error("there is no such key")]
    KeyUnknown,
    /// More work than can be done in time.
    #[error("too busy; try again in {retry_after}")]
    Overloaded {
        /// When to try again.
        retry_after: Seconds,
    },
    /// The database is out of reach.
    #[error("the database is not available")]
    Unavailable(#[source] Cause),
    /// A fault of ours.
    #[error("internal error")]
    Internal(#[source] Cause),
}

/// One field that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name in the JSON.
    pub(crate) field: &'static str,
    /// A stable name of the problem.
    pub(crate) code: &'static str,
    /// What to do about it.
    pub(crate) message: String,
}

impl Error {
    /// One field is not valid.
    pub(crate) fn invalid(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem { field, code, message: message.into() }])
    }

    /// The same, about a field of another name, where it is about one field.
    pub(crate) fn in_field(self, field: &'static str) -> Self {
        match self {
            Self::Invalid(problems) => {
                Self::Invalid(problems.into_iter().map(|problem| FieldProblem { field, ..problem }).collect())
            }
            other => other,
        }
    }

    /// What happened to one request when `error` happened to all of its batch.
    pub(crate) fn of_batch(error: &Arc<Self>) -> Self {
        #[derive(Debug, thiserror::Error)]
        #[error("the batch failed")]
        struct Batch(#[source] Arc<Error>);

        match &**error {
            Self::Unavailable(_) => Self::Unavailable(Box::new(Batch(Arc::clone(error)))),
            _ => Self::internal(Batch(Arc::clone(error))),
        }
    }

    /// The same, as a database that is out of reach.
    pub(crate) fn out_of_reach(self) -> Self {
        match self {
            Self::Internal(cause) => Self::Unavailable(cause),
            Self::Unavailable(_) => self,
            other => Self::Unavailable(Box::new(other)),
        }
    }

    /// A refusal with a registered code, and what is wrong for the developer of the client.
    pub(crate) fn oauth(code: ErrorCode, description: impl Into<String>) -> Self {
        Self::OAuth(OAuthError::new(code, description))
    }

    /// A fault of ours.
    pub(crate) fn internal(cause: impl Into<Cause>) -> Self {
        Self::Internal(cause.into())
    }
}

impl From<NoEntropy> for Error {
    fn from(cause: NoEntropy) -> Self {
        Self::internal(cause)
    }
}

impl From<SignError> for Error {
    fn from(cause: SignError) -> Self {
        Self::internal(cause)
    }
}

/// The innermost cause of an error, for the log: one line.
pub(crate) fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
