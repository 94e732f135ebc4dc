//! Keys that a separate thread fetches from the issuer: one fetch ("flight") at a time, before the copy expires, and
//! for an unknown key at most once per cooldown. While the issuer is down, the last copy stays in force.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::client::{IssuerClient, IssuerError, Published};
use super::key_source::KeySource;
use crate::clock::{Clock, Seconds};
use crate::jwt::{AccessKeys, JwksError, jwks_etag, verification_keys_of_jwks};

/// When announced keys are fetched again if they were not there (another instance of the issuer may not know them yet):
/// the first pause, which doubles each time, and the longest.
const ANNOUNCED_AGAIN_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// The pause after a failed flight, which doubles each time, and the longest.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Where the keys are.
pub(crate) enum Place {
    /// At the URL in the issuer's metadata.
    Metadata(String),
    /// At this URL.
    Jwks(String),
}

/// The keys, and the thread that fetches newer ones. The thread ends when this is dropped.
pub(crate) struct RemoteKeys {
    shared: Arc<Shared>,
    prompts: Sender<()>,
}

struct Shared {
    keys: RwLock<Option<Arc<AccessKeys>>>,
    /// The second at which the copy expires; every request reads it.
    fresh_until: AtomicI64,
    /// Whether the last flight failed.
    out_of_reach: AtomicBool,
    flight: Mutex<Flight>,
    /// How many flights have ended.
    ended: watch::Sender<u64>,
    cooldown: Duration,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct Flight {
    under_way: bool,
    /// When an unknown key last caused a flight.
    prompted_at: Option<Instant>,
    /// Until when nothing is fetched after a failure.
    pause_until: Option<Instant>,
    /// The entity tag of the known keys.
    etag: Option<String>,
    /// The last unknown announcement of the issuer, when it is fetched again, and the pause after that.
    announced: Option<(Option<String>, Instant, Duration)>,
}

impl RemoteKeys {
    pub(crate) fn start(
        client: IssuerClient,
        place: Place,
        cooldown: Duration,
        cache_bytes: u64,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (prompts, prompted) = channel();
        let shared = Arc::new(Shared {
            keys: RwLock::new(None),
            // The thread begins with a flight; callers meanwhile wait for it.
            flight: Mutex::new(Flight { under_way: true, ..Flight::default() }),
            fresh_until: AtomicI64::new(i64::MIN),
            out_of_reach: AtomicBool::new(false),
            ended: watch::Sender::new(0),
            cooldown,
            clock,
        });
        let mut fetcher = Fetcher { shared: Arc::clone(&shared), client, place, cache_bytes, url: None, last: None };
        std::thread::spawn(move || fetcher.run(&prompted));
        Self { shared, prompts }
    }

    /// Starts a flight if it is time to; returns whether one is under way.
    fn takes_off(&self) -> bool {
        let mut flight = self.shared.flight();
        if flight.under_way {
            return true;
        }
        let over = self.shared.is_over();
        let due = if over {
            flight.pause_until.is_none_or(|at| Instant::now() >= at)
        } else {
            flight.prompted_at.is_none_or(|at| at.elapsed() >= self.shared.cooldown)
        };
        if !due {
            return false;
        }
        if !over {
            flight.prompted_at = Some(Instant::now());
        }
        flight.under_way = self.prompts.send(()).is_ok();
        flight.under_way
    }
}

impl KeySource for RemoteKeys {
    fn keys(&self) -> Option<Arc<AccessKeys>> {
        self.shared.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_stale(&self) -> bool {
        self.shared.is_over() && !self.shared.out_of_reach.load(Ordering::Relaxed)
    }

    fn ask(&self) {
        self.takes_off();
    }

    fn announce(&self, etag: Option<&str>) {
        let mut flight = self.shared.flight();
        let now = Instant::now();
        if etag.is_some() && etag == flight.etag.as_deref() {
            // Instances that disagree for a moment do not reset the pauses.
            flight.announced.take_if(|(_, at, _)| *at <= now);
            return;
        }
        let pause = match &flight.announced {
            Some((announced, at, _)) if announced.as_deref() == etag && now < *at => return,
            Some((announced, _, pause)) if announced.as_deref() == etag => (*pause * 2).min(ANNOUNCED_AGAIN_AFTER.1),
            _ => ANNOUNCED_AGAIN_AFTER.0,
        };
        flight.announced = Some((etag.map(ToOwned::to_owned), now + pause, pause));
        // A flight under way may have started too early, so the prompt waits for the next one.
        flight.under_way = self.prompts.send(()).is_ok();
    }

    fn renew(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async {
            let mut ended = self.shared.ended.subscribe();
            // A flight ends at the latest when its requests time out.
            self.takes_off() && ended.changed().await.is_ok()
        })
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.clock.now().0 >= self.fresh_until.load(Ordering::Relaxed)
    }

