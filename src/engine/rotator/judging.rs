//! Judging the refreshes and ends of a batch one by one: the result of each, and the changes of its session's row. This
//! only computes values; it writes nothing and reports nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::jwt::RefreshClaims;
use crate::model::audit::{Event, EventName, Origin};
use crate::model::compat::SIMPLEJWT_CLIENT;
use crate::model::denial::Denial;
use crate::model::grant::Live;
use crate::model::id::{SessionId, UserId};
use crate::model::lifetimes::Lifetimes;
use crate::model::rotation::{Judgement, Presented, Refusal, Rules, Verdict, judge};
use crate::model::session::{End, EndReason, Session};
use crate::model::sharing::{Context, Mark};
use crate::store::{Found, Moved};

/// The client that asks for a refresh.
pub(crate) struct Client {
    /// Where the request comes from. There is no actor, since the client may be the token's owner or a thief.
    pub(crate) origin: Origin,
    /// Network and user agent.
    pub(crate) context: Context,
    /// Whether it has authenticated as the client that the token belongs to.
    pub(crate) is_bound: bool,
}

/// What is asked of a session.
pub(super) enum Asked {
    Refresh(Refresh),
    End(Ending),
}

impl Asked {
    pub(super) fn session(&self) -> SessionId {
        match self {
            Self::Refresh(refresh) => refresh.claims.sid,
            Self::End(ending) => ending.session,
        }
    }

    /// The session, if it is to end.
    pub(super) fn ending(&self) -> Option<SessionId> {
        matches!(self, Self::End(_)).then(|| self.session())
    }
}

/// A requested refresh: a verified token, and where it came from.
pub(super) struct Refresh {
    pub(crate) claims: RefreshClaims,
    pub(crate) client: Client,
}

impl Refresh {
    /// An event that this token has caused.
    fn event(&self, name: EventName, now: Timestamp) -> Event {
        let RefreshClaims { sid, sub, generation, .. } = &self.claims;
        self.client.origin.event(now, name).about(*sub).of_session(*sid).with(format_args!("generation {generation}"))
    }
}

/// A session that is to end, with the grants that began in it and do not outlive it.
pub(crate) struct Ending {
    /// Its user.
    pub(crate) user: UserId,
    /// The session.
    pub(crate) session: SessionId,
    /// Why.
    pub(crate) reason: EndReason,
    /// Who asks.
    pub(crate) origin: Origin,
}

impl Ending {
    /// The event, with the number of grants that end.
    fn event(&self, now: Timestamp, grants: usize) -> Event {
        let name = match self.reason {
            EndReason::Logout => EventName::Logout,
            // Of a code: the reuse of a refresh token has an event of its own.
            EndReason::Reuse => EventName::CodeReused,
            _ => EventName::SessionEnded,
        };
        let event = self.origin.event(now, name).about(self.user).of_session(self.session);
        if grants > 0 { event.with(format_args!("{grants} grants")) } else { event }
    }
}

/// The result of a refresh or an end.
pub(super) enum Outcome {
    Live { live: Box<Live>, verdict: Verdict },
    Reused,
    Failed(Error),
    End(Result<Box<Live>, Error>),
}

/// The judgement of one refresh or end of a batch.
pub(super) struct Judged {
    pub(crate) outcome: Outcome,
    /// The mark that its generation got, if it was raised.
    pub(crate) raised: Option<Mark>,
    /// The sessions that must be written for the result to be valid, because the batch has rotated, healed or ended them.
    /// Results from before that stay valid, even if the row was changed by others and a mark cannot be written.
    pub(crate) rests_on: Vec<SessionId>,
}

impl From<Error> for Judged {
    fn from(error: Error) -> Self {
        Outcome::Failed(error).into()
    }
}

impl From<Outcome> for Judged {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, raised: None, rests_on: Vec::new() }
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

    /// Its id, if the batch has rotated, healed or ended it.
    fn moved(&self) -> Option<SessionId> {
        let session = &self.live.session;
        let has_moved = (session.denied_through, session.end) != (self.from.denied_through, self.from.end);
        has_moved.then_some(session.id)
    }

    /// Ends it, if it has not ended; returns whether it was live.
    fn end(&mut self, end: End) -> bool {
        let was_live = self.live.session.end.is_none();
        self.live.session.end.get_or_insert(end);
        was_live
    }
}

