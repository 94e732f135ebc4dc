//! One error of each code, for the examples of the `OpenAPI` description; and which of them go together.

use crate::clock::Seconds;
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::session::EndReason;
use tokensmith_verifier::BearerError;
use tokensmith_verifier::issuing::ApiTokenError;

/// What may be wrong with a body.
pub(super) const BODY: &[&str] =
    &["malformed_json", "invalid_fields", "body_too_large", "request_timeout", "unsupported_media_type"];

/// What may be wrong with path or query.
pub(super) const PARAMETERS: &[&str] = &["invalid_fields"];

/// What needs the database may not be possible now.
pub(super) const DATABASE: &[&str] = &["database_unavailable"];

/// What may be wrong with a token, of any kind.
pub(super) const TOKEN: &[&str] = &[
    "token_malformed",
    "token_wrong_type",
    "token_unknown_key",
    "token_wrong_algorithm",
    "token_bad_signature",
    "token_wrong_issuer",
    "token_wrong_audience",
    "token_not_yet_valid",
    "token_expired",
    "token_revoked",
];

/// What may be wrong with an API token.
pub(super) const API_TOKEN: &[&str] = &[
    "invalid_request",
    "access_token_missing",
    "api_token_malformed",
    "api_token_unknown",
    "api_token_expired",
    "api_token_revoked",
    "account_disabled",
    "database_unavailable",
];

/// What may be wrong with a session.
pub(super) const SESSION: &[&str] = &["session_ended", "session_unknown", "account_disabled"];

/// Who has not logged in, but uses an API token, or what it was exchanged for.
pub(super) const LOGIN: &[&str] = &["session_required"];

/// Who has not given the password lately.
pub(super) const RECENT: &[&str] = &["reauthentication_required"];

/// Who is no administrator.
pub(super) const ADMIN: &[&str] = &["role_missing"];

/// What may be wrong with a password that somebody gives who is logged in.
pub(super) const PASSWORD: &[&str] = &["wrong_password", "too_many_failures", "overloaded"];

/// One error of each code.
pub(super) fn samples() -> Vec<Error> {
    use ApiTokenError as Api;
    use TokenError as Token;

    let retry_after = Seconds(5);
    let tokens = [
        Token::Malformed,
        Token::WrongType,
        Token::UnknownKey,
        Token::WrongAlgorithm,
        Token::BadSignature,
        Token::WrongIssuer,
        Token::WrongAudience,
        Token::NotYetValid,
        Token::Expired,
        Token::Revoked,
    ];
    let api_tokens = [Api::Malformed, Api::Unknown, Api::Expired, Api::Revoked];
    let bearers = [
        BearerError::Missing,
        BearerError::Malformed("expected Authorization: Bearer and one token"),
        BearerError::SessionRequired,
        BearerError::ReauthenticationRequired(600),
        BearerError::RoleMissing("admin"),
    ];
    let others = [
        Error::BasicAuthOff,
        Error::BadCredentials,
        Error::AccountDisabled,
        Error::RefreshTokenReused,
        Error::SessionEnded(EndReason::Logout),
        Error::SessionUnknown,
        Error::SessionNotFound,
        Error::ApiTokenNotFound,
        Error::TooManyApiTokens(100),
        Error::WrongPassword,
        Error::LastAdmin,
        Error::invalid("email", "invalid", "must be an e-mail address, as in ada@example.com"),
        Error::BodyMalformed("missing field `username` at line 1 column 2".to_owned()),
        Error::BodyTooLarge(65_536),
        Error::BodyTimedOut,
        Error::MediaTypeUnsupported,
        Error::PathUnknown,
        Error::MethodNotAllowed(vec!["GET", "HEAD"]),
        Error::OriginNotAllowed("https://app.example.com".to_owned()),
        Error::UsernameTaken,
        Error::UserUnknown,
        Error::TooManyFailures { retry_after },
        Error::KeyConflict("the next key is there already and signs from 2026-01-31T12:00:00Z on".to_owned()),
        Error::KeyUnknown,
        Error::Overloaded { retry_after },
        Error::Unavailable("an example".into()),
        Error::internal("an example"),
    ];
    let tokens = tokens.into_iter().map(Error::TokenRefused);
    let api_tokens = api_tokens.into_iter().map(|why| Error::Bearer(BearerError::ApiToken(why)));
    tokens.chain(api_tokens).chain(bearers.into_iter().map(Error::Bearer)).chain(others).collect()
}
