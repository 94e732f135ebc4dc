//! The errors of the domain, named by meaning. Their form in responses, and the errors of HTTP itself, are in `http`.

use std::sync::Arc;

use crate::clock::Seconds;
use crate::entropy::NoEntropy;
use crate::jwt::{SignError, TokenError};
use crate::model::api_token::ApiTokenRefusal;
use crate::model::session::EndReason;
use crate::model::upstream::Refusal as UpstreamRefusal;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::secret::Secret;
use crate::webauthn::Refusal;

/// The cause of an error, from another crate. It is logged once and never sent to a client.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Everything that can go wrong with a use case.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user is unknown or the password is wrong; the client does not learn which.
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
    /// A refresh token was used that had been replaced too long ago; its session was ended.
    #[error("this refresh token was used before and has been replaced; its session has been ended")]
    RefreshTokenReused,
    /// A refresh token that only says who asks had been replaced too long ago; nothing has changed.
    #[error("this refresh token was used before and has been replaced")]
    RefreshTokenReplaced,
    /// A refresh token was presented by another client than the one that it was issued to
    /// ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)). Its session goes on.
    #[error("this refresh token was issued to another client, which refreshes it at its own endpoint")]
    WrongClient,
    /// A request of a registered application is refused, or that of a browser that it has sent.
    #[error(transparent)]
    OAuth(#[from] OAuthError),
    /// The token's session has ended.
    #[error("the session has ended ({0})")]
    SessionEnded(EndReason),
    /// The token's session is no longer stored.
    #[error("the session is no longer stored")]
    SessionUnknown,
    /// The user has no such session.
    #[error("there is no such session")]
    SessionNotFound,
    /// The user has no such API token.
    #[error("there is no such API token, or it is no longer active")]
    ApiTokenNotFound,
    /// The user already has the maximum number of API tokens.
    #[error("the user already has {0} API tokens")]
    TooManyApiTokens(usize),
    /// The user is logged in, but the password is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// The password is right, and a second factor is needed, too. Only a login has a challenge.
    #[error("the password is right, and a second factor is needed: continue with the challenge")]
    SecondFactorRequired(Option<Challenged>),
    /// The password is right or the session is live, but the user must get a second factor first. Only a login has a
    /// challenge, which opens enrolment.
    #[error("a second factor is required here, and the account has none yet")]
    SecondFactorEnrolmentRequired(Option<Challenged>),
    /// The session has not shown the second factor that its user has.
    #[error("a second factor of this account must have been shown in this session")]
    SecondFactorNotShown {
        /// The `acr` that is asked for, if it has a name.
        acr: Option<String>,
        /// How old the authentication may be.
        max_age: Seconds,
    },
    /// The user has signed in at a provider, and the account has a password, which must be given to protect it in another way.
    #[error("a sign-in at a provider is not enough for this: the password must have been given in this session")]
    SignedInElsewhere {
        /// How old the authentication may be.
        max_age: Seconds,
    },
    /// The challenge of a login is unknown, was used or has expired, or the password was changed since.
    #[error("this challenge is unknown, was used or has expired: log in again")]
    BadChallenge,
    /// A one-time code is wrong or was used.
    #[error("the code is wrong, has expired or was used")]
    WrongOtp,
    /// Too many one-time codes in a row were wrong.
    #[error("too many codes in a row were wrong: use a device that is known here, or a recovery code")]
    OtpLocked,
    /// A recovery code is wrong or was used.
    #[error("the recovery code is wrong or was used")]
    WrongRecoveryCode,
    /// The link or the code of a mail shows who the user is, and a second factor is needed, too.
    #[error("a second factor is needed, too: send the same request with a code")]
    SecondFactorMissing {
        /// How the user may prove who they are.
        methods: Vec<&'static str>,
    },
    /// The link or the code of a mail is unknown, was used, has expired or is for something else, or the password was
    /// changed since.
    #[error("this link or code is unknown, was used or has expired")]
    BadMailToken,
    /// The service sends no mail.
    #[error("this service sends no mail")]
    MailOff,
    /// The account has no e-mail address.
    #[error("the account has no e-mail address")]
    EmailMissing,
    /// Another account has verified this address.
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// Too many mails were asked for.
    #[error("too many mails were asked for; try again in {retry_after}")]
    TooManyMails {
        /// When to try again.
        retry_after: Seconds,
    },
    /// The answer of a passkey is refused.
    #[error("{0}")]
    PasskeyRefused(Refusal),
    /// The passkey is already registered.
    #[error("this passkey is registered already")]
    PasskeyTaken,
    /// The user has no such passkey.
    #[error("there is no such passkey")]
    PasskeyNotFound,
    /// The user already has the maximum number of passkeys.
    #[error("the user already has {0} passkeys")]
    TooManyPasskeys(usize),
    /// The identity is linked to another account.
    #[error("this identity is linked to another account")]
    IdentityTaken,
    /// The user already has the maximum number of identities.
    #[error("the user already has {0} identities at providers")]
    TooManyIdentities(usize),
    /// The user has no such identity.
    #[error("there is no such identity")]
    IdentityNotFound,
    /// It is the only way to log in to the account.
    #[error("this is the last way to log in to the account")]
    LastWayIn,
    /// The issuer has no domain name, or is not reached by https.
    #[error("passkeys need a domain name and https: the issuer has not both")]
    PasskeysOff,
    /// The user has no second factor.
    #[error("there is no such second factor")]
    FactorNotFound,
    /// The key that encrypts stored secrets cannot be used.
    #[error("the data key that stored secrets are encrypted with cannot be used")]
    DataKeyUnavailable(#[source] Cause),
    /// There would be no active administrator left.
    #[error("this is the last active user with the role 'admin'")]
    LastAdmin,
    /// Some fields are not valid.
    #[error("some fields are not valid")]
    Invalid(Vec<FieldProblem>),
    /// Another account has this username.
    #[error("this username is taken")]
    UsernameTaken,
    /// The username looks like that of another account.
    #[error("this username looks like that of another account")]
    UsernameTooSimilar,
    /// Registration is off.
    #[error("nobody can register here")]
    RegistrationOff,
    /// An account can be opened with an invitation only.
    #[error("an invitation is needed to register here")]
    InvitationMissing,
    /// The invitation is unknown, was used or withdrawn, has expired, or is for another address.
    #[error("this invitation is unknown, was used or withdrawn, has expired, or is for another address")]
    BadInvitation,
    /// There is no such invitation.
    #[error("there is no such invitation, or it was used")]
    InvitationUnknown,
    /// There is no such registration.
    #[error("there is no such registration, or it is finished")]
    RegistrationUnknown,
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
    /// A custom claim would have a name that has a meaning already.
    #[error("this name has a meaning in a standard or in this service: take another one, as in user_email")]
    ClaimLocked,
    /// A custom claim is one of the settings.
    #[error("this claim comes from CLAIMS_FILE and is changed there")]
    ClaimReadOnly,
    /// There is no such custom claim.
    #[error("there is no such claim")]
    ClaimUnknown,
    /// There is already the maximum number of custom claims.
    #[error("there are already {0} claims")]
    TooManyClaims(usize),
    /// There is no such provider, or it is disabled.
    #[error("there is no such provider")]
    ProviderUnknown,
    /// A sign-in at a provider is refused.
    #[error("the sign-in at the provider is refused ({0})")]
    UpstreamRefused(UpstreamRefusal),
    /// Too many passwords or codes were wrong.
    #[error("too many wrong passwords or codes; try again in {retry_after}")]
    TooManyFailures {
        /// When to try again.
        retry_after: Seconds,
    },
    /// The state of the signing keys does not allow the request.
    #[error("{0}")]
    KeyConflict(String),
    /// There is no such key.
    #[error("there is no such key")]
    KeyUnknown,
    /// There is more work than can be done in time.
    #[error("too busy; try again in {retry_after}")]
    Overloaded {
        /// When to try again.
        retry_after: Seconds,
    },
    /// The database is not available.
    #[error("the database is not available")]
    Unavailable(#[source] Cause),
    /// An error inside the service.
    #[error("internal error")]
    Internal(#[source] Cause),
}

/// How a login goes on.
#[derive(Clone, Debug)]
pub struct Challenged {
    /// What the next step names.
    pub(crate) challenge: Secret<String>,
    /// How the user may prove who they are.
    pub(crate) methods: Vec<&'static str>,
}

/// A field that is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The field's name in the JSON.
    pub(crate) field: &'static str,
    /// A stable name of the problem.
    pub(crate) code: &'static str,
    /// What is expected.
    pub(crate) message: String,
}

impl Error {
    /// One field is not valid.
    pub(crate) fn invalid(field: &'static str, code: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldProblem { field, code, message: message.into() }])
    }

    /// The same error with another field name, if it is about one field.
    pub(crate) fn in_field(self, field: &'static str) -> Self {
        match self {
            Self::Invalid(problems) => {
                Self::Invalid(problems.into_iter().map(|problem| FieldProblem { field, ..problem }).collect())
            }
            other => other,
        }
    }

    /// The error of one request if its whole batch failed with `error`.
    pub(crate) fn of_batch(error: &Arc<Self>) -> Self {
        #[derive(Debug, thiserror::Error)]
        #[error("the batch failed")]
        struct Batch(#[source] Arc<Error>);

        match &**error {
            Self::Unavailable(_) => Self::Unavailable(Box::new(Batch(Arc::clone(error)))),
            _ => Self::internal(Batch(Arc::clone(error))),
        }
    }

    /// What is wrong, for who has asked: also with each field.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Invalid(problems) => {
                problems.iter().map(|p| format!("{} {}", p.field, p.message)).collect::<Vec<_>>().join("; ")
            }
            other => other.to_string(),
        }
    }

    /// The same error as `Unavailable`.
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

    /// An error inside the service.
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
