//! The queue for hashing threads: known users go first, and unknown clients cannot take all places.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The number of hashes that may run or wait at the same time. Each one holds a thread of the HTTP server. There are
/// many more of those, so a flood of logins leaves room for other requests.
pub(super) const PLACES: usize = 128;

/// The number of places that are reserved for known users.
const RESERVED: usize = 32;

/// The number of hashes in each queue that may wait for memory. More would not start in time, and would take places
/// from others.
const MAX_WAITING_FOR_MEMORY: usize = 32;

/// One hash in this number is for an unknown client, even if known users are always waiting.
const TURNS: usize = 8;

/// The priority of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// For a user who is logged in, or has been from the same network.
    First,
    /// For all others.
    Usual,
}

/// The places.
pub(super) struct Places {
    all: Arc<Semaphore>,
    usual: Arc<Semaphore>,
}

/// The right to request a hash; dropping it returns the place.
#[derive(Debug)]
pub struct Place(
    #[expect(dead_code, reason = "dropping it returns the place")] (OwnedSemaphorePermit, Option<OwnedSemaphorePermit>),
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

/// Two queues in one. Each item says how much memory it needs beyond the memory of a thread. While that is not
/// available, items that need no extra memory overtake it.
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
    closed: Condvar,
}

struct Waiting<T> {
    first: VecDeque<(T, usize)>,
    usual: VecDeque<(T, usize)>,
    turn: usize,
    /// In blocks of 1 KiB, like all memory here.
    spare: usize,
    is_closed: bool,
}

/// The spare memory of an item; dropping it returns the memory.
pub(super) struct Reserved<'a, T> {
    queue: &'a Queue<T>,
    blocks: usize,
}

impl<T> Queue<T> {
    /// A queue with this much spare memory. An item that needs more would wait for ever.
    pub(super) fn new(spare: usize) -> Self {
        let waiting = Waiting { first: VecDeque::new(), usual: VecDeque::new(), turn: 0, spare, is_closed: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new(), closed: Condvar::new() }
    }

