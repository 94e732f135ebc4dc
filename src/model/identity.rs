//! Identities: who users are at providers.

use super::id::{Id, UserId};
use super::provider::ProviderId;
use super::user::{DisplayName, Email};
use crate::clock::Timestamp;

/// Marks the identifiers of linked identities.
#[derive(Debug)]
pub(crate) enum IdentityTag {}

/// Identifies a linked identity.
pub(crate) type IdentityId = Id<IdentityTag>;

/// An identity that is linked to an account: the user who has it at the provider may sign in to it. A user may have several, also
/// at one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LinkedIdentity {
    /// Identifies it here.
    pub(crate) id: IdentityId,
    /// The provider.
    pub(crate) provider_id: ProviderId,
    /// What the provider calls the user.
    pub(crate) subject: String,
    /// The account.
    pub(crate) user_id: UserId,
    /// The address that the provider has told last. It proves nothing here.
    pub(crate) email: Option<Email>,
    /// The name that the provider has told last.
    pub(crate) name: Option<DisplayName>,
    /// When it was linked.
    pub(crate) created_at: Timestamp,
    /// When its user has signed in with it last.
    pub(crate) last_used_at: Option<Timestamp>,
}
