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
    /// A file that is not there yet
    file: PathBuf,
}

pub(super) fn run(config: &Config, command: &BackupCommand) -> Result<(), CliError> {
    let file = command.file.display();
    let database = match &config.database {
        DatabaseUrl::Sqlite(path) => path,
        DatabaseUrl::Postgres(url) => {
            return Err(CliError::Refused(format!(
                "a PostgreSQL database is backed up with its own program, which asks for the password: \
                 pg_dump --format=custom --file={} --dbname={}",
                quoted(&file.to_string()),
                quoted(&url.conninfo_without_secrets())
            )));
        }
    };
    // What is wrong with it is said as by every other command.
    let opened = Store::open(config, IfMissing::Refuse);
    drop(opened.map_err(|error| StartError::Database { url: config.database.to_string(), error })?);
    store::back_up(database, &command.file)?;
    let keys = config.keys.dir.display();
    output::line(format_args!(
        "{file} is a backup of {}\nThe signing keys are not in it: they are in {keys}, and sessions need them",
        database.display()
    ))
}

/// For a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
