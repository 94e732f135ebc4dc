//! One file for each resource: from the wire to the service and back.

pub(super) mod admin_keys;
pub(super) mod admin_users;
pub(super) mod api_tokens;
pub(super) mod audit;
pub(super) mod docs;
pub(super) mod health;
pub(super) mod me;
pub(super) mod metrics;
pub(super) mod sessions;
pub(super) mod tokens;
pub(super) mod well_known;

use actix_web::web;

use super::blocking::blocking;
use super::problem::Problem;
use crate::app::Issuer;
use crate::clock::Timestamp;
use crate::error::Error;

/// Runs what hashes a password. Its place is taken before a thread is: those that wait must not keep every other request
/// waiting.
async fn hashing<T: Send + 'static>(
    issuer: &web::Data<Issuer>,
    work: impl FnOnce(&Issuer) -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    let place = issuer.app.hasher.place().map_err(Error::from)?;
    let issuer = issuer.clone();
    blocking(move || {
        // Kept for as long as the thread is, also when the client has gone.
        let _place = place;
        work(&issuer)
    })
    .await
}

fn rfc3339(at: Option<Timestamp>) -> Option<String> {
    at.map(Timestamp::to_rfc3339)
}
