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
    /// Identifies it; not the key.
    #[schema(value_type = String, format = "uuid")]
    id: ApiTokenId,
    /// What its owner calls it.
    #[schema(example = "nightly backup")]
    name: String,
    /// The session under which the audit log records what it does, and the `sid` of what it is exchanged for.
    #[schema(value_type = String, format = "uuid")]
    session_id: SessionId,
    /// What it may be used for.
    #[schema(value_type = Vec<ScopeName>)]
    scopes: Vec<String>,
    /// Roles of its owner that it has, as long as the owner has them.
    #[schema(value_type = Vec<RoleName>)]
    roles: Vec<String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it expires, if it does.
    #[schema(required, format = "date-time")]
    expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[schema(required, format = "date-time")]
    last_used_at: Option<String>,
    /// When it was revoked, if it was.
    #[schema(required, format = "date-time")]
    revoked_at: Option<String>,
    /// Whether it is accepted.
    #[schema(value_type = ApiTokenStatus)]
    state: &'static str,
}

/// API tokens, the newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiTokens)]
pub(crate) struct ApiTokensView {
    pub(crate) api_tokens: Vec<ApiTokenView>,
}

/// How many API tokens were revoked.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiTokensRevoked)]
pub(crate) struct RevokedView {
    /// How many.
    pub(crate) api_tokens_revoked: usize,
}

/// An API token as every answer shows one.
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
