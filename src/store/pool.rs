//! A pool of connections that knows which of them are stuck, that is, in use for longer than any request waits. A stuck
//! connection and its thread may hang as long as the database does, so the size of the pool limits their number. If no
//! connection can be made, only one request at a time waits for one.
//!
//! A connection that is stuck for longer than any statement may take is lost: a load balancer or a pooler between us
//! and the server may have dropped it, and it would hang for ever. The other connections use the same path, so a new
//! pool replaces all of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::{ConnectionError, QueryResult};

use super::connection::{DbConnection, Durability, Manager, Pooled};
use super::outage::spoils_the_connection;
use super::patience::{DEADLINE, LOST_AFTER, Patience};
use super::unavailable;
use crate::error::Error;

/// How many times the size of the pool may be lost at the same time.
const MAX_LOST: usize = 8;

/// Connections of one kind.
#[derive(Clone)]
pub(super) struct Pool {
    manager: Arc<Manager>,
    size: u32,
    generations: Arc<Mutex<Generations>>,
    queue: Arc<Mutex<Queue>>,
}

/// Requests that wait for a connection, of pools that fail together.
#[derive(Default)]
struct Queue {
    /// How many requests wait.
    waiting: usize,
    /// Whether the last wait failed.
    in_vain: bool,
}

struct Generations {
    current: Generation,
    /// Earlier pools with connections that were not returned.
    lost: Vec<Arc<Mutex<State>>>,
}

/// A pool that is used until its connections are lost.
#[derive(Clone)]
struct Generation {
    inner: r2d2::Pool<Counted>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Since when each busy connection is in use or being made.
    busy: Vec<Instant>,
}

/// Makes connections and counts them as busy meanwhile, since that can hang, too.
struct Counted {
    manager: Arc<Manager>,
    state: Arc<Mutex<State>>,
}

/// An entry of [`State::busy`], removed when dropped.
struct Busy {
    since: Instant,
    state: Arc<Mutex<State>>,
}

/// A connection in use; dropping it returns it to the pool.
pub(super) struct Held {
    pooled: r2d2::PooledConnection<Counted>,
    busy: Busy,
}

/// Every connection is stuck, or none can be made.
#[derive(Debug, thiserror::Error)]
#[error("none of its connections responds, and no new one can be made")]
struct Stuck;

impl Pool {
    pub(super) fn new(manager: Manager, size: u32) -> Self {
        let manager = Arc::new(manager);
        let current = Generation::new(&manager, size);
        let generations = Arc::new(Mutex::new(Generations { current, lost: Vec::new() }));
        Self { manager, size, generations, queue: Arc::default() }
    }

    /// Another pool of the same database. A failed wait for one counts for both.
    pub(super) fn beside(&self, manager: Manager, size: u32) -> Self {
        Self { queue: Arc::clone(&self.queue), ..Self::new(manager, size) }
    }

    /// Waits for a connection as long as the request may wait. It fails at once if all connections are stuck, or if
    /// another request already waits and the last wait failed: one waiting request is enough to learn that there are
    /// connections again.
    pub(super) fn get(&self, patience: &Patience) -> Result<Held, Error> {
        patience.check()?;
        let Generation { inner, state } = self.current();
        let stuck = locked(&state).busy.iter().filter(|since| since.elapsed() > DEADLINE).count();
        let is_stuck = stuck >= self.size_of(1);
        let mut queue = locked(&self.queue);
        let may_wait = !is_stuck && (queue.waiting == 0 || !queue.in_vain);
        queue.waiting += 1;
        drop(queue);
        let got = if may_wait {
            inner.get_timeout(patience.left()).map_err(unavailable)
        } else {
            inner.try_get().ok_or(unavailable(Stuck))
        };
        let mut queue = locked(&self.queue);
        queue.waiting = queue.waiting.saturating_sub(1);
        queue.in_vain = got.is_err();
        drop(queue);
        Ok(Held { pooled: got?, busy: Busy::new(&state) })
    }

