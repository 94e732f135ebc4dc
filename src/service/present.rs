//! The current state of the service, for metrics.

use crate::app::App;
use crate::clock::Timestamp;
use crate::metrics::Present;

/// Lengths of queues, numbers of denials and connections, and the keys.
pub(crate) fn present(app: &App) -> Present {
    let now = app.clock.now();
    let age = |since: Option<Timestamp>| since.map_or(0, |since| (now - since).0.max(0));
    let keys = app.keys.ring().entries(now);
    let (busy_connections, idle_connections) = app.store.count_connections();
    Present {
        hashes_under_way: app.hasher.count_under_way(),
        refreshes_waiting: app.rotator.count_waiting(),
        denied: app.denylist.set().len(),
        feed_readers: app.denylist.count_waiting(),
        sqlite_log_pages: app.store.count_log_pages(),
        busy_connections,
        idle_connections,
        keys: keys.into_iter().map(|key| (key.alg.name(), key.state.name(), key.kid, age(key.active_from))).collect(),
    }
}
