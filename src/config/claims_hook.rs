//! The hook for claims: its URL, the secret that it shares with this service, and what happens while it is away.

use std::fmt;
use std::str::FromStr;

use crate::secret::WebhookSecret;

/// The hook.
#[derive(Clone, Debug)]
pub(crate) struct ClaimsHook {
    /// Its URL.
    pub(crate) url: String,
    /// What its requests are signed with.
    pub(crate) secret: WebhookSecret,
}

/// What becomes of tokens while the hook does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HookFail {
    /// They have what it has last answered for their session.
    Keep,
    /// They have nothing of it.
    Open,
    /// There are none.
    Closed,
}

impl HookFail {
    const ALL: [(Self, &str); 3] = [(Self::Keep, "keep"), (Self::Open, "open"), (Self::Closed, "closed")];
}

impl fmt::Display for HookFail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(fail, _)| fail == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for HookFail {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(fail, _)| *fail);
        found.ok_or("expected keep, open or closed")
    }
}
