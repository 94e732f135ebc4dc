//! Second factors, and logins that wait for their next step.

use std::fmt;
use std::str::FromStr;

use super::id::{SessionId, UserId};
use super::identity::IdentityId;
use crate::clock::{Seconds, Timestamp};

/// How long a login may take for its next step.
pub(crate) const CHALLENGE_LIFETIME: Seconds = Seconds(300);

/// After so many wrong one-time codes in a row only known devices may try more
/// ([NIST SP 800-63B-4 section 3.2.2](https://pages.nist.gov/800-63-4/sp800-63b.html#throttle)).
pub(crate) const MAX_FAILURES_IN_A_ROW: i64 = 100;

/// A user is told of so many wrong one-time codes in a row, and of each time as many more.
pub(crate) const FAILURES_TOLD_OF: i64 = 5;

/// A user's authenticator app. Secrets are encrypted.
#[derive(Clone, Debug)]
pub(crate) struct Totp {
    /// The user.
    pub(crate) user_id: UserId,
    /// The secret, once a code has confirmed it.
    pub(crate) secret: Option<String>,
    /// A secret that waits for its first code.
    pub(crate) pending_secret: Option<String>,
    /// When the secret was confirmed.
    pub(crate) confirmed_at: Option<Timestamp>,
    /// The session in which that was; none if it was part of a login.
    pub(crate) confirmed_in: Option<SessionId>,
    /// The step of the last code that was accepted: each is accepted once
    /// ([RFC 6238 section 5.2](https://www.rfc-editor.org/rfc/rfc6238#section-5.2)).
    pub(crate) last_step: i64,
    /// How many codes in a row were wrong.
    pub(crate) failures: i64,
}

/// A login that waits for its next step, after a right password or a sign-in at a provider.
#[derive(Clone, Debug)]
pub(crate) struct Challenge {
    /// The user.
    pub(crate) user_id: UserId,
    /// The session whose user authenticates again; none if a new one is to be opened.
    pub(crate) session_id: Option<SessionId>,
    /// When the password was proved.
    pub(crate) proved_at: Timestamp,
    /// Whether the user has to get a second factor first: it then opens enrolment.
    pub(crate) is_enrolment: bool,
    /// The audience that the login asked for.
    pub(crate) audience: Option<String>,
    /// The user's name for the device.
    pub(crate) label: Option<String>,
    /// Whether a cookie authenticated the request: then the pair goes into cookies.
    pub(crate) by_cookie: bool,
    /// When it expires.
    pub(crate) expires_at: Timestamp,
    /// When it was used.
    pub(crate) used_at: Option<Timestamp>,
    /// The identity at a provider that the login has begun with; none if with the password.
    pub(crate) identity_id: Option<IdentityId>,
}

/// Who must have a second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Required {
    /// Nobody.
    Off,
    /// Administrators.
    Admins,
    /// Everybody.
    All,
}

impl FromStr for Required {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "off" => Ok(Self::Off),
            "admins" => Ok(Self::Admins),
            "all" => Ok(Self::All),
            _ => Err("expected off, admins or all"),
        }
    }
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Admins => "admins",
            Self::All => "all",
        })
    }
}
