//! Follows the issuer's denylist on a thread of its own. Each poll returns at once if there is news, and otherwise
//! after a second. So the local copy is never much older than that, and its age is known.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::client::{IssuerClient, IssuerError};
use super::key_source::KeySource;
use crate::clock::{Clock, Seconds, Timestamp};
use crate::denied_set::{DeniedSet, DeniedSubject};
use crate::jwt::{DeniedEntry, DenylistClaims, Expected, Kind, KindEntry, MAX_CLOCK_SKEW, TokenError, verify};

/// How long the issuer lets a poll wait for news.
const WAIT: Duration = Duration::from_secs(1);

/// The pause between polls, so that a burst of news does not cause a burst of polls.
const BETWEEN_POLLS: Duration = Duration::from_millis(200);

/// The pause after a poll that failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How long missing keys are not logged.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause if the issuer has no denylist; it may get one.
const SELDOM: Duration = Duration::from_secs(60);

/// The follower; its thread ends when this is dropped.
pub(crate) struct Feed {
    known: Arc<Known>,
    within: Option<Duration>,
    _stop: Sender<()>,
}

struct Known {
    /// The time up to which everything is known.
    at: Mutex<Option<Instant>>,
    /// Whether the issuer has responded or is unavailable; until then it is not known what was revoked.
    settled: watch::Sender<bool>,
}

impl Feed {
    pub(crate) fn start(
        client: IssuerClient,
        issuer: String,
        keys: Arc<dyn KeySource>,
        denied: Arc<DeniedSet>,
        clock: Arc<dyn Clock>,
        within: Option<Duration>,
    ) -> Self {
        let known = Arc::new(Known { at: Mutex::default(), settled: watch::Sender::new(false) });
        let (stop, stopped) = channel();
        let its_known = Arc::clone(&known);
        let mut follower = Follower {
            client,
            issuer,
            keys,
            denied,
            clock,
            known: its_known,
            url: None,
            cursor: None,
            incomplete_until: None,
        };
        std::thread::spawn(move || follower.run(&stopped));
        Self { known, within, _stop: stop }
    }

    pub(crate) fn staleness(&self) -> Option<Duration> {
        self.known.at.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    pub(crate) fn is_too_stale(&self) -> bool {
        !*self.known.settled.borrow()
            || self.within.is_some_and(|within| self.staleness().is_none_or(|staleness| staleness > within))
    }

    /// Waits for the first response, or until it is clear that there is none.
    pub(crate) async fn settle(&self) {
        let mut settled = self.known.settled.subscribe();
        let _follower_gone = settled.wait_for(|settled| *settled).await;
    }
}

/// Why a poll failed.
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
    #[error("it denies something that this version does not understand")]
    UnknownKind,
    #[error("the attempt panicked")]
    Panicked,
}

struct Follower {
    client: IssuerClient,
    issuer: String,
    keys: Arc<dyn KeySource>,
    denied: Arc<DeniedSet>,
    clock: Arc<dyn Clock>,
    known: Arc<Known>,
    url: Option<String>,
    cursor: Option<String>,
    /// Until then there is a denial of an unknown kind.
    incomplete_until: Option<Timestamp>,
}

/// Ends waits for the first response, since there will be none.
impl Drop for Follower {
    fn drop(&mut self) {
        self.known.settled.send_replace(true);
    }
}

