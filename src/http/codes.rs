//! The table of all error codes that a client may get. The renderers, the API description and the reference are made
//! from it. The codes of token errors come from `tokensmith_verifier`; a test compares them with this table.

pub(super) use super::code::Code;
use super::code::codes;
use super::failure::Failure;
use super::failure::Failure::{Bearer, Domain};
use crate::clock::Seconds;
use crate::error::{Challenged, Error};
use crate::jwt::TokenError;
use crate::model::api_token::ApiTokenRefusal;
use crate::model::session::EndReason;
use crate::model::upstream::Refusal as Upstream;
use crate::oauth::error::{ErrorCode, OAuthError};
use crate::secret::Secret;
use crate::webauthn::Refusal;
use tokensmith_verifier::BearerErrorKind;

codes! {
    MALFORMED_JSON: 400 "malformed_json" "Body not as expected", Some("invalid_request"),
        Failure::BodyMalformed(_) => Failure::BodyMalformed("missing field `username` at line 1 column 2".to_owned()),
        "The body is not the expected JSON; `detail` says what is wrong and where.";
    INVALID_FIELDS: 400 "invalid_fields" "Invalid fields", Some("invalid_request"),
        Domain(Error::Invalid(_))
            => Domain(Error::invalid("email", "invalid", "must be an e-mail address, as in ada@example.com")),
        "`errors[]` names each invalid `field` with its own `code`: `invalid` or `password_too_long` (more than 1024 \
         characters); for new passwords also `password_too_short` and `password_too_common`.";
    INVALID_REQUEST: 400 "invalid_request" "Malformed Authorization header", Some("invalid_request"),
        Domain(Error::OAuth(OAuthError { code: ErrorCode::InvalidRequest, .. })) => Bearer(BearerErrorKind::Malformed("expected Authorization: Bearer and one token")),
        "The `Authorization` header does not hold exactly one token (or is not well-formed HTTP Basic). At `/oauth/*` also: a parameter is \
         missing, repeated or not valid.";
    INVALID_GRANT: 400 "invalid_grant" "Grant refused", Some("invalid_grant"),
        Domain(Error::OAuth(OAuthError { code: ErrorCode::InvalidGrant, .. }))
            => Domain(Error::oauth(ErrorCode::InvalidGrant, "the code has expired")),
        "The code or the refresh token is not valid, has expired, was used or revoked, or was issued to another client or \
         for another redirect URI.";
    INVALID_SCOPE: 400 "invalid_scope" "Scope refused", Some("invalid_scope"),
        Domain(Error::OAuth(OAuthError { code: ErrorCode::InvalidScope, .. }))
            => Domain(Error::oauth(ErrorCode::InvalidScope, "the client may not ask for notes:write")),
        "A scope that the client may not ask for, or that is beyond what was granted.";
    INVALID_TARGET: 400 "invalid_target" "Resource refused", Some("invalid_target"),
        Domain(Error::OAuth(OAuthError { code: ErrorCode::InvalidTarget, .. }))
            => Domain(Error::oauth(ErrorCode::InvalidTarget, "a token is for one resource")),
        "A `resource` that the client may not ask for, or more than one (RFC 8707).";
    UNAUTHORIZED_CLIENT: 400 "unauthorized_client" "Not for this client", Some("unauthorized_client"),
        Domain(Error::OAuth(OAuthError { code: ErrorCode::UnauthorizedClient, .. }))
            => Domain(Error::oauth(ErrorCode::UnauthorizedClient, "the client may not use client_credentials")),
        "The client is not registered for this grant, or the token is another client's.";
    UNSUPPORTED_GRANT_TYPE: 400 "unsupported_grant_type" "Grant type unknown", Some("unsupported_grant_type"),
        Domain(Error::OAuth(OAuthError { code: ErrorCode::UnsupportedGrantType, .. }))
            => Domain(Error::oauth(ErrorCode::UnsupportedGrantType, "grant_type must be authorization_code, refresh_token \
                                                                     or client_credentials")),
        "The token endpoint has no such grant; `password` is not supported.";
    BASIC_AUTH_OFF: 400 "basic_auth_off" "HTTP Basic is off", Some("invalid_request"),
        Failure::BasicAuthOff => Failure::BasicAuthOff,
        "HTTP Basic is only accepted with `BASIC_AUTH=on`.";
    PASSKEYS_OFF: 400 "passkeys_off" "No passkeys here", None,
        Domain(Error::PasskeysOff) => Domain(Error::PasskeysOff),
        "Browsers have passkeys only for a domain name and by https (or for localhost), and `ISSUER` has not both.";
    SESSION_COOKIES_OFF: 400 "session_cookies_off" "Cookies are off", None,
        Failure::SessionCookiesOff => Failure::SessionCookiesOff,
        "`\"cookies\": true` is only accepted with `SESSION_COOKIES=on`.";
    MAIL_OFF: 400 "mail_off" "Mail is off", None,
        Domain(Error::MailOff) => Domain(Error::MailOff),
        "The service sends no mail: `MAIL_URL` is not set. An administrator can set an address or a password.";
    BAD_CREDENTIALS: 401 "bad_credentials" "Wrong username or password", Some("invalid_grant"),
        Domain(Error::BadCredentials) => Domain(Error::BadCredentials),
        "The user is unknown or the password is wrong.";
    INVALID_CLIENT: 401 "invalid_client" "Client not authenticated", Some("invalid_client"),
        Domain(Error::OAuth(OAuthError { code: ErrorCode::InvalidClient, .. }))
            => Domain(Error::oauth(ErrorCode::InvalidClient, "the client has not authenticated")),
        "There is no such client, it is disabled, or it has not authenticated by the method that it is registered for.";
    ACCESS_TOKEN_MISSING: 401 "access_token_missing" "Access token missing", None,
        => Bearer(BearerErrorKind::Missing),
        "The endpoint requires a bearer token.";
    TOKEN_MALFORMED: 401 "token_malformed" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::Malformed)),
        "The token does not have the form of our tokens, or is larger than 16 KiB.";
    TOKEN_WRONG_TYPE: 401 "token_wrong_type" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::WrongType)),
        "The token is a refresh token where an access token is expected, or the other way round.";
    TOKEN_UNKNOWN_KEY: 401 "token_unknown_key" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::UnknownKey)),
        "The token is signed with a key that is not published, or no longer.";
    TOKEN_WRONG_ALGORITHM: 401 "token_wrong_algorithm" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::WrongAlgorithm)),
        "The token's algorithm is not that of its key.";
    TOKEN_BAD_SIGNATURE: 401 "token_bad_signature" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::BadSignature)),
        "The signature is not valid.";
    TOKEN_WRONG_ISSUER: 401 "token_wrong_issuer" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::WrongIssuer)),
        "The token was issued by another service.";
    TOKEN_WRONG_AUDIENCE: 401 "token_wrong_audience" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::WrongAudience)),
        "The token is for another audience.";
    TOKEN_NOT_YET_VALID: 401 "token_not_yet_valid" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::NotYetValid)),
        "The token's time of issue is more than 60 seconds in the future.";
    TOKEN_EXPIRED: 401 "token_expired" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::Expired)),
        "The token has expired.";
    TOKEN_REVOKED: 401 "token_revoked" "Token refused", Some("invalid_token"),
        => Domain(Error::TokenRefused(TokenError::Revoked)),
        "The token was revoked, or its session ended.";
    API_TOKEN_MALFORMED: 401 "api_token_malformed" "API token refused", Some("invalid_token"),
        => Domain(Error::ApiTokenRefused(ApiTokenRefusal::Malformed)),
        "The form or checksum is not that of an API token.";
    API_TOKEN_UNKNOWN: 401 "api_token_unknown" "API token refused", Some("invalid_token"),
        => Domain(Error::ApiTokenRefused(ApiTokenRefusal::Unknown)),
        "There is no such API token, or its key was replaced.";
    API_TOKEN_EXPIRED: 401 "api_token_expired" "API token refused", Some("invalid_token"),
        => Domain(Error::ApiTokenRefused(ApiTokenRefusal::Expired)),
        "The API token has expired.";
    API_TOKEN_REVOKED: 401 "api_token_revoked" "API token refused", Some("invalid_token"),
        => Domain(Error::ApiTokenRefused(ApiTokenRefusal::Revoked)),
        "The API token was revoked.";
    REAUTHENTICATION_REQUIRED: 401 "reauthentication_required" "Reauthentication required",
        Some("insufficient_user_authentication"),
        Failure::ReauthenticationRequired(_) | Domain(Error::SecondFactorNotShown { .. } | Error::SignedInElsewhere { .. })
            => Failure::ReauthenticationRequired(Seconds(600)),
        "The user must give the password again, and then the second factor if there is one: `POST /v1/me/reauthenticate` (RFC 9470). \
         For what protects an account a sign-in at a provider is not enough, unless the account has nothing else. \
         `WWW-Authenticate` says how recently, and with which `acr` if the settings name one.";
    SECOND_FACTOR_REQUIRED: 401 "second_factor_required" "Second factor required", None,
        Domain(Error::SecondFactorRequired(_) | Error::SecondFactorMissing { .. })
            => Domain(Error::SecondFactorRequired(Some(challenged_example()))),
        "The password is right, and the user has a second factor. Ask for a code or a passkey, and send it with `challenge` to \
         `POST /v1/tokens/continue` within five minutes; `methods` says what the user has. When a password is reset, there is \
         no `challenge`: send the same request again, with the code.";
    SECOND_FACTOR_ENROLMENT_REQUIRED: 401 "second_factor_enrolment_required" "Second factor must be set up", None,
        Domain(Error::SecondFactorEnrolmentRequired(_))
            => Domain(Error::SecondFactorEnrolmentRequired(Some(challenged_example()))),
        "`REQUIRE_SECOND_FACTOR` asks for a second factor, and the account has none. At a login `challenge` opens \
         `POST /v1/me/totp` and `/v1/me/totp/confirm`, or `/v1/me/passkeys/options` and `/v1/me/passkeys`; then the login goes on with it at `POST /v1/tokens/continue`. A logged-in \
         user needs no challenge for that.";
    BAD_CHALLENGE: 401 "bad_challenge" "Challenge refused", Some("invalid_grant"),
        Domain(Error::BadChallenge) => Domain(Error::BadChallenge),
        "The challenge is unknown, was used, has expired or is for something else, or the password was changed since. The user \
         has to log in again.";
    WRONG_OTP: 401 "wrong_otp" "Wrong one-time code", None,
        Domain(Error::WrongOtp) => Domain(Error::WrongOtp),
        "The one-time code is wrong, has expired or was used. Each is accepted once. The challenge stays valid.";
    OTP_LOCKED: 401 "otp_locked" "One-time codes locked", None,
        Domain(Error::OtpLocked) => Domain(Error::OtpLocked),
        "A hundred one-time codes in a row were wrong. Until one is right they are only accepted from known devices: from \
         browsers and addresses in which the user has shown a second factor before. A recovery code is accepted from anywhere.";
    WRONG_RECOVERY_CODE: 401 "wrong_recovery_code" "Wrong recovery code", None,
        Domain(Error::WrongRecoveryCode) => Domain(Error::WrongRecoveryCode),
        "The recovery code is wrong, was used, or was replaced by new ones. The challenge stays valid.";
    BAD_MAIL_TOKEN: 401 "bad_mail_token" "Link or code refused", None,
        Domain(Error::BadMailToken) => Domain(Error::BadMailToken),
        "The link or the code of a mail is wrong, was used, has expired or is for something else; or the password, the address \
         or the account was changed since. Ask for another mail.";
    BAD_INVITATION: 401 "bad_invitation" "Invitation refused", None,
        Domain(Error::BadInvitation) => Domain(Error::BadInvitation),
        "The invitation is unknown, was used or withdrawn, has expired, or is for another e-mail address; or the administrator \
         who made it is not an active administrator any more.";
    PASSKEY_CHALLENGE_OVER: 401 "passkey_challenge_over" "Challenge of a passkey over", None,
        Domain(Error::PasskeyRefused(Refusal::ChallengeOver)) => Domain(Error::PasskeyRefused(Refusal::ChallengeOver)),
        "The challenge that the passkey has signed is unknown, was used, has expired after five minutes, or is for something \
         else. Ask for new options.";
    PASSKEY_UNKNOWN: 401 "passkey_unknown" "Passkey unknown", None,
        Domain(Error::PasskeyRefused(Refusal::Unknown)) => Domain(Error::PasskeyRefused(Refusal::Unknown)),
        "No account has this passkey; it may have been removed. `PublicKeyCredential.signalUnknownCredential` tells the \
         browser to forget it.";
    PASSKEY_NOT_VERIFIED: 401 "passkey_not_verified" "User not verified", None,
        Domain(Error::PasskeyRefused(Refusal::NotVerified)) => Domain(Error::PasskeyRefused(Refusal::NotVerified)),
        "The authenticator has not verified its user by a PIN, a fingerprint or the like, or the user has not touched it.";
    PASSKEY_COUNTER_BACK: 401 "passkey_counter_back" "Counter of a passkey went back", None,
        Domain(Error::PasskeyRefused(Refusal::CounterBack)) => Domain(Error::PasskeyRefused(Refusal::CounterBack)),
        "The passkey counts its uses, and this number is not above the last one: there may be a copy of it. The audit log has \
         the event.";
    PASSKEY_REFUSED: 401 "passkey_refused" "Passkey refused", None,
        Domain(Error::PasskeyRefused(Refusal::Malformed(_) | Refusal::WrongOrigin | Refusal::WrongRelyingParty
            | Refusal::BadSignature | Refusal::WrongUser | Refusal::Unsupported(_)))
            => Domain(Error::PasskeyRefused(Refusal::WrongOrigin)),
        "What the browser sent is not right, and `detail` says why: it cannot be read, was made on a page that may not use \
         passkeys here, is for another domain or another user, has a wrong signature, or is of a kind that was not asked for.";
    REFRESH_TOKEN_REUSED: 401 "refresh_token_reused" "Refresh token reused", Some("invalid_grant"),
        Domain(Error::RefreshTokenReused | Error::RefreshTokenReplaced) => Domain(Error::RefreshTokenReused),
        "A refresh token was used that had been replaced too long ago. A refresh with it has ended the session; as a cookie \
         that authenticates another request it ends nothing.";
    REFRESH_COOKIE_MISSING: 401 "refresh_cookie_missing" "Refresh cookie missing", None,
        Failure::RefreshCookieMissing => Failure::RefreshCookieMissing,
        "A refresh with `\"cookies\": true` has no refresh token, neither in a cookie nor in the body: the user has to log in.";
    WRONG_CLIENT: 401 "wrong_client" "Refresh token of another client", Some("invalid_grant"),
        Domain(Error::WrongClient) => Domain(Error::WrongClient),
        "A registered application's refresh token is accepted only at `/oauth/token`, and the login API's at \
         `/v1/tokens/refresh`. The session goes on.";
    SESSION_ENDED: 401 "session_ended" "Session ended", Some("invalid_grant"),
        Domain(Error::SessionEnded(_)) => Domain(Error::SessionEnded(EndReason::Logout)),
        "The session has ended; `reason` is one of `logout`, `revoked` (by its owner, from another session), \
         `admin`, `password_changed`, `user_disabled`, `reuse`, `shared`, `absolute_end`.";
    SESSION_UNKNOWN: 401 "session_unknown" "Session unknown", Some("invalid_grant"),
        Domain(Error::SessionUnknown) => Domain(Error::SessionUnknown),
        "The session ended so long ago that it is no longer stored, or its account was deleted.";
    ACCOUNT_DISABLED: 403 "account_disabled" "Account disabled", Some("invalid_grant"),
        Domain(Error::AccountDisabled) => Domain(Error::AccountDisabled),
        "The account is disabled. Only a client that knows its password or one of its API tokens gets this error.";
    PROVIDER_REFUSED: 403 "provider_refused" "Sign-in at a provider refused", None,
        Domain(Error::UpstreamRefused(Upstream::StateUnknown | Upstream::OtherBrowser | Upstream::Expired | Upstream::Used
            | Upstream::Denied | Upstream::ProviderError(_) | Upstream::WrongIssuer | Upstream::BadAnswer
            | Upstream::CodeRefused(_) | Upstream::IdToken(_) | Upstream::OtherSubject | Upstream::ClaimMissing(_)
            | Upstream::NotLinked | Upstream::OtherSession))
            => Domain(Error::UpstreamRefused(Upstream::NotLinked)),
        "A sign-in at a provider was not begun in this browser, is over, was not agreed to, or the provider's answer is not \
         right, or its user has no account here. The log has the reason.";
    REGISTRATION_OFF: 403 "registration_off" "Registration is off", None,
        Domain(Error::RegistrationOff) => Domain(Error::RegistrationOff),
        "Registration is off (`REGISTRATION`): administrators create all accounts.";
    INVITATION_REQUIRED: 403 "invitation_required" "Invitation required", None,
        Domain(Error::InvitationMissing) => Domain(Error::InvitationMissing),
        "You need an invitation to open an account here: `REGISTRATION` is `invite`, and the request has no `invitation`.";
    ORIGIN_NOT_ALLOWED: 403 "origin_not_allowed" "Origin not allowed", None,
        Failure::OriginNotAllowed(_) | Failure::OriginOfNoClient(_) => Failure::OriginNotAllowed("https://app.example.com".to_owned()),
        "Web pages of this origin may not call the service: it is not in `CORS_ORIGINS`, or for `/oauth/*` not that of a \
         redirect URI of a public client. The log names the origin.";
    CSRF_REFUSED: 403 "csrf_refused" "Request of another site", None,
        Failure::CsrfRefused => Failure::CsrfRefused,
        "The request is authenticated by a cookie (or asks for one), and may have been sent by a page of another site. It needs \
         `Sec-Fetch-Site: same-origin`; without that header the `Origin` of the issuer or an `X-Requested-With`; or an `Origin` \
         that `CORS_ORIGINS` names.";
    SESSION_REQUIRED: 403 "session_required" "Session required", Some("insufficient_scope"),
        => Bearer(BearerErrorKind::SessionRequired),
        "Only a logged-in user may do this, not an API token or an access token that it was exchanged for.";
    APPLICATION_TOKEN: 403 "application_token" "Not for applications", Some("insufficient_scope"),
        Failure::ApplicationToken => Failure::ApplicationToken,
        "The access token of a registered application opens `/oauth/userinfo` here, and nothing else.";
    WRONG_PASSWORD: 403 "wrong_password" "Wrong password", None,
        Domain(Error::WrongPassword) => Domain(Error::WrongPassword),
        "The user is logged in, but the password is wrong.";
    ROLE_MISSING: 403 "role_missing" "Role missing", Some("insufficient_scope"),
        Failure::RoleMissing(_) => Bearer(BearerErrorKind::RoleMissing("admin")),
        "The access token lacks a required role.";
    SCOPE_MISSING: 403 "scope_missing" "Scope missing", Some("insufficient_scope"),
        Failure::ScopeMissing(_) => Bearer(BearerErrorKind::ScopeMissing("notes:read")),
        "The access token lacks a required scope.";
    NOT_FOUND: 404 "not_found" "Not found", None,
        Failure::PathUnknown => Failure::PathUnknown,
        "There is nothing at this path.";
    FACTOR_NOT_FOUND: 404 "factor_not_found" "Second factor not found", None,
        Domain(Error::FactorNotFound) => Domain(Error::FactorNotFound),
        "The user has no second factor.";
    PASSKEY_NOT_FOUND: 404 "passkey_not_found" "Passkey not found", None,
        Domain(Error::PasskeyNotFound) => Domain(Error::PasskeyNotFound),
        "The user has no such passkey, or none at all.";
    IDENTITY_NOT_FOUND: 404 "identity_not_found" "Identity not found", None,
        Domain(Error::IdentityNotFound) => Domain(Error::IdentityNotFound),
        "The user has no such identity.";
    API_TOKEN_NOT_FOUND: 404 "api_token_not_found" "API token not found", None,
        Domain(Error::ApiTokenNotFound) => Domain(Error::ApiTokenNotFound),
        "The user has no such API token. When replacing a key: or it has expired or was revoked.";
    SESSION_NOT_FOUND: 404 "session_not_found" "Session not found", None,
        Domain(Error::SessionNotFound) => Domain(Error::SessionNotFound),
        "The user has no such session.";
    KEY_UNKNOWN: 404 "key_unknown" "Key unknown", None,
        Domain(Error::KeyUnknown) => Domain(Error::KeyUnknown),
        "There is no signing key with this `kid`.";
    USER_UNKNOWN: 404 "user_unknown" "User unknown", None,
        Domain(Error::UserUnknown) => Domain(Error::UserUnknown),
        "The user no longer exists.";
    INVITATION_UNKNOWN: 404 "invitation_unknown" "Invitation unknown", None,
        Domain(Error::InvitationUnknown) => Domain(Error::InvitationUnknown),
        "There is no such invitation, or it was used.";
    REGISTRATION_UNKNOWN: 404 "registration_unknown" "Registration unknown", None,
        Domain(Error::RegistrationUnknown) => Domain(Error::RegistrationUnknown),
        "There is no such registration, or it is finished.";
    CLIENT_UNKNOWN: 404 "client_unknown" "Client unknown", None,
        Domain(Error::ClientUnknown) => Domain(Error::ClientUnknown),
        "There is no registered application with this `client_id`.";
    CLAIM_UNKNOWN: 404 "claim_unknown" "Claim unknown", None,
        Domain(Error::ClaimUnknown) => Domain(Error::ClaimUnknown),
        "There is no custom claim with this name.";
    PROVIDER_UNKNOWN: 404 "provider_unknown" "Provider unknown", None,
        Domain(Error::ProviderUnknown) => Domain(Error::ProviderUnknown),
        "There is no provider with this id that users may sign in at.";
    METHOD_NOT_ALLOWED: 405 "method_not_allowed" "Method not allowed", None,
        Failure::MethodNotAllowed(_) => Failure::MethodNotAllowed(vec!["GET", "HEAD"]),
        "The header `Allow` lists the allowed methods.";
    REQUEST_TIMEOUT: 408 "request_timeout" "Request timeout", None,
        Failure::BodyTimedOut => Failure::BodyTimedOut,
        "The body did not arrive within `REQUEST_TIMEOUT`.";
    KEY_CONFLICT: 409 "key_conflict" "Key conflict", None,
        Domain(Error::KeyConflict(_))
            => Domain(Error::KeyConflict("the next key already exists and signs from 2026-01-31T12:00:00Z on".to_owned())),
        "The next signing key already exists; `detail` says when it starts to sign.";
    LAST_ADMIN: 409 "last_admin" "Last administrator", None,
        Domain(Error::LastAdmin) => Domain(Error::LastAdmin),
        "There would be no active administrator left.";
    TOO_MANY_API_TOKENS: 409 "too_many_api_tokens" "Too many API tokens", None,
        Domain(Error::TooManyApiTokens(_)) => Domain(Error::TooManyApiTokens(100)),
        "The user already has 100 API tokens, or 1000 including expired and revoked ones that are still listed.";
    TOO_MANY_PASSKEYS: 409 "too_many_passkeys" "Too many passkeys", None,
        Domain(Error::TooManyPasskeys(_)) => Domain(Error::TooManyPasskeys(20)),
        "The user already has 20 passkeys.";
    PASSKEY_TAKEN: 409 "passkey_taken" "Passkey registered already", None,
        Domain(Error::PasskeyTaken) => Domain(Error::PasskeyTaken),
        "This passkey is registered already, by this account or another one.";
    IDENTITY_TAKEN: 409 "identity_taken" "Identity linked already", None,
        Domain(Error::IdentityTaken) => Domain(Error::IdentityTaken),
        "This identity is linked to another account.";
    TOO_MANY_IDENTITIES: 409 "too_many_identities" "Too many identities", None,
        Domain(Error::TooManyIdentities(_)) => Domain(Error::TooManyIdentities(20)),
        "The user already has 20 identities at providers.";
    LAST_WAY_IN: 409 "last_way_in" "Last way to log in", None,
        Domain(Error::LastWayIn) => Domain(Error::LastWayIn),
        "This is the only way to log in to the account: it has no password, no passkey and no other identity.";
    CLIENT_ID_TAKEN: 409 "client_id_taken" "Client id taken", None,
        Domain(Error::ClientIdTaken) => Domain(Error::ClientIdTaken),
        "Another registered application has the `client_id`.";
    CLIENT_WITHOUT_SECRET: 409 "client_without_secret" "Client without secret", None,
        Domain(Error::ClientWithoutSecret) => Domain(Error::ClientWithoutSecret),
        "The application authenticates with keys of its own, or not at all: it has no secret.";
    CLAIM_LOCKED: 409 "claim_locked" "Claim locked", None,
        Domain(Error::ClaimLocked) => Domain(Error::ClaimLocked),
        "The name is that of a registered claim, or of one that this service issues itself: a custom claim needs another.";
    CLAIM_READ_ONLY: 409 "claim_read_only" "Claim read-only", None,
        Domain(Error::ClaimReadOnly) => Domain(Error::ClaimReadOnly),
        "The custom claim comes from `CLAIMS_FILE` and is changed there.";
    TOO_MANY_CLAIMS: 409 "too_many_claims" "Too many claims", None,
        Domain(Error::TooManyClaims(_)) => Domain(Error::TooManyClaims(100)),
        "There are already 100 custom claims.";
    USERNAME_TAKEN: 409 "username_taken" "Username taken", None,
        Domain(Error::UsernameTaken) => Domain(Error::UsernameTaken),
        "Another account has this username.";
    USERNAME_TOO_SIMILAR: 409 "username_too_similar" "Username too similar", None,
        Domain(Error::UsernameTooSimilar) => Domain(Error::UsernameTooSimilar),
        "Readers would take this username for that of another account. Users must choose another one; an administrator may \
         give it.";
    EMAIL_TAKEN: 409 "email_taken" "E-mail address taken", None,
        Domain(Error::EmailTaken) => Domain(Error::EmailTaken),
        "Another account has verified this e-mail address.";
    EMAIL_MISSING: 409 "email_missing" "E-mail address missing", None,
        Domain(Error::EmailMissing) => Domain(Error::EmailMissing),
        "The account has no e-mail address.";
    BODY_TOO_LARGE: 413 "body_too_large" "Body too large", None,
        Failure::BodyTooLarge(_) => Failure::BodyTooLarge(65_536),
        "The body is larger than 64 KiB.";
    UNSUPPORTED_MEDIA_TYPE: 415 "unsupported_media_type" "Unsupported media type", None,
        Failure::MediaTypeUnsupported => Failure::MediaTypeUnsupported,
        "The body is not declared as `application/json`.";
    TOO_MANY_FAILURES: 429 "too_many_failures" "Too many failures", None,
        Domain(Error::TooManyFailures { .. }) => Domain(Error::TooManyFailures { retry_after: Seconds(5) }),
        "Too many wrong passwords or codes for this account or from this address; `Retry-After` says when to try \
         again.";
    TOO_MANY_MAILS: 429 "too_many_mails" "Too many mails", None,
        Domain(Error::TooManyMails { .. }) => Domain(Error::TooManyMails { retry_after: Seconds(1_200) }),
        "Too many mails were asked for, for this address, by this account or from this network; `Retry-After` says when to \
         try again.";
    INTERNAL_ERROR: 500 "internal_error" "Internal error", None,
        // The errors of an authorization go to its client, and are no responses of their own.
        Domain(Error::Internal(_) | Error::OAuth(_)) => Domain(Error::internal("an example")),
        "An error in the service; the log has the cause.";
    PROVIDER_UNAVAILABLE: 502 "provider_unavailable" "Provider unavailable", None,
        Domain(Error::UpstreamRefused(Upstream::Unreachable(_)))
            => Domain(Error::UpstreamRefused(Upstream::Unreachable("token endpoint"))),
        "The provider cannot be reached, or does not answer as it must; the log has the cause. Every other way to log in works.";
    DATABASE_UNAVAILABLE: 503 "database_unavailable" "Database unavailable", None,
        Domain(Error::Unavailable(_)) => Domain(Error::Unavailable("an example".into())),
        "The database is unavailable; `Retry-After` says when to try again. Access tokens can still be verified.";
    DATA_KEY_UNAVAILABLE: 503 "data_key_unavailable" "Data key unavailable", None,
        Domain(Error::DataKeyUnavailable(_)) => Domain(Error::DataKeyUnavailable("an example".into())),
        "The key in `KEYS_DIR` that second factors and secrets of providers are encrypted with is missing or damaged; the log names its file. Recovery \
         codes work without it.";
    KEYS_UNAVAILABLE: 503 "keys_unavailable" "Keys unavailable", None,
        => Bearer(BearerErrorKind::NoKeys),
        "In services with the verifier: the issuer's keys could not be fetched yet.";
    DENYLIST_STALE: 503 "denylist_stale" "Denylist stale", None,
        => Bearer(BearerErrorKind::DenylistStale),
        "In services with the verifier: the denylist is required but unavailable.";
    OVERLOADED: 503 "overloaded" "Overloaded", None,
        Domain(Error::Overloaded { .. }) => Domain(Error::Overloaded { retry_after: Seconds(5) }),
        "More logins, refreshes, logouts or API tokens are waiting than can be handled in time, or the key folder cannot be read \
         and the token's key is unknown, or the hook for claims is away and `CLAIMS_HOOK_FAIL` is `closed`; `Retry-After` says \
         when to try again.";
}

fn challenged_example() -> Challenged {
    let challenge = Secret::new("q3Yl5pUe6kB1nq8cW0v2xR7mTfD9sGhJzLaKoIiEwNg".to_owned());
    Challenged { challenge, methods: vec!["otp", "recovery_code"] }
}

/// Only other services with the verifier return these codes.
pub(super) const OF_VERIFIERS: [&str; 2] = [KEYS_UNAVAILABLE.name, DENYLIST_STALE.name];

fn named(name: &str) -> &'static Code {
    CODES.iter().find(|code| code.name == name).unwrap_or(&INTERNAL_ERROR)
}

#[cfg(test)]
#[path = "codes_tests.rs"]
mod tests;
