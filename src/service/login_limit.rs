//! How often logins may fail (ASVS 6.3.1, NIST SP 800-63B-4 section 3.2.2): for an account from one network, for
//! a network, and for an account from anywhere. The last one spares networks from which the account has a session on
//! record, live or ended, so that an attacker elsewhere cannot lock the owner out. Kept in memory, by each instance for
//! itself.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::clock::{Seconds, Timestamp};
use crate::model::user::Username;

/// What failures are counted for. Whether the account exists does not matter: it could be read from the difference.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    AccountFromNetwork(Username, IpAddr),
    Network(IpAddr),
    Account(Username),
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

/// Beyond this many subjects new ones are not counted: memory comes first.
const MOST_SUBJECTS: usize = 200_000;

/// The failures of late. For each subject one instant, up to which its allowance is used (the generic cell rate
/// algorithm).
#[derive(Default)]
pub struct LoginLimit(Mutex<HashMap<Subject, Timestamp>>);

/// An attempt to log in: what its failure would be counted for.
pub struct Attempt(Vec<Subject>);

impl LoginLimit {
    /// How long this attempt has to wait, if it has to. `addresses` tells from where the account has sessions on record; it
    /// is asked only when that matters.
    ///
    /// # Errors
    /// What `addresses` fails with.
    pub fn wait<E>(
        &self,
        attempt: &Attempt,
        now: Timestamp,
        addresses: impl FnOnce() -> Result<Vec<String>, E>,
    ) -> Result<Option<Seconds>, E> {
        let longest = |of_account_alone: bool| {
            let used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let subjects =
                attempt.0.iter().filter(|subject| matches!(subject, Subject::Account(_)) == of_account_alone);
            subjects.filter_map(|subject| over(subject, *used.get(subject)?, now)).max()
        };
        if let Some(wait) = longest(false) {
            return Ok(Some(wait));
        }
        match longest(true) {
            Some(wait) if !attempt.is_from_one_of(&addresses()?) => Ok(Some(wait)),
            _ => Ok(None),
        }
    }

    /// Counts a failure.
    pub fn failed(&self, attempt: Attempt, now: Timestamp) {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for subject in attempt.0 {
            if used.len() >= MOST_SUBJECTS {
                used.retain(|_, until| *until > now);
            }
            if used.len() < MOST_SUBJECTS || used.contains_key(&subject) {
                let (burst, interval) = subject.limit();
                let until = used.entry(subject).or_insert(now);
                // Attempts that were under way together never cost more than the whole allowance.
                *until = ((*until).max(now) + Seconds(interval)).min(now + Seconds(burst * interval));
            }
        }
    }
}

fn over(subject: &Subject, used_until: Timestamp, now: Timestamp) -> Option<Seconds> {
    let (burst, interval) = subject.limit();
    let wait = (used_until - Seconds(interval * (burst - 1))) - now;
    (wait > Seconds::ZERO).then_some(wait)
}

impl Attempt {
    /// An attempt for a name from an address, as far as both are known.
    #[must_use]
    pub fn new(username: Option<&Username>, ip: Option<&str>) -> Self {
        let network = ip.and_then(|ip| ip.parse().ok()).map(network);
        let mut subjects = Vec::new();
        if let (Some(username), Some(network)) = (username, network) {
            subjects.push(Subject::AccountFromNetwork(username.clone(), network));
        }
        subjects.extend(network.map(Subject::Network));
        subjects.extend(username.cloned().map(Subject::Account));
        Self(subjects)
    }

    fn is_from_one_of(&self, addresses: &[String]) -> bool {
        let mut known = addresses.iter().filter_map(|ip| ip.parse().ok()).map(network);
        known.any(|known| self.0.contains(&Subject::Network(known)))
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
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn attempt(name: &str, ip: &str) -> Attempt {
        Attempt::new(Some(&name.parse().unwrap()), Some(ip))
    }

    fn wait(limit: &LoginLimit, attempt: &Attempt, now: Timestamp, known: &str) -> Option<i64> {
        limit.wait::<()>(attempt, now, || Ok(vec![known.to_owned()])).unwrap().map(|wait| wait.0)
    }

    #[test]
    fn ten_failures_in_a_row_then_one_each_30_seconds_for_an_account_from_one_network() {
        let limit = LoginLimit::default();
        for _ in 0..10 {
            assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), NOW, ""), None);
            limit.failed(attempt("ada", "192.0.2.1"), NOW);
        }
        assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), NOW, "192.0.2.1"), Some(30));
        assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), NOW + Seconds(30), ""), None);
        assert_eq!(wait(&limit, &attempt("ada", "192.0.2.2"), NOW, ""), None, "another network");
        assert_eq!(wait(&limit, &attempt("bob", "192.0.2.1"), NOW, ""), None, "another account");
    }

    #[test]
    fn failures_from_everywhere_stop_strangers_but_not_the_owner() {
        let limit = LoginLimit::default();
        for host in 0..100 {
            limit.failed(attempt("ada", &format!("198.51.100.{host}")), NOW);
        }
        assert_eq!(wait(&limit, &attempt("ada", "203.0.113.1"), NOW, ""), Some(36));
        assert_eq!(wait(&limit, &attempt("ada", "203.0.113.1"), NOW, "203.0.113.1"), None);
        assert_eq!(wait(&limit, &attempt("ada", "2001:db8::7"), NOW, "2001:db8::1"), None, "its other address");
    }

    #[test]
    fn failures_that_were_under_way_together_cost_no_more_than_the_allowance() {
        let limit = LoginLimit::default();
        for _ in 0..128 {
            limit.failed(attempt("ada", "192.0.2.1"), NOW);
        }
        assert_eq!(wait(&limit, &attempt("ada", "192.0.2.1"), NOW, ""), Some(30));
    }

    #[test]
    fn one_network_that_tries_many_names_is_stopped() {
        let limit = LoginLimit::default();
        for account in 0..300 {
            limit.failed(attempt(&format!("user{account}"), "2001:db8::1"), NOW);
        }
        assert_eq!(wait(&limit, &attempt("ada", "2001:db8::ffff"), NOW, ""), Some(2), "its neighbours too");
        assert_eq!(wait(&limit, &attempt("ada", "2001:db8:0:1::1"), NOW, ""), None);
    }
}
