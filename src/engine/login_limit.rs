//! How many passwords may be guessed (ASVS 6.3.1, NIST SP 800-63B-4 section 3.2.2): for an account from one network, for
//! a network, and for an account from anywhere. The last one spares networks from which the account has a session on
//! record, live or ended, so that an attacker elsewhere cannot lock the owner out. Kept in memory, by each instance for
//! itself.
//!
//! An attempt is charged before its password is looked at, and gets the charge back unless the password was wrong: a
//! thousand guesses sent at once get no further than a thousand one after the other. Those beyond the allowance wait for
//! what is being looked at, so that right passwords sent at once all pass.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::clock::{Clock, Seconds, Timestamp};
use crate::model::id::UserId;

/// The account that an attempt is for; it stays the same when it is renamed. A name without an account is counted in the
/// same way: otherwise its limits would tell that there is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// An account.
    Known(UserId),
    /// A name that no account has, folded.
    Unknown(String),
}

/// What attempts are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    AccountFromNetwork(Account, IpAddr),
    Network(IpAddr),
    Account(Account),
}

impl Subject {
    /// How many failures in a row, and then one more each so many seconds.
    fn limit(&self) -> (i64, i64) {
        match self {
            Self::AccountFromNetwork(..) => (10, 30),
            Self::Network(_) => (300, 2),
            Self::Account(_) => (100, 36),
        }
    }
}

/// Memory is bounded: beyond this many subjects those that have failed least are forgotten.
const MAX_SUBJECTS: usize = 200_000;

/// So many attempts may wait for one subject.
const MAX_WAITING: usize = 128;

/// So long an attempt waits for those that are being looked at.
const PATIENCE: Duration = Duration::from_secs(3);

/// The limits, and what counts towards them.
#[derive(Clone, Default)]
pub struct LoginLimit(Arc<Mutex<Table>>);

#[derive(Default)]
struct Table {
    /// For each subject one instant, up to which its allowance is used (the generic cell rate algorithm).
    used: HashMap<Subject, Timestamp>,
    /// What is being looked at now.
    pending: HashMap<Subject, Pending>,
}

struct Pending {
    attempts: usize,
    /// Tells those who wait, who are its receivers, that one of the attempts is over.
    over: watch::Sender<()>,
}

/// An attempt to log in: what it is counted for.
#[derive(Clone, Debug)]
pub struct Attempt(Vec<Subject>);

/// An attempt that was let in and charged. The charge is given back when this is dropped: what came to nothing (a busy
/// service, a lost database, a client that has gone) was no guess.
pub struct Charge {
    limit: LoginLimit,
    subjects: Vec<Subject>,
    has_failed: bool,
}

enum Admission {
    Charged(Charge),
    Waiting(watch::Receiver<()>, Seconds),
    Refused(Seconds),
}

