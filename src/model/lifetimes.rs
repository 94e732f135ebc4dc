//! How long tokens are valid and sessions last, and how that changes a session that is opened or rotated.

use super::id::{SessionId, UserId};
use super::rotation::Windows;
use super::session::Session;
use super::sharing::Sharing;
use crate::clock::{Seconds, Timestamp};

/// How long tokens are valid and sessions last.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// Of an access token.
    pub(crate) access: Seconds,
    /// Of a session that is not refreshed.
    pub(crate) refresh_idle: Seconds,
    /// Of a session, at most.
    pub(crate) session: Seconds,
    /// Of the settle and retry windows of a rotation.
    pub(crate) windows: Windows,
    /// Of the row of an ended session.
    pub(crate) retention: Seconds,
}

impl Lifetimes {
    /// A session that is opened now.
    pub fn opened(&self, id: SessionId, user_id: UserId, now: Timestamp) -> Session {
        let session = Session {
            id,
            user_id,
            created_at: now,
            authenticated_at: None,
            expires_at: now + self.session,
            denied_through: 0,
            rotated_at: now,
            refresh_expires_at: now,
            access_expires_by: now,
            sharing: Sharing::default(),
            end: None,
        };
        self.rotated(session, 0, now)
    }

    /// The session, opened now, if it is for one access token and none after that.
    pub(crate) fn for_one_token(&self, session: Session, now: Timestamp) -> Session {
        let end = session.expires_at.min(now + self.access);
        Session { expires_at: end, refresh_expires_at: end, access_expires_by: end, ..session }
    }

    /// The session after its mark has moved now. The live refresh token is valid for the idle lifetime. Until the retry
    /// window ends, a retry returns it again with another access token.
    pub fn rotated(&self, session: Session, mark: i64, now: Timestamp) -> Session {
        let last_access_token = now + self.windows.retry + self.access;
        Session {
            denied_through: mark,
            rotated_at: now,
            refresh_expires_at: session.expires_at.min(now + self.refresh_idle),
            access_expires_by: session.expires_at.min(last_access_token).max(session.access_expires_by),
            ..session
        }
    }
}
