//! The issuer that this service stands in for, so that the clients of that issuer need no change.

use std::fmt;
use std::str::FromStr;

/// The issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compat {
    /// None.
    None,
    /// Django with djangorestframework-simplejwt.
    SimpleJwt,
}

/// The `client_id` of logins at the endpoints of simplejwt. No registered application can have it, since theirs have no
/// colon.
pub(crate) const SIMPLEJWT_CLIENT: &str = "compat:simplejwt";

/// The claim of simplejwt's access tokens with the primary key of the user.
pub(crate) const USER_ID_CLAIM: &str = "user_id";

impl FromStr for Compat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "none" => Ok(Self::None),
            "simplejwt" => Ok(Self::SimpleJwt),
            _ => Err("expected none or simplejwt"),
        }
    }
}

impl fmt::Display for Compat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::SimpleJwt => "simplejwt",
        })
    }
}