impl Follower {
    fn run(&mut self, stopped: &Receiver<()>) {
        let mut failing_since: Option<Instant> = None;
        let mut told = false;
        let mut pause = Duration::ZERO;
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            let asked_at = Instant::now();
            let polled = catch_unwind(AssertUnwindSafe(|| self.poll(asked_at))).unwrap_or(Err(PollError::Panicked));
            let failing_for = failing_since.map_or(Duration::ZERO, |since| since.elapsed());
            // Keys that are being fetched arrive soon.
            let is_patient = failing_for < PATIENCE
                && matches!(polled, Err(PollError::NoKeys | PollError::Refused(TokenError::UnknownKey)));
            pause = match &polled {
                Err(PollError::NotPublished) => SELDOM,
                Err(_) if !is_patient => RETRY_AFTER,
                _ => BETWEEN_POLLS.saturating_sub(asked_at.elapsed()),
            };
            match &polled {
                Ok(()) => {
                    if std::mem::take(&mut told) {
                        log::info!("the issuer's denylist is followed again");
                    }
                    failing_since = None;
                }
                Err(error) => {
                    failing_since.get_or_insert(asked_at);
                    if !told && !is_patient {
                        log::warn!("cannot follow the issuer's denylist: {error}");
                        told = true;
                    }
                }
            }
            if polled.is_ok() || told {
                self.known.settled.send_if_modified(|settled| !std::mem::replace(settled, true));
            }
        }
    }

    /// Polls once and adds what is new.
    fn poll(&mut self, asked_at: Instant) -> Result<(), PollError> {
        let url = match &self.url {
            Some(url) => url.clone(),
            None => self.client.metadata(&self.issuer)?.denylist_uri.ok_or(PollError::NotPublished)?,
        };
        loop {
            // After a failure the denylist is looked up again: it may have moved, and the cursor may no longer be
            // valid.
            self.url = None;
            let answer = self.client.denylist(&url, self.cursor.as_deref(), WAIT);
            if matches!(&answer, Err(IssuerError::Status { status: 400..500, .. })) {
                self.cursor = None;
            }
            let answer = answer?;
            self.url = Some(url.clone());
            if !self.read(&answer, asked_at)? {
                return Ok(());
            }
        }
    }

    /// Adds what a page denies; returns whether there is a next one. `asked_at`: when the first page was requested.
    fn read(&mut self, page: &str, asked_at: Instant) -> Result<bool, PollError> {
        let claims = self.verified(page)?;
        self.take_up(&claims);
        let DenylistClaims { cursor, more, iat, as_of, .. } = claims;
        self.cursor = Some(cursor);
        if more {
            return Ok(true);
        }
        let now = self.clock.now();
        self.denied.forget(now);
        if self.incomplete_until.is_some_and(|until| now < until) {
            return Err(PollError::UnknownKind);
        }
        // The response was made after the request and includes what was denied before `as_of`; both are whole seconds.
        // The age of a replayed older response is measured with our own clock.
        let lag = (iat - as_of + Seconds(1)).max(now - MAX_CLOCK_SKEW - as_of);
        let lag = Duration::from_secs(u64::try_from(lag.0).unwrap_or(0));
        *self.known.at.lock().unwrap_or_else(PoisonError::into_inner) = asked_at.checked_sub(lag);
        Ok(false)
    }

    fn take_up(&mut self, claims: &DenylistClaims) {
        for entry in &claims.denied {
            let (subject, until) = match *entry {
                DeniedEntry::Session { sid, exp } => (DeniedSubject::Session(sid), exp),
                DeniedEntry::AccessToken { jti, exp } => (DeniedSubject::AccessToken(jti), exp),
            };
            self.denied.insert(subject, until);
        }
        for entry in &claims.denied_by_kind {
            let (subject, until) = match entry {
                KindEntry::Known(Kind::Client { client_id, issued_before, exp }) => {
                    (DeniedSubject::Client(client_id.as_str().into(), *issued_before), *exp)
                }
                KindEntry::Known(Kind::User { sub, issued_before, exp }) => {
                    (DeniedSubject::User(sub.as_str().into(), *issued_before), *exp)
                }
                KindEntry::Unknown { exp } => {
                    self.incomplete_until = self.incomplete_until.max(Some(*exp));
                    continue;
                }
            };
            self.denied.insert(subject, until);
        }
    }

    fn verified(&self, answer: &str) -> Result<DenylistClaims, PollError> {
        let keys = self.keys.keys().ok_or(PollError::NoKeys)?;
        let expected = Expected { issuer: &self.issuer, audiences: &[], leeway: MAX_CLOCK_SKEW };
        let verified = verify::<DenylistClaims>(answer, keys.all(), expected, self.clock.now());
        match &verified {
            // The issuer signs with a key that is unknown here.
            Err(TokenError::UnknownKey) => self.keys.announce(None),
            Ok(claims) => self.keys.announce(Some(&claims.jwks_etag)),
            Err(_) => {}
        }
        Ok(verified?)
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
