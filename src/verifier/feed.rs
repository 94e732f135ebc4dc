//! The issuer's denylist, followed by a thread of its own. Each poll is answered at once when there is news and after a
//! second when there is none: what is known is never much older than that, and it is known how old it is.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::issuer::{IssuerClient, IssuerError};
use super::key_source::KeySource;
use crate::clock::{Clock, Seconds};
use crate::jwt::{DeniedEntry, DenylistClaims, Expected, TokenError};
use crate::model::denied_set::{DeniedSet, DeniedSubject};

/// How long the issuer lets a poll wait for news.
const WAIT: Duration = Duration::from_secs(1);

/// From one poll to the next, so that a burst of news does not become a burst of polls.
const BETWEEN_POLLS: Duration = Duration::from_millis(200);

/// After a poll that failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The clocks of the two machines may differ by this much.
const CLOCK_SKEW: Seconds = Seconds(60);

/// The follower; its thread ends when this is dropped.
pub(super) struct Feed {
    /// The instant as of which everything is known.
    known_at: Arc<Mutex<Option<Instant>>>,
    within: Option<Duration>,
    _stop: Sender<()>,
}

impl Feed {
    pub(super) fn start(
        client: IssuerClient,
        issuer: String,
        keys: Arc<dyn KeySource>,
        denied: Arc<DeniedSet>,
        clock: Arc<dyn Clock>,
        within: Option<Duration>,
    ) -> Self {
        let known_at = Arc::default();
        let (stop, stopped) = channel();
        let mut follower = Follower {
            client,
            issuer,
            keys,
            denied,
            clock,
            known_at: Arc::clone(&known_at),
            url: None,
            cursor: None,
            jwks_etag: None,
        };
        std::thread::spawn(move || follower.run(&stopped));
        Self { known_at, within, _stop: stop }
    }

    pub(super) fn staleness(&self) -> Option<Duration> {
        self.known_at.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    pub(super) fn is_too_stale(&self) -> bool {
        self.within.is_some_and(|within| self.staleness().is_none_or(|staleness| staleness > within))
    }
}

/// Why a poll was of no use.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    #[error("the issuer publishes no denylist_uri")]
    NotPublished,
    #[error("the issuer's keys are not known yet")]
    NoKeys,
    #[error("the answer is refused: {0}")]
    Refused(#[from] TokenError),
}

struct Follower {
    client: IssuerClient,
    issuer: String,
    keys: Arc<dyn KeySource>,
    denied: Arc<DeniedSet>,
    clock: Arc<dyn Clock>,
    known_at: Arc<Mutex<Option<Instant>>>,
    url: Option<String>,
    cursor: Option<String>,
    jwks_etag: Option<String>,
}

impl Follower {
    fn run(&mut self, stopped: &Receiver<()>) {
        let mut follows = true;
        let mut pause = Duration::ZERO;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let asked_at = Instant::now();
            let polled = self.poll(asked_at);
            pause = match &polled {
                Ok(true) => Duration::ZERO,
                Ok(false) => BETWEEN_POLLS.saturating_sub(asked_at.elapsed()),
                // Signed with a key that is being fetched.
                Err(PollError::NoKeys | PollError::Refused(TokenError::UnknownKey)) => BETWEEN_POLLS,
                Err(_) => RETRY_AFTER,
            };
            match &polled {
                Err(error) if follows && pause == RETRY_AFTER => {
                    log::warn!("the issuer's denylist cannot be followed: {error}");
                    follows = false;
                }
                Ok(_) if !follows => {
                    log::info!("the issuer's denylist is followed again");
                    follows = true;
                }
                _ => {}
            }
        }
    }

    /// Takes up what is new; answers whether there is more.
    fn poll(&mut self, asked_at: Instant) -> Result<bool, PollError> {
        let url = match self.url.take() {
            Some(url) => url,
            None => self.client.metadata(&self.issuer)?.denylist_uri.ok_or(PollError::NotPublished)?,
        };
        let answer = self.client.denylist(&url, self.cursor.as_deref(), WAIT)?;
        self.url = Some(url);
        let claims = self.verified(&answer)?;
        for entry in &claims.denied {
            let (subject, until) = match *entry {
                DeniedEntry::Session { sid, exp } => (DeniedSubject::Session(sid), exp),
                DeniedEntry::AccessToken { jti, exp } => (DeniedSubject::AccessToken(jti), exp),
            };
            self.denied.insert(subject, until);
        }
        self.denied.forget(self.clock.now());
        self.cursor = Some(claims.cursor);
        let announced = self.jwks_etag.replace(claims.jwks_etag);
        if announced.is_some() && announced != self.jwks_etag {
            self.keys.refresh();
        }
        if !claims.more {
            // It was answered after it was asked, and knew by then what was denied so many seconds before.
            let lag = u64::try_from((claims.iat - claims.as_of).0).unwrap_or(0);
            let known_at = asked_at.checked_sub(Duration::from_secs(lag));
            *self.known_at.lock().unwrap_or_else(PoisonError::into_inner) = known_at;
        }
        Ok(claims.more)
    }

    fn verified(&self, answer: &str) -> Result<DenylistClaims, PollError> {
        let keys = self.keys.keys().ok_or(PollError::NoKeys)?;
        let audiences = std::slice::from_ref(&self.issuer);
        let expected = Expected { issuer: &self.issuer, audiences, leeway: CLOCK_SKEW };
        let verified = keys.verify_denylist(answer.trim_end(), expected, self.clock.now());
        if verified == Err(TokenError::UnknownKey) {
            self.keys.ask();
        }
        Ok(verified?)
    }
}
