//! Custom claims: their definition by administrators.

use super::fields::invalid;
use crate::app::App;
use crate::error::Error;
use crate::model::audit::{EventName, Origin};
use crate::model::claim_name::{BadClaimName, ClaimName};
use crate::model::compat::{Compat, USER_ID_CLAIM};
use crate::model::custom_claim::{CustomClaim, Mapping};
use crate::store::UnitTx;

/// More would not fit into a token.
const MAX_CLAIMS: usize = 100;

/// A custom claim, and whether it is one of the settings, which nothing else changes.
pub(crate) struct Defined {
    /// The claim.
    pub(crate) claim: CustomClaim,
    /// Whether it comes from the settings.
    pub(crate) is_read_only: bool,
}

/// Every custom claim, by its name.
pub(crate) fn list(app: &App) -> Result<Vec<Defined>, Error> {
    let fixed = app.known_claims.fixed();
    let stored = app.store.read(|tx| tx.list_custom_claims())?;
    let stored = stored.into_iter().filter(|claim| fixed.iter().all(|fixed| fixed.name != claim.name));
    let mut all: Vec<Defined> = stored.map(|claim| Defined { claim, is_read_only: false }).collect();
    all.extend(fixed.iter().cloned().map(|claim| Defined { claim, is_read_only: true }));
    all.sort_by(|one, other| one.claim.name.cmp(&other.claim.name));
    Ok(all)
}

/// Defines a custom claim, or defines it anew. Tokens have it from the next refresh on.
pub(crate) fn put(app: &App, name: &str, mapping: Mapping, origin: &Origin) -> Result<Defined, Error> {
    let name = free(app, name)?;
    // Every access token has it then, and would have another value once that is off.
    if app.config.compat == Compat::SimpleJwt && name.to_string() == USER_ID_CLAIM {
        return Err(Error::ClaimLocked);
    }
    let claim = CustomClaim { name, mapping };
    claim.check(app.config.audiences.names()).map_err(|(field, bad)| invalid(field)(bad))?;
    let event = origin.event(app.clock.now(), EventName::ClaimDefined).with(&claim.name);
    let new = claim.clone();
    change(app, move |tx| {
        let all = tx.list_custom_claims_locked()?;
        if all.contains(&new) {
            return Ok(());
        }
        if !tx.delete_custom_claim(&new.name)? && all.len() >= MAX_CLAIMS {
            return Err(Error::TooManyClaims(MAX_CLAIMS));
        }
        tx.insert_custom_claim(&new)?;
        tx.record(event)
    })?;
    Ok(Defined { claim, is_read_only: false })
}

/// Deletes a custom claim. Tokens that were issued keep it until they expire.
pub(crate) fn delete(app: &App, name: &str, origin: &Origin) -> Result<(), Error> {
    let name = free(app, name).map_err(|error| match error {
        // No claim has a name that is not one.
        Error::Invalid(_) => Error::ClaimUnknown,
        error => error,
    })?;
    let event = origin.event(app.clock.now(), EventName::ClaimDeleted).with(&name);
    change(app, move |tx| {
        tx.list_custom_claims_locked()?;
        if !tx.delete_custom_claim(&name)? {
            return Err(Error::ClaimUnknown);
        }
        tx.record(event)
    })
}

/// A name that may be changed.
fn free(app: &App, name: &str) -> Result<ClaimName, Error> {
    let name: ClaimName = name.parse().map_err(|bad| match bad {
        BadClaimName::Locked => Error::ClaimLocked,
        BadClaimName::Form => Error::invalid("name", "invalid", bad.to_string()),
    })?;
    let is_fixed = app.known_claims.fixed().iter().any(|fixed| fixed.name == name);
    if is_fixed { Err(Error::ClaimReadOnly) } else { Ok(name) }
}

/// Does a unit of work that changes custom claims. This instance reads them again, even if it cannot tell whether the
/// change was committed; if it cannot read them either, the next round does.
fn change(app: &App, work: impl FnOnce(&mut UnitTx<'_>) -> Result<(), Error> + Send + 'static) -> Result<(), Error> {
    let changed = app.units.run(work);
    if let Err(error) = app.known_claims.follow() {
        log::warn!(cause = crate::error::root_cause(&error); "changed claims are not taken up yet");
    }
    changed
}
