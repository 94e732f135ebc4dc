//! Deleting what has expired, in small batches, so that a delete never blocks the database for long.

use crate::app::App;
use crate::clock::Seconds;
use crate::engine::limiter::LONGEST;
use crate::error::Error;
use crate::model::id::SessionId;
use crate::store::Over;

const BATCH: i64 = 1_000;

/// These rows are small, and an attack leaves many of them.
const BATCH_OF_ALLOWANCES: i64 = 10_000;

/// What may still be needed is only deleted this long after its time: an instance whose clock is ahead for a while (a wrong
/// time zone, for example) takes nothing from the others. A lapse becomes final then. Until then a newer token can still
/// restore a session whose rotations the database has lost (for example because it was restored from a backup).
const GRACE: Seconds = Seconds(86_400);

/// The same for rows of the limiter, of which there may be many, and which matter for an hour.
const GRACE_OF_ALLOWANCES: Seconds = LONGEST;

/// For so long it can still be said of a request for authorization, a code or a challenge that it has expired or was used.
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

/// Deletes one batch of denials that expired long ago; returns how many.
pub fn denials(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - GRACE;
    app.store.write(|tx| tx.purge(Over::Denials, BATCH, by))
}

/// Deletes one batch of API tokens that were revoked or expired longer ago than `SESSION_RETENTION`; returns how many.
pub(crate) fn api_tokens(app: &App) -> Result<usize, Error> {
    let before = app.clock.now() - app.config.lifetimes.retention.max(GRACE);
    app.store.write(|tx| tx.purge(Over::ApiTokens, BATCH, before))
}

/// Deletes one batch of events that are older than `AUDIT_RETENTION`; returns how many.
pub(crate) fn events(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - app.config.audit_retention - Seconds(1);
    app.store.write(|tx| tx.purge(Over::Events, BATCH, by))
}

/// Deletes one batch of rows of the limiter that have expired for all instances, or that only a wrong clock can have
/// written; returns how many.
fn allowances(app: &App) -> Result<usize, Error> {
    let now = app.clock.now();
    let (from, until) = (now - GRACE_OF_ALLOWANCES, now + LONGEST + GRACE_OF_ALLOWANCES);
    app.store.write(|tx| tx.purge_allowances(BATCH_OF_ALLOWANCES, from, until))
}

/// Deletes all of these rows. They are not reported, since they are of no interest to operators.
pub(crate) fn all_allowances(app: &App) -> Result<usize, Error> {
    until_none_is_left(|| allowances(app))
}

/// Deletes all authorization requests, codes and assertions that are no longer needed.
pub(crate) fn all_authorizations(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - AUTHORIZATION_MEMORY;
    until_none_is_left(|| app.store.write(|tx| tx.purge(Over::Authorizations, BATCH, by)))
}

/// Deletes all logins that wait for their next step no longer.
pub(crate) fn all_challenges(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - AUTHORIZATION_MEMORY;
    until_none_is_left(|| app.store.write(|tx| tx.purge(Over::Challenges, BATCH, by)))
}

/// Deletes all tokens of mails that have expired.
pub(crate) fn all_mail_tokens(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - AUTHORIZATION_MEMORY;
    until_none_is_left(|| app.store.write(|tx| tx.purge(Over::MailTokens, BATCH, by)))
}

/// Deletes all registrations and invitations that have expired, used or not.
pub(crate) fn all_registrations(app: &App) -> Result<usize, Error> {
    let by = app.clock.now() - GRACE;
    until_none_is_left(|| app.store.write(|tx| tx.purge(Over::Registrations, BATCH, by)))
}

/// Deletes one batch of messages that were not sent in time; returns how many.
pub(crate) fn messages(app: &App) -> Result<usize, Error> {
    app.outbox.give_up()
}

/// Handles one batch of sessions: records the end of those that lapsed, and deletes those that ended longer ago than
/// `SESSION_RETENTION`. Returns how many were deleted, and where the next batch begins, if there is one.
pub(crate) fn sessions(app: &App, after: Option<SessionId>) -> Result<(usize, Option<SessionId>), Error> {
    let now = app.clock.now();
    app.store.write(|tx| tx.sweep_sessions(after, BATCH, now - GRACE, now - app.config.lifetimes.retention))
}

/// Deletes everything that has expired.
///
/// After an error some of it is already deleted.
pub fn all(app: &App) -> Result<Purged, Error> {
    all_allowances(app)?;
    all_authorizations(app)?;
    all_challenges(app)?;
    all_mail_tokens(app)?;
    all_registrations(app)?;
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