impl LoginLimit {
    /// Lets an attempt in and charges it, now or as soon as others have given back what they were charged.
    ///
    /// The error is how long to wait before the next attempt, when the allowance is used up.
    pub async fn admit(&self, attempt: &Attempt, clock: &dyn Clock) -> Result<Charge, Seconds> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.admit_now(attempt, clock.now()) {
                Admission::Charged(charge) => return Ok(charge),
                Admission::Refused(retry_after) => return Err(retry_after),
                Admission::Waiting(mut over, retry_after) => {
                    // When its sender is gone, none is looked at any more.
                    let _over_or_gone = timeout_at(deadline, over.changed()).await.map_err(|_late| retry_after)?;
                }
            }
        }
    }

    /// Whether an attempt from elsewhere would be refused because of its account.
    pub(crate) fn is_account_used_up(&self, attempt: &Attempt, now: Timestamp) -> bool {
        let table = self.locked();
        let mut accounts = attempt.0.iter().filter(|subject| matches!(subject, Subject::Account(_)));
        accounts.any(|subject| table.over(subject, now).is_some())
    }

    fn admit_now(&self, attempt: &Attempt, now: Timestamp) -> Admission {
        let mut table = self.locked();
        let over = |subject| table.over(subject, now).map(|wait| (subject, wait));
        let over: Vec<(&Subject, Seconds)> = attempt.0.iter().filter_map(over).collect();
        let Some(retry_after) = over.iter().map(|(_, wait)| *wait).max() else {
            for subject in &attempt.0 {
                table.charge(subject, now);
            }
            let (limit, subjects) = (self.clone(), attempt.0.clone());
            return Admission::Charged(Charge { limit, subjects, has_failed: false });
        };
        // Only those that are being looked at can give something back, and each of them must.
        let pending: Option<Vec<&Pending>> = over.iter().map(|(subject, _)| table.pending.get(subject)).collect();
        let awaited = pending.and_then(|pending| pending.first().copied());
        match awaited.filter(|pending| pending.over.receiver_count() < MAX_WAITING) {
            Some(pending) => Admission::Waiting(pending.over.subscribe(), retry_after),
            None => Admission::Refused(retry_after),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// How long a subject has to wait for its next attempt, if it has to.
    fn over(&self, subject: &Subject, now: Timestamp) -> Option<Seconds> {
        let (burst, interval) = subject.limit();
        // A clock that was set back locks nobody out for longer than the whole allowance.
        let used_until = (*self.used.get(subject)?).min(now + Seconds(burst * interval));
        let wait = (used_until - Seconds(interval * (burst - 1))) - now;
        (wait > Seconds::ZERO).then_some(wait)
    }

    fn charge(&mut self, subject: &Subject, now: Timestamp) {
        if self.used.len() >= MAX_SUBJECTS && !self.used.contains_key(subject) {
            self.make_room(now);
        }
        let (burst, interval) = subject.limit();
        let until = self.used.entry(subject.clone()).or_insert(now);
        *until = ((*until).max(now) + Seconds(interval)).min(now + Seconds(burst * interval));
        let nothing = || Pending { attempts: 0, over: watch::Sender::new(()) };
        self.pending.entry(subject.clone()).or_insert_with(nothing).attempts += 1;
    }

    /// Forgets what is over, or if that is too little, the quarter whose allowance is soonest whole again: whoever fills the
    /// table with new subjects gets none forgotten that has failed more often than they have.
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
            let (_, interval) = subject.limit();
            *until = *until - Seconds(interval);
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
    /// The password was wrong: the charge stays.
    pub(crate) fn failed(mut self) {
        self.has_failed = true;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let mut table = self.limit.locked();
        for subject in &self.subjects {
            table.finish(subject, self.has_failed);
        }
    }
}

impl Attempt {
    /// An attempt for an account from an address, as far as both are known.
    pub fn new(account: Option<&Account>, ip: Option<&str>) -> Self {
        let network = ip.and_then(|ip| ip.parse().ok()).map(network);
        let mut subjects = Vec::new();
        if let (Some(account), Some(network)) = (account, network) {
            subjects.push(Subject::AccountFromNetwork(account.clone(), network));
        }
        subjects.extend(network.map(Subject::Network));
        subjects.extend(account.cloned().map(Subject::Account));
        Self(subjects)
    }

    /// Whether it comes from the network of one of these addresses.
    pub(crate) fn is_from_one_of(&self, addresses: &[String]) -> bool {
        let mut known = addresses.iter().filter_map(|ip| ip.parse().ok()).map(network);
        known.any(|known| self.0.contains(&Subject::Network(known)))
    }

    /// The same, not counted for the account from anywhere.
    pub(crate) fn sparing_the_account(self) -> Self {
        Self(self.0.into_iter().filter(|subject| !matches!(subject, Subject::Account(_))).collect())
    }
}

/// One subscriber: an IPv4 address, or the 64 bits of an IPv6 network.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() & !u128::from(u64::MAX)).into()),
        ip @ IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
#[path = "login_limit_tests.rs"]
mod tests;
