//! The keys that are known here, and the search for one that is not: another instance may have made it a moment ago.

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

/// However many ask for keys that are not known, the folder is read no more often than this.
const BETWEEN_READINGS: Duration = Duration::from_millis(100);

/// A folder that takes longer is out of reach.
const MAX_READ_TIME: Duration = Duration::from_secs(2);

/// When to come back after the folder was out of reach.
const RETRY_AFTER: Seconds = Seconds(1);

/// The keys, and when they were last searched.
pub(crate) struct KnownKeys {
    keys: Arc<Keys>,
    denylist: Arc<Denylist>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    began_at: Option<Instant>,
    failed: bool,
    /// One that is still waiting for the folder: no other is begun meanwhile, since each takes a thread.
    unfinished: Option<JoinHandle<Result<(), Error>>>,
}

impl KnownKeys {
    /// Those of this issuer; what is found is told to those who follow its denylist.
    pub(crate) fn new(keys: Arc<Keys>, denylist: Arc<Denylist>) -> Self {
        Self { keys, denylist, last: Mutex::default() }
    }

    /// Makes sure that the key of a token is known, if there is one: reads the folder again when it is not. What is no
    /// token by its form asks for nothing.
    ///
    /// [`Error::Overloaded`] when the folder, or a key in it, cannot be read: whether the key exists cannot be told now.
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

    /// Reads the folder again, later than now. Who comes while another one waits for that is served by the same reading.
    async fn read_again(&self) -> Result<(), Error> {
        let asked_at = Instant::now();
        let mut last = self.last.lock().await;
        if last.began_at.is_none_or(|at| at <= asked_at) {
            let pause = last.began_at.map(|at| BETWEEN_READINGS.saturating_sub(at.elapsed()));
            if let Some(pause) = pause.filter(|pause| !pause.is_zero()) {
                sleep(pause).await;
            }
            last.began_at = Some(Instant::now());
            // Until it has succeeded: whoever waits for it may go away meanwhile.
            last.failed = true;
            last.failed = !self.read(&mut last.unfinished).await;
        }
        if last.failed { Err(Error::Overloaded { retry_after: RETRY_AFTER }) } else { Ok(()) }
    }

    /// Answers whether the folder was read.
    async fn read(&self, unfinished: &mut Option<JoinHandle<Result<(), Error>>>) -> bool {
        if unfinished.as_ref().is_some_and(|reading| !reading.is_finished()) {
            return false;
        }
        let (keys, denylist) = (Arc::clone(&self.keys), Arc::clone(&self.denylist));
        let reading = unfinished.insert(spawn_blocking(move || report(&denylist, keys.follow())));
        // Otherwise it has failed, which the background task says; it has panicked, and said so; or it is still waiting.
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

/// Says in the log what came of reading the folder, and tells those who follow the denylist when the keys are others.
pub(crate) fn report(denylist: &Denylist, reloaded: Result<Reloaded, KeyFileError>) -> Result<(), Error> {
    let reloaded = reloaded.map_err(Error::internal)?;
    for problem in &reloaded.problems {
        log::error!(cause = root_cause(problem); "a signing key cannot be read");
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
