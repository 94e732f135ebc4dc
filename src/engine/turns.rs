//! Turns for database lookups that anonymous clients may cause without limit: logins and API tokens. Each of the two
//! may use half of the connections.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::deadline::in_time;
use crate::config::Config;
use crate::error::Error;

/// Turns for half of the database's connections.
pub(crate) struct Turns(Semaphore);

impl Turns {
    /// Turns for the configured pool size.
    pub(crate) fn new(config: &Config) -> Self {
        Self(Semaphore::new(usize::try_from(config.database_pool_size / 2).unwrap_or(1).max(1)))
    }

    /// Waits for a turn, in the order of the calls; dropping it ends the turn. The wait counts as one for the database.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        in_time(self.0.acquire()).await?.map_err(Error::internal)
    }
}
