//! API tokens, without their keys.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::clock::Timestamp;
use crate::http::words::{ApiTokenStatus, RoleName, ScopeName};
use crate::model::api_token::{ApiToken, ApiTokenId};
use crate::model::id::SessionId;

/// An API token, without its key.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiToken)]
pub(crate) struct ApiTokenView {
    /// Id of the API token; it is not the key.
    #[schema(value_type = String, format = "uuid")]
    id: ApiTokenId,
    /// The owner's name for it.
    #[schema(example = "nightly backup")]
    name: String,
    /// Session id under which the audit log records its actions, and the `sid` of access tokens that it is exchanged
    /// for.
    #[schema(value_type = String, format = "uuid")]
    session_id: SessionId,
    /// Scopes of the API token.
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Vec<String>,
    /// Roles of the API token. They count only as long as the owner has them.
    #[schema(value_type = Vec<RoleName>)]
    roles: Vec<String>,
    /// When it was created.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it expires; null if it does not.
    #[schema(required, format = "date-time")]
    expires_at: Option<String>,
    /// When it was last used, to the minute; null if never.
    #[schema(required, format = "date-time")]
    last_used_at: Option<String>,
    /// When it was revoked; null if it was not.
    #[schema(required, format = "date-time")]
    revoked_at: Option<String>,
    /// Whether it is accepted.
    #[schema(value_type = ApiTokenStatus)]
    state: &'static str,
}

/// API tokens, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiTokens)]
pub(crate) struct ApiTokensView {
    pub(crate) api_tokens: Vec<ApiTokenView>,
}

/// How many API tokens were revoked.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiTokensRevoked)]
pub(crate) struct RevokedView {
    /// Number of API tokens that were revoked.
    pub(crate) api_tokens_revoked: usize,
}

/// An API token as every response shows it.
pub(crate) fn view(token: &ApiToken, now: Timestamp) -> ApiTokenView {
    ApiTokenView {
        id: token.id,
        name: token.name.to_string(),
        session_id: token.sid,
        scopes: token.scopes.names().to_vec(),
        roles: token.roles.names().to_vec(),
        created_at: token.created_at.to_rfc3339(),
        expires_at: rfc3339(token.expires_at),
        last_used_at: rfc3339(token.last_used_at),
        revoked_at: rfc3339(token.revoked_at),
        state: token.state(now).text(),
    }
}
