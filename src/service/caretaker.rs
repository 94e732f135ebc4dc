//! The background tasks: what the service does by itself, each at its own pace. They follow other instances' denials
//! and the folder of the keys, make and remove keys, and forget what is over.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{keys, purge};
use crate::app::App;
use crate::engine::background::{Tasks, Work};
use crate::error::Error;
use crate::model::id::SessionId;

/// Another instance's denial is known here after this time and that of one query: below two seconds.
const ROUND: Duration = Duration::from_secs(1);

/// From the end of one walk through the sessions to the start of the next. A walk takes one batch each round.
const BETWEEN_WALKS: Duration = Duration::from_secs(60);

/// How often the uses of API tokens are recorded.
const BETWEEN_RECORDS: Duration = Duration::from_secs(10);

/// How often it is looked whether a key is to be made.
const BETWEEN_KEYS: Duration = Duration::from_secs(60);

/// How often it is looked whether a key is to be removed: that may take a look at every session.
const BETWEEN_REMOVALS: Duration = Duration::from_secs(3_600);

/// A round of following that takes longer is left behind: its connection may never answer.
const MAX_FOLLOW_TIME: Duration = Duration::from_secs(10);

/// The same for the other tasks that ask the database: each of their rounds is several statements.
const MAX_ROUND_TIME: Duration = Duration::from_secs(60);

/// Starts the threads. Several, so that a purge that waits for the database delays no denial, and a folder that hangs
/// delays neither.
pub(crate) fn start(app: &Arc<App>) -> Tasks {
    let task = |work: fn(&App) -> Result<(), Error>| -> Work {
        let app = Arc::clone(app);
        Box::new(move || work(&app))
    };
    let follow = task(|app| app.denylist.follow(&app.store, app.clock.now()));
    let watch_file = task(|app| app.store.check_file());
    let record_uses = task(|app| app.api_tokens.record_uses());
    let walk = Walk { app: Arc::clone(app), place: Mutex::new((Instant::now(), None)) };
    let mut tasks = Tasks::new(Arc::clone(&app.clock));
    tasks.every_in_time(ROUND, MAX_FOLLOW_TIME, "follow the denylist", follow);
    tasks.every(ROUND, "watch the database's file", watch_file);
    tasks.every(ROUND, "follow the keys", task(keys::follow));
    tasks.every(BETWEEN_KEYS, "make the next key", task(keys::make_next));
    tasks.every_in_time(BETWEEN_REMOVALS, MAX_ROUND_TIME, "remove retired keys", task(keys::remove_retired));
    tasks.every_in_time(BETWEEN_RECORDS, MAX_ROUND_TIME, "record the use of API tokens", record_uses);
    tasks.every_in_time(ROUND, MAX_ROUND_TIME, "purge", Box::new(move || walk.forget()));
    tasks
}

struct Walk {
    app: Arc<App>,
    /// When the last walk through the sessions ended, and where the one that is under way goes on.
    place: Mutex<(Instant, Option<SessionId>)>,
}

impl Walk {
    /// One batch of each table at the most; of the allowances, which are small, all that are over.
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
            *place() = (Instant::now(), next);
        }
        if denials + sessions + api_tokens + events > 0 {
            log::debug!(denials, sessions, api_tokens, events; "purged");
        }
        Ok(())
    }
}
