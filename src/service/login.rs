//! Logging in with a password: a new session and its first pair.

use super::login_limit::Attempt;
use super::pair::{Pair, Purpose, mint};
use crate::app::Issuer;
use crate::error::Error;
use crate::model::id::SessionId;
use crate::model::session::Device;
use crate::model::user::Username;
use crate::password::{HashError, Password};
use crate::secret::Secret;
use crate::store::Credentials;

/// Logs in; the access token is for `audience`, or the first.
///
/// An unknown user and a wrong password cost the same work and get the same answer (ASVS 6.3.8); only who knows the
/// right password learns that the account is disabled.
///
/// # Errors
/// [`Error::BadCredentials`], [`Error::AccountDisabled`], [`Error::Invalid`] for a password that is too long or an
/// audience that is not served,
/// [`Error::TooManyFailures`], [`Error::Overloaded`] when too many logins are waiting, [`Error::Unavailable`].
pub fn login(
    issuer: &Issuer,
    username: &str,
    password: &Secret<String>,
    audience: Option<&str>,
    device: &Device,
) -> Result<Pair, Error> {
    let app = &issuer.app;
    let purpose = Purpose::find(app, audience)?;
    let password = Password::new(password)?;
    // A text that no username can be is the name of nobody.
    let username = username.parse::<Username>().ok();
    let known = match &username {
        Some(username) => app.store.read(|tx| tx.find_credentials(username))?,
        None => None,
    };
    let attempt = Attempt::new(username.as_ref(), device.ip.as_deref());
    let addresses = || match &known {
        Some(known) => app.store.read(|tx| tx.list_session_addresses(known.user.id)),
        None => Ok(Vec::new()),
    };
    if let Some(retry_after) = issuer.login_limit.wait(&attempt, app.clock.now(), addresses)? {
        log::warn!(ip = device.ip.as_deref().unwrap_or_default(); "login refused: too many failures");
        return Err(Error::TooManyFailures { retry_after });
    }
    let stored = known.as_ref().map(|known| known.password_hash.as_str());
    let verified = match (app.hasher.verify(&password, stored), &known) {
        (Err(HashError::Unusable(reason)), Some(known)) => {
            // Nothing was hashed yet, and nobody is to learn by that who has an account.
            log::error!(user:% = known.user.id, reason; "the stored password hash cannot be used: set a new password");
            app.hasher.verify(&password, None)?
        }
        (verified, _) => verified?,
    };
    let Some(Credentials { user, password_hash }) = known.filter(|_| verified.matches) else {
        issuer.login_limit.failed(attempt, app.clock.now());
        log::warn!(ip = device.ip.as_deref().unwrap_or_default(); "login refused: bad credentials");
        return Err(Error::BadCredentials);
    };
    if user.disabled_at.is_some() {
        log::warn!(user:% = user.id, ip = device.ip.as_deref().unwrap_or_default(); "login refused: account disabled");
        return Err(Error::AccountDisabled);
    }
    let renewed = if verified.outdated { app.hasher.hash(&password)? } else { password_hash.clone() };

    let now = app.clock.now();
    let session = app.config.lifetimes.opened(SessionId::generate(now, &*app.entropy)?, user.id, now);
    let recorded = app.store.write(|tx| {
        let recorded = tx.record_login(user.id, &password_hash, &renewed, now)?;
        if recorded {
            tx.insert_session(&session, device)?;
        }
        Ok(recorded)
    })?;
    if !recorded {
        // Another password, or a disabled account, since the check above: what was true then is not any more.
        return Err(Error::BadCredentials);
    }
    log::info!(user:% = user.id, session:% = session.id; "login");
    mint(issuer, &session, user, purpose, now)
}