/// The rows of a batch, or why they cannot be read.
pub(super) struct Rows {
    rows: HashMap<SessionId, Result<Row, Arc<Error>>>,
    /// Those that began in the session of a browser that is to end, and end with it.
    grants: Vec<(SessionId, SessionId)>,
}

impl Rows {
    pub(super) fn new(found: Vec<Found>, ending: &[SessionId]) -> Self {
        let rows: HashMap<_, _> =
            found.into_iter().map(|(id, found)| (id, found.map(Row::new).map_err(Arc::new))).collect();
        let grant = |(id, row): (&SessionId, &Result<Row, _>)| {
            let grant = row.as_ref().ok()?.live.grant.as_ref()?;
            let browser = grant.browser_session.filter(|browser| grant.ends_with(*browser))?;
            Some((browser, *id))
        };
        let grants = if ending.is_empty() { Vec::new() } else { rows.iter().filter_map(grant).collect() };
        Self { rows, grants }
    }

    /// Its row, if it is stored.
    fn find(&mut self, id: SessionId) -> Result<Option<&mut Row>, Error> {
        self.rows.get_mut(&id).map(Result::as_mut).transpose().map_err(|damaged| Error::of_batch(damaged))
    }

    /// The grants of a user that end with the session of a browser.
    fn grants_within(&mut self, user: UserId, browser: SessionId) -> Vec<SessionId> {
        let within = self.grants.iter().filter(|(of, _)| *of == browser).map(|(_, id)| *id);
        within.filter(|id| matches!(self.rows.get(id), Some(Ok(row)) if row.live.user.id == user)).collect()
    }

    /// What must be written.
    pub(super) fn into_moved(self, judge: &Judge) -> Vec<Moved> {
        self.rows.into_values().flatten().filter(Row::is_changed).map(|row| judge.moved(row)).collect()
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
    /// Judges one refresh or end against its row, with the changes of earlier ones of the batch.
    pub(super) fn judge(&self, rows: &mut Rows, asked: &Asked, now: Timestamp) -> Judged {
        match asked {
            Asked::Refresh(asked) => match rows.find(asked.claims.sid) {
                Ok(Some(row)) => self.refresh(row, asked, now),
                Ok(None) => Error::from(Refusal::UnknownSession).into(),
                Err(damaged) => damaged.into(),
            },
            Asked::End(ending) => end(rows, ending, now).unwrap_or_else(|error| Outcome::End(Err(error)).into()),
        }
    }

    fn refresh(&self, row: &mut Row, asked: &Refresh, now: Timestamp) -> Judged {
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
        Judged { outcome, raised, rests_on: row.moved().into_iter().collect() }
    }

    /// What must be written for a changed row.
    fn moved(&self, row: Row) -> Moved {
        let session = row.live.session;
        let access = self.lifetimes.access;
        let denial = session.end.map(|end| Denial::of_session(session.id, end.at, session.access_expires_by, access));
        Moved { session, from: row.from, denial, events: row.events }
    }
}

/// Ends a session of its user, and its grants. One that has already ended is not changed, and may have live grants even so.
fn end(rows: &mut Rows, ending: &Ending, now: Timestamp) -> Result<Judged, Error> {
    let (user, session, reason) = (ending.user, ending.session, ending.reason);
    let before = rows.find(session)?.map(|row| row.live.clone()).filter(|live| live.user.id == user);
    let before = Box::new(before.ok_or(Error::SessionNotFound)?);
    let (end, mut rests_on, mut grants) = (End { at: now, reason }, Vec::new(), 0);
    for id in rows.grants_within(user, session) {
        if let Some(grant) = rows.find(id)? {
            grants += usize::from(grant.end(end));
            rests_on.extend(grant.moved());
        }
    }
    if let Some(row) = rows.find(session)? {
        if row.end(end) {
            row.events.push(ending.event(now, grants));
        }
        rests_on.extend(row.moved());
    }
    Ok(Judged { outcome: Outcome::End(Ok(before)), raised: None, rests_on })
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
