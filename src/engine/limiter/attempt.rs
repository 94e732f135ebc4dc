//! An attempt to guess a secret, and the subjects that it counts for.

use std::net::IpAddr;

use super::kinds::{Allowance, Kind};
use crate::clock::{Seconds, Timestamp};
use crate::jwt::MAX_CLOCK_SKEW;
use crate::model::id::UserId;

/// The account that an attempt is for; renaming does not change it. A name without an account is counted in the same
/// way, since otherwise its limits would reveal that there is no account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Account {
    /// An account.
    Known(UserId),
    /// A name that no account has, folded.
    Unknown(String),
}

/// An attempt, with the subjects that it counts for.
#[derive(Clone, Debug)]
pub struct Attempt(Vec<Subject>);

/// A subject that attempts are counted for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    /// The kind of secret; each kind is counted separately.
    kind: &'static str,
    whose: Whose,
    allowance: Allowance,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Whose {
    AccountFromNetwork(Account, IpAddr),
    /// A browser that is known to be the owner's, by the digest of its cookie.
    AccountInBrowser(Account, [u8; 32]),
    Network(IpAddr),
    Account(Account),
}

impl Attempt {
    /// An attempt for an account from an address; either may be unknown.
    #[must_use]
    pub fn new(kind: &Kind, account: Option<&Account>, ip: Option<&str>) -> Self {
        let network = ip.and_then(|ip| ip.parse().ok()).map(network);
        let subject = |whose, allowance| Subject { kind: kind.name, whose, allowance };
        let mut subjects = Vec::new();
        if let (Some(account), Some(network)) = (account, network) {
            subjects.push(subject(Whose::AccountFromNetwork(account.clone(), network), kind.account_from_network));
        }
        subjects.extend(network.map(|network| subject(Whose::Network(network), kind.network)));
        subjects.extend(account.map(|account| subject(Whose::Account(account.clone()), kind.account)));
        Self(subjects)
    }

    /// The same attempt in a browser that is known to be the account's owner's: it has an allowance of its own.
    #[must_use]
    pub fn in_browser(self, kind: &Kind, account: Account, browser: [u8; 32]) -> Self {
        let whose = Whose::AccountInBrowser(account, browser);
        let own = Subject { kind: kind.name, whose, allowance: kind.account_from_network };
        let network = self.0.into_iter().filter(|subject| matches!(subject.whose, Whose::Network(_)));
        Self(std::iter::once(own).chain(network).collect())
    }

    /// Whether it comes from the network of one of these addresses.
    #[must_use]
    pub fn is_from_one_of(&self, addresses: &[String]) -> bool {
        let mut known = addresses.iter().filter_map(|ip| ip.parse().ok()).map(network);
        known.any(|known| self.0.iter().any(|subject| subject.whose == Whose::Network(known)))
    }

    /// The same attempt, but without counting for the account from anywhere.
    #[must_use]
    pub fn sparing_the_account(self) -> Self {
        Self(self.0.into_iter().filter(|subject| !matches!(subject.whose, Whose::Account(_))).collect())
    }

    pub(super) fn subjects(&self) -> &[Subject] {
        &self.0
    }
}

impl Subject {
    pub(super) fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// With a right clock the allowance is never used for longer than this from now, even if the instances' clocks
    /// differ.
    pub(super) fn longest(&self) -> Seconds {
        self.allowance.whole() + MAX_CLOCK_SKEW
    }

    /// How long its next attempt has to wait, if at all. A wrong clock never makes this longer than one failure does.
    pub(super) fn wait(&self, used_until: Timestamp, now: Timestamp) -> Option<Seconds> {
        let used_until = used_until.min(now + self.allowance.whole());
        let wait = used_until - (now + self.allowance.room());
        (wait > Seconds::ZERO).then_some(wait)
    }

    /// Bytes that are unique to it: each part has a fixed length or is the last one.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.kind.as_bytes(), &[0]].concat();
        let (tag, network, account) = match &self.whose {
            Whose::AccountFromNetwork(account, network) => (1, Some(network), Some(account)),
            Whose::AccountInBrowser(account, _) => (4, None, Some(account)),
            Whose::Network(network) => (2, Some(network), None),
            Whose::Account(account) => (3, None, Some(account)),
        };
        bytes.push(tag);
        match network {
            Some(IpAddr::V4(ip)) => bytes.extend([&[4], &ip.octets()[..]].concat()),
            Some(IpAddr::V6(ip)) => bytes.extend([&[6], &ip.octets()[..]].concat()),
            None => {}
        }
        if let Whose::AccountInBrowser(_, browser) = &self.whose {
            bytes.extend(browser);
        }
        match account {
            Some(Account::Known(id)) => bytes.extend([&[1], &id.as_bytes()[..]].concat()),
            Some(Account::Unknown(name)) => bytes.extend([&[2], name.as_bytes()].concat()),
            None => {}
        }
        bytes
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
    use crate::engine::limiter::kinds::PASSWORD;

    const CODE: Kind = Kind { name: "code", ..PASSWORD };

    fn unknown(name: &str) -> Account {
        Account::Unknown(name.to_owned())
    }

    #[test]
    fn an_owner_is_known_by_network() {
        let known = |ip: &str, on_record: &str| {
            Attempt::new(&PASSWORD, Some(&unknown("ada")), Some(ip)).is_from_one_of(&[on_record.to_owned()])
        };
        assert!(known("192.0.2.1", "192.0.2.1") && known("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(known("2001:db8::7", "2001:db8::1"), "its other address");
        assert!(!known("192.0.2.1", "192.0.2.2") && !known("2001:db8:0:1::1", "2001:db8::1") && !known("", ""));
    }

    #[test]
    fn no_two_subjects_are_taken_for_the_same() {
        let id: UserId = "018f3c6e-7d2a-7b11-8c11-5d3f8e2a9b01".parse().unwrap();
        let accounts = [Account::Known(id), unknown(&id.to_string()), unknown(""), unknown("ada")];
        let mut seen = Vec::new();
        for kind in [&PASSWORD, &CODE] {
            for account in accounts.iter().map(Some).chain([None]) {
                for ip in [None, Some("1.2.3.4"), Some("2001:db8::1"), Some("2001:db8:1::1")] {
                    let attempt = Attempt::new(kind, account, ip);
                    seen.extend(attempt.subjects().iter().map(|subject| (subject.bytes(), subject.clone())));
                }
            }
        }
        for (bytes, subject) in &seen {
            assert!(seen.iter().all(|(other_bytes, other)| (bytes == other_bytes) == (subject == other)));
        }
    }
}
