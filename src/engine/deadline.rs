//! Waiting for slow work outside the event loop, with a limit. All waits of one request for the database share one
//! limit ([`crate::store::DEADLINE`]), whether in an extractor, a handler or a queue.
//!
//! At the limit the request gets an error, and a thread that hangs in the database is abandoned. [`crate::store`] limits the
//! number of such threads.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::Error;
use crate::jwt::SigningAlg;
use crate::store::Patience;

/// The longest time between two checks whether running work has started to wait.
const LOOK: Duration = Duration::from_millis(20);

tokio::task_local! {
    static PATIENCE: Arc<Patience>;
}

/// Handles one request: all its waits count together.
pub(crate) async fn request<F: Future>(answer: F) -> F::Output {
    PATIENCE.scope(Arc::default(), answer).await
}

/// Runs separate work for a request: its waits count as the request's.
pub(crate) fn carried_on<F: Future>(work: F) -> impl Future<Output = F::Output> {
    PATIENCE.scope(patience(), work)
}

/// The patience of the current request.
fn patience() -> Arc<Patience> {
    PATIENCE.try_with(Arc::clone).unwrap_or_default()
}

/// Waits for something that depends on the database, within the request's limit.
pub(crate) async fn in_time<F: Future>(wait: F) -> Result<F::Output, Error> {
    let patience = patience();
    let _waiting = patience.wait();
    timeout(patience.left(), wait).await.map_err(|_elapsed| Patience::over())
}

/// The same, and calls `late` when it takes longer than `usual`.
pub(crate) async fn in_time_or_late<F: Future + Unpin>(
    mut wait: F,
    usual: Duration,
    late: impl FnOnce(),
) -> Result<F::Output, Error> {
    let patience = patience();
    let _waiting = patience.wait();
    if let Ok(done) = timeout(usual.min(patience.left()), &mut wait).await {
        return Ok(done);
    }
    late();
    timeout(patience.left(), wait).await.map_err(|_elapsed| Patience::over())
}

/// Runs blocking work, which may wait for the database or for a password hash, on another thread. Only waits for the
/// thread and for the database count, since a hash has its own limit. If no thread is free in time, the work is not
/// started.
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

/// Signs with a key of this algorithm. Slow algorithms run on another thread, since all other requests of this event
/// loop would wait for them.
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
