//! The judge of refresh tokens: one pure function that every path to a rotation calls.
//!
//! A session's refresh tokens are numbered from 1. Its row carries a high-water mark, `denied_through`: every
//! generation up to the mark is on the denylist and the next one is live. A refresh moves the mark by one, in place.
//!
//! [RFC 9700 section 4.14.2](https://www.rfc-editor.org/rfc/rfc9700#section-4.14.2) requires that a replayed refresh
//! token ends the session; FAPI 2.0 section 5.3.2.1 requires that a client that lost the response can get it again.
//! This definition satisfies both: a generation is *invalidated* when its successor has been rotated in turn, or its
//! retry window ends, or its session has been shared with strangers beyond the limit, whichever is first. Presenting an
//! invalidated generation is replay.
//!
//! The rule on strangers is against a thief who always comes second, within the retry window. A late retry marks the
//! generation as shared, or as strange if it comes from another context than the rotation. The session counts such
//! generations, and the counters have limits.

use super::session::{EndReason, Session};
use super::sharing::{Context, Mark, Sharing};
use crate::clock::{Seconds, Timestamp};

/// The time windows in which a repeated refresh is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// While the live token is younger than this, a refresh with it returns the same token, so that several tabs at
    /// once cause one rotation.
    pub(crate) settle: Seconds,
    /// While the live token is younger than this, a refresh with its predecessor returns the live token, so that a lost
    /// response can be requested again.
    pub(crate) retry: Seconds,
}

impl Windows {
    /// From this age on a retry is late: bursts, double calls and parallel renders have ended by then.
    fn late(self) -> Seconds {
        self.settle.max(Seconds(self.retry.0.saturating_add(8) / 9))
    }
}

/// How often a session may be shared before it ends; 0: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many generations may be strange.
    pub(crate) strange: u32,
    /// How many generations may be shared.
    pub(crate) shared: u32,
}

/// The rules for judging a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When a refresh is a retry.
    pub(crate) windows: Windows,
    /// When there are too many retries.
    pub(crate) limits: Limits,
    /// Whether the live token is replaced when it is used. If not, it is good until it expires, and nothing is written.
    pub(crate) rotates: bool,
}

/// A refresh token with a valid signature that has not expired, and the client that presents it.
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

/// The verdict on a presented refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The session has ended or does not exist: nothing is written.
    Refused(Refusal),
    /// The live token: move the mark by one and return the next generation.
    Rotate,
    /// The live token, too young to rotate, or of a session that does not rotate: return the same token; nothing is
    /// written.
    Repeat,
    /// The previous token, within its retry window: return the live token. If the retry is late, write that the
    /// generation was shared; otherwise nothing.
    Retry,
    /// An invalidated token: end the session, for this reason.
    Reused(EndReason),
    /// A token that this service signed but the database does not know, because it lost committed writes. Move the mark
    /// to the presented generation, so that all older tokens are denied, and return the next generation.
    Heal,
}

impl Verdict {
    /// The new mark, if it moves.
    pub(crate) fn new_mark(self, presented: i64) -> Option<i64> {
        matches!(self, Self::Rotate | Self::Heal).then_some(presented)
    }
}

/// Why a refresh token with a valid signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no row: the session ended long ago, or was deleted with its user.
    UnknownSession,
    /// The session has ended.
    Ended(EndReason),
    /// The user is disabled.
    UserDisabled,
}

/// The verdict, and the new state of how the session is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict on the token.
    pub(crate) verdict: Verdict,
    /// The new state. It is unchanged unless the verdict is to rotate or to heal, or a mark was raised.
    pub(crate) sharing: Sharing,
    /// The mark that the retried generation gets, if it rises.
    pub(crate) raised: Option<Mark>,
    /// Whether this should be recorded as a security event.
    pub(crate) is_alarming: bool,
}

/// When the number of shared generations reaches this, it is recorded as a security event.
const ALARMING_SHARED: i16 = 10;

/// Judges a well-signed, unexpired refresh token against its session's row.
///
/// The row's idle end is not checked, because the token has its own expiry, which is more accurate after a heal.
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
    match judge_live(generation, session, rules, now) {
        Verdict::Rotate => Judgement { sharing: sharing.rotated(generation, context), ..plain(Verdict::Rotate) },
        Verdict::Heal => Judgement { sharing: Sharing::healed(generation, context), ..plain(Verdict::Heal) },
        Verdict::Retry if !is_bound && now - session.rotated_at >= rules.windows.late() => {
            judge_late_retry(context, sharing, rules.limits)
        }
        verdict => plain(verdict),
    }
}

fn judge_live(presented: i64, session: &Session, rules: Rules, now: Timestamp) -> Verdict {
    let Rules { windows, rotates, .. } = rules;
    let age = now - session.rotated_at;
    let live = session.live_generation();
    if presented > live {
        Verdict::Heal
    } else if presented == live && rotates && (session.denied_through == 0 || age >= windows.settle) {
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
