//! Turns to look up in the database what anybody may ask for as often as they like. There are two doors of that kind, logins
//! and API tokens, and each may hold half of the connections.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::deadline::in_time;
use crate::config::Config;
use crate::error::Error;

/// As many turns at a time as half of the database's connections.
pub(crate) struct Turns(Semaphore);

impl Turns {
    /// For a pool of this size.
    pub(crate) fn new(config: &Config) -> Self {
        Self(Semaphore::new(usize::try_from(config.database_pool_size / 2).unwrap_or(1).max(1)))
    }

    /// A turn, in the order in which they are asked for; over when dropped. The wait is one for the database.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        in_time(self.0.acquire()).await?.map_err(Error::internal)
    }
}