    /// Puts an item at the end of its queue. If the queue is full, returns the item as an error.
    pub(super) fn push(&self, item: T, blocks: usize, priority: Priority) -> Result<(), T> {
        let mut waiting = locked(&self.waiting);
        let queue = if priority == Priority::First { &mut waiting.first } else { &mut waiting.usual };
        let waits_in_vain = || blocks > 0 && queue.iter().filter(|other| other.1 > 0).count() >= MAX_WAITING_FOR_MEMORY;
        if queue.len() >= PLACES || waits_in_vain() {
            return Err(item);
        }
        queue.push_back((item, blocks));
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// The next item that can run now, if there is one.
    pub(super) fn try_next(&self) -> Option<(T, Reserved<'_, T>)> {
        let (item, blocks) = locked(&self.waiting).next()?;
        Some((item, Reserved { queue: self, blocks }))
    }

    /// Waits for the next item; `None` if the queue is closed.
    pub(super) fn next(&self) -> Option<(T, Reserved<'_, T>)> {
        let mut waiting = locked(&self.waiting);
        loop {
            if let Some((item, blocks)) = waiting.next() {
                return Some((item, Reserved { queue: self, blocks }));
            }
            if waiting.is_closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for this time; returns earlier, and `false`, if the queue is closed.
    pub(super) fn rest(&self, time: Duration) -> bool {
        let rested = self.closed.wait_timeout_while(locked(&self.waiting), time, |waiting| !waiting.is_closed);
        rested.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Closes the queue: waiting threads end when it is empty.
    pub(super) fn close(&self) {
        locked(&self.waiting).is_closed = true;
        self.changed.notify_all();
        self.closed.notify_all();
    }
}

impl<T> Waiting<T> {
    fn next(&mut self) -> Option<(T, usize)> {
        let next = match (self.fitting(&self.first), self.fitting(&self.usual)) {
            (Some(first), Some(usual)) => {
                self.turn = (self.turn + 1) % TURNS;
                if self.turn == 0 { self.usual.remove(usual) } else { self.first.remove(first) }
            }
            (Some(first), None) => self.first.remove(first),
            (None, usual) => self.usual.remove(usual?),
        };
        next.inspect(|(_, blocks)| self.spare -= blocks)
    }

    /// The position of the next item that can run. Items that need memory do not overtake each other, because otherwise
    /// the largest might never run.
    fn fitting(&self, queue: &VecDeque<(T, usize)>) -> Option<usize> {
        let needy = queue.iter().position(|(_, blocks)| *blocks > 0);
        let needy = needy.filter(|at| queue.get(*at).is_some_and(|(_, blocks)| *blocks <= self.spare));
        let modest = queue.iter().position(|(_, blocks)| *blocks == 0);
        [needy, modest].into_iter().flatten().min()
    }
}

impl<T> Drop for Reserved<'_, T> {
    fn drop(&mut self) {
        if self.blocks > 0 {
            locked(&self.queue.waiting).spare += self.blocks;
            self.queue.changed.notify_all();
        }
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
        assert_eq!(take_all(Priority::First).len(), 96, "known users may take all places");
        drop(known);
        assert_eq!(places.count_taken(), 0);
    }

    /// All waiting items in the order in which one thread gets them.
    fn all<T>(queue: &Queue<T>) -> Vec<T> {
        std::iter::from_fn(|| queue.try_next().map(|(item, _)| item)).collect()
    }

    #[test]
    fn those_who_are_known_go_first_and_strangers_still_get_on() {
        let queue = Queue::new(0);
        for n in 0..20 {
            queue.push(("stranger", n), 0, Priority::Usual).unwrap();
        }
        for n in 0..20 {
            queue.push(("known", n), 0, Priority::First).unwrap();
        }
        let order = all(&queue);
        let position = |who, n| order.iter().position(|one| *one == (who, n)).unwrap();
        assert_eq!((position("known", 0), position("known", 6), position("stranger", 0)), (0, 6, 7));
        assert_eq!((position("known", 19), position("stranger", 19)), (21, 39), "each in its turn");
    }

    #[test]
    fn what_needs_memory_waits_for_it_in_its_turn_and_the_rest_does_not() {
        let queue = Queue::new(10);
        for (name, blocks) in [("a", 6), ("b", 6), ("c", 4), ("d", 0), ("e", 0)] {
            queue.push(name, blocks, Priority::Usual).unwrap();
        }
        let (first, reserved) = queue.try_next().unwrap();
        assert_eq!((first, all(&queue)), ("a", vec!["d", "e"]), "c fits, but does not overtake b");
        queue.push("f", 4, Priority::First).unwrap();
        assert_eq!(queue.try_next().map(|(item, _)| item), Some("f"), "it overtakes b, as a known user's");
        drop(reserved);
        let both = [queue.try_next(), queue.try_next()].map(|next| next.map(|(item, _reserved)| item));
        assert_eq!(both, [Some("b"), Some("c")]);
    }

    #[test]
    fn what_needs_memory_cannot_fill_the_queue() {
        let queue = Queue::new(10);
        let pushed = (0..PLACES).filter(|n| queue.push(*n, 10, Priority::Usual).is_ok()).count();
        assert_eq!(pushed, 32);
        queue.push(0, 0, Priority::Usual).unwrap();
        queue.push(0, 10, Priority::First).unwrap();
    }

    #[test]
    fn a_queue_that_is_full_or_closed_says_so() {
        let queue = Queue::new(0);
        for n in 0..PLACES {
            queue.push(n, 0, Priority::Usual).unwrap();
        }
        assert_eq!(queue.push(PLACES, 0, Priority::Usual), Err(PLACES));
        queue.close();
        assert_eq!(std::iter::from_fn(|| queue.next()).count(), PLACES, "waiting items are still done");
    }

    #[test]
    fn a_rest_takes_its_time_unless_the_queue_is_closed() {
        let queue = Queue::<()>::new(0);
        assert!(queue.rest(Duration::from_millis(1)));
        std::thread::scope(|scope| {
            let resting = scope.spawn(|| queue.rest(Duration::from_secs(600)));
            queue.close();
            assert!(!resting.join().unwrap());
        });
        assert!(!queue.rest(Duration::from_secs(600)));
    }
}
