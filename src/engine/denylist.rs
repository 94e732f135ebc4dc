//! The denylist in the memory of this instance. The verification of access tokens uses it instead of the database, and
//! the feed sends it to verifiers of other services.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::denial_log::{AT_ONCE, DenialLog};
use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::denial::Denial;
use crate::store::{Store, VISIBLE_AFTER};
use tokensmith_verifier::issuing::{DeniedSet, DeniedSubject, MAX_CLOCK_SKEW};

/// The most denials on one page of the feed, unless there are more in one second.
const PAGE: usize = 20_000;

/// The most readers that may wait for news at the same time. Others get a response at once.
const MAX_WAITING: usize = 10_000;

/// The denials, numbered in the order in which this instance learned them.
pub struct Denylist {
    set: Arc<DeniedSet>,
    state: Mutex<State>,
    /// Changes with all news; closed when the service stops.
    news: watch::Sender<()>,
    /// Distinguishes the numbers of this process from those of other processes.
    epoch: u64,
    /// Permits for readers that wait for news.
    permits: Semaphore,
}

#[derive(Default)]
struct State {
    log: DenialLog,
    /// Everything that was recorded before this time is known.
    as_of: Option<Timestamp>,
    stopping: bool,
    /// Whether an unknown kind was logged.
    has_told_of_unknown: bool,
}

impl State {
    fn add(&mut self, denial: Denial) {
        if let DeniedSubject::Unknown { kind, .. } = &denial.subject
            && !std::mem::replace(&mut self.has_told_of_unknown, true)
        {
            log::warn!(
                kind:%;
                "a newer version has written a denial of an unknown kind: it is not enforced here, and other services learn \
                 that their denylist is incomplete; upgrade this instance"
            );
        }
        self.log.add(denial);
    }
}

/// A place in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// The reader knows what one instance knew. At that instance new denials have higher numbers; other instances use the
    /// time.
    End(Known),
    /// Between two pages, at any instance: the reader has read everything that was recorded before this time. If that was
    /// so recent that more of it may become known, the reader is sure only of what an instance knew earlier.
    From(Timestamp, Option<Known>),
}

/// What an instance knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// Which instance.
    pub(crate) epoch: u64,
    /// The denials up to this number.
    pub(crate) number: u64,
    /// Everything that was recorded before this time.
    pub(crate) as_of: Timestamp,
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
    /// The number of the last denial that is told.
    pub(crate) last: u64,
    /// A reader that has read to the end knows everything that was recorded before this time.
    pub(crate) as_of: Timestamp,
    /// Where the next page begins.
    pub(crate) cursor: Cursor,
    /// What the reader is sure of, if that is not what this instance knows now.
    known: Option<Known>,
    /// Whether there already is a next page.
    pub(crate) more: bool,
    /// Whether the owner of the cursor already knows everything on the page.
    pub(crate) no_news: bool,
    /// Whether later readers with the same cursor may get the same page for a while: it leads them to a place from which
    /// they learn the rest at once.
    pub(crate) leads_on: bool,
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
    /// Whether both have the same denials and lead to the same place, even if they were requested at different times.
    pub(crate) fn tells_the_same_as(&self, other: &Self) -> bool {
        (self.range, self.last, self.known) == (other.range, other.last, other.known)
    }
}

