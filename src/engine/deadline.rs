//! What a request may wait for, and leaving the event loop for it. All waits of one request for the database share one
//! limit ([`crate::store::DEADLINE`]), from whichever door: an extractor, a handler, a place in a queue.
//!
//! The request is answered then; a thread that hangs in the database is left behind. [`crate::store`] bounds how many do.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::Error;
use crate::store::Patience;

/// How often it is looked at the least whether work that is not waiting now has begun to.
const LOOK: Duration = Duration::from_millis(20);

tokio::task_local! {
    static PATIENCE: Arc<Patience>;
}

/// Answers one request: what it waits for in the course of this counts together.
pub(crate) async fn request<F: Future>(answer: F) -> F::Output {
    PATIENCE.scope(Arc::default(), answer).await
}

/// What goes on by itself in the course of a request: its waits count as the request's.
pub(crate) fn carried_on<F: Future>(work: F) -> impl Future<Output = F::Output> {
    PATIENCE.scope(patience(), work)
}

/// That of the request in whose course this is called.
fn patience() -> Arc<Patience> {
    PATIENCE.try_with(Arc::clone).unwrap_or_default()
}

/// Waits for what waits for the database.
pub(crate) async fn in_time<F: Future>(wait: F) -> Result<F::Output, Error> {
    let patience = patience();
    let _waiting = patience.wait();
    timeout(patience.left(), wait).await.map_err(|_elapsed| Patience::over())
}

/// Runs what waits for the database or for a password hash on a thread that may wait. Only its waits for the thread and
/// for the database count: a hash has a limit of its own. What has waited in vain for its thread is not begun.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let patience = patience();
    let (spent, waiting) = (Arc::clone(&patience), patience.wait());
    let mut done = spawn_blocking(move || {
        drop(waiting);
        spent.check()?;
        spent.spend_on(work)
    });
    loop {
        match timeout(patience.left().max(LOOK), &mut done).await {
            Ok(Ok(result)) => return result,
            Ok(Err(panicked)) => return Err(Error::internal(panicked)),
            Err(_elapsed) => patience.check()?,
        }
    }
}
