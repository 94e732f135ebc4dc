//! Forgetting what is over, in small batches: no delete ever holds the database for long.

use crate::app::App;
use crate::clock::Seconds;
use crate::engine::limiter::LONGEST;
use crate::error::Error;
use crate::model::id::SessionId;
use crate::store::Over;

const BATCH: i64 = 1_000;

/// Small rows, of which an attack leaves many.
const BATCH_OF_ALLOWANCES: i64 = 10_000;

/// What can still be needed goes only when its time is over by this much: an instance whose clock is ahead for a while, as
/// far as a wrong time zone can set it, takes nothing from the others. A lapse becomes final then. Until then a newer token
/// of a session whose rotations the database has lost (it was restored from a backup, say) still brings it back.
const GRACE: Seconds = Seconds(86_400);

/// The same for rows of the limiter, of which there may be many, and which matter for an hour.
const GRACE_OF_ALLOWANCES: Seconds = LONGEST;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Entries of the denylist.
    pub denials: usize,
    /// Sessions.
    pub sessions: usize,
    /// API tokens.
    pub api_tokens: usize,
    /// Events of the audit log.
    pub events: usize,
}

/// Deletes one batch of denials that have long been over; answers how many.
pub fn denials(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - GRACE;
    app.store.write(|tx| tx.purge(Over::Denials, BATCH, by))
}

/// Deletes one batch of API tokens that were revoked or expired longer ago than ended sessions are kept; answers how many.
pub(crate) fn api_tokens(app: &App) -> Result<usize, Error> {
    let before = app.clock.now() - app.config.lifetimes.retention.max(GRACE);
    app.store.write(|tx| tx.purge(Over::ApiTokens, BATCH, before))
}

/// Deletes one batch of events that are older than the retention; answers how many.
pub(crate) fn events(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - app.config.audit_retention - Seconds(1);
    app.store.write(|tx| tx.purge(Over::Events, BATCH, by))
}

/// Deletes one batch of rows of the limiter that say nothing any more to any instance, or that only a clock that was wrong
/// can have written; returns how many.
fn allowances(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    let (from, until) = (now - GRACE_OF_ALLOWANCES, now + LONGEST + GRACE_OF_ALLOWANCES);
    app.store.write(|tx| tx.purge_allowances(BATCH_OF_ALLOWANCES, from, until))
}

/// Deletes all of them, without telling: they are of no interest to anybody.
pub(crate) fn all_allowances(app: &App) -> Result<usize, Error> {
    until_none_is_left(|| allowances(app))
}

/// Gives up one batch of messages that were not sent in time; returns how many.
pub(crate) fn messages(app: &App) -> Result<usize, Error> {
    app.outbox.give_up()
}

/// Looks at one batch of sessions: records the end of those that lapsed, deletes those that ended longer ago than the
/// retention. Answers how many were deleted, and where the next batch begins, unless this was the last.
pub(crate) fn sessions(app: &App, after: Option<SessionId>) -> Result<(usize, Option<SessionId>), Error> {
    let now = app.clock.now();
    app.store.write(|tx| tx.sweep_sessions(after, BATCH, now - GRACE, now - app.config.lifetimes.retention))
}

/// Deletes everything that is over.
///
/// After an error what was deleted until then stays deleted.
pub fn all(app: &App) -> Result<Purged, Error> {
    all_allowances(app)?;
    let mut purged = Purged {
        denials: until_none_is_left(|| denials(app))?,
        api_tokens: until_none_is_left(|| api_tokens(app))?,
        events: until_none_is_left(|| events(app))?,
        sessions: 0,
    };
    until_none_is_left(|| messages(app))?;
    let mut after = None;
    loop {
        let (deleted, next) = sessions(app, after)?;
        purged.sessions = purged.sessions.saturating_add(deleted);
        if next.is_none() {
            return Ok(purged);
        }
        after = next;
    }
}

fn until_none_is_left(batch: impl Fn() -> Result<usize, Error>) -> Result<usize, Error> {
    let mut deleted = 0_usize;
    loop {
        match batch()? {
            0 => return Ok(deleted),
            more => deleted = deleted.saturating_add(more),
        }
    }
}
