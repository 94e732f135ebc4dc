//! The denials in memory, which verification uses instead of a database.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

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
    /// A denial of a kind that this version does not know. It can be passed on, but denies nothing here.
    Unknown {
        /// The kind.
        kind: Arc<str>,
        /// The subject, as the kind defines it.
        subject: Arc<str>,
        /// The instant.
        issued_before: Timestamp,
    },
}

/// The number of parts of the set. Each has its own lock, so that one can be cleaned or grow while others are read. With
/// a million denials a part has 250.
const PARTS: usize = 4_096;

/// The number of parts that one call cleans.
const PARTS_AT_ONCE: usize = 64;

/// What is denied, and until when.
pub struct DeniedSet {
    parts: Box<[RwLock<Part>]>,
    /// The number of denials, and how many of them are in `others`. Usually there are none, and no part is read.
    count: AtomicUsize,
    count_others: AtomicUsize,
    /// The next part to clean.
    next: AtomicUsize,
}

#[derive(Default)]
struct Part {
    sessions: Vec<Denied>,
    tokens: Vec<Denied>,
    others: Option<Box<Others>>,
}

/// An id and its end. They are sorted by id: that takes half the memory of a hash table.
type Denied = ([u8; 16], Timestamp);

#[derive(Default)]
struct Others {
    until: HashMap<DeniedSubject, Timestamp>,
    /// The latest time of each client and each user.
    clients: HashMap<Arc<str>, Timestamp>,
    users: HashMap<Arc<str>, Timestamp>,
}

impl Others {
    fn note_instant_of(&mut self, subject: &DeniedSubject) {
        let (instants, name, before) = match subject {
            DeniedSubject::Client(name, before) => (&mut self.clients, name, before),
            DeniedSubject::User(name, before) => (&mut self.users, name, before),
            DeniedSubject::Session(_) | DeniedSubject::AccessToken(_) | DeniedSubject::Unknown { .. } => return,
        };
        let latest = instants.entry(Arc::clone(name)).or_insert(*before);
        *latest = (*before).max(*latest);
    }

    fn insert(&mut self, subject: DeniedSubject, until: Timestamp) -> News {
        self.note_instant_of(&subject);
        match self.until.entry(subject) {
            Entry::Vacant(entry) => {
                entry.insert(until);
                News::New
            }
            Entry::Occupied(mut entry) => extend(entry.get_mut(), until),
        }
    }

    /// Removes expired denials; returns how many.
    fn forget(&mut self, now: Timestamp) -> usize {
        let before = self.until.len();
        self.until.retain(|_, until| *until > now);
        let over = before - self.until.len();
        if over > 0 {
            let mut left = Self::default();
            for (subject, until) in self.until.drain() {
                left.insert(subject, until);
            }
            *self = left;
        }
        over
    }
}

impl Part {
    /// Removes expired denials; returns how many, and how many of them were in `others`.
    fn forget(&mut self, now: Timestamp) -> (usize, usize) {
        let ids = forget_of(&mut self.sessions, now) + forget_of(&mut self.tokens, now);
        let others = self.others.as_mut().map_or(0, |others| others.forget(now));
        self.others.take_if(|others| others.until.is_empty());
        (ids + others, others)
    }
}

/// What a denial adds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum News {
    New,
    Longer,
    Nothing,
}

fn extend(known: &mut Timestamp, until: Timestamp) -> News {
    let news = if *known < until { News::Longer } else { News::Nothing };
    *known = until.max(*known);
    news
}

fn insert_into(denied: &mut Vec<Denied>, id: [u8; 16], until: Timestamp) -> News {
    match denied.binary_search_by(|(known, _)| known.cmp(&id)) {
        Ok(at) => denied.get_mut(at).map_or(News::Nothing, |(_, known)| extend(known, until)),
        Err(at) => {
            if denied.len() == denied.capacity() {
                // By an eighth, since doubling would leave a quarter of the memory unused.
                denied.reserve_exact(4 + denied.len() / 8);
            }
            denied.insert(at, (id, until));
            News::New
        }
    }
}

fn has(denied: &[Denied], id: &[u8; 16]) -> bool {
    denied.binary_search_by(|(known, _)| known.cmp(id)).is_ok()
}

/// Removes expired denials, and frees memory if they were many; returns how many.
fn forget_of(denied: &mut Vec<Denied>, now: Timestamp) -> usize {
    let before = denied.len();
    denied.retain(|(_, until)| *until > now);
    if denied.capacity() / 2 > denied.len() {
        denied.shrink_to_fit();
    }
    before - denied.len()
}

/// The part of a name: its FNV-1a hash, so that names with a pattern are spread, too.
fn part_of(name: &[u8]) -> usize {
    let hash = name
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let [low, high, ..] = hash.to_le_bytes();
    usize::from(u16::from_le_bytes([low, high])) % PARTS
}

impl Default for DeniedSet {
    fn default() -> Self {
        let parts = (0..PARTS).map(|_| RwLock::default()).collect();
        let [count, count_others, next] = [0, 0, 0].map(AtomicUsize::new);
        Self { parts, count, count_others, next }
    }
}

impl DeniedSet {
    /// Whether an access token or its session is denied.
    #[must_use]
    pub fn denies(&self, session: Option<SessionId>, token: Jti) -> bool {
        let denies_session = |session: SessionId| {
            self.read(session.as_bytes()).is_some_and(|part| has(&part.sessions, session.as_bytes()))
        };
        !self.is_empty()
            && (session.is_some_and(denies_session)
                || self.read(token.as_bytes()).is_some_and(|part| has(&part.tokens, token.as_bytes())))
    }

