//! Turns for database lookups that anonymous clients may cause without limit: logins and API tokens. Each of the two
//! may use a quarter of the connections, so that half of them are left for everything else.

use tokio::sync::{Semaphore, SemaphorePermit};

use super::deadline::in_time;
use crate::config::Config;
use crate::error::Error;

/// Turns for a quarter of the database's connections.
pub(crate) struct Turns(Semaphore);

impl Turns {
    /// Turns for the configured pool size.
    pub(crate) fn new(config: &Config) -> Self {
        Self(Semaphore::new(usize::try_from(config.database_pool_size / 4).unwrap_or(1).max(1)))
    }

    /// Waits for a turn, in the order of the calls; dropping it ends the turn. The wait counts as one for the database.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        in_time(self.0.acquire()).await?.map_err(Error::internal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_doors_leave_half_of_the_connections_to_others_where_there_are_four() {
        for (pool, expected) in [(1, 1), (3, 1), (4, 1), (8, 2), (10, 2), (64, 16)] {
            let pool = i32::to_string(&pool);
            let config = Config::from_lookup(|name| (name == "DATABASE_POOL_SIZE").then(|| pool.clone())).unwrap();
            assert_eq!(Turns::new(&config).0.available_permits(), expected, "{pool}");
        }
    }
}
