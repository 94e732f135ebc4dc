//! Registrations: who may register, and those that are not finished.

use std::fmt;
use std::str::FromStr;

use super::id::Id;
use super::invitation::InvitationId;
use super::mail::LINK_LIFETIME;
use super::names::{Names, Roles};
use super::user::{DisplayName, Email, Username};
use crate::clock::{Seconds, Timestamp};

/// Marks the identifiers of registrations.
#[derive(Debug)]
pub(crate) enum RegistrationTag {}

/// Identifies a registration that is not finished.
pub(crate) type RegistrationId = Id<RegistrationTag>;

/// How long there is for the rest, once the address is proved.
pub(crate) const CHOICE_LIFETIME: Seconds = Seconds(3_600);

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MayRegister {
    /// Nobody.
    Off,
    /// People who have an invitation.
    Invite,
    /// Everybody.
    Open,
}

impl FromStr for MayRegister {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "off" => Ok(Self::Off),
            "invite" => Ok(Self::Invite),
            "open" => Ok(Self::Open),
            _ => Err("expected off, invite or open"),
        }
    }
}

impl fmt::Display for MayRegister {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Invite => "invite",
            Self::Open => "open",
        })
    }
}

/// A registration that is not finished, without the text of its link. It is of an address, or of somebody whom another provider
/// knows.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// Identifies it.
    pub(crate) id: RegistrationId,
    /// The address.
    pub(crate) email: Option<Email>,
    /// Whether who continues it has proved the address by that.
    pub(crate) email_verified: bool,
    /// The hash of the code, if there is one. Its key is what the client that has asked holds.
    pub(crate) code_hash: Option<i64>,
    /// The provider who knows the user.
    pub(crate) provider: Option<String>,
    /// What that provider calls the user.
    pub(crate) subject: Option<String>,
    /// The full name, as that provider has it.
    pub(crate) name: Option<DisplayName>,
    /// The invitation that it uses up.
    pub(crate) invitation_id: Option<InvitationId>,
    /// When it began.
    pub(crate) created_at: Timestamp,
    /// When it expires.
    pub(crate) expires_at: Timestamp,
    /// When the address was proved.
    pub(crate) proved_at: Option<Timestamp>,
    /// When it was finished, or another one of the same address.
    pub(crate) used_at: Option<Timestamp>,
    /// When that client has shown the code.
    pub(crate) code_shown_at: Option<Timestamp>,
    /// The username that the provider proposes or decides. It may be taken.
    pub(crate) username: Option<Username>,
    /// The roles that the provider decides.
    pub(crate) roles: Roles,
    /// The fields that the provider decides, which the user cannot change: [`USERNAME`] and [`NAME`].
    pub(crate) forced: Names,
}

/// The username, as a field that a provider decides.
pub(crate) const USERNAME: &str = "username";

/// The full name, as a field that a provider decides.
pub(crate) const NAME: &str = "name";

impl Registration {
    /// That of an address which its link is mailed to now.
    pub(crate) fn of_address(id: RegistrationId, email: &Email, now: Timestamp) -> Self {
        Self {
            id,
            email: Some(email.clone()),
            email_verified: true,
            code_hash: None,
            provider: None,
            subject: None,
            name: None,
            invitation_id: None,
            created_at: now,
            expires_at: now + LINK_LIFETIME,
            proved_at: None,
            used_at: None,
            code_shown_at: None,
            username: None,
            roles: Roles::default(),
            forced: Names::default(),
        }
    }

    /// The username and the name that the provider decides.
    pub(crate) fn decided(&self) -> (Option<&Username>, Option<&DisplayName>) {
        let is_forced = |field: &str| self.forced.contains(field);
        (self.username.as_ref().filter(|_| is_forced(USERNAME)), self.name.as_ref().filter(|_| is_forced(NAME)))
    }

    /// Whether it may go on.
    pub(crate) fn is_open(&self, now: Timestamp) -> bool {
        self.used_at.is_none() && self.expires_at > now
    }
}
