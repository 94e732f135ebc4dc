//! The table `custom_claims`.

use diesel::prelude::*;

use super::locks::Lock;
use super::row::row;
use super::schema::custom_claims;
use super::types::Bind;
use super::{ReadTx, WriteTx};
use crate::error::Error;
use crate::model::claim_name::ClaimName;
use crate::model::custom_claim::{CustomClaim, Mapping};

/// The lock for changes of custom claims: any number, but the same in every instance.
const CUSTOM_CLAIMS_LOCK: i64 = 7_015_418_202_611_261;

row!(CustomClaim in custom_claims {
    name: ClaimName,
    mapping: Mapping,
});

impl ReadTx<'_> {
    /// Every custom claim, by its name.
    pub(crate) fn list_custom_claims(&mut self) -> Result<Vec<CustomClaim>, Error> {
        Ok(custom_claims::table.order(custom_claims::name).select(CustomClaim::as_select()).load(self.0)?)
    }
}

impl WriteTx<'_> {
    /// Every custom claim, as it is until this transaction has ended.
    pub(crate) fn list_custom_claims_locked(&mut self) -> Result<Vec<CustomClaim>, Error> {
        self.lock_all(Lock::CustomClaims, CUSTOM_CLAIMS_LOCK)?;
        self.reading().list_custom_claims()
    }

    /// Adds a custom claim.
    pub(crate) fn insert_custom_claim(&mut self, claim: &CustomClaim) -> Result<(), Error> {
        diesel::insert_into(custom_claims::table).values(claim).execute(self.0)?;
        Ok(())
    }

    /// Deletes a custom claim; returns whether there was one.
    pub(crate) fn delete_custom_claim(&mut self, name: &ClaimName) -> Result<bool, Error> {
        self.note_lock(Lock::CustomClaims);
        Ok(diesel::delete(custom_claims::table.find(Bind(name))).execute(self.0)? > 0)
    }
}
