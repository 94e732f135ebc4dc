//! The judge of refresh tokens: one pure function that every path to a rotation calls.
//!
//! A session's refresh tokens are numbered from 1. Its row carries a high-water mark, `denied_through`: every
//! generation up to the mark is on the denylist and the next one is live. A refresh moves the mark by one, in place.
//!
//! [RFC 9700 section 4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2) wants a replayed refresh token to
//! end the session; FAPI 2.0 section 5.3.2.1 wants a client that lost the answer to get it again. Both hold with this
//! definition: a generation is *invalidated* when its successor has been rotated in turn, or its retry window ends, or
//! its session has been shared with strangers beyond the limit, whichever is first. Presenting an invalidated generation
//! is replay.
//!
//! The rule on strangers is for a thief who always comes second, within the retry window: a late retry marks the
//! generation as shared, or as strange when it comes from another context than the rotation, and the session's counters
//! of such generations have limits.

use super::session::{EndReason, Session};
use super::sharing::{Context, Mark, Sharing};
use crate::clock::{Seconds, Timestamp};

/// How far a rotation forgives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// While the live token is younger than this, it answers with itself: a burst of tabs is one rotation.
    pub(crate) settle: Seconds,
    /// While the live token is younger than this, its predecessor still gets it: a lost answer can be asked for again.
    pub(crate) retry: Seconds,
}

impl Windows {
    /// From this age on a retry is late: bursts, double calls and parallel renders are over by then.
    fn late(self) -> Seconds {
        self.settle.max(Seconds(self.retry.0.saturating_add(8) / 9))
    }
}

/// How often a session may be shared before it ends; 0 is any number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// So many generations may be strange.
    pub(crate) strange: u32,
    /// So many generations may be shared.
    pub(crate) shared: u32,
}

/// What a refresh is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What is a retry.
    pub(crate) windows: Windows,
    /// What is too many of them.
    pub(crate) limits: Limits,
}

/// A well-signed, unexpired refresh token, and who presents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Its number in its session.
    pub generation: i64,
    /// Where it comes from, if that is known.
    pub context: Option<Context>,
    /// Whether the client has authenticated: to a thief the token is of no use without the client's key, and no generation
    /// is marked.
    pub is_bound: bool,
}

/// What a presented refresh token gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The session is over, or there is none: nothing is written.
    Refused(Refusal),
    /// The live one: move the mark by one; the answer is the next generation.
    Rotate,
    /// The live one, too young to rotate: the answer is this same token; nothing is written.
    Repeat,
    /// The one just before, within its retry window: the answer is the live token; nothing is written but that the
    /// generation was shared, if it comes late.
    Retry,
    /// An invalidated one: end the session, for this reason.
    Reused(EndReason),
    /// One that this service signed but the database does not know of: it lost acknowledged writes. Move the mark to
    /// the presented generation, so that every older copy is denied; the answer is the next one.
    Heal,
}

impl Verdict {
    /// Where the mark goes, if it moves.
    pub(crate) fn new_mark(self, presented: i64) -> Option<i64> {
        matches!(self, Self::Rotate | Self::Heal).then_some(presented)
    }
}

/// Why a well-signed refresh token gets nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The row is gone: the session ended long ago, or was deleted with its user.
    UnknownSession,
    /// The session has ended.
    Ended(EndReason),
    /// The user is disabled.
    UserDisabled,
}

/// The verdict, and what the row is to hold of how the session is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What the token gets.
    pub(crate) verdict: Verdict,
    /// As it is to be; what the row holds already, unless the verdict is to rotate or to heal, or a mark was raised.
    pub(crate) sharing: Sharing,
    /// The mark that the retried generation got by this.
    pub(crate) raised: Option<Mark>,
    /// Whether that is worth a security event.
    pub(crate) is_alarming: bool,
}

/// The mark that makes it so many shared generations is worth a security event.
const ALARMING_SHARED: i16 = 10;

/// Judges a well-signed, unexpired refresh token against its session's row.
///
/// The row's own idle end is not asked for: the token carries it, and after a heal the token knows better.
pub fn judge(
    presented: Presented,
    session: Option<&Session>,
    user_active: bool,
    rules: Rules,
    now: Timestamp,
) -> Judgement {
    let sharing = session.map(|session| session.sharing).unwrap_or_default();
    let plain = |verdict| Judgement { verdict, sharing, raised: None, is_alarming: false };
    let refused = |refusal| plain(Verdict::Refused(refusal));
    let Some(session) = session else {
        return refused(Refusal::UnknownSession);
    };
    if let Some(end) = session.end {
        return refused(Refusal::Ended(end.reason));
    }
    if now >= session.expires_at {
        return refused(Refusal::Ended(EndReason::AbsoluteEnd));
    }
    if !user_active {
        return refused(Refusal::UserDisabled);
    }
    let Presented { generation, context, is_bound } = presented;
    let sharing = sharing.at(session.denied_through);
    match judge_live(generation, session, rules.windows, now) {
        Verdict::Rotate => Judgement { sharing: sharing.rotated(generation, context), ..plain(Verdict::Rotate) },
        Verdict::Heal => Judgement { sharing: Sharing::healed(generation, context), ..plain(Verdict::Heal) },
        Verdict::Retry if !is_bound && now - session.rotated_at >= rules.windows.late() => {
            judge_late_retry(context, sharing, rules.limits)
        }
        verdict => plain(verdict),
    }
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
        Verdict::Reused(EndReason::Reuse)
    }
}

fn judge_late_retry(context: Option<Context>, before: Sharing, limits: Limits) -> Judgement {
    let rotated_by = before.context;
    let is_stranger = context.zip(rotated_by).is_some_and(|(context, rotated_by)| context.differs_from(rotated_by));
    let mark = before.mark.max(if is_stranger { Mark::Strange } else { Mark::Shared });
    let raised = (mark > before.mark).then_some(mark);
    let has_reached = |count: i16, limit: u32| limit > 0 && i64::from(count) >= i64::from(limit);
    let is_over =
        is_stranger && has_reached(before.strange, limits.strange) || has_reached(before.shared, limits.shared);
    let is_first_stranger = raised == Some(Mark::Strange) && before.strange == 0;
    let is_shared_often = before.mark == Mark::Unmarked && before.shared.saturating_add(1) == ALARMING_SHARED;
    Judgement {
        verdict: if is_over { Verdict::Reused(EndReason::Shared) } else { Verdict::Retry },
        sharing: Sharing { mark, ..before },
        raised,
        is_alarming: is_first_stranger || is_shared_often,
    }
}

#[cfg(test)]
#[path = "rotation_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "strangers_tests.rs"]
mod strangers;
