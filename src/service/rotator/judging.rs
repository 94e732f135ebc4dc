//! The judging of a batch's refreshes, one by one: what comes of each, and of its session's row.

use super::{Batches, Job};
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::audit::{Event, EventName};
use crate::model::denial::Denial;
use crate::model::grant::Live;
use crate::model::rotation::{Judgement, Presented, Refusal, Verdict, judge};
use crate::model::session::{End, EndReason, Session};
use crate::model::sharing::Mark;
use crate::service::audit;
use crate::store::{Moved, Written};

/// What a refresh is answered.
enum Outcome {
    Live { live: Box<Live>, verdict: Verdict },
    Reused(Denial),
    Failed(Error),
}

/// What comes of one of a batch.
pub(super) struct Judged {
    outcome: Outcome,
    /// The mark that its generation got.
    raised: Option<Mark>,
    /// Whether the outcome holds only once the row is written: it has been rotated, healed or ended by then. What was judged
    /// before that holds as it was judged, also when the row has moved on meanwhile and a mark cannot be written.
    rests_on_the_row: bool,
}

impl From<Error> for Judged {
    fn from(error: Error) -> Self {
        Self { outcome: Outcome::Failed(error), raised: None, rests_on_the_row: false }
    }
}

/// A row in the course of a batch.
pub(super) struct Row {
    live: Live,
    /// As it is in the database.
    from: Session,
    /// What is to be recorded of it.
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

    /// Whether one of the batch has rotated, healed or ended it.
    fn has_moved(&self) -> bool {
        let session = &self.live.session;
        (session.denied_through, session.end) != (self.from.denied_through, self.from.end)
    }
}

impl Batches {
    /// Judges one against its row as the ones before it in the batch have left it.
    pub(super) fn judge(&self, row: &mut Row, job: &Job, now: Timestamp) -> Judged {
        let generation = job.claims.generation;
        let presented = Presented { generation, context: Some(job.client.context) };
        let Live { session, user, .. } = &mut row.live;
        let Judgement { verdict, sharing, raised, is_alarming } =
            judge(presented, Some(session), user.disabled_at.is_none(), self.rules, now);
        session.sharing = sharing;
        if let Some(mark) = raised.filter(|_| is_alarming) {
            let event = job.event(EventName::SessionShared, now);
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
                let event = job.event(EventName::RefreshTokenReused, now);
                row.events.push(match reason {
                    EndReason::Shared => event.with(format_args!("generation {generation}, {reason}")),
                    _ => event,
                });
                Outcome::Reused(self.denial(session, end))
            }
            Verdict::Heal => {
                row.events.push(job.event(EventName::SessionHealed, now));
                Outcome::Live { live: Box::new(row.live.clone()), verdict }
            }
            Verdict::Rotate | Verdict::Repeat | Verdict::Retry => {
                Outcome::Live { live: Box::new(row.live.clone()), verdict }
            }
        };
        Judged { outcome, raised, rests_on_the_row: row.has_moved() }
    }

    pub(super) fn moved(&self, row: Row) -> Moved {
        let session = row.live.session;
        Moved { session, from: row.from, denial: session.end.map(|end| self.denial(&session, end)), events: row.events }
    }

    fn denial(&self, session: &Session, end: End) -> Denial {
        Denial::of_session(session.id, end.at, session.access_expires_by, self.lifetimes.access)
    }

    /// Answers what holds, now that it is known what was written; gives back the others.
    pub(super) fn conclude(&self, judged: impl Iterator<Item = (Job, Judged)>, written: &Written) -> Vec<Job> {
        for event in &written.events {
            audit::tell(&self.metrics, event);
        }
        let mut moved_on = Vec::new();
        for (job, Judged { outcome, raised, rests_on_the_row }) in judged {
            let is_written = written.sessions.contains(&job.claims.sid);
            if rests_on_the_row && !is_written {
                moved_on.push(job);
                continue;
            }
            if let Some(mark) = raised.filter(|_| is_written) {
                self.metrics.marked_generation(mark.name());
            }
            let answer = self.answer_of(outcome);
            job.answer(answer);
        }
        moved_on
    }

    fn answer_of(&self, outcome: Outcome) -> Result<Live, Error> {
        match outcome {
            Outcome::Live { live, verdict } => {
                self.metrics.refresh(match verdict {
                    Verdict::Rotate => "rotated",
                    Verdict::Repeat => "repeated",
                    Verdict::Retry => "retried",
                    _ => "healed",
                });
                Ok(*live)
            }
            Outcome::Reused(denial) => {
                self.metrics.refresh("reused");
                self.denylist.add([denial]);
                Err(Error::RefreshTokenReused)
            }
            Outcome::Failed(error) => {
                self.metrics.refresh("refused");
                Err(error)
            }
        }
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