    /// Whether an access token with this time of issue is denied with its client or its user.
    #[must_use]
    pub fn denies_issued(&self, client: &str, user: &str, issued_at: Timestamp) -> bool {
        let is_before = |name: &str, instants: fn(&Others) -> &HashMap<Arc<str>, Timestamp>| {
            let part = self.read(name.as_bytes());
            let before = part.as_ref().and_then(|part| instants(part.others.as_ref()?).get(name));
            before.is_some_and(|before| issued_at < *before)
        };
        self.count_others.load(Ordering::Acquire) > 0
            && (is_before(client, |others| &others.clients) || is_before(user, |others| &others.users))
    }

    /// Denies something until a time, unless it is already denied for longer. Returns true if it was not denied before,
    /// or not for as long.
    pub fn insert(&self, subject: DeniedSubject, until: Timestamp) -> bool {
        let Some(mut part) = self.write(&subject) else { return false };
        let is_other = !matches!(subject, DeniedSubject::Session(_) | DeniedSubject::AccessToken(_));
        let news = match subject {
            DeniedSubject::Session(session) => insert_into(&mut part.sessions, *session.as_bytes(), until),
            DeniedSubject::AccessToken(token) => insert_into(&mut part.tokens, *token.as_bytes(), until),
            other => part.others.get_or_insert_default().insert(other, until),
        };
        self.count.fetch_add(usize::from(news == News::New), Ordering::Release);
        self.count_others.fetch_add(usize::from(news == News::New && is_other), Ordering::Release);
        news != News::Nothing
    }

    /// The number of denials, including expired ones that are not removed yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Whether there are no denials.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes expired denials in a few of its parts. Called once per second, it handles all parts within about a
    /// minute. Expired denials do no harm, since the tokens that they deny have expired.
    pub fn forget(&self, now: Timestamp) {
        for _ in 0..PARTS_AT_ONCE {
            let next = self.next.fetch_add(1, Ordering::Relaxed) % PARTS;
            let Some(part) = self.parts.get(next) else { return };
            let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
            let (over, others) = part.forget(now);
            self.count.fetch_sub(over, Ordering::Release);
            self.count_others.fetch_sub(others, Ordering::Release);
        }
    }

    fn read(&self, name: &[u8]) -> Option<RwLockReadGuard<'_, Part>> {
        Some(self.parts.get(part_of(name))?.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, subject: &DeniedSubject) -> Option<RwLockWriteGuard<'_, Part>> {
        let name = match subject {
            DeniedSubject::Session(session) => session.as_bytes().as_slice(),
            DeniedSubject::AccessToken(token) => token.as_bytes().as_slice(),
            DeniedSubject::Client(name, _) | DeniedSubject::User(name, _) => name.as_bytes(),
            DeniedSubject::Unknown { subject, .. } => subject.as_bytes(),
        };
        Some(self.parts.get(part_of(name))?.write().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: u16) -> Jti {
        let mut bytes = [0; 16];
        bytes[14..].copy_from_slice(&number.to_be_bytes());
        Jti::from_bytes(bytes)
    }

    /// In all parts.
    fn forget(set: &DeniedSet, now: i64) {
        (0..PARTS.div_ceil(PARTS_AT_ONCE)).for_each(|_| set.forget(Timestamp(now)));
    }

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
        forget(&set, 400);
        assert_eq!([99, 100].map(denies), [true, false]);
        forget(&set, 500);
        assert!(!denies(0) && set.is_empty());
    }

    #[test]
    fn a_user_is_denied_whatever_the_client_and_a_token_without_a_session_by_its_name() {
        let set = DeniedSet::default();
        set.insert(DeniedSubject::User("ada".into(), Timestamp(100)), Timestamp(500));
        set.insert(DeniedSubject::AccessToken(token(1)), Timestamp(500));
        assert!(set.denies_issued("any", "ada", Timestamp(99)) && !set.denies_issued("any", "bob", Timestamp(99)));
        assert!(set.denies(None, token(1)) && !set.denies(None, token(2)));
    }

    #[test]
    fn what_is_over_goes_and_the_rest_stays_wherever_it_is() {
        let set = DeniedSet::default();
        for number in 0..5_000 {
            set.insert(DeniedSubject::AccessToken(token(number)), Timestamp(100 + i64::from(number % 2)));
        }
        assert!(set.insert(DeniedSubject::AccessToken(token(0)), Timestamp(102)), "that it lasts longer is news");
        assert_eq!(set.len(), 5_000);
        set.forget(Timestamp(100));
        assert!((4_900..5_000).contains(&set.len()), "one call does a small part of it");
        forget(&set, 100);
        assert_eq!(set.len(), 2_501);
        assert!((0..5_000).all(|number| set.denies(None, token(number)) == (number % 2 == 1 || number == 0)));
        forget(&set, 102);
        assert!(set.is_empty() && !set.denies(None, token(0)));
    }

    #[test]
    fn a_kind_that_is_not_known_is_counted_and_denies_nothing() {
        let set = DeniedSet::default();
        let device =
            DeniedSubject::Unknown { kind: "device".into(), subject: "ada".into(), issued_before: Timestamp(100) };
        assert!(set.insert(device.clone(), Timestamp(500)) && !set.insert(device, Timestamp(500)));
        assert!(!set.denies_issued("ada", "ada", Timestamp(0)) && set.len() == 1);
    }
}
