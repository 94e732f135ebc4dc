//! Invitations: a person who has the link may register, once.

use super::id::{Id, UserId};
use super::names::Roles;
use super::user::Email;
use crate::clock::{Seconds, Timestamp};

/// Marks the identifiers of invitations.
#[derive(Debug)]
pub(crate) enum InvitationTag {}

/// Identifies an invitation.
pub(crate) type InvitationId = Id<InvitationTag>;

/// How long an invitation is valid, if nothing else is asked for.
pub(crate) const INVITATION_LIFETIME: Seconds = Seconds(7 * 86_400);

/// Longer than anybody waits: a longer one is more likely a mistake.
pub(crate) const MAX_INVITATION_LIFETIME: Seconds = Seconds(365 * 86_400);

/// An invitation, without the text of its link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invitation {
    /// Identifies it.
    pub(crate) id: InvitationId,
    /// The roles of the account.
    pub(crate) roles: Roles,
    /// The only address that may be registered with it.
    pub(crate) email: Option<Email>,
    /// The administrator who made it; none on the command line.
    pub(crate) created_by: Option<UserId>,
    /// When it was made.
    pub(crate) created_at: Timestamp,
    /// When it expires.
    pub(crate) expires_at: Timestamp,
    /// When it was used.
    pub(crate) used_at: Option<Timestamp>,
    /// The account that it was used for.
    pub(crate) used_by: Option<UserId>,
}

impl Invitation {
    /// Whether it may be used, for this address if it is for one only.
    pub(crate) fn is_for(&self, email: Option<&Email>, now: Timestamp) -> bool {
        let is_its_address = match (&self.email, email) {
            (Some(its), Some(email)) => its.folded() == email.folded(),
            (_, None) | (None, _) => true,
        };
        self.used_at.is_none() && self.expires_at > now && is_its_address
    }
}
