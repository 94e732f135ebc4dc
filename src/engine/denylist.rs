//! The denylist in the memory of this instance. The verification of access tokens uses it instead of the database, and
//! the feed sends it to verifiers of other services.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::denial::Denial;
use crate::store::Store;
use tokensmith_verifier::issuing::{DeniedSet, DeniedSubject};

/// Each reading of the table starts this long before the previous one: a row may be committed some time after the time
/// that it holds, and the instance that wrote it may have a slower clock.
const OVERLAP: Seconds = Seconds(60);

/// The most denials on one page of the feed. Those of the last [`OVERLAP`] are not counted and are always on one page.
const PAGE: usize = 20_000;

/// The most readers that may wait for news at the same time. Others get a response at once.
const MAX_WAITING: usize = 1_000;

/// The number of denials that are added or removed before readers of the feed get a turn.
const AT_ONCE: usize = 1_000;

/// The denials, numbered in the order in which this instance learned them.
pub struct Denylist {
    set: Arc<DeniedSet>,
    log: Mutex<Log>,
    /// Changes with all news; closed when the service stops.
    news: watch::Sender<()>,
    /// Distinguishes the numbers of this process from those of other processes.
    epoch: u64,
    /// Permits for readers that wait for news.
    permits: Semaphore,
}

#[derive(Default)]
struct Log {
    by_number: BTreeMap<u64, Denial>,
    /// Their numbers, by the time when they were recorded.
    by_time: BTreeSet<(Timestamp, u64)>,
    /// Their numbers, by the time when they expire.
    by_end: BTreeSet<(Timestamp, u64)>,
    last: u64,
    /// Everything that was recorded before this time is known.
    as_of: Option<Timestamp>,
    stopping: bool,
    /// Whether an unknown kind was logged.
    has_told_of_unknown: bool,
}

impl Log {
    fn add(&mut self, denial: Denial) {
        self.last += 1;
        self.by_time.insert((denial.denied_at, self.last));
        self.by_end.insert((denial.expires_at, self.last));
        if let DeniedSubject::Unknown { kind, .. } = &denial.subject
            && !std::mem::replace(&mut self.has_told_of_unknown, true)
        {
            log::warn!(
                kind:%;
                "a newer version has written a denial of an unknown kind: it is not enforced here, and other services learn \
                 that their denylist is incomplete; upgrade this instance"
            );
        }
        self.by_number.insert(self.last, denial);
    }

    /// Removes some expired denials; returns whether there may be more.
    fn forget(&mut self, now: Timestamp) -> bool {
        for _ in 0..AT_ONCE {
            let Some((_, number)) = self.by_end.first().copied().filter(|(end, _)| *end <= now) else { return false };
            self.by_end.pop_first();
            if let Some(denial) = self.by_number.remove(&number) {
                self.by_time.remove(&(denial.denied_at, number));
            }
        }
        true
    }

    /// Tells some of a page from a time and a number on; returns where to go on, if there is more.
    fn tell(&self, page: &Page, from: (Timestamp, u64), denied: &mut Vec<Denial>) -> Option<(Timestamp, u64)> {
        match page.range {
            Range::After(_) => {
                let mut new = self.by_number.range(from.1..).take_while(|(number, _)| **number <= page.last);
                denied.extend(new.by_ref().take(AT_ONCE).map(|(_, denial)| denial.clone()));
                new.next().map(|(number, _)| (from.0, *number))
            }
            Range::Time(_, until) => {
                let mut there = self.by_time.range(from..(until, 0));
                let numbers = there.by_ref().take(AT_ONCE).map(|(_, number)| number);
                let known = numbers.filter(|number| **number <= page.last);
                denied.extend(known.filter_map(|number| self.by_number.get(number).cloned()));
                there.next().copied()
            }
        }
    }
}

/// A place in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// The reader knows everything that one instance knew. At that instance new denials have higher numbers; other
    /// instances use the time.
    End {
        /// Which instance.
        epoch: u64,
        /// The number of the last denial that it knew.
        number: u64,
        /// It knew everything that was recorded before this time.
        as_of: Timestamp,
    },
    /// Between two pages, at any instance: the reader knows everything that was recorded before.
    From(Timestamp),
}

/// A text that is not a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a cursor of this feed")]
pub(crate) struct BadCursor;

/// A part of the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Which denials.
    range: Range,
    /// The number of the last denial that is known.
    last: u64,
    /// This instance knows everything that was recorded before this time.
    pub(crate) as_of: Timestamp,
    /// Where the next page begins.
    pub(crate) cursor: Cursor,
    /// Whether there already is a next page.
    pub(crate) more: bool,
    /// Whether the owner of the cursor already knows everything on the page.
    pub(crate) no_news: bool,
}

/// The denials of a page. All cursors that lead to the same page have the same range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Range {
    /// Denials with a higher number.
    After(u64),
    /// Denials of a period, without its end.
    Time(Timestamp, Timestamp),
}

impl Page {
    /// Whether both have the same denials, even if they were requested at different times.
    pub(crate) fn tells_the_same_as(&self, other: &Self) -> bool {
        (self.range, self.last) == (other.range, other.last)
    }
}

impl Denylist {
    /// An empty denylist; `random` distinguishes it from others.
    pub(crate) fn new(random: [u8; 8]) -> Self {
        let epoch = u64::from_be_bytes(random);
        Self {
            set: Arc::default(),
            log: Mutex::default(),
            news: watch::Sender::new(()),
            epoch,
            permits: Semaphore::new(MAX_WAITING),
        }
    }

