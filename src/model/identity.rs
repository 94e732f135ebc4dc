//! Identities: who users are at providers.

use super::id::{Id, UserId};
use super::names::Roles;
use super::provider::ProviderId;
use super::user::{DisplayName, Email};
use crate::clock::Timestamp;

/// Marks the identifiers of linked identities.
#[derive(Debug)]
pub(crate) enum IdentityTag {}

/// Identifies a linked identity.
pub(crate) type IdentityId = Id<IdentityTag>;

/// How many a user may have.
pub(crate) const MAX_IDENTITIES: usize = 20;

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
    /// The roles that the provider has told last, by its mapping; `None` if it decides nothing about them. They are the account's
    /// once its user has shown all that a login needs.
    pub(crate) told_roles: Option<Roles>,
    /// When it was linked.
    pub(crate) created_at: Timestamp,
    /// When its user has signed in with it last.
    pub(crate) last_used_at: Option<Timestamp>,
}
