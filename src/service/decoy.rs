//! What a login costs for a name that no account has: as much as for most accounts (ASVS 6.3.8), also while their hashes are
//! those of another system.

use crate::app::App;
use crate::error::Error;

/// Takes a hash as most accounts have for the decoy, and notes how many have one of another system.
pub fn choose(app: &App) -> Result<(), Error> {
    let (foreign, typical) = app.store.read(|tx| {
        let (foreign, most) = tx.count_foreign_hashes()?;
        let typical = most.map(|most| tx.find_typical_foreign_hash(most)).transpose()?.flatten();
        Ok((foreign, typical))
    })?;
    app.metrics.foreign_hashes(foreign);
    // What cannot be verified costs what the decoy costs.
    app.hasher.set_decoy(typical.and_then(|hash| app.hasher.read(&hash).ok()));
    Ok(())
}
