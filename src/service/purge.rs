//! Forgetting what is over, in small batches: no delete ever holds the database for long.

use crate::app::App;
use crate::clock::Seconds;
use crate::engine::limiter::LONGEST;
use crate::error::Error;
use crate::jwt::MAX_CLOCK_SKEW;
use crate::model::id::SessionId;
use crate::store::Over;

const BATCH: i64 = 1_000;

/// Small rows, of which an attack leaves many.
const BATCH_OF_ALLOWANCES: i64 = 10_000;

/// A lapse becomes final this much later. Until then a newer token of a session whose rotations the database has lost (it
/// was restored from a backup, say) still brings it back, and a clock that is wrong for a while ends nothing.
const LAPSE_GRACE: Seconds = Seconds(86_400);

/// For so long it can still be said of a request for authorization or a code that it has expired or was used.
const AUTHORIZATION_MEMORY: Seconds = Seconds(3_600);

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

/// Deletes one batch of denials that are over; answers how many.
pub fn denials(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    app.store.write(|tx| tx.purge(Over::Denials, BATCH, now))
}

/// Deletes one batch of API tokens that were revoked or expired longer ago than ended sessions are kept; answers how many.
pub(crate) fn api_tokens(app: &App) -> Result<usize, Error> {
    let before = app.clock.now() - app.config.lifetimes.retention;
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
    let (from, until) = (now - MAX_CLOCK_SKEW, now + LONGEST + MAX_CLOCK_SKEW);
    app.store.write(|tx| tx.purge_allowances(BATCH_OF_ALLOWANCES, from, until))
}

/// Deletes all of them, without telling: they are of no interest to anybody.
pub(crate) fn all_allowances(app: &App) -> Result<usize, Error> {
    until_none_is_left(|| allowances(app))
}

/// Deletes all requests for authorization, codes and assertions that nobody asks about any more, without telling.
pub(crate) fn all_authorizations(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - AUTHORIZATION_MEMORY;
    until_none_is_left(|| app.store.write(|tx| tx.purge(Over::Authorizations, BATCH, by)))
}

/// Gives up one batch of messages that were not sent in time; returns how many.
pub(crate) fn messages(app: &App) -> Result<usize, Error> {
    app.outbox.give_up()
}

/// Looks at one batch of sessions: records the end of those that lapsed, deletes those that ended longer ago than the
/// retention. Answers how many were deleted, and where the next batch begins, unless this was the last.
pub(crate) fn sessions(app: &App, after: Option<SessionId>) -> Result<(usize, Option<SessionId>), Error> {
    let now = app.clock.now();
    app.store.write(|tx| tx.sweep_sessions(after, BATCH, now - LAPSE_GRACE, now - app.config.lifetimes.retention))
}

/// Deletes everything that is over.
///
/// After an error what was deleted until then stays deleted.
pub fn all(app: &App) -> Result<Purged, Error> {
    all_allowances(app)?;
    all_authorizations(app)?;
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
