//! Leaving the event loop for what waits.

use actix_web::web;

use super::problem::Problem;
use crate::error::Error;

/// Runs what waits for the database or for a password hash on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    match web::block(work).await {
        Ok(result) => result.map_err(Problem),
        Err(panicked) => Err(Problem(Error::internal(panicked))),
    }
}
