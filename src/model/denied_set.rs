//! What is denied, in memory: what the verification of an access token asks instead of a database.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use super::id::{Jti, SessionId};
use crate::clock::Timestamp;

/// What is denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeniedSubject {
    /// Every access token of a session, by `sid`.
    Session(SessionId),
    /// One access token, by `jti`.
    AccessToken(Jti),
}

/// What is denied, until when.
#[derive(Default)]
pub struct DeniedSet(RwLock<HashMap<DeniedSubject, Timestamp>>);

impl DeniedSet {
    /// Whether an access token is denied, itself or with its session, if it has one.
    #[must_use]
    pub fn denies(&self, session: Option<SessionId>, token: Jti) -> bool {
        let until = self.0.read().unwrap_or_else(PoisonError::into_inner);
        // Most of the time nothing is.
        !until.is_empty()
            && (session.is_some_and(|session| until.contains_key(&DeniedSubject::Session(session)))
                || until.contains_key(&DeniedSubject::AccessToken(token)))
    }

    /// Denies something until an instant, or for longer when it is denied for longer already; answers whether it was not
    /// denied at all.
    pub fn insert(&self, subject: DeniedSubject, until: Timestamp) -> bool {
        let mut denied = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let before = denied.get(&subject).copied();
        denied.insert(subject, before.map_or(until, |before| before.max(until)));
        before.is_none()
    }

    /// How much is denied.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets go of what is over.
    pub fn forget(&self, now: Timestamp) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).retain(|_, until| *until > now);
    }
}
