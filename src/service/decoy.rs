//! What a login costs for a name that no account has: as much as for most accounts (ASVS 6.3.8), also while their hashes are
//! those of another system.

use crate::app::App;
use crate::error::Error;

/// Takes a hash as most accounts have for the decoy.
pub fn choose(app: &App) -> Result<(), Error> {
    let typical = app.store.read(|tx| tx.find_typical_foreign_hash())?;
    // What cannot be verified costs what the decoy costs.
    app.hasher.set_decoy(typical.and_then(|hash| app.hasher.read(&hash).ok()));
    Ok(())
}
