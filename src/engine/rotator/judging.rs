//! Judging the refreshes of a batch one by one: the result of each, and the changes of its session's row. This only
//! computes values; it writes nothing and reports nothing.

use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::RefreshClaims;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::compat::SIMPLEJWT_CLIENT;
use crate::model::denial::Denial;
use crate::model::grant::Live;
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::{Judgement, Presented, Refusal, Rules, Verdict, judge};
use crate::model::session::{End, EndReason, Session};
use crate::model::sharing::{Context, Mark};
use crate::store::Moved;

/// The client that asks for a refresh.
pub(crate) struct Client {
    /// Where the request comes from. There is no actor, since the client may be the token's owner or a thief.
    pub(crate) origin: Origin,
    /// Network and user agent.
    pub(crate) context: Context,
    /// Whether it has authenticated as the client that the token belongs to.
    pub(crate) is_bound: bool,
}

/// A requested refresh: a verified token, and where it came from.
pub(super) struct Asked {
    pub(crate) claims: RefreshClaims,
    pub(crate) client: Client,
}

impl Asked {
    /// An event that this token has caused.
    fn event(&self, name: EventName, now: Timestamp) -> Event {
        let RefreshClaims { sid, sub, generation, .. } = &self.claims;
        self.client.origin.event(now, name).about(*sub).of_session(*sid).with(format_args!("generation {generation}"))
    }
}

/// The result of a refresh.
pub(super) enum Outcome {
    Live { live: Box<Live>, verdict: Verdict },
    Reused,
    Failed(Error),
}

/// The judgement of one refresh of a batch.
pub(super) struct Judged {
    pub(crate) outcome: Outcome,
    /// The mark that its generation got, if it was raised.
    pub(crate) raised: Option<Mark>,
    /// Whether the result is valid only if the row is written, because the batch has rotated, healed or ended the
    /// session. Results from before that stay valid, even if the row was changed by others and a mark cannot be
    /// written.
    pub(crate) rests_on_the_row: bool,
}

impl From<Error> for Judged {
    fn from(error: Error) -> Self {
        Self { outcome: Outcome::Failed(error), raised: None, rests_on_the_row: false }
    }
}

/// A row while its batch is judged.
pub(super) struct Row {
    live: Live,
    /// The row in the database.
    from: Session,
    /// The events to record.
    events: Vec<Event>,
}

impl Row {
    pub(super) fn new(live: Live) -> Self {
        Self { from: live.session, live, events: Vec::new() }
    }

    /// Whether there is something to write.
    pub(super) fn is_changed(&self) -> bool {
        self.live.session != self.from
    }

    /// Whether a refresh of the batch has rotated, healed or ended it.
    fn has_moved(&self) -> bool {
        let session = &self.live.session;
        (session.denied_through, session.end) != (self.from.denied_through, self.from.end)
    }
}

/// The rules for judging refreshes.
pub(super) struct Judge {
    pub(crate) lifetimes: Lifetimes,
    pub(crate) rules: Rules,
    /// Whether refresh tokens of simplejwt's endpoints are replaced when they are used.
    pub(crate) rotates_simplejwt: bool,
}

impl Judge {
    /// Judges one refresh against its row, with the changes of earlier ones of the batch.
    pub(super) fn judge(&self, row: &mut Row, asked: &Asked, now: Timestamp) -> Judged {
        let generation = asked.claims.generation;
        let presented = Presented { generation, context: Some(asked.client.context), is_bound: asked.client.is_bound };
        let rotates = self.rotates_simplejwt || asked.claims.client_id != SIMPLEJWT_CLIENT;
        let rules = Rules { rotates, ..self.rules };
        let Live { session, user, .. } = &mut row.live;
        let Judgement { verdict, sharing, raised, is_alarming } =
            judge(presented, Some(session), user.disabled_at.is_none(), rules, now);
        session.sharing = sharing;
        if let Some(mark) = raised.filter(|_| is_alarming) {
            let event = asked.event(EventName::SessionShared, now);
            row.events.push(event.with(format_args!("generation {generation}, {}", mark.name())));
        }
        if let Some(mark) = verdict.new_mark(generation) {
            *session = self.lifetimes.rotated(*session, mark, now);
        }
        let outcome = match verdict {
            Verdict::Refused(refusal) => Outcome::Failed(refusal.into()),
            Verdict::Reused(reason) => {
                let end = End { at: now, reason };
                session.end = Some(end);
                let event = asked.event(EventName::RefreshTokenReused, now);
                row.events.push(match reason {
                    EndReason::Shared => event.with(format_args!("generation {generation}, {reason}")),
                    _ => event,
                });
                Outcome::Reused
            }
            Verdict::Heal => {
                row.events.push(asked.event(EventName::SessionHealed, now));
                Outcome::Live { live: Box::new(row.live.clone()), verdict }
            }
            Verdict::Rotate | Verdict::Repeat | Verdict::Retry => {
                Outcome::Live { live: Box::new(row.live.clone()), verdict }
            }
        };
        Judged { outcome, raised, rests_on_the_row: row.has_moved() }
    }

    /// What must be written for a changed row.
    pub(super) fn moved(&self, row: Row) -> Moved {
        let session = row.live.session;
        let access = self.lifetimes.access;
        let denial = session.end.map(|end| Denial::of_session(session.id, end.at, session.access_expires_by, access));
        Moved { session, from: row.from, denial, events: row.events }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownSession => Self::SessionUnknown,
            Refusal::Ended(reason) => Self::SessionEnded(reason),
            Refusal::UserDisabled => Self::AccountDisabled,
        }
    }
}
