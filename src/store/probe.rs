//! Whether the database accepts writes. With a full disk, on a standby or in a read-only database queries still work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::sql_types::BigInt;

use super::patience::{DEADLINE, Patience};
use super::{Store, WriteTx};
use crate::error::Error;

/// How long a result is used again.
const FRESH: Duration = Duration::from_secs(1);

/// A write that takes longer is lost, and another one is tried.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// The most lost writes. With as many, no other is tried.
const MAX_LOST: usize = 8;

/// The number of rows for probes.
const ROWS: u16 = 1_024;

/// The state of the probe. One write at a time is made, at most once per [`FRESH`], for any number of callers.
#[derive(Default)]
pub(super) struct Probe {
    row: u16,
    state: Mutex<State>,
    ended: Condvar,
}

/// A result and its time.
type Learned = (Instant, Result<(), Arc<Error>>);

#[derive(Default)]
struct State {
    under_way: Option<UnderWay>,
    /// How many writes were started.
    begun: u64,
    /// How many of them are lost.
    lost: usize,
    last: Option<Learned>,
    /// The time of the last other write.
    wrote_at: Option<Instant>,
}

#[derive(Clone, Copy)]
struct UnderWay {
    number: u64,
    since: Instant,
}

impl Probe {
    pub(super) fn of_row(random: [u8; 2]) -> Self {
        Self { row: u16::from_be_bytes(random) % ROWS, ..Self::default() }
    }

    /// Notes that something else was written, which proves that writes are accepted.
    pub(super) fn wrote(&self) {
        self.state().wrote_at = Some(Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self) -> u64 {
        self.begun += 1;
        self.under_way = Some(UnderWay { number: self.begun, since: Instant::now() });
        self.begun
    }

    fn give_up_what_is_lost(&mut self) {
        if self.lost < MAX_LOST && self.under_way.is_some_and(|probe| probe.since.elapsed() > LOST_AFTER) {
            self.under_way = None;
            self.lost += 1;
        }
    }

    /// Ends a write. The result of a lost one that ends late is ignored.
    fn end(&mut self, number: u64, learned: Option<Learned>) {
        if self.under_way.is_some_and(|probe| probe.number == number) {
            self.under_way = None;
            self.last = learned;
        } else {
            self.lost = self.lost.saturating_sub(1);
        }
    }
}

impl Store {
    /// Checks that the database responds, has our tables and accepts writes.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_file()?;
        let patience = Patience::of_this_thread().unwrap_or_default();
        let _waiting = patience.wait();
        let mut state = self.probe.state();
        state.give_up_what_is_lost();
        if state.under_way.is_none_or(|probe| probe.since.elapsed() <= DEADLINE) {
            let ended = self.probe.ended.wait_timeout_while(state, patience.left(), |s| s.under_way.is_some());
            state = ended.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.under_way.is_some() {
            return Err(Patience::over());
        }
        if state.wrote_at.is_some_and(|at| at.elapsed() < FRESH) {
            return Ok(());
        }
        if let Some((_, known)) = state.last.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return known.as_ref().map_err(Error::of_batch).copied();
        }
        let number = state.begin();
        drop(state);
        let mut has_tried = false;
        let probe = || {
            self.write(|tx| {
                has_tried = true;
                tx.probe(self.probe.row)
            })
        };
        let outcome = catch_unwind(AssertUnwindSafe(probe));
        let outcome = outcome.unwrap_or_else(|_said_so| Err(Error::internal("it panicked")));
        let outcome = outcome.map_err(|error| Arc::new(error.out_of_reach()));
        // If the probe was not sent, the next call may try again at once.
        let learned = has_tried.then(|| (Instant::now(), outcome.clone()));
        self.probe.state().end(number, learned);
        self.probe.ended.notify_all();
        outcome.map_err(|error| Error::of_batch(&error))
    }
}

impl WriteTx<'_> {
    /// Writes another value each time, since SQLite skips writing an equal value.
    fn probe(&mut self, row: u16) -> Result<(), Error> {
        let probe = "insert into write_probe (id, writes) values ($1, 1) \
                     on conflict (id) do update set writes = write_probe.writes + 1";
        diesel::sql_query(probe).bind::<BigInt, _>(i64::from(row)).execute(self.0)?;
        Ok(())
    }
}
