//! The time of a run, in seconds as the service counts them: real ones, or shorter ones where the stand-in is tortured.

use std::time::{Duration, SystemTime};

#[derive(Clone, Copy)]
pub struct Clock {
    second: Duration,
}

impl Clock {
    pub const fn of_seconds(second: Duration) -> Self {
        Self { second }
    }

    /// The service's clock is this machine's: a run knows in which whole second something happened to it.
    #[expect(clippy::disallowed_methods, reason = "a benchmark has the machine's time only")]
    pub fn now(self) -> f64 {
        let since_the_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        since_the_epoch.as_secs_f64() / self.second.as_secs_f64()
    }

    pub async fn until(self, at: f64) {
        self.pass(at - self.now()).await;
    }

    pub async fn pass(self, seconds: f64) {
        tokio::time::sleep(self.real(seconds)).await;
    }

    pub fn real(self, seconds: f64) -> Duration {
        self.second.mul_f64(seconds.max(0.0))
    }
}

/// The service counts whole seconds.
pub fn whole(at: f64) -> i64 {
    at.floor() as i64
}

/// Another one for each run.
#[expect(clippy::disallowed_methods, reason = "a run that is told no seed has to find one")]
pub fn seed() -> u64 {
    let since_the_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::from(since_the_epoch.subsec_nanos()) ^ since_the_epoch.as_secs() << 20
}
