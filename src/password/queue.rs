//! What waits for a hashing thread: those who are known go first, and strangers cannot take all places.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who may want a hash at the same time, in work or waiting. Each holds a thread of the HTTP server meanwhile, of which
/// there are many more, so that a flood of logins leaves room for everything else.
pub(super) const PLACES: usize = 128;

/// So many of them are kept for those who are known.
const RESERVED: usize = 32;

/// One hash in so many is a stranger's also when those who are known leave no gap.
const TURNS: usize = 8;

/// Who wants a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// Who is logged in, or has been from the same network.
    First,
    /// Everybody else.
    Usual,
}

/// The places.
pub(super) struct Places {
    all: Arc<Semaphore>,
    usual: Arc<Semaphore>,
}

/// The right to want a hash; given back when dropped.
#[derive(Debug)]
pub struct Place(
    #[expect(dead_code, reason = "dropping it gives it back")] (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
);

impl Default for Places {
    fn default() -> Self {
        let [all, usual] = [PLACES, PLACES - RESERVED].map(|count| Arc::new(Semaphore::new(count)));
        Self { all, usual }
    }
}

impl Places {
    /// A place, if there is one.
    pub(super) fn take(&self, priority: Priority) -> Option<Place> {
        let permit = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        let usual = match priority {
            Priority::First => None,
            Priority::Usual => Some(permit(&self.usual)?),
        };
        Some(Place((permit(&self.all)?, usual)))
    }

    pub(super) fn count_taken(&self) -> usize {
        PLACES - self.all.available_permits()
    }
}

/// Two queues in one.
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

struct Waiting<T> {
    first: VecDeque<T>,
    usual: VecDeque<T>,
    turn: usize,
    is_closed: bool,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        let waiting = Waiting { first: VecDeque::new(), usual: VecDeque::new(), turn: 0, is_closed: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new() }
    }
}

impl<T> Queue<T> {
    /// Puts one at the end of its queue, unless that is full.
    pub(super) fn push(&self, item: T, priority: Priority) -> Result<(), T> {
        let mut waiting = locked(&self.waiting);
        let queue = if priority == Priority::First { &mut waiting.first } else { &mut waiting.usual };
        if queue.len() >= PLACES {
            return Err(item);
        }
        queue.push_back(item);
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// The next one, if one is waiting.
    pub(super) fn try_next(&self) -> Option<T> {
        locked(&self.waiting).next()
    }

    /// The next one, as soon as there is one; nothing when the queue is closed.
    pub(super) fn next(&self) -> Option<T> {
        let mut waiting = locked(&self.waiting);
        loop {
            if let Some(item) = waiting.next() {
                return Some(item);
            }
            if waiting.is_closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the threads that wait, once nothing is left.
    pub(super) fn close(&self) {
        locked(&self.waiting).is_closed = true;
        self.changed.notify_all();
    }
}

impl<T> Waiting<T> {
    fn next(&mut self) -> Option<T> {
        if self.first.is_empty() || self.usual.is_empty() {
            return self.first.pop_front().or_else(|| self.usual.pop_front());
        }
        self.turn = (self.turn + 1) % TURNS;
        if self.turn == 0 { self.usual.pop_front() } else { self.first.pop_front() }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_leave_places_for_those_who_are_known() {
        let places = Places::default();
        let take_all = |priority| std::iter::from_fn(|| places.take(priority)).collect::<Vec<_>>();
        let strangers = take_all(Priority::Usual);
        assert_eq!(strangers.len(), 96);
        let known = take_all(Priority::First);
        assert_eq!((known.len(), places.count_taken()), (32, 128));
        drop(strangers);
        assert_eq!(take_all(Priority::First).len(), 96, "all places are good for those who are known");
        drop(known);
        assert_eq!(places.count_taken(), 0);
    }

    #[test]
    fn those_who_are_known_go_first_and_strangers_still_get_on() {
        let queue = Queue::default();
        for n in 0..20 {
            queue.push(("stranger", n), Priority::Usual).unwrap();
        }
        for n in 0..20 {
            queue.push(("known", n), Priority::First).unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.try_next()).collect();
        let position = |who, n| order.iter().position(|one| *one == (who, n)).unwrap();
        assert_eq!((position("known", 0), position("known", 6), position("stranger", 0)), (0, 6, 7));
        assert_eq!((position("known", 19), position("stranger", 19)), (21, 39), "each in its turn");
    }

    #[test]
    fn a_queue_that_is_full_or_closed_says_so() {
        let queue = Queue::default();
        for n in 0..PLACES {
            queue.push(n, Priority::Usual).unwrap();
        }
        assert_eq!(queue.push(PLACES, Priority::Usual), Err(PLACES));
        queue.close();
        assert_eq!(std::iter::from_fn(|| queue.next()).count(), PLACES, "what waits is still done");
    }
}
