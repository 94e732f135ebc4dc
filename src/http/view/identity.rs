//! Identities of users at providers.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::model::identity::{IdentityId, LinkedIdentity};

/// An identity at a provider.
#[derive(Serialize, ToSchema)]
#[schema(as = Identity)]
pub(crate) struct IdentityView {
    /// Id of the identity.
    #[schema(value_type = String, format = "uuid")]
    id: IdentityId,
    /// Id of the provider.
    #[schema(example = "google")]
    provider: String,
    /// What the provider calls the user, now and always.
    #[schema(example = "110169484474386276334")]
    subject: String,
    /// The address that the provider has told last; null if none. It is not the account's.
    #[schema(required, format = "email", example = "ada@example.com")]
    email: Option<String>,
    /// The name that the provider has told last; null if none.
    #[schema(required, example = "Ada Lovelace")]
    name: Option<String>,
    /// When it was linked.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was last used; null if never.
    #[schema(required, format = "date-time")]
    last_used_at: Option<String>,
}

/// Identities, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = Identities)]
pub(crate) struct IdentitiesView {
    pub(crate) identities: Vec<IdentityView>,
}

impl From<&LinkedIdentity> for IdentityView {
    fn from(identity: &LinkedIdentity) -> Self {
        Self {
            id: identity.id,
            provider: identity.provider_id.to_string(),
            subject: identity.subject.clone(),
            email: identity.email.as_ref().map(ToString::to_string),
            name: identity.name.as_ref().map(ToString::to_string),
            created_at: identity.created_at.to_rfc3339(),
            last_used_at: rfc3339(identity.last_used_at),
        }
    }
}
