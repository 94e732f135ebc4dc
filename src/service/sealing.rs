//! Secrets that are stored encrypted with a data key: those of authenticator apps, and those of providers.

use crate::app::App;
use crate::error::{Cause, Error};
use crate::jwt::DATA_KEY_RANDOM;
use zeroize::Zeroizing;

/// Encrypts a secret for an owner.
pub(super) fn seal(app: &App, secret: &[u8], owner: &[u8]) -> Result<String, Error> {
    if app.lacks_data_keys()? {
        let why = "stored secrets are encrypted with a data key, and KEYS_DIR has none: share the folder or restore it";
        return Err(unavailable(why));
    }
    let random = app.entropy.bytes::<DATA_KEY_RANDOM>()?;
    let key = app.data_keys.newest_or_new(random, app.clock.now()).map_err(unavailable)?;
    key.seal(secret, owner).map_err(unavailable)
}

/// Decrypts a secret: moved to another owner's row it does not open.
pub(super) fn open(app: &App, sealed: &str, owner: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let key = app.data_keys.of(sealed).map_err(unavailable)?;
    key.open(sealed, owner).map_err(unavailable)
}

/// Whether a secret is encrypted with the newest data key.
pub(super) fn is_sealed_with_the_newest(app: &App, sealed: &str) -> Result<bool, Error> {
    app.data_keys.is_newest(sealed).map_err(unavailable)
}

fn unavailable(cause: impl Into<Cause>) -> Error {
    Error::DataKeyUnavailable(cause.into())
}
