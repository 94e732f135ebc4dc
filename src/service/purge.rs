//! Forgetting what is over, in small batches: no delete ever holds the database for long.

use crate::app::App;
use crate::error::Error;
use crate::model::id::SessionId;

const BATCH: i64 = 500;

/// What was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// Entries of the denylist.
    pub denials: usize,
    /// Sessions.
    pub sessions: usize,
}

/// Deletes every denial that is over.
///
/// # Errors
/// [`Error::Unavailable`].
pub fn denials(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    let mut total = 0_usize;
    loop {
        let deleted = app.store.write(|tx| tx.purge_denials(BATCH, now))?;
        total = total.saturating_add(deleted);
        if i64::try_from(deleted).is_ok_and(|deleted| deleted < BATCH) {
            return Ok(total);
        }
    }
}

/// Looks at one batch of sessions and deletes those that ended longer ago than the retention; answers where the next
/// batch begins, unless this was the last.
///
/// # Errors
/// [`Error::Unavailable`].
pub fn sessions(app: &App, after: Option<SessionId>) -> Result<(usize, Option<SessionId>), Error> {
    let before = app.clock.now() - app.config.lifetimes.retention;
    app.store.write(|tx| tx.purge_sessions(after, BATCH, before))
}

/// Deletes everything that is over.
///
/// # Errors
/// [`Error::Unavailable`]; what was deleted until then stays deleted.
pub fn all(app: &App) -> Result<Purged, Error> {
    let mut purged = Purged { denials: denials(app)?, sessions: 0 };
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
