//! The attempts and failures of this instance: one time for each subject, and the attempts that wait for a result. It
//! needs no query, and wakes waiting attempts as soon as a charge is given back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::attempt::{Attempt, Subject};
use crate::clock::{Clock, Seconds, Timestamp};

/// The most subjects in memory. Beyond that, those with the fewest failures are removed.
const MAX_SUBJECTS: usize = 200_000;

/// The most attempts that may wait for one subject.
const MAX_WAITING: usize = 128;

/// The limits in memory.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    /// For each subject the time until which its allowance is used (the generic cell rate algorithm).
    used: HashMap<Subject, Timestamp>,
    /// Attempts that are being checked now.
    pending: HashMap<Subject, Pending>,
}

struct Pending {
    attempts: usize,
    /// Tells its receivers, which are the waiting attempts, that one of the attempts has ended.
    over: watch::Sender<()>,
}

/// An attempt that was allowed and charged. Dropping it gives the charge back: an attempt without a result (a busy
/// service, a lost database, a client that has disconnected) was not a guess.
pub(super) struct Charge {
    memory: Memory,
    subjects: Vec<Subject>,
    has_failed: bool,
}

/// Why an attempt is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The allowance is used up by what has failed: how long to wait before the next attempt.
    UsedUp(Seconds),
    /// Too many others are being looked at.
    Busy,
}

enum Admission {
    Charged(Charge),
    Waiting(watch::Receiver<()>),
    Refused(Refusal),
}

impl Memory {
    /// Allows an attempt and charges it, now or as soon as others have given their charges back.
    pub(super) async fn admit(
        &self,
        attempt: &Attempt,
        clock: &dyn Clock,
        deadline: Instant,
    ) -> Result<Charge, Refusal> {
        loop {
            match self.admit_now(attempt, clock.now()) {
                Admission::Charged(charge) => return Ok(charge),
                Admission::Refused(refusal) => return Err(refusal),
                Admission::Waiting(mut over) => {
                    // If the sender was dropped, no attempt is being checked any more.
                    let _over_or_gone = timeout_at(deadline, over.changed()).await.map_err(|_late| Refusal::Busy)?;
                }
            }
        }
    }

    /// Stores what the database knows about a subject.
    pub(super) fn learn(&self, subject: &Subject, used_until: Timestamp, now: Timestamp) {
        let used_until = used_until.min(now + subject.allowance().whole());
        let mut table = self.locked();
        let known = table.entry(subject, now);
        *known = (*known).max(used_until);
    }

    fn admit_now(&self, attempt: &Attempt, now: Timestamp) -> Admission {
        let mut table = self.locked();
        let subjects = attempt.subjects();
        table.bound(subjects, now);
        let wait = |subject: &Subject| subject.wait(*table.used.get(subject)?, now);
        let over = |subject| wait(subject).map(|wait| (subject, wait));
        let over: Vec<(&Subject, Seconds)> = subjects.iter().filter_map(over).collect();
        let Some(retry_after) = over.iter().map(|(_, wait)| *wait).max() else {
            for subject in subjects {
                table.charge(subject, now);
            }
            let (memory, subjects) = (self.clone(), subjects.to_vec());
            return Admission::Charged(Charge { memory, subjects, has_failed: false });
        };
        // Only attempts that are being checked can give something back, and each of them must end.
        let pending: Option<Vec<&Pending>> = over.iter().map(|(subject, _)| table.pending.get(subject)).collect();
        match pending.and_then(|pending| pending.first().copied()) {
            None => Admission::Refused(Refusal::UsedUp(retry_after)),
            Some(pending) if pending.over.receiver_count() < MAX_WAITING => {
                Admission::Waiting(pending.over.subscribe())
            }
            Some(_) => Admission::Refused(Refusal::Busy),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// After a clock was set back, subjects are not locked out for longer than the whole allowance takes.
    fn bound(&mut self, subjects: &[Subject], now: Timestamp) {
        for subject in subjects {
            if let Some(until) = self.used.get_mut(subject) {
                *until = (*until).min(now + subject.allowance().whole());
            }
        }
    }

    fn charge(&mut self, subject: &Subject, now: Timestamp) {
        let until = self.entry(subject, now);
        *until = (*until).max(now) + subject.allowance().cost();
        let nothing = || Pending { attempts: 0, over: watch::Sender::new(()) };
        self.pending.entry(subject.clone()).or_insert_with(nothing).attempts += 1;
    }

    fn entry(&mut self, subject: &Subject, now: Timestamp) -> &mut Timestamp {
        if self.used.len() >= MAX_SUBJECTS && !self.used.contains_key(subject) {
            self.make_room(now);
        }
        self.used.entry(subject.clone()).or_insert(now)
    }

    /// Removes what has expired. If that is too little, removes the quarter whose allowance is full again soonest, so
    /// that an attacker who fills the table with new subjects cannot remove subjects with more failures.
    fn make_room(&mut self, now: Timestamp) {
        let Self { used, pending } = self;
        used.retain(|subject, until| *until > now || pending.contains_key(subject));
        if used.len() < MAX_SUBJECTS {
            return;
        }
        let mut ends: Vec<Timestamp> = used.values().copied().collect();
        let (_, cut, _) = ends.select_nth_unstable(MAX_SUBJECTS / 4);
        used.retain(|subject, until| *until > *cut || pending.contains_key(subject));
    }

    fn finish(&mut self, subject: &Subject, has_failed: bool) {
        if let Some(until) = self.used.get_mut(subject).filter(|_| !has_failed) {
            *until = *until - subject.allowance().cost();
        }
        let Some(pending) = self.pending.get_mut(subject) else { return };
        pending.attempts -= 1;
        pending.over.send_replace(());
        if pending.attempts == 0 {
            self.pending.remove(subject);
        }
    }
}

impl Charge {
    /// Reports a wrong guess: the charge stays.
    pub(super) fn failed(mut self) {
        self.has_failed = true;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let mut table = self.memory.locked();
        for subject in &self.subjects {
            table.finish(subject, self.has_failed);
        }
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
