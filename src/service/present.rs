//! What is as it is now, for whoever watches the service.

use crate::app::Issuer;
use crate::clock::Timestamp;
use crate::metrics::Present;

/// What queues hold, what is denied, connections and keys.
#[must_use]
pub fn present(issuer: &Issuer) -> Present {
    let now = issuer.app.clock.now();
    let age = |since: Option<Timestamp>| since.map_or(0, |since| (now - since).0.max(0));
    let keys = issuer.keys.ring().entries(now);
    let (busy_connections, idle_connections) = issuer.app.store.count_connections();
    Present {
        hashes_under_way: issuer.app.hasher.count_under_way(),
        refreshes_waiting: issuer.rotator.count_waiting(),
        denied: issuer.denylist.set().len(),
        feed_readers: issuer.denylist.count_waiting(),
        busy_connections,
        idle_connections,
        keys: keys.into_iter().map(|key| (key.alg.name(), key.state.name(), key.kid, age(key.active_from))).collect(),
    }
}
