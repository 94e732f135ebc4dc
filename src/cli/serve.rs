//! `tokensmith serve`.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use super::CliError;
use crate::app::{App, Issuer};
use crate::error::root_cause;
use crate::http;
use crate::secret::Secret;
use crate::service::bootstrap::{FIRST_ADMIN, first_admin};
use crate::service::caretaker::Caretaker;

pub(super) fn serve(app: App) -> Result<(), CliError> {
    let (issuer, made_keys) = Issuer::build(app)?;
    for path in &made_keys {
        log::info!(file:% = path.display(); "signing key made");
    }
    if issuer.keys.ring().entries(issuer.app.clock.now()).len() == made_keys.len() && !is_new(&issuer)? {
        log::warn!("there were no signing keys: if they were lost, all sessions of before have ended with them");
    }
    let issuer = Arc::new(issuer);
    let mut caretaker = None;
    http::serve::<CliError>(Arc::clone(&issuer), |address| {
        caretaker = Some(Caretaker::start(Arc::clone(&issuer)));
        // Only now that the port is ours: an account whose password nobody saw would be lost.
        if let Some(password) = first_admin(&issuer.app)? {
            show_first_admin(&password, address);
        }
        let config = &issuer.app.config;
        log::info!(address:% = address, issuer = config.issuer, database:% = config.database; "serving");
        Ok(())
    })?;
    drop(caretaker);
    if let Err(error) = issuer.api_tokens.record_uses() {
        log::error!(cause = root_cause(&error); "the last uses of API tokens are not on record");
    }
    log::info!("stopped");
    Ok(())
}

fn is_new(issuer: &Issuer) -> Result<bool, CliError> {
    Ok(issuer.app.store.read(|tx| tx.has_no_users())?)
}

/// The password goes to the console once, not to the log.
fn show_first_admin(password: &Secret<String>, mut address: SocketAddr) {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    let password = password.expose();
    let mut console = std::io::stdout().lock();
    let _console_gone = writeln!(
        console,
        "\n  The database was empty: created the user \"{FIRST_ADMIN}\".\n  \
           Password (shown this once): {password}\n\n  \
           Get a token pair:\n\n    \
             curl -s http://{address}/v1/tokens -H 'content-type: application/json' \
             -d '{{\"username\":\"{FIRST_ADMIN}\",\"password\":\"{password}\"}}'\n"
    )
    .and_then(|()| console.flush());
}
