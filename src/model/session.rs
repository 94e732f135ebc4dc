//! A session: one login on one device, stored in one row even if it is refreshed often.

use std::fmt;
use std::str::FromStr;

use super::id::{SessionId, UserId};
use super::sharing::Sharing;
use crate::clock::Timestamp;

/// A session's row, without the columns that are only displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// The `sid` of its tokens.
    pub id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its owner was last authenticated, if that was not when it was opened.
    pub authenticated_at: Option<Timestamp>,
    /// Its absolute end.
    pub expires_at: Timestamp,
    /// The high-water mark: every generation up to it is on the denylist, the next one is live.
    pub denied_through: i64,
    /// When the mark last moved (or the session was opened): the `iat` of the live refresh token.
    pub rotated_at: Timestamp,
    /// When the live refresh token expires and the session ends for lack of use.
    pub refresh_expires_at: Timestamp,
    /// From this time on no access token of the session is valid, with any lifetime that was configured when it was
    /// issued. A denial of the session must last until then.
    pub access_expires_by: Timestamp,
    /// How its generations have been shared.
    pub sharing: Sharing,
    /// When and why it was ended, if it was.
    pub end: Option<End>,
}

/// What a login says about the device. It is stored with the session for its owner to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Device {
    /// The client's own name for it.
    pub(crate) label: Option<String>,
    /// The `User-Agent` header.
    pub(crate) user_agent: Option<String>,
    /// The network address.
    pub(crate) ip: Option<String>,
}

/// A session as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The session.
    pub(crate) session: Session,
    /// Where it was opened.
    pub(crate) device: Device,
    /// The registered application that it belongs to; none for a login.
    pub(crate) application: Option<String>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// When.
    pub(crate) at: Timestamp,
    /// Why.
    pub(crate) reason: EndReason,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Its owner logged out or revoked the refresh token.
    Logout,
    /// Its owner ended it from another session.
    Revoked,
    /// An administrator ended it.
    Admin,
    /// The password was changed.
    PasswordChanged,
    /// The account was disabled.
    UserDisabled,
    /// An invalidated refresh token was presented.
    Reuse,
    /// Its refresh tokens were shared with strangers beyond the limit.
    Shared,
    /// It was not refreshed for the idle lifetime.
    Idle,
    /// It reached its absolute end.
    AbsoluteEnd,
}

/// Every reason with its name.
pub(crate) const END_REASONS: [(EndReason, &str); 9] = [
    (EndReason::Logout, "logout"),
    (EndReason::Revoked, "revoked"),
    (EndReason::Admin, "admin"),
    (EndReason::PasswordChanged, "password_changed"),
    (EndReason::UserDisabled, "user_disabled"),
    (EndReason::Reuse, "reuse"),
    (EndReason::Shared, "shared"),
    (EndReason::Idle, "idle"),
    (EndReason::AbsoluteEnd, "absolute_end"),
];

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(END_REASONS.iter().find(|(reason, _)| reason == self).map_or("", |(_, name)| name))
    }
}

/// A stored reason that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown end reason {0:?}")]
pub struct UnknownEndReason(String);

impl FromStr for EndReason {
    type Err = UnknownEndReason;

    fn from_str(text: &str) -> Result<Self, UnknownEndReason> {
        let known = END_REASONS.iter().find(|(_, name)| *name == text);
        known.map(|(reason, _)| *reason).ok_or_else(|| UnknownEndReason(text.to_owned()))
    }
}

impl Session {
    /// When and why it ended, even if it lapsed and that is not recorded yet.
    pub(crate) fn end_by(&self, now: Timestamp) -> Option<End> {
        let reason = || {
            if self.refresh_expires_at < self.expires_at { EndReason::Idle } else { EndReason::AbsoluteEnd }
        };
        self.end
            .or_else(|| (now >= self.refresh_expires_at).then(|| End { at: self.refresh_expires_at, reason: reason() }))
    }

    /// When its owner last proved who they are: the `auth_time` of its access tokens.
    pub(crate) fn auth_time(&self) -> Timestamp {
        self.authenticated_at.unwrap_or(self.created_at)
    }

    /// The generation of the live refresh token.
    pub(crate) fn live_generation(&self) -> i64 {
        self.denied_through.saturating_add(1)
    }
}
