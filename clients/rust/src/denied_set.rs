//! What is denied, in memory: what the verification of an access token asks instead of a database.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::clock::Timestamp;
use crate::id::{Jti, SessionId};

/// What is denied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DeniedSubject {
    /// Every access token of a session, by `sid`.
    Session(SessionId),
    /// One access token, by `jti`.
    AccessToken(Jti),
    /// Every access token of a client, by `client_id`, that was issued before an instant.
    Client(Arc<str>, Timestamp),
    /// Every access token of a user, by `sub`, that was issued before an instant.
    User(Arc<str>, Timestamp),
}

/// What is denied, until when.
#[derive(Default)]
pub struct DeniedSet(RwLock<Denied>);

#[derive(Default)]
struct Denied {
    until: HashMap<DeniedSubject, Timestamp>,
    /// The latest instant of each client and each user, as `until` has them.
    clients: HashMap<Arc<str>, Timestamp>,
    users: HashMap<Arc<str>, Timestamp>,
}

impl Denied {
    fn note_instant_of(&mut self, subject: &DeniedSubject) {
        let (instants, name, before) = match subject {
            DeniedSubject::Session(_) | DeniedSubject::AccessToken(_) => return,
            DeniedSubject::Client(name, before) => (&mut self.clients, name, before),
            DeniedSubject::User(name, before) => (&mut self.users, name, before),
        };
        let latest = instants.entry(Arc::clone(name)).or_insert(*before);
        *latest = (*before).max(*latest);
    }
}

impl DeniedSet {
    /// Whether an access token is denied, itself or with its session, if it has one.
    #[must_use]
    pub fn denies(&self, session: Option<SessionId>, token: Jti) -> bool {
        let until = &self.0.read().unwrap_or_else(PoisonError::into_inner).until;
        // Most of the time nothing is.
        !until.is_empty()
            && (session.is_some_and(|session| until.contains_key(&DeniedSubject::Session(session)))
                || until.contains_key(&DeniedSubject::AccessToken(token)))
    }

    /// Whether an access token that was issued then is denied with its client or with its user.
    #[must_use]
    pub fn denies_issued(&self, client: &str, user: &str, issued_at: Timestamp) -> bool {
        let denied = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_before = |instants: &HashMap<Arc<str>, Timestamp>, name: &str| {
            !instants.is_empty() && instants.get(name).is_some_and(|before| issued_at < *before)
        };
        is_before(&denied.clients, client) || is_before(&denied.users, user)
    }

    /// Denies something until an instant, or for longer when it is denied for longer already; answers whether it was not
    /// denied at all.
    pub fn insert(&self, subject: DeniedSubject, until: Timestamp) -> bool {
        let mut denied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        denied.note_instant_of(&subject);
        let before = denied.until.get(&subject).copied();
        denied.until.insert(subject, before.map_or(until, |before| before.max(until)));
        before.is_none()
    }

    /// How much is denied.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).until.len()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets go of what is over.
    pub fn forget(&self, now: Timestamp) {
        let mut denied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let mut until = std::mem::take(&mut denied.until);
        until.retain(|_, until| *until > now);
        (denied.clients, denied.users) = (HashMap::new(), HashMap::new());
        for subject in until.keys() {
            denied.note_instant_of(subject);
        }
        denied.until = until;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_issued_before_the_latest_instant_is_denied_until_that_denial_is_over() {
        let set = DeniedSet::default();
        let client = |before| DeniedSubject::Client("notes-app".into(), Timestamp(before));
        assert!(set.insert(client(100), Timestamp(500)));
        assert!(set.insert(client(200), Timestamp(400)), "a later instant is news");
        assert!(!set.insert(client(100), Timestamp(450)), "an instant that is known is none");
        let denies = |issued_at| set.denies_issued("notes-app", "ada", Timestamp(issued_at));
        assert_eq!([99, 199, 200].map(denies), [true, true, false]);
        assert!(!set.denies_issued("ada", "notes-app", Timestamp(0)), "a client is no user");
        set.forget(Timestamp(400));
        assert_eq!([99, 100].map(denies), [true, false]);
        set.forget(Timestamp(500));
        assert!(!denies(0) && set.is_empty());
    }

    #[test]
    fn a_user_is_denied_whatever_the_client_and_a_token_without_a_session_by_its_name() {
        let set = DeniedSet::default();
        set.insert(DeniedSubject::User("ada".into(), Timestamp(100)), Timestamp(500));
        set.insert(DeniedSubject::AccessToken(Jti::from_bytes([1; 16])), Timestamp(500));
        assert!(set.denies_issued("any", "ada", Timestamp(99)) && !set.denies_issued("any", "bob", Timestamp(99)));
        assert!(set.denies(None, Jti::from_bytes([1; 16])) && !set.denies(None, Jti::from_bytes([2; 16])));
    }
}