    /// The generation to take connections from: a new one if a connection of the last one is lost. Not for SQLite,
    /// where a new connection to the same file would hang, too.
    fn current(&self) -> Generation {
        let Generations { current, lost } = &mut *locked(&self.generations);
        lost.retain(|state| !locked(state).busy.is_empty());
        let is_lost = locked(&current.state).busy.iter().any(|since| since.elapsed() > LOST_AFTER);
        if is_lost && self.manager.file().is_none() {
            let count: usize = lost.iter().chain([&current.state]).map(|state| locked(state).busy.len()).sum();
            if count <= self.size_of(MAX_LOST) {
                lost.push(Arc::clone(&current.state));
                *current = Generation::new(&self.manager, self.size);
                // There is no connection yet: the first request learns whether one can be made.
                locked(&self.queue).in_vain = true;
            }
        }
        current.clone()
    }

    pub(super) fn size(&self) -> u32 {
        self.size
    }

    /// The number of connections in this number of pools.
    fn size_of(&self, pools: usize) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX).saturating_mul(pools)
    }

    /// How many connections are in use (including lost ones), and how many are open and free.
    pub(super) fn count(&self) -> (u32, u32) {
        let Generations { current, lost } = &*locked(&self.generations);
        let r2d2::State { connections, idle_connections, .. } = current.inner.state();
        let lost: usize = lost.iter().map(|state| locked(state).busy.len()).sum();
        let in_use = connections.saturating_sub(idle_connections);
        (in_use.saturating_add(lost.try_into().unwrap_or(u32::MAX)), idle_connections)
    }
}

impl Generation {
    fn new(manager: &Arc<Manager>, size: u32) -> Self {
        let state = Arc::default();
        let inner = r2d2::Pool::builder()
            .max_size(size)
            .min_idle(Some(0))
            .connection_timeout(DEADLINE)
            .test_on_check_out(false)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(Counted { manager: Arc::clone(manager), state: Arc::clone(&state) });
        Self { inner, state }
    }
}

impl r2d2::ManageConnection for Counted {
    type Connection = Pooled;
    type Error = ConnectionError;

    fn connect(&self) -> Result<Pooled, ConnectionError> {
        let _busy = Busy::new(&self.state);
        self.manager.connect()
    }

    fn is_valid(&self, pooled: &mut Pooled) -> Result<(), ConnectionError> {
        self.manager.is_valid(pooled)
    }

    fn has_broken(&self, pooled: &mut Pooled) -> bool {
        self.manager.has_broken(pooled)
    }
}

impl Held {
    pub(super) fn connection(&mut self) -> &mut DbConnection {
        let Pooled { connection, .. } = &mut *self.pooled;
        connection
    }

    /// See [`Pooled::begin_write`].
    pub(super) fn begin_write(&mut self, lock_timeout: Duration, durability: Durability) -> QueryResult<()> {
        self.pooled.begin_write(lock_timeout, durability)
    }

    /// See [`Pooled::read`].
    pub(super) fn read<T>(&mut self, work: impl FnOnce(&mut DbConnection) -> Result<T, Error>) -> Result<T, Error> {
        self.pooled.read(work)
    }

    /// Marks it as broken, so that it is not used again.
    pub(super) fn discard(&mut self) {
        self.pooled.broken = true;
    }

    /// Examines an error of work outside a transaction. If the connection has died, any error becomes `Unavailable`,
    /// even an internal one (diesel may notice it while it builds a statement). Also returns whether it has died.
    pub(super) fn examine(&mut self, error: Error) -> (Error, bool) {
        if !matches!(error, Error::Unavailable(_) | Error::Internal(_)) {
            return (error, false);
        }
        let is_dead = self.connection().batch_execute("select 1").is_err();
        if !is_dead && matches!(error, Error::Internal(_)) {
            if spoils_the_connection(&error) {
                self.discard();
            }
            return (error, false);
        }
        self.discard();
        (error.out_of_reach(), is_dead)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.busy.since.elapsed() > DEADLINE {
            self.discard();
        }
    }
}

impl Busy {
    fn new(state: &Arc<Mutex<State>>) -> Self {
        let since = Instant::now();
        locked(state).busy.push(since);
        Self { since, state: Arc::clone(state) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let busy = &mut locked(&self.state).busy;
        if let Some(at) = busy.iter().position(|since| *since == self.since) {
            busy.swap_remove(at);
        }
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
