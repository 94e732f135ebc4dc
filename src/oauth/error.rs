//! The registered error codes
//! ([IANA, OAuth Extensions Errors](https://www.iana.org/assignments/oauth-parameters/oauth-parameters.xhtml#extensions-error)).

/// Why a request of a client is refused, and the words for its developer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{description}")]
pub struct OAuthError {
    /// The registered code.
    pub(crate) code: ErrorCode,
    /// What is wrong, for the developer of the client: printable ASCII without `"` and `\`
    /// ([RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)).
    pub(crate) description: String,
}

impl OAuthError {
    /// With this code and these words.
    pub(crate) fn new(code: ErrorCode, description: impl Into<String>) -> Self {
        Self { code, description: Self::printable(&description.into()) }
    }

    /// A text with the characters that a description may have; others become question marks.
    pub(crate) fn printable(text: &str) -> String {
        let is_allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
        text.chars().map(|c| if is_allowed(c) { c } else { '?' }).collect()
    }
}

/// A row is `Variant = "code", "where it is defined";`.
macro_rules! codes {
    ($($variant:ident = $name:literal, $defined:literal;)+) => {
        /// A registered error code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ErrorCode {
            $(#[doc = $defined] $variant,)+
        }

        impl ErrorCode {
            /// Its name on the wire.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

codes! {
    InvalidRequest = "invalid_request", "[RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)";
    UnauthorizedClient = "unauthorized_client", "[RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)";
    AccessDenied = "access_denied", "[RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)";
    UnsupportedResponseType = "unsupported_response_type", "[RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)";
    InvalidScope = "invalid_scope", "[RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)";
    ServerError = "server_error", "[RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)";
    TemporarilyUnavailable = "temporarily_unavailable", "[RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)";
    InvalidClient = "invalid_client", "[RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)";
    InvalidGrant = "invalid_grant", "[RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)";
    UnsupportedGrantType = "unsupported_grant_type", "[RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2)";
    InvalidTarget = "invalid_target", "[RFC 8707 section 2](https://www.rfc-editor.org/rfc/rfc8707#section-2)";
    LoginRequired = "login_required", "[OpenID Connect Core section 3.1.2.6](https://openid.net/specs/openid-connect-core-1_0.html#AuthError)";
    ConsentRequired = "consent_required", "[OpenID Connect Core section 3.1.2.6](https://openid.net/specs/openid-connect-core-1_0.html#AuthError)";
    AccountSelectionRequired = "account_selection_required", "[OpenID Connect Core section 3.1.2.6](https://openid.net/specs/openid-connect-core-1_0.html#AuthError)";
    RequestNotSupported = "request_not_supported", "[OpenID Connect Core section 3.1.2.6](https://openid.net/specs/openid-connect-core-1_0.html#AuthError)";
    RequestUriNotSupported = "request_uri_not_supported", "[OpenID Connect Core section 3.1.2.6](https://openid.net/specs/openid-connect-core-1_0.html#AuthError)";
    RegistrationNotSupported = "registration_not_supported", "[OpenID Connect Core section 3.1.2.6](https://openid.net/specs/openid-connect-core-1_0.html#AuthError)";
}
