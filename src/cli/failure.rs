//! Why a command failed, in one line.

use std::io;

use crate::app::StartError;
use crate::config::ConfigProblem;
use crate::error::{Error, root_cause};
use crate::jwt::KeyFileError;
use crate::store::BackupError;

/// Why a command failed: one line on standard error and exit code 1. For wrong usage clap exits with code 2.
#[derive(Debug, thiserror::Error)]
pub(super) enum CliError {
    #[error("the settings are not valid:\n{}", .0.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
    Config(Vec<ConfigProblem>),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{}", explain(.0))]
    Service(#[from] Error),
    #[error("signing keys: {0}")]
    Keys(#[from] KeyFileError),
    #[error("{0}: {1}")]
    Io(String, io::Error),
    #[error(transparent)]
    Server(#[from] io::Error),
    #[error("{0}")]
    Usage(&'static str),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Backup(#[from] BackupError),
    #[error("standard output: {0}")]
    Output(io::Error),
    #[error(".env: {0}")]
    EnvFile(String),
    #[error(
        "cannot write the first admin's password to {0}: {1}; set FIRST_ADMIN_PASSWORD_FILE, or remove an old file"
    )]
    FirstAdmin(String, io::Error),
    #[error("no terminal to ask for confirmation; pass --yes to confirm")]
    Unconfirmed,
    #[error("nothing was changed")]
    Declined,
    #[error("{0}")]
    Unhealthy(String),
}

fn explain(error: &Error) -> String {
    match error {
        Error::Unavailable(_) | Error::Internal(_) => format!("{error}: {}", root_cause(error)),
        other => other.in_words(),
    }
}
