//! Codes that go together.

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