    fn flight(&self) -> MutexGuard<'_, Flight> {
        self.flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the keys could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    #[error(transparent)]
    Keys(#[from] JwksError),
    #[error("the attempt panicked")]
    Panicked,
}

struct Fetcher {
    shared: Arc<Shared>,
    client: IssuerClient,
    place: Place,
    cache_bytes: u64,
    /// Where the keys are, once it is known.
    url: Option<String>,
    last: Option<Published>,
}

impl Fetcher {
    fn run(&mut self, prompted: &Receiver<()>) {
        let (mut failures, mut prompt) = (0, false);
        loop {
            let fetched = catch_unwind(AssertUnwindSafe(|| self.fetch(prompt))).unwrap_or(Err(FetchError::Panicked));
            let pause = match &fetched {
                // Before the copy expires, so that no request waits for the next one.
                Ok(max_age) => *max_age * 4 / 5,
                Err(_) => (RETRY_AFTER.0 * 2_u32.saturating_pow(failures)).min(RETRY_AFTER.1),
            };
            match &fetched {
                Err(error) if failures == 0 => log::warn!("cannot fetch the issuer's keys: {error}"),
                Ok(_) if failures > 0 => log::info!("the issuer's keys can be fetched again"),
                _ => {}
            }
            failures = if fetched.is_err() { failures.saturating_add(1) } else { 0 };
            self.land(fetched.ok(), pause);
            prompt = match prompted.recv_timeout(pause) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.shared.flight().under_way = true;
            // This flight serves all prompts since the end of the pause.
            while prompted.try_recv().is_ok() {
                prompt = true;
            }
        }
    }

    fn land(&self, max_age: Option<Duration>, pause: Duration) {
        let mut flight = self.shared.flight();
        flight.under_way = false;
        match max_age {
            Some(max_age) => {
                let max_age = Seconds(i64::try_from(max_age.as_secs()).unwrap_or(0));
                self.shared.fresh_until.store((self.shared.clock.now() + max_age).0, Ordering::Relaxed);
                flight.pause_until = None;
            }
            None => flight.pause_until = Some(Instant::now() + pause),
        }
        flight.etag = self.last.as_ref().map(|last| jwks_etag(&last.json));
        self.shared.out_of_reach.store(max_age.is_none(), Ordering::Relaxed);
        // Sent while no flight can start; later callers wait for the next flight.
        self.shared.ended.send_modify(|ended| *ended = ended.wrapping_add(1));
    }

    fn fetch(&mut self, prompted: bool) -> Result<Duration, FetchError> {
        // Looked up again after every failure, since it may have moved.
        let url = match (self.url.take(), &self.place) {
            (Some(url), _) => url,
            (None, Place::Jwks(url)) => url.clone(),
            (None, Place::Metadata(issuer)) => self.client.metadata(issuer)?.jwks_uri,
        };
        let etag = self.last.as_ref().and_then(|last| last.etag.as_deref());
        let (published, max_age) = self.client.jwks(&url, etag, prompted)?;
        if let Some(published) = published {
            self.take_up(published)?;
        }
        self.url = Some(url);
        Ok(max_age)
    }

    fn take_up(&mut self, published: Published) -> Result<(), FetchError> {
        // Unchanged keys keep their cache of verified tokens.
        if self.last.as_ref().is_none_or(|last| last.json != published.json) {
            let keys = verification_keys_of_jwks(&published.json)?;
            let keys = Arc::new(AccessKeys::new(keys, self.cache_bytes));
            *self.shared.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
        }
        self.last = Some(published);
        Ok(())
    }
}

/// Ends all waits, however the thread ends.
impl Drop for Fetcher {
    fn drop(&mut self) {
        self.land(None, RETRY_AFTER.1);
    }
}
