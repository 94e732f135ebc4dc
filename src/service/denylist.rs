//! The denylist as this instance knows it: what the verification of an access token asks instead of the database, and
//! what the feed tells other services' verifiers.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::denial::Denial;
use crate::model::denied_set::DeniedSet;
use crate::store::Store;

/// Each look at the table goes back this far before the last one: a row may be committed some time after the instant it
/// carries, and the instance that wrote it may have a slower clock.
const OVERLAP: Seconds = Seconds(60);

/// The most denials on one page of the feed.
const PAGE: usize = 5_000;

/// What is denied, numbered in the order in which this instance learned of it.
pub struct Denylist {
    set: Arc<DeniedSet>,
    log: Mutex<Log>,
    /// Moves with every news; closed when the service stops.
    news: watch::Sender<()>,
    /// Sets the numbers of this process apart from those of any other.
    epoch: u64,
}

#[derive(Default)]
struct Log {
    by_number: BTreeMap<u64, Denial>,
    last: u64,
    /// What was recorded before this instant is known.
    as_of: Option<Timestamp>,
    stopping: bool,
}

/// A place in the feed. At the instance that gave it, it is a number; any other goes by the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    epoch: u64,
    number: u64,
    as_of: Timestamp,
}

/// A text that is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this feed")]
pub struct BadCursor;

/// A part of the feed.
pub struct Page {
    /// What is denied.
    pub denied: Vec<Denial>,
    /// What was recorded before this instant is known to this instance.
    pub as_of: Timestamp,
    /// Where the next page begins.
    pub cursor: Cursor,
    /// Whether it is there already.
    pub more: bool,
    /// Whether there is nothing in it that the cursor's owner does not know.
    pub no_news: bool,
}

impl Denylist {
    /// An empty one; `random` tells it from any other.
    #[must_use]
    pub fn new(random: [u8; 8]) -> Self {
        let epoch = u64::from_be_bytes(random);
        Self { set: Arc::default(), log: Mutex::default(), news: watch::Sender::new(()), epoch }
    }

    /// What is denied.
    #[must_use]
    pub fn set(&self) -> &Arc<DeniedSet> {
        &self.set
    }

    /// Takes up denials that this instance has just written.
    pub fn add(&self, denials: impl IntoIterator<Item = Denial>) {
        self.take_up(&mut self.log(), denials);
    }

    fn take_up(&self, log: &mut Log, denials: impl IntoIterator<Item = Denial>) {
        let before = log.last;
        for denial in denials {
            if self.set.insert(denial.subject, denial.expires_at) {
                log.last += 1;
                log.by_number.insert(log.last, denial);
            }
        }
        if log.last > before {
            self.news.send_replace(());
        }
    }

    /// Takes up what other instances have written, and lets go of what is over.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach; what is known stays.
    pub fn follow(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        let since = self.log().as_of.map_or(Timestamp(0), |as_of| as_of - OVERLAP);
        let denials = store.read_apart(|tx| tx.list_denials(since, now))?;
        let mut log = self.log();
        self.take_up(&mut log, denials);
        log.as_of = Some(now);
        log.by_number.retain(|_, denial| denial.expires_at > now);
        drop(log);
        self.set.forget(now);
        Ok(())
    }

    /// What is known since a cursor, or all of it.
    #[must_use]
    pub fn page(&self, since: Option<Cursor>) -> Page {
        let log = self.log();
        let same_process = since.filter(|since| since.epoch == self.epoch);
        let after = same_process.map_or(0, |since| since.number);
        // Another instance may have known of less at that time than this one: see OVERLAP.
        let elsewhere = since.filter(|_| same_process.is_none()).map(|since| since.as_of - OVERLAP);
        let is_new = |denial: &Denial| elsewhere.is_none_or(|at| denial.denied_at >= at);
        let mut found = log.by_number.range(after.saturating_add(1)..).filter(|(_, denial)| is_new(denial));
        let page: Vec<(u64, Denial)> = found.by_ref().take(PAGE).map(|(number, denial)| (*number, *denial)).collect();
        let more = found.next().is_some();
        let as_of = log.as_of.unwrap_or(Timestamp(0));
        let last_of_page = page.last().map_or(log.last, |(number, _)| *number);
        let cursor = Cursor {
            epoch: self.epoch,
            number: if more { last_of_page } else { log.last },
            // In the middle of the pages, another instance has to begin where the first page began.
            as_of: if more { since.map_or(Timestamp(0), |since| since.as_of) } else { as_of },
        };
        let denied: Vec<Denial> = page.into_iter().map(|(_, denial)| denial).collect();
        let no_news = denied.is_empty() && same_process.is_some();
        Page { denied, as_of, cursor, more, no_news }
    }

    /// Tells of news, from now on.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Whether nobody should wait for news any more.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.log().stopping
    }

    /// Sends everybody home who waits for news: the service is about to stop.
    pub fn stop_waiting(&self) {
        self.log().stopping = true;
        self.news.send_replace(());
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cursor {
    /// The entity tag of an answer that ends here ([RFC 9110 section 8.8.3](https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3)).
    #[must_use]
    pub fn etag(&self) -> String {
        format!("\"{:x}.{:x}\"", self.epoch, self.number)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}.{:x}.{:x}", self.epoch, self.number, self.as_of.0)
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let parts: Vec<&str> = text.split('.').collect();
        let [epoch, number, as_of] = *parts else { return Err(BadCursor) };
        let part = |text| u64::from_str_radix(text, 16).map_err(|_not_hex| BadCursor);
        let as_of = part(as_of)?.try_into().map_err(|_too_late| BadCursor)?;
        Ok(Self { epoch: part(epoch)?, number: part(number)?, as_of: Timestamp(as_of) })
    }
}

#[cfg(test)]
#[path = "denylist_tests.rs"]
mod tests;
