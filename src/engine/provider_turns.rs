//! Turns for calls to providers: each call holds a thread, and a provider that is slow must not hold many of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::clock::Seconds;
use crate::error::Error;
use crate::model::provider::ProviderId;

/// How many users of one provider are served at once. Users of others do not wait for them.
const AT_ONCE: usize = 16;

/// How long others wait for their turn.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// When to come back if that was not enough.
const RETRY_AFTER: Seconds = Seconds(5);

/// The turns, for each provider that was asked for.
#[derive(Default)]
pub(crate) struct ProviderTurns(Mutex<HashMap<ProviderId, Arc<Semaphore>>>);

impl ProviderTurns {
    /// Waits for a turn; dropping it ends it.
    pub(crate) async fn turn(&self, provider: &ProviderId) -> Result<OwnedSemaphorePermit, Error> {
        let turns = Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(provider.clone())
                .or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE))),
        );
        match timeout(LONGEST_WAIT, turns.acquire_owned()).await {
            Ok(turn) => turn.map_err(Error::internal),
            Err(_elapsed) => Err(Error::Overloaded { retry_after: RETRY_AFTER }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_holds_all_its_turns_does_not_delay_users_of_another() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let (turns, slow, other) = (ProviderTurns::default(), "slow".parse().unwrap(), "other".parse().unwrap());
            let mut held = Vec::new();
            for _ in 0..AT_ONCE {
                held.push(turns.turn(&slow).await.unwrap());
            }
            assert!(matches!(turns.turn(&slow).await, Err(Error::Overloaded { .. })));
            drop(turns.turn(&other).await.unwrap());
            held.pop();
            drop(turns.turn(&slow).await.unwrap());
        });
    }
}
