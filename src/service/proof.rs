//! Proving who one is: the password, against the limits on wrong ones.

use super::login_limit::Attempt;
use crate::app::Issuer;
use crate::error::Error;
use crate::model::user::{User, Username};
use crate::password::{HashError, Password};
use crate::store::Credentials;

/// A user whose password was right.
pub(super) struct Proven {
    pub user: User,
    /// The stored hash that it was checked against.
    pub password_hash: String,
    /// What is to be stored in its place: the same, or one with today's cost.
    pub renewed: String,
}

/// Checks a password for a name that somebody claims, and the account with that name, if there is one. An unknown user and
/// a wrong password cost the same work (ASVS 6.3.8). Nothing when it is wrong.
///
/// # Errors
/// [`Error::TooManyFailures`], [`Error::Overloaded`], [`Error::Unavailable`].
pub(super) fn prove(
    issuer: &Issuer,
    username: Option<&Username>,
    known: Option<Credentials>,
    password: &Password,
    ip: Option<&str>,
) -> Result<Option<Proven>, Error> {
    let app = &issuer.app;
    // By what stays the same when an account is renamed; whether there is one cannot be told from it.
    let known_by = known.as_ref().and_then(|known| known.user.id.to_string().parse().ok());
    let attempt = Attempt::new(known_by.as_ref().or(username), ip);
    let addresses = || match &known {
        Some(known) => app.store.read(|tx| tx.list_session_addresses(known.user.id)),
        None => Ok(Vec::new()),
    };
    if let Some(retry_after) = issuer.login_limit.wait(&attempt, app.clock.now(), addresses)? {
        // Not on record: whoever is refused could fill the table.
        log::warn!(ip = ip.unwrap_or_default(), retry_after:% = retry_after; "password refused: too many failures");
        return Err(Error::TooManyFailures { retry_after });
    }
    let stored = known.as_ref().map(|known| known.password_hash.as_str());
    let verified = match (app.hasher.verify(password, stored), &known) {
        (Err(HashError::Unusable(reason)), Some(known)) => {
            // Nothing was hashed yet, and nobody is to learn by that who has an account.
            log::error!(user:% = known.user.id, reason; "the stored password hash cannot be used: set a new password");
            app.hasher.verify(password, None)?
        }
        (verified, _) => verified?,
    };
    let Some(Credentials { user, password_hash }) = known.filter(|_| verified.matches) else {
        issuer.login_limit.failed(attempt, app.clock.now());
        return Ok(None);
    };
    let renewed = if verified.outdated && user.disabled_at.is_none() {
        app.hasher.hash(password)?
    } else {
        password_hash.clone()
    };
    Ok(Some(Proven { user, password_hash, renewed }))
}
