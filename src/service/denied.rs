//! The denylist in memory: what the verification of an access token asks instead of the database.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, RwLock};

use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::jwt::AccessClaims;
use crate::model::denial::{Denial, DeniedSubject};
use crate::store::Store;

/// Each look at the table goes back this far before the last one: a row may be committed some time after the instant it
/// carries, and the instance that wrote it may have a slower clock.
const OVERLAP: Seconds = Seconds(60);

/// What is denied, until when.
#[derive(Default)]
pub struct DeniedSet {
    until: RwLock<HashMap<DeniedSubject, Timestamp>>,
    seen_at: Mutex<Option<Timestamp>>,
}

impl DeniedSet {
    /// Whether an access token is denied, itself or with its session.
    #[must_use]
    pub fn denies(&self, claims: &AccessClaims) -> bool {
        let until = self.until.read().unwrap_or_else(PoisonError::into_inner);
        until.contains_key(&DeniedSubject::Session(claims.sid))
            || until.contains_key(&DeniedSubject::AccessToken(claims.jti))
    }

    /// Takes up denials that this instance has just written.
    pub fn add(&self, denials: impl IntoIterator<Item = Denial>) {
        let mut until = self.until.write().unwrap_or_else(PoisonError::into_inner);
        until.extend(denials.into_iter().map(|denial| (denial.subject, denial.expires_at)));
    }

    /// Takes up what other instances have written, and lets go of what is over.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is out of reach; what is known stays.
    pub fn follow(&self, store: &Store, now: Timestamp) -> Result<(), Error> {
        let last = *self.seen_at.lock().unwrap_or_else(PoisonError::into_inner);
        let since = last.map_or(Timestamp(0), |seen_at| seen_at - OVERLAP);
        self.add(store.read_apart(|tx| tx.list_denials(since, now))?);
        *self.seen_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        let mut until = self.until.write().unwrap_or_else(PoisonError::into_inner);
        until.retain(|_, expires_at| *expires_at > now);
        Ok(())
    }
}