    /// What is denied.
    pub(crate) fn set(&self) -> &Arc<DeniedSet> {
        &self.set
    }

    /// Adds denials that this instance has just written.
    pub fn add(&self, denials: impl IntoIterator<Item = Denial>) {
        let (mut denials, mut is_news) = (denials.into_iter().peekable(), false);
        while denials.peek().is_some() {
            let mut log = self.log();
            for denial in denials.by_ref().take(AT_ONCE) {
                if self.set.insert(denial.subject.clone(), denial.expires_at) {
                    log.add(denial);
                    is_news = true;
                }
            }
        }
        if is_news {
            self.tell();
        }
    }

    /// Adds what other instances have written, and removes what has expired.
    ///
    /// After an error the known denials stay.
    pub fn follow(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        // If the clock was ahead, read from the beginning: denials that were removed too early are still in the
        // database.
        let as_of = self.log().as_of.filter(|as_of| *as_of <= now + OVERLAP);
        let since = as_of.map_or(Timestamp(0), |as_of| as_of - OVERLAP);
        let denials = store.read_apart(|tx| tx.list_denials(since, now))?;
        self.add(denials);
        self.log().as_of = Some(now);
        while self.log().forget(now) {
            std::thread::yield_now();
        }
        self.set.forget(now);
        Ok(())
    }

    /// What is known since a cursor, or all of it.
    pub(crate) fn page(&self, since: Option<Cursor>) -> Page {
        let log = self.log();
        let (last, as_of) = (log.last, log.as_of.unwrap_or(Timestamp(0)));
        let end = Cursor::End { epoch: self.epoch, number: last, as_of };
        let page = Page { range: Range::After(last), last, as_of, cursor: end, more: false, no_news: false };
        let from = match since {
            Some(Cursor::End { epoch, number, .. }) if epoch == self.epoch => {
                let number = number.min(last);
                let mut new = log.by_number.range(number.saturating_add(1)..);
                if log.by_number.len() < PAGE || new.clone().nth(PAGE - 1).is_none() {
                    return Page { range: Range::After(number), no_news: new.next().is_none(), ..page };
                }
                // So much that it takes more than one page.
                Timestamp(0)
            }
            // Another instance may have known of less at that time than this one: see OVERLAP.
            Some(Cursor::End { as_of, .. }) => as_of - OVERLAP,
            Some(Cursor::From(from)) => from,
            None => Timestamp(0),
        };
        let first = log.by_time.range((from, 0)..).next();
        let from = first.map_or(Timestamp(i64::MAX), |(denied_at, _)| *denied_at);
        // Cut where all instances have known everything for long, so that any instance can continue from there.
        let is_more = log.by_time.len() > PAGE;
        let first_of_next = is_more.then(|| log.by_time.range((from, 0)..).nth(PAGE)).flatten();
        let cut = first_of_next.map(|(denied_at, _)| (*denied_at).max(from + Seconds(1)));
        match cut.filter(|cut| *cut <= as_of - OVERLAP) {
            Some(cut) => Page { range: Range::Time(from, cut), cursor: Cursor::From(cut), more: true, ..page },
            None => Page { range: Range::Time(from, Timestamp(i64::MAX)), ..page },
        }
    }

    /// The denials of a page that have not expired.
    pub(crate) fn denied(&self, page: &Page) -> Vec<Denial> {
        let mut from = match page.range {
            Range::After(number) => Some((Timestamp(0), number.saturating_add(1))),
            Range::Time(from, _) => Some((from, 0)),
        };
        let mut denied = Vec::new();
        while let Some(place) = from {
            from = self.log().tell(page, place, &mut denied);
        }
        denied
    }

    /// Counts a reader that waits for news, unless too many are waiting.
    pub(crate) fn wait(&self) -> Option<SemaphorePermit<'_>> {
        self.permits.try_acquire().ok()
    }

    /// How many readers wait for news.
    pub fn count_waiting(&self) -> usize {
        MAX_WAITING - self.permits.available_permits()
    }

    /// Reports news from now on.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Whether the service is stopping, so that readers must not wait.
    pub(crate) fn is_stopping(&self) -> bool {
        self.log().stopping
    }

    /// Wakes waiting readers because of other news.
    pub fn tell(&self) {
        self.news.send_replace(());
    }

    /// Wakes all waiting readers, because the service is about to stop.
    pub fn stop_waiting(&self) {
        self.log().stopping = true;
        self.tell();
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cursor {
    /// The same for all responses that end here. It leaves out the time, which is not news.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::End { epoch, number, .. } => format!("{epoch:x}.{number:x}"),
            Self::From(from) => format!("{:x}", from.0),
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End { epoch, number, as_of } => write!(f, "{epoch:x}.{number:x}.{:x}", as_of.0),
            Self::From(from) => write!(f, "{:x}", from.0),
        }
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let part = |text| u64::from_str_radix(text, 16).map_err(|_not_hex| BadCursor);
        let time = |text| part(text)?.try_into().map(Timestamp).map_err(|_too_late| BadCursor);
        match *text.split('.').collect::<Vec<_>>() {
            [epoch, number, as_of] => Ok(Self::End { epoch: part(epoch)?, number: part(number)?, as_of: time(as_of)? }),
            [from] => Ok(Self::From(time(from)?)),
            _ => Err(BadCursor),
        }
    }
}

#[cfg(test)]
#[path = "denylist_tests.rs"]
mod tests;
