//! Leaving the event loop for what waits.

use super::problem::Problem;
use crate::engine::deadline;
use crate::error::Error;

/// Runs what waits for the database or for a password hash on a thread that may wait, for as long as the request may.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Problem> {
    deadline::on_a_thread(work).await.map_err(Problem)
}
