//! `tokensmith users export`.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::App;
use crate::cli::CliError;
use crate::http::view::user::AccountView;
use crate::model::attributes::Attributes;
use crate::model::user::NO_PASSWORD;
use crate::secret::create_private_file;
use crate::service::queries;
use crate::store::Credentials;

/// Number of rows that are read at a time.
const PAGE: i64 = 500;

#[derive(Args)]
pub(in crate::cli) struct ExportCommand {
    /// Also write the password hashes
    #[arg(long)]
    with_hashes: bool,
    /// The file to create; it must not exist. Without it, standard output
    file: Option<PathBuf>,
}

/// An account as users import reads it.
#[derive(Serialize)]
struct Exported<'a> {
    #[serde(flatten)]
    account: AccountView<'a>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    public_attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    app_attributes: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'a str>,
}

pub(super) fn run(app: &App, command: &ExportCommand) -> Result<(), CliError> {
    match &command.file {
        Some(path) => {
            let failed = |error| CliError::Io(path.display().to_string(), error);
            let file = create_private_file(path).map_err(failed)?;
            export(app, command.with_hashes, BufWriter::new(&file), &failed)?;
            file.sync_all().map_err(failed)
        }
        None => export(app, command.with_hashes, BufWriter::new(io::stdout().lock()), &CliError::Output),
    }
}

fn export(
    app: &App,
    with_hashes: bool,
    mut out: impl Write,
    failed: &impl Fn(io::Error) -> CliError,
) -> Result<(), CliError> {
    let mut after: Option<String> = None;
    loop {
        let page = queries::list_credentials(app, after.as_deref(), PAGE)?;
        for Credentials { user, password_hash } in &page {
            let hash = Some(password_hash.as_str()).filter(|hash| with_hashes && *hash != NO_PASSWORD);
            let exported = Exported {
                account: user.into(),
                public_attributes: Attributes::object_of(user.public_attributes.as_ref()),
                app_attributes: Attributes::object_of(user.app_attributes.as_ref()),
                password_hash: hash,
            };
            let written = serde_json::to_writer(&mut out, &exported).map_err(io::Error::from);
            written.and_then(|()| out.write_all(b"\n")).map_err(failed)?;
        }
        let Some(last) = page.last() else { return out.flush().map_err(failed) };
        after = Some(last.user.username.to_string());
    }
}
