//! The judge of refresh tokens: one pure function that every path to a rotation calls.
//!
//! A session's refresh tokens are numbered from 1. Its row carries a high-water mark, `denied_through`: every
//! generation up to the mark is on the denylist and the next one is live. A refresh moves the mark by one, in place.
//!
//! [RFC 9700 section 4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2) wants a replayed refresh token to
//! end the session; FAPI 2.0 section 5.3.2.1 wants a client that lost the answer to get it again. Both hold with this
//! definition: a generation is *invalidated* when its successor has been rotated in turn, or its retry window ends,
//! whichever is first. Presenting an invalidated generation is replay.

use super::session::{EndReason, Session};
use crate::clock::{Seconds, Timestamp};

/// How far a rotation forgives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// While the live token is younger than this, it answers with itself: a burst of tabs is one rotation.
    pub settle: Seconds,
    /// While the live token is younger than this, its predecessor still gets it: a lost answer can be asked for again.
    pub retry: Seconds,
}

/// What a presented refresh token gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The session is over, or there is none: nothing is written.
    Refused(Refusal),
    /// The live one: move the mark by one; the answer is the next generation.
    Rotate,
    /// The live one, too young to rotate: the answer is this same token; nothing is written.
    Repeat,
    /// The one just before, within its retry window: the answer is the live token; nothing is written.
    Retry,
    /// An invalidated one: end the session.
    Reused,
    /// One that this service signed but the database does not know of: it lost acknowledged writes. Move the mark to
    /// the presented generation, so that every older copy is denied; the answer is the next one.
    Heal,
}

impl Verdict {
    /// Where the mark goes, if it moves.
    #[must_use]
    pub fn new_mark(self, presented: i64) -> Option<i64> {
        matches!(self, Self::Rotate | Self::Heal).then_some(presented)
    }
}

/// Why a well-signed refresh token gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The row is gone: the session ended long ago, or was deleted with its user.
    UnknownSession,
    /// The session has ended.
    Ended(EndReason),
    /// The user is disabled.
    UserDisabled,
}

/// Judges a well-signed, unexpired refresh token of generation `presented` against its session's row.
///
/// The row's own idle end is not asked for: the token carries it, and after a heal the token knows better.
#[must_use]
pub fn judge(
    presented: i64,
    session: Option<&Session>,
    user_active: bool,
    windows: Windows,
    now: Timestamp,
) -> Verdict {
    let Some(session) = session else {
        return Verdict::Refused(Refusal::UnknownSession);
    };
    if let Some(end) = session.end {
        return Verdict::Refused(Refusal::Ended(end.reason));
    }
    if now >= session.expires_at {
        return Verdict::Refused(Refusal::Ended(EndReason::AbsoluteEnd));
    }
    if !user_active {
        return Verdict::Refused(Refusal::UserDisabled);
    }
    judge_live(presented, session, windows, now)
}

fn judge_live(presented: i64, session: &Session, windows: Windows, now: Timestamp) -> Verdict {
    let age = now - session.rotated_at;
    let live = session.live_generation();
    if presented > live {
        Verdict::Heal
    } else if presented == live && (session.denied_through == 0 || age >= windows.settle) {
        Verdict::Rotate
    } else if presented == live {
        Verdict::Repeat
    } else if presented == session.denied_through && age < windows.retry {
        Verdict::Retry
    } else {
        Verdict::Reused
    }
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;
