//! `/metrics`, on an address of its own.

use actix_web::{HttpResponse, web};

use crate::app::Issuer;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::failure::Failure;
use crate::metrics::Present;

/// What Prometheus takes besides its own format.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is counted, and what is as it is now.
pub(in crate::http) async fn metrics(issuer: web::Data<Issuer>) -> Result<HttpResponse, Failure> {
    let now = issuer.app.clock.now();
    let age = |since: Option<Timestamp>| since.map_or(0, |since| (now - since).0.max(0));
    let keys = issuer.keys.ring().entries(now);
    let (busy_connections, idle_connections) = issuer.app.store.count_connections();
    let present = Present {
        hashes_under_way: issuer.app.hasher.count_under_way(),
        refreshes_waiting: issuer.rotator.count_waiting(),
        denied: issuer.denylist.set().len(),
        feed_readers: issuer.denylist.count_waiting(),
        busy_connections,
        idle_connections,
        keys: keys.into_iter().map(|key| (key.alg.name(), key.state.name(), key.kid, age(key.active_from))).collect(),
    };
    let text = issuer.app.metrics.encode(present).map_err(Error::internal)?;
    Ok(HttpResponse::Ok().content_type(OPENMETRICS).body(text))
}
