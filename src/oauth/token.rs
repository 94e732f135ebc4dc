//! The request for a token ([RFC 6749 section 3.2](https://www.rfc-editor.org/rfc/rfc6749#section-3.2)), one grant each.

use super::error::{ErrorCode, OAuthError};
use super::params::{Params, RESOURCE};
use crate::secret::Secret;

/// What is presented for a token.
pub(crate) enum TokenRequest {
    /// A code ([RFC 6749 section 4.1.3](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.3)).
    Code(CodeRequest),
    /// A refresh token ([RFC 6749 section 6](https://www.rfc-editor.org/rfc/rfc6749#section-6)).
    Refresh(RefreshRequest),
    /// Nothing but the client itself ([RFC 6749 section 4.4.2](https://www.rfc-editor.org/rfc/rfc6749#section-4.4.2)).
    Client(Wanted),
}

/// A code, and what proves that the one who presents it has asked for it.
pub(crate) struct CodeRequest {
    pub(crate) code: Secret<String>,
    pub(crate) redirect_uri: String,
    pub(crate) code_verifier: Secret<String>,
    pub(crate) resource: Option<String>,
}

/// A refresh token, and what the next access token shall be.
pub(crate) struct RefreshRequest {
    pub(crate) refresh_token: Secret<String>,
    pub(crate) wanted: Wanted,
}

/// What an access token shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// What it may be used for, as names with spaces between them.
    pub(crate) scope: Option<String>,
    /// Who it is for ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707)).
    pub(crate) resource: Option<String>,
}

/// Reads the request.
///
/// The codes are those of [RFC 6749 section 5.2](https://www.rfc-editor.org/rfc/rfc6749#section-5.2).
pub(crate) fn read(params: &Params) -> Result<TokenRequest, OAuthError> {
    let required = |name: &str| {
        params.get(name).ok_or_else(|| OAuthError::new(ErrorCode::InvalidRequest, format!("{name} is missing")))
    };
    if let Some(name) = params.repeated() {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, format!("{name} is repeated")));
    }
    // One access token is for one audience: RFC 9700 section 2.3.
    let mut resources = params.all(RESOURCE);
    let resource = resources.next().map(str::to_owned);
    if resources.next().is_some() {
        return Err(OAuthError::new(ErrorCode::InvalidTarget, "a token is for one resource"));
    }
    let wanted = |resource| Wanted { scope: params.get("scope").map(str::to_owned), resource };
    match required("grant_type")? {
        "authorization_code" => Ok(TokenRequest::Code(CodeRequest {
            code: Secret::new(required("code")?.to_owned()),
            redirect_uri: required("redirect_uri")?.to_owned(),
            code_verifier: Secret::new(required("code_verifier")?.to_owned()),
            resource,
        })),
        "refresh_token" => Ok(TokenRequest::Refresh(RefreshRequest {
            refresh_token: Secret::new(required("refresh_token")?.to_owned()),
            wanted: wanted(resource),
        })),
        "client_credentials" => Ok(TokenRequest::Client(wanted(resource))),
        _ => Err(OAuthError::new(
            ErrorCode::UnsupportedGrantType,
            "grant_type must be authorization_code, refresh_token or client_credentials",
        )),
    }
}
