//! `tokensmith restore` and `tokensmith after-restore`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::output::List;
use super::users::OPERATOR;
use super::{CliError, output};
use crate::app::App;
use crate::clock::{Clock as _, SystemClock, Timestamp};
use crate::config::{Config, DatabaseUrl};
use crate::model::api_token::ApiToken;
use crate::model::client::Client;
use crate::model::identity::LinkedIdentity;
use crate::model::passkey::Passkey;
use crate::model::user::User;
use crate::service::restored::{self, Restored};
use crate::store::{IfMissing, Restore};

/// What to restore.
#[derive(Args)]
pub(super) struct RestoreCommand {
    /// A file made by `tokensmith backup`
    file: PathBuf,
    /// Keep sessions as they were when the backup was made, including those that were ended later
    #[arg(long)]
    keep_sessions: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// What to do.
#[derive(Args)]
pub(super) struct AfterRestoreCommand {
    /// Keep sessions as they are in the backup, including those that were ended later
    #[arg(long)]
    keep_sessions: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

pub(super) fn restore(config: Config, command: &RestoreCommand) -> Result<(), CliError> {
    let DatabaseUrl::Sqlite(database) = config.database.clone() else {
        return Err(CliError::Refused(
            "restore a PostgreSQL database with its own program, pg_restore; then run `tokensmith after-restore`"
                .to_owned(),
        ));
    };
    Restore::check(&command.file, &database)?;
    let (old, new, done) = (database.display(), command.file.display(), what_is_done(command.keep_sessions));
    output::confirm(command.yes, format_args!("Replace {old} by {new} and {done}?"))?;
    let restore = Restore::begin(&command.file, &database)?;
    let restored = {
        let config = config.with_database(DatabaseUrl::Sqlite(restore.new_database().to_owned()));
        let app = super::app(config, IfMissing::Refuse)?;
        restored::take_over(&app, command.keep_sessions, &OPERATOR)?
    };
    let now = SystemClock.now().to_rfc3339().replace(':', "");
    let old = restore.finish(&format!(".before-{now}"))?;
    report(&restored, old.as_deref())
}

/// For a database that another program has restored.
pub(super) fn after(app: &App, command: &AfterRestoreCommand) -> Result<(), CliError> {
    let done = what_is_done(command.keep_sessions);
    output::confirm(command.yes, format_args!("In {}, {done}?", app.config.database))?;
    report(&restored::take_over(app, command.keep_sessions, &OPERATOR)?, None)
}

fn what_is_done(keep_sessions: bool) -> &'static str {
    if keep_sessions { "keep all sessions" } else { "end all sessions" }
}

fn report(restored: &Restored, old: Option<&Path>) -> Result<(), CliError> {
    let Restored { sessions, api_tokens, identities, passkeys, clients } = restored;
    if let Some(old) = old {
        output::line(format_args!("The previous database is kept as {}", old.display()))?;
    }
    let ended = output::count(*sessions, "session");
    output::line(format_args!(
        "{ended} ended\n\
         Accounts and passwords are those of the backup: repeat changes made after it\n\
         Access tokens of sessions opened after the backup are accepted until they expire"
    ))?;
    report_api_tokens(api_tokens)?;
    report_ways_in(identities, passkeys)?;
    report_clients(clients)
}

fn report_api_tokens(api_tokens: &[(User, ApiToken)]) -> Result<(), CliError> {
    if api_tokens.is_empty() {
        return Ok(());
    }
    output::line(format_args!(
        "Revoke again each of the following API tokens that was revoked after the backup, with\n\
         DELETE /v1/admin/users/{{id}}/api-tokens/{{api_token_id}}, or disable its owner:"
    ))?;
    let mut list = List::new(false, ["ID", "NAME", "OWNER", "OWNER ID", "LAST USED"]);
    for (owner, token) in api_tokens {
        let used = token.last_used_at.map_or("never".to_owned(), Timestamp::to_rfc3339);
        let cells =
            [token.id.to_string(), token.name.to_string(), owner.username.to_string(), owner.id.to_string(), used];
        list.add(cells, &())?;
    }
    list.finish()
}

fn report_ways_in(identities: &[(User, LinkedIdentity)], passkeys: &[(User, Passkey)]) -> Result<(), CliError> {
    if identities.is_empty() && passkeys.is_empty() {
        return Ok(());
    }
    output::line(format_args!(
        "Administrators log in by the following identities and passkeys. Remove again each that was removed after the\n\
         backup, with DELETE /v1/admin/users/{{id}}/identities/{{identity_id}}, or have its owner remove the passkey:"
    ))?;
    let mut list = List::new(false, ["ID", "WHAT", "NAME", "OWNER", "OWNER ID"]);
    let mut add = |id: String, what: &str, name: String, owner: &User| {
        list.add([id, what.to_owned(), name, owner.username.to_string(), owner.id.to_string()], &())
    };
    for (owner, identity) in identities {
        let name = identity.email.as_ref().map_or_else(|| identity.subject.clone(), ToString::to_string);
        add(identity.id.to_string(), identity.provider_id.as_str(), name, owner)?;
    }
    for (owner, passkey) in passkeys {
        add(passkey.id.to_string(), "passkey", passkey.name.to_string(), owner)?;
    }
    list.finish()
}

fn report_clients(clients: &[Client]) -> Result<(), CliError> {
    if clients.is_empty() {
        return Ok(());
    }
    output::line(format_args!(
        "Disable or delete again each of the following applications that was disabled or deleted after the backup, and\n\
         replace the secret of each that got another one then, with tokensmith clients:"
    ))?;
    let mut list = List::new(false, ["CLIENT ID", "NAME", "CHANGED"]);
    for client in clients {
        list.add([client.id.to_string(), client.name.to_string(), client.updated_at.to_rfc3339()], &())?;
    }
    list.finish()
}
