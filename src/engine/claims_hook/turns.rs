//! Turns for calls of the hook for claims: each call holds a thread, and one user must not take the hook from others.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::model::id::UserId;

/// Beyond that the hook counts as away.
const AT_ONCE: usize = 64;

/// Of one user, in all sessions. Beyond that the hook counts as away for that user.
const AT_ONCE_OF_A_USER: usize = 8;

/// The turns.
pub(super) struct Turns {
    all: Semaphore,
    of_users: Mutex<HashMap<UserId, usize>>,
}

/// A turn; dropping it ends it.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    user: UserId,
    _one_of_all: SemaphorePermit<'a>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { all: Semaphore::new(AT_ONCE), of_users: Mutex::default() }
    }
}

impl Turns {
    /// A turn for a call about this user, if one is free. It does not wait.
    pub(super) fn turn(&self, user: UserId) -> Option<Turn<'_>> {
        let one_of_all = self.all.try_acquire().ok()?;
        let mut of_users = self.of_users();
        let taken = of_users.entry(user).or_default();
        if *taken >= AT_ONCE_OF_A_USER {
            return None;
        }
        *taken += 1;
        Some(Turn { turns: self, user, _one_of_all: one_of_all })
    }

    fn of_users(&self) -> MutexGuard<'_, HashMap<UserId, usize>> {
        self.of_users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut of_users = self.turns.of_users();
        match of_users.get_mut(&self.user) {
            Some(taken) if *taken > 1 => *taken -= 1,
            _ => {
                of_users.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::Id;

    #[test]
    fn one_user_does_not_take_the_turns_of_others() {
        let (turns, eve) = (Turns::default(), Id::from_bytes([0; 16]));
        let mut of_eve: Vec<_> = (0..AT_ONCE_OF_A_USER).map(|_| turns.turn(eve).unwrap()).collect();
        assert!(turns.turn(eve).is_none());
        let others: Vec<_> = (1..).map_while(|user| turns.turn(Id::from_bytes([user; 16]))).collect();
        assert_eq!(of_eve.len() + others.len(), AT_ONCE);
        of_eve.pop();
        drop(turns.turn(eve).unwrap());
        drop((of_eve, others));
        assert!(turns.of_users().is_empty(), "nothing of them is kept");
    }
}
