//! `tokensmith backup`.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, output};
use crate::app::StartError;
use crate::config::{Config, DatabaseUrl};
use crate::store::{self, IfMissing, Store};

/// Where to put the backup.
#[derive(Args)]
pub(super) struct BackupCommand {
    /// The file to create; it must not exist
    file: PathBuf,
}

pub(super) fn run(config: &Config, command: &BackupCommand) -> Result<(), CliError> {
    let file = command.file.display();
    let database = match &config.database {
        DatabaseUrl::Sqlite(path) => path,
        DatabaseUrl::Postgres(url) => {
            return Err(CliError::Refused(format!(
                "back up a PostgreSQL database with its own program, which asks for the password: \
                 pg_dump --format=custom --file={} --dbname={}",
                quoted(&file.to_string()),
                quoted(&url.conninfo_without_secrets())
            )));
        }
    };
    // Reports a problem with the database in the same words as every other command.
    let opened = Store::open(config, IfMissing::Refuse);
    drop(opened.map_err(|error| StartError::Database { url: config.database.to_string(), error })?);
    store::back_up(database, &command.file)?;
    let keys = config.keys.dir.display();
    output::line(format_args!(
        "{file} is a backup of {}\nIt does not contain the signing keys: they are in {keys}, and sessions need them",
        database.display()
    ))
}

/// Quotes a text for a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