impl Denylist {
    /// An empty denylist; `random` distinguishes it from others.
    pub(crate) fn new(random: [u8; 8]) -> Self {
        let epoch = u64::from_be_bytes(random);
        Self {
            set: Arc::default(),
            state: Mutex::default(),
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
        self.take_up(denials, false);
    }

    /// Adds those that are not known; `all_are_news` if the log may have lost some that the set has.
    fn take_up(&self, denials: impl IntoIterator<Item = Denial>, all_are_news: bool) {
        let (mut denials, mut is_news) = (denials.into_iter().peekable(), false);
        while denials.peek().is_some() {
            // Readers of the feed get a turn in between.
            let mut state = self.state();
            for denial in denials.by_ref().take(AT_ONCE) {
                if self.set.insert(denial.subject.clone(), denial.expires_at) || all_are_news {
                    state.add(denial);
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
        // Each reading starts some time before the previous one. If the clock was ahead, it starts at the beginning:
        // denials that were removed too early are still in the database.
        let before = self.state().as_of;
        let was_ahead = before.is_some_and(|as_of| as_of > now + MAX_CLOCK_SKEW);
        let since = before.filter(|_| !was_ahead).map_or(Timestamp(0), |as_of| as_of - VISIBLE_AFTER);
        let mut read = Vec::with_capacity(AT_ONCE);
        store.read_apart(|tx| {
            tx.each_denial(since, now, |denial| {
                read.push(denial);
                if read.len() == AT_ONCE {
                    self.take_up(read.drain(..), was_ahead);
                }
            })
        })?;
        self.take_up(read, was_ahead);
        self.state().as_of = Some(now);
        let mut place = Some((Timestamp(i64::MIN), 0));
        while let Some(from) = place {
            place = self.state().log.forget(from, now);
            std::thread::yield_now();
        }
        self.set.forget(now);
        Ok(())
    }

    /// What is known since a cursor, or all of it.
    pub(crate) fn page(&self, since: Option<Cursor>) -> Page {
        let state = self.state();
        let (log, as_of) = (&state.log, state.as_of.unwrap_or(Timestamp(0)));
        let end = Known { epoch: self.epoch, number: log.last(), as_of };
        let (from, known, leads_on) = match since {
            Some(Cursor::End(known)) if known.epoch == self.epoch => return after(log, known, end),
            // Another instance may have known of less at that time than this one. Its clock may be wrong, too.
            Some(Cursor::End(known)) => (known.as_of.min(as_of) - VISIBLE_AFTER, None, false),
            Some(Cursor::From(from, known)) => (from, known, known.is_none()),
            None => (Timestamp(0), None, true),
        };
        let from = log.first(from).unwrap_or(Timestamp(i64::MAX));
        let cut = log.cut(from, PAGE).map(|cut| cut.max(from + Seconds(1)));
        // All instances have known everything before this time for long. Of the seconds after it more may become known,
        // also when they have been read: from the end the reader then goes back to what was known before.
        let is_recent = cut.is_some_and(|cut| cut > as_of - VISIBLE_AFTER);
        let known = known.or_else(|| is_recent.then_some(end));
        let sure = known.unwrap_or(end);
        Page {
            range: Range::Time(from, cut.unwrap_or(Timestamp(i64::MAX))),
            last: end.number,
            as_of: sure.as_of.min(as_of),
            cursor: cut.map_or(Cursor::End(sure), |cut| Cursor::From(cut, known)),
            known,
            more: cut.is_some(),
            no_news: false,
            leads_on,
        }
    }

    /// The denials of a page that have not expired.
    pub(crate) fn denied(&self, page: &Page) -> Vec<Denial> {
        let mut denied = Vec::new();
        match page.range {
            Range::After(number) => {
                let mut next = Some(number);
                while let Some(number) = next {
                    next = self.state().log.tell_after(number, page.last, &mut denied);
                }
            }
            Range::Time(from, until) => {
                let mut next = Some((from, 0));
                while let Some(place) = next {
                    next = self.state().log.tell_of_time(place, until, page.last, &mut denied);
                }
            }
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
        self.state().stopping
    }

    /// Wakes waiting readers because of other news.
    pub fn tell(&self) {
        self.news.send_replace(());
    }

    /// Wakes all waiting readers, because the service is about to stop.
    pub fn stop_waiting(&self) {
        self.state().stopping = true;
        self.tell();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this instance has learned since it knew what the reader knows.
fn after(log: &DenialLog, known: Known, end: Known) -> Page {
    let number = known.number.min(end.number);
    let (last, more) = log.last_after(number, PAGE).filter(|(_, more)| *more).unwrap_or((end.number, false));
    let no_news = !more && log.last_after(number, 1).is_none();
    let cursor = if more { Known { number: last, ..known } } else { end };
    let (range, cursor) = (Range::After(number), Cursor::End(cursor));
    // With more to come the cursor keeps the time that the reader brought.
    let known = more.then_some(known);
    Page { range, last, as_of: end.as_of, cursor, known, more, no_news, leads_on: !no_news }
}

impl Cursor {
    /// The same for all responses that end here. It leaves out the time, which is not news.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::End(Known { epoch, number, .. }) => format!("{epoch:x}.{number:x}"),
            Self::From(from, _) => format!("{:x}", from.0),
        }
    }
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, number, as_of } = self;
        write!(f, "{epoch:x}.{number:x}.{:x}", as_of.0)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::End(known) => known.fmt(f),
            Self::From(from, None) => write!(f, "{:x}", from.0),
            Self::From(from, Some(known)) => write!(f, "{:x}.{known}", from.0),
        }
    }
}

impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let part = |text| u64::from_str_radix(text, 16).map_err(|_not_hex| BadCursor);
        let time = |text| part(text)?.try_into().map(Timestamp).map_err(|_too_late| BadCursor);
        let known =
            |epoch, number, as_of| Ok(Known { epoch: part(epoch)?, number: part(number)?, as_of: time(as_of)? });
        match *text.split('.').collect::<Vec<_>>() {
            [epoch, number, as_of] => Ok(Self::End(known(epoch, number, as_of)?)),
            [from] => Ok(Self::From(time(from)?, None)),
            [from, epoch, number, as_of] => Ok(Self::From(time(from)?, Some(known(epoch, number, as_of)?))),
            _ => Err(BadCursor),
        }
    }
}

#[cfg(test)]
#[path = "denylist_tests.rs"]
mod tests;
