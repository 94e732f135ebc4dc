//! The background tasks, each with its own period. They follow other instances' denials and the folder of the keys,
//! create and remove keys, and delete what has expired.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{decoy, keys, purge, usernames};
use crate::app::App;
use crate::engine::background::{Periodic, Tasks};
use crate::error::Error;
use crate::model::id::SessionId;

/// Another instance's denial is known here after this time plus one query, that is within two seconds.
const ROUND: Duration = Duration::from_secs(1);

/// How often the service checks the length of SQLite's log. Between two checks a fast disk takes some thousand pages.
const BETWEEN_CHECKPOINTS: Duration = Duration::from_millis(250);

/// From the end of one walk through the sessions to the start of the next. A walk takes one batch each round.
const BETWEEN_WALKS: Duration = Duration::from_secs(60);

/// How often the uses of API tokens are recorded.
const BETWEEN_RECORDS: Duration = Duration::from_secs(10);

/// How often the service checks whether a key must be created.
const BETWEEN_KEYS: Duration = Duration::from_secs(60);

/// How often the service checks whether a key must be removed, which may read every session.
const BETWEEN_REMOVALS: Duration = Duration::from_secs(3_600);

/// How often the service looks which hash is the most common, which may take a second where there are millions of another system.
const BETWEEN_DECOYS: Duration = Duration::from_secs(300);

/// A round of following that takes longer is abandoned, because its connection may hang.
const MAX_FOLLOW_TIME: Duration = Duration::from_secs(10);

/// The same for the other tasks that use the database; each of their rounds has several statements.
const MAX_ROUND_TIME: Duration = Duration::from_secs(60);

/// Starts the tasks, each on its own thread, so that they do not delay each other if the database or the folder hangs.
pub(crate) fn start(app: &Arc<App>) -> io::Result<Tasks> {
    let mut started = Tasks::new(Arc::clone(&app.clock), Arc::clone(&app.metrics));
    for task in tasks(app) {
        started.start(task)?;
    }
    Ok(started)
}

fn tasks(app: &Arc<App>) -> Vec<Periodic> {
    let task = |name, period, longest, work: fn(&App) -> Result<(), Error>| {
        let app = Arc::clone(app);
        Periodic { name, period, longest, work: Box::new(move || work(&app)) }
    };
    let follow = |app: &App| app.denylist.follow(&app.store, app.clock.now());
    let walk = Walk { app: Arc::clone(app), place: Mutex::new((Instant::now(), None)) };
    let long = Some(MAX_ROUND_TIME);
    let mut tasks = vec![
        task("follow the denylist", ROUND, Some(MAX_FOLLOW_TIME), follow),
        task("follow the clients", ROUND, Some(MAX_FOLLOW_TIME), |app| app.known_clients.follow()),
        task("follow the custom claims", ROUND, Some(MAX_FOLLOW_TIME), |app| app.known_claims.follow()),
        task("watch the database's file", ROUND, None, |app| app.store.check_file()),
        task("checkpoint", BETWEEN_CHECKPOINTS, None, |app| app.store.checkpoint()),
        task("follow the keys", ROUND, None, keys::follow),
        task("make the next key", BETWEEN_KEYS, None, keys::make_next),
        task("remove retired keys", BETWEEN_REMOVALS, long, keys::remove_retired),
        task("record the use of API tokens", BETWEEN_RECORDS, long, |app| app.api_tokens.record_uses()),
        task("complete usernames", BETWEEN_RECORDS, long, usernames::add_skeletons),
        task("choose the decoy", BETWEEN_DECOYS, long, decoy::choose),
        task("settle attempts", ROUND, long, |app| app.limiter.settle()),
        Periodic { name: "purge", period: ROUND, longest: long, work: Box::new(move || walk.forget()) },
    ];
    for kind in app.outbox.kinds() {
        let app = Arc::clone(app);
        let send = move || app.outbox.send_due(kind).map(|_tried| ());
        tasks.push(Periodic { name: kind, period: ROUND, longest: long, work: Box::new(send) });
    }
    tasks
}

struct Walk {
    app: Arc<App>,
    /// When the last walk through the sessions ended, and where the current one continues.
    place: Mutex<(Instant, Option<SessionId>)>,
}

impl Walk {
    /// Deletes at most one batch of each table, but all expired allowances and authorizations, which are small.
    fn forget(&self) -> Result<(), Error> {
        let app = &self.app;
        let denials = purge::denials(app)?;
        let events = purge::events(app)?;
        let (mut sessions, mut api_tokens) = (0, 0);
        let place = || self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended_at, next) = *place();
        if next.is_some() || ended_at.elapsed() >= BETWEEN_WALKS {
            let (deleted, next) = purge::sessions(app, next)?;
            sessions = deleted;
            api_tokens = purge::api_tokens(app)?;
            purge::all_allowances(app)?;
            purge::all_authorizations(app)?;
            purge::all_challenges(app)?;
            purge::all_mail_tokens(app)?;
            purge::all_registrations(app)?;
            purge::messages(app)?;
            *place() = (Instant::now(), next);
        }
        if denials + sessions + api_tokens + events > 0 {
            log::debug!(denials, sessions, api_tokens, events; "purged");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn each_task_is_done_again_after_it_has_panicked() {
        let (_dir, app) = App::on_an_empty_database(Timestamp(1_800_000_000));
        app.load().unwrap();
        let app = Arc::new(app);
        let mut started = Tasks::new(Arc::clone(&app.clock), Arc::clone(&app.metrics));
        let mut all = Vec::new();
        for Periodic { name, longest, work, .. } in tasks(&app) {
            let ((done, is_done), has_panicked) = (channel(), AtomicBool::new(false));
            let work = move || {
                assert!(has_panicked.swap(true, Ordering::SeqCst), "this panic is part of the test");
                let outcome = work();
                let _told_already = done.send(outcome.is_ok());
                outcome
            };
            let task = Periodic { name, period: Duration::from_millis(1), longest, work: Box::new(work) };
            started.start(task).unwrap();
            all.push((name, is_done));
        }
        for (name, is_done) in all {
            assert_eq!(is_done.recv(), Ok(true), "{name}");
            assert_eq!(app.metrics.count_panics(name), 1, "{name}");
        }
    }
}
