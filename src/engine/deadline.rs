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
use crate::jwt::SigningAlg;
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

/// Signs with a key of this algorithm. If that takes long it is done on another thread: every other request of this event
/// loop would wait for it.
pub(crate) async fn signing<T: Send + 'static>(
    alg: SigningAlg,
    sign: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    if alg.is_slow_to_sign() { on_a_thread(sign).await } else { sign() }
}

#[cfg(test)]
mod tests {
    use std::thread::{ThreadId, current};

    use super::*;

    #[test]
    fn only_what_is_slow_to_sign_leaves_the_event_loop() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let signs_on = |alg| -> ThreadId { runtime.block_on(signing(alg, || Ok(current().id()))).unwrap() };
        for (alg, is_slow) in [(SigningAlg::Es256, false), (SigningAlg::EdDsa, false), (SigningAlg::Rs256, true)] {
            assert_eq!(signs_on(alg) != current().id(), is_slow, "{alg}");
        }
    }
}
