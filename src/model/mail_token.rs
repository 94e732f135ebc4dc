//! What a mail contains for its reader to show: a link and a code, to confirm an address or to reset a password.

use std::fmt;
use std::str::FromStr;

use super::id::UserId;
use super::user::Email;
use crate::clock::Timestamp;

/// What one is for: it opens nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To confirm that the address is the user's.
    VerifyAddress,
    /// To set a new password.
    ResetPassword,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VerifyAddress => "verify_address",
            Self::ResetPassword => "reset_password",
        })
    }
}

impl FromStr for Purpose {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "verify_address" => Ok(Self::VerifyAddress),
            "reset_password" => Ok(Self::ResetPassword),
            _ => Err("is not a purpose of a mail"),
        }
    }
}

/// A token that was mailed, without its text.
#[derive(Clone, Debug)]
pub(crate) struct MailToken {
    /// What for.
    pub(crate) purpose: Purpose,
    /// Whose.
    pub(crate) user_id: UserId,
    /// The address that it was sent to.
    pub(crate) email: Email,
    /// The keyed hash of the code.
    pub(crate) code_hash: i64,
    /// When it expires.
    pub(crate) expires_at: Timestamp,
    /// When it was used.
    pub(crate) used_at: Option<Timestamp>,
}
