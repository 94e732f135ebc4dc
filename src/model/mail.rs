//! Mails: what each tells its reader, and the finished letter.

use serde::{Deserialize, Serialize};

use super::user::{DisplayName, Email};
use crate::clock::{Seconds, Timestamp};

/// How long links and codes in mails are valid.
pub(crate) const LINK_LIFETIME: Seconds = Seconds(1_800);

/// How long a notice is still worth sending if the mail server is away.
const NOTICE_LIFETIME: Seconds = Seconds(3 * 86_400);

/// A mail, with what is in it besides names. It has no `Debug` output, because a link may reset a password.
pub enum Mail {
    /// The owner of an address is asked to confirm it.
    VerifyAddress {
        /// The page that confirms it.
        link: String,
        /// What may be typed instead.
        code: String,
    },
    /// A user has forgotten the password.
    ResetPassword {
        /// The page that sets another one.
        link: String,
        /// What may be typed instead.
        code: String,
    },
    /// Somebody registers an address, and its owner is asked to go on.
    Register {
        /// The page that goes on.
        link: String,
        /// What may be typed instead.
        code: String,
    },
    /// Somebody wants to register an address that has an account.
    AccountExists {
        /// The page to log in.
        link: String,
    },
    /// The owner of an address is invited to open an account.
    Invitation {
        /// The page that goes on.
        link: String,
        /// When it expires.
        expires_at: Timestamp,
    },
    /// The address of an account was changed; goes to both.
    AddressChanged {
        /// The address until now.
        old: Option<Email>,
        /// The address from now on.
        new: Option<Email>,
    },
    /// A login from a network that the account has not been used from.
    NewDevice {
        /// What is known of the device: its label, or its user agent.
        device: Option<String>,
    },
    /// The password was changed, or set by somebody else.
    PasswordChanged,
    /// A second factor was added.
    FactorAdded(Factor),
    /// A second factor was removed.
    FactorRemoved(Factor),
    /// An identity at this provider was linked.
    IdentityAdded(DisplayName),
    /// An identity at this provider was unlinked.
    IdentityRemoved(DisplayName),
    /// An administrator has removed all second factors.
    FactorsReset,
    /// After the password, or the link of a mail, codes were wrong several times in a row.
    ManyWrongCodes,
    /// A refresh token was used twice, and the session was ended.
    RefreshTokenReused,
}

/// A kind of second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// An authenticator app.
    App,
    /// A passkey.
    Passkey,
}

impl Mail {
    /// How long it is worth sending.
    pub(crate) fn lifetime(&self) -> Seconds {
        match self {
            Self::VerifyAddress { .. } | Self::ResetPassword { .. } | Self::Register { .. } => LINK_LIFETIME,
            _ => NOTICE_LIFETIME,
        }
    }
}

/// A finished mail, as it is stored until it is sent. It has no `Debug` output, as [`Mail`].
#[derive(Serialize, Deserialize)]
pub(crate) struct Letter {
    /// The address that it goes to.
    pub(crate) to: String,
    /// One line.
    pub(crate) subject: String,
    /// For readers of plain text.
    pub(crate) text: String,
    /// For others.
    pub(crate) html: String,
}
