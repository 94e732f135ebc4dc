//! The custom claims as this instance knows them: every token that is issued has them, and would ask the database for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::clock::{Seconds, Timestamp};
use crate::error::Error;
use crate::model::custom_claim::{CustomClaim, CustomClaims, Place};
use crate::store::Store;

/// From one warning that custom claims are left out to the next, for each place.
const BETWEEN_WARNINGS: Seconds = Seconds(60);

/// The custom claims of the settings and of the database. What another instance changes is known here after a round of
/// [`KnownClaims::follow`], what this one changes at once.
pub struct KnownClaims {
    store: Arc<Store>,
    /// Those of the settings.
    fixed: Vec<CustomClaim>,
    known: RwLock<Arc<CustomClaims>>,
    /// Held from reading to knowing, so that what was read earlier does not replace what was read later.
    following: Mutex<()>,
    warned_at: Mutex<HashMap<Place, Timestamp>>,
}

impl KnownClaims {
    /// Those of the settings; those of the database are not known yet.
    pub(crate) fn new(fixed: Vec<CustomClaim>, store: Arc<Store>) -> Self {
        let known = RwLock::new(Arc::new(fixed.clone().into()));
        Self { store, fixed, known, following: Mutex::default(), warned_at: Mutex::default() }
    }

    /// Those that are in force.
    pub(crate) fn all(&self) -> Arc<CustomClaims> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Those of the settings, which nothing else changes.
    pub(crate) fn fixed(&self) -> &[CustomClaim] {
        &self.fixed
    }

    /// Takes up what was changed. After an error those that are known stay in force.
    pub fn follow(&self) -> Result<(), Error> {
        let _one_at_a_time = locked(&self.following);
        let mut all = self.store.read(|tx| tx.list_custom_claims())?;
        all.retain(|claim| self.fixed.iter().all(|fixed| fixed.name != claim.name));
        all.extend_from_slice(&self.fixed);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(all.into());
        Ok(())
    }

    /// Whether a warning that custom claims are left out is due.
    pub(crate) fn is_warning_due(&self, place: Place, now: Timestamp) -> bool {
        let mut warned_at = locked(&self.warned_at);
        let is_due = warned_at.get(&place).is_none_or(|at| now - *at >= BETWEEN_WARNINGS);
        if is_due {
            warned_at.insert(place, now);
        }
        is_due
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;

    #[test]
    fn a_warning_is_due_once_a_minute_for_each_place() {
        let (_dir, app) = App::on_an_empty_database(Timestamp(1_800_000_000));
        let due = |place, at| app.known_claims.is_warning_due(place, Timestamp(at));
        let seen = [(Place::AccessToken, 0), (Place::AccessToken, 59), (Place::IdToken, 59), (Place::AccessToken, 60)];
        assert_eq!(seen.map(|(place, at)| due(place, at)), [true, false, true, true]);
    }
}
