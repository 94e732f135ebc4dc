//! One file for each resource: from the wire to the service and back.

pub(super) mod admin;
pub(super) mod health;
pub(super) mod me;
pub(super) mod tokens;
pub(super) mod well_known;

use actix_web::web;

use super::problem::Problem;
use crate::error::Error;

/// Runs what waits for the database or for a password hash on a thread that may wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Problem> {
    match web::block(work).await {
        Ok(result) => result.map_err(Problem),
        Err(panicked) => Err(Problem(Error::internal(panicked))),
    }
}
