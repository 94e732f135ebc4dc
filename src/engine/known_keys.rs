//! The known keys, and the search for an unknown one, which another instance may have just created.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{sleep, timeout};

use super::denylist::Denylist;
use crate::clock::Seconds;
use crate::error::{Error, root_cause};
use crate::jwt::{AccessKeys, KeyFileError, Keys, Reloaded};
use tokensmith_verifier::issuing::KeySource;

/// The shortest time between two readings of the folder for unknown keys.
const BETWEEN_READINGS: Duration = Duration::from_millis(100);

/// If reading the folder takes longer, it is unavailable.
const MAX_READ_TIME: Duration = Duration::from_secs(2);

/// When to retry if the folder is unavailable.
const RETRY_AFTER: Seconds = Seconds(1);

/// The keys, and the last search for an unknown one.
pub(crate) struct KnownKeys {
    keys: Arc<Keys>,
    denylist: Arc<Denylist>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    began_at: Option<Instant>,
    failed: bool,
    /// A reading that still waits for the folder. No other is started meanwhile, since each takes a thread.
    unfinished: Option<JoinHandle<Result<(), Error>>>,
}

impl KnownKeys {
    /// The keys of this issuer. Readers of its denylist are told about new keys.
    pub(crate) fn new(keys: Arc<Keys>, denylist: Arc<Denylist>) -> Self {
        Self { keys, denylist, last: Mutex::default() }
    }

    /// Makes sure that the key of a token is known if it exists: reads the folder again if it is unknown. A text that
    /// does not have the form of a token causes no reading.
    ///
    /// Returns [`Error::Overloaded`] if the folder or a key in it cannot be read, since the key may exist.
    pub(crate) async fn find_key_of(&self, token: &str) -> Result<(), Error> {
        if !self.keys.ring().lacks_key_of(token) {
            return Ok(());
        }
        self.read_again().await?;
        // It may be the key of a file that cannot be read.
        if self.keys.ring().lacks_key_of(token) && self.keys.has_problems() {
            return Err(Error::Overloaded { retry_after: RETRY_AFTER });
        }
        Ok(())
    }

    /// Reads the folder again. Callers that arrive while another one waits share the same reading.
    async fn read_again(&self) -> Result<(), Error> {
        let asked_at = Instant::now();
        let mut last = self.last.lock().await;
        if last.began_at.is_none_or(|at| at <= asked_at) {
            let pause = last.began_at.map(|at| BETWEEN_READINGS.saturating_sub(at.elapsed()));
            if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
                sleep(pause).await;
            }
            last.began_at = Some(Instant::now());
            // Until it has succeeded, since the caller that waits for it may be cancelled.
            last.failed = true;
            last.failed = !self.read(&mut last.unfinished).await;
        }
        if last.failed { Err(Error::Overloaded { retry_after: RETRY_AFTER }) } else { Ok(()) }
    }

    /// Returns whether the folder was read.
    async fn read(&self, unfinished: &mut Option<JoinHandle<Result<(), Error>>>) -> bool {
        if unfinished.as_ref().is_some_and(|reading| !reading.is_finished()) {
            return false;
        }
        let (keys, denylist) = (Arc::clone(&self.keys), Arc::clone(&self.denylist));
        let reading = unfinished.insert(spawn_blocking(move || report(&denylist, keys.follow())));
        // Otherwise it has failed (the background task logs that), it has panicked, or it is still waiting.
        matches!(timeout(MAX_READ_TIME, reading).await, Ok(Ok(Ok(()))))
    }
}

/// The issuer's own extractors verify with the ring.
impl KeySource for KnownKeys {
    fn keys(&self) -> Option<Arc<AccessKeys>> {
        Some(Arc::clone(self.keys.ring().access_keys()))
    }

    fn renew(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async { self.read_again().await.is_ok() })
    }
}

/// Logs the result of reading the folder, and wakes readers of the denylist if the keys have changed.
pub(crate) fn report(denylist: &Denylist, reloaded: Result<Reloaded, KeyFileError>) -> Result<(), Error> {
    let reloaded = reloaded.map_err(Error::internal)?;
    for problem in &reloaded.problems {
        log::error!(cause = root_cause(problem); "cannot read a signing key");
    }
    for kid in &reloaded.gone {
        log::warn!(kid; "a signing key is no longer in use");
    }
    if reloaded.changed {
        log::info!("signing keys read again");
        denylist.tell();
    }
    Ok(())
}
