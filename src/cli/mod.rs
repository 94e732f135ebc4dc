//! The command line: `tokensmith serve` and what an operator does beside it.

mod audit;
mod hash;
mod keys;
mod logger;
mod serve;
mod users;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use crate::app::{App, StartError};
use crate::clock::SystemClock;
use crate::config::{self, Config, ConfigProblem};
use crate::entropy::SystemEntropy;
use crate::error::{Error, root_cause};
use crate::jwt::KeyFileError;
use crate::service::purge;

/// Issues token pairs: a short-lived access JWT that any backend verifies offline, and a rotating refresh token.
///
/// Settings come from the environment and from the file .env in the current folder; `tokensmith config` shows them.
#[derive(Parser)]
#[command(name = "tokensmith", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve HTTP (the default): creates database and keys when they are missing, and on an empty database a first admin
    Serve,
    /// Apply the migrations that the database is missing
    Migrate,
    /// Create and change accounts
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Show what happened that concerns security, the newest first
    Audit(audit::AuditCommand),
    /// Make and list signing keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Password hashing on this machine
    #[command(subcommand)]
    Hash(hash::HashCommand),
    /// Delete what is over: expired denials, and sessions, API tokens and events that are older than their retention
    Purge,
    /// Print the settings in force, secrets hidden; exits with 1 and every problem when they are not valid
    Config {
        /// Print .env.example instead: every variable with its default and what it decides
        #[arg(long)]
        env_example: bool,
    },
}

/// Why a command failed. Each is one line on standard error and exit code 1; wrong usage is exit code 2, as clap has it.
#[derive(Debug, thiserror::Error)]
enum CliError {
    #[error("the settings are not valid:\n{}", .0.iter().map(|p| format!("  {p}")).collect::<Vec<_>>().join("\n"))]
    Config(Vec<ConfigProblem>),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{}", explain(.0))]
    Service(#[from] Error),
    #[error("keys: {0}")]
    Keys(#[from] KeyFileError),
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    #[error(transparent)]
    Server(#[from] std::io::Error),
    #[error("{0}")]
    Usage(&'static str),
}

fn explain(error: &Error) -> String {
    match error {
        Error::Invalid(problems) => {
            problems.iter().map(|p| format!("{} {}", p.field, p.message)).collect::<Vec<_>>().join("; ")
        }
        Error::Unavailable(_) | Error::Internal(_) => format!("{error}: {}", root_cause(error)),
        other => other.to_string(),
    }
}

/// Runs the command that the process was started with.
#[must_use]
pub fn run() -> ExitCode {
    let command = Cli::parse().command.unwrap_or(Command::Serve);
    if let Err(reason) = read_env_file() {
        eprintln!("tokensmith: .env: {reason}");
        return ExitCode::FAILURE;
    }
    match execute(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tokensmith: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Puts the settings of `.env` into the environment, which wins. A missing file is fine; a broken one is not; a name that
/// means nothing here is pointed out, since it may be a misspelled one.
fn read_env_file() -> Result<(), String> {
    // dotenvy's error would repeat the line, and the line may hold a password.
    let reason = |error: dotenvy::Error| match error {
        dotenvy::Error::Io(error) => error.to_string(),
        _ => "a line is not NAME=VALUE; quote values with spaces".to_owned(),
    };
    match dotenvy::from_path(ENV_FILE) {
        Err(error) if error.not_found() => return Ok(()),
        loaded => loaded.map_err(reason)?,
    }
    for line in dotenvy::from_path_iter(ENV_FILE).map_err(reason)? {
        let (name, _) = line.map_err(reason)?;
        // What does not look like a name may be the second line of a secret.
        let looks_like_a_name = name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
        if looks_like_a_name && !config::VARIABLES.iter().any(|variable| variable.name == name) {
            eprintln!("tokensmith: .env: {name} is not a setting of tokensmith");
        }
    }
    Ok(())
}

const ENV_FILE: &str = ".env";

fn execute(command: Command) -> Result<(), CliError> {
    if let Command::Config { env_example: true } = command {
        print!("{}", config::env_example());
        return Ok(());
    }
    let config = Config::from_env().map_err(CliError::Config)?;
    logger::start(&config);
    match command {
        Command::Serve => serve::serve(app(config)?),
        Command::Migrate => {
            let url = config.database.to_string();
            app(config)?;
            println!("{url} is up to date");
            Ok(())
        }
        Command::Users(command) => users::run(&app(config)?, command),
        Command::Audit(command) => audit::run(&app(config)?, &command),
        Command::Keys(command) => keys::run(&config, &command),
        Command::Hash(command) => hash::run(&config, &command),
        Command::Purge => {
            let purged = purge::all(&app(config)?)?;
            let purge::Purged { denials, sessions, api_tokens, events } = purged;
            println!("deleted {denials} denials, {sessions} sessions, {api_tokens} API tokens and {events} events");
            Ok(())
        }
        Command::Config { .. } => {
            for (name, value) in config.effective() {
                println!("{name}={value}");
            }
            Ok(())
        }
    }
}

fn app(config: Config) -> Result<App, CliError> {
    Ok(App::build(config, Arc::new(SystemClock), Arc::new(SystemEntropy))?)
}
