//! `tokensmith serve`.

use std::sync::Arc;

use sd_notify::NotifyState;

use super::{CliError, first_admin};
use crate::app::App;
use crate::error::root_cause;
use crate::http;
use crate::model::names::ADMIN_ROLE;
use crate::service::{caretaker, legacy, queries};

pub(super) fn serve(app: App) -> Result<(), CliError> {
    for warning in app.config.warnings() {
        log::warn!("{warning}");
    }
    let made_keys = app.load()?;
    for path in &made_keys {
        log::info!(file:% = path.display(); "signing key created");
    }
    if app.keys.ring().entries(app.clock.now()).len() == made_keys.len() && !queries::has_no_sessions(&app)? {
        log::warn!(
            "there were no signing keys in KEYS_DIR: if other instances have keys, share their folder; \
             if they were lost, all earlier sessions have ended"
        );
    }
    if app.lacks_data_keys()? {
        log::warn!(
            "there is no data key in KEYS_DIR, but stored secrets are encrypted with one: if other instances have it, share \
             their folder; until then codes of apps cannot be checked"
        );
    }
    if app.config.legacy.as_ref().is_some_and(|legacy| app.clock.now() >= legacy.until) {
        log::warn!(
            "LEGACY_JWT_UNTIL has passed: tokens of the issuer before this service are refused; remove the settings \
             LEGACY_JWT_* and the file of the key"
        );
    }
    if legacy::lacks_outstanding(&app)? {
        log::warn!(
            "LEGACY_JWT_ONLY_OUTSTANDING is on, and no outstanding token was imported: no refresh token of the issuer before this \
             service is accepted"
        );
    }
    let app = Arc::new(app);
    let mut tasks = None;
    http::serve::<CliError>(Arc::clone(&app), |address| {
        tasks = Some(caretaker::start(&app)?);
        // Only after the port is bound: if the start failed later, the password would be lost.
        first_admin::create(&app, address)?;
        if !queries::has_administrator(&app)? {
            log::warn!("no active user has the role {ADMIN_ROLE}: run `tokensmith users set-roles NAME {ADMIN_ROLE}`");
        }
        let config = &app.config;
        if config.relying_party.is_none() {
            log::info!("there are no passkeys here: ISSUER has no domain name, or is neither https nor localhost");
        }
        log::info!(address:% = address, issuer = config.issuer, database:% = config.database; "serving");
        tell_systemd();
        Ok(())
    })?;
    // Before the rest, which may hang until the process is ended.
    if let Err(error) = app.api_tokens.record_uses() {
        log::error!(cause = root_cause(&error); "the last uses of API tokens were not recorded");
    }
    drop(tasks);
    log::info!("stopped");
    Ok(())
}

/// Tells systemd that the service is ready, for a unit of `Type=notify`. Without systemd's socket this does nothing.
fn tell_systemd() {
    if let Err(error) = sd_notify::notify(&[NotifyState::Ready]) {
        log::warn!(cause = error.to_string(); "cannot tell systemd that the service is ready");
    }
}
