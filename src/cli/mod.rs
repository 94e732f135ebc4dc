//! The command line: `tokensmith serve` and the commands for operators.

#![deny(clippy::print_stderr, clippy::print_stdout)]

mod audit;
mod backup;
mod claims;
mod clients;
mod failure;
mod first_admin;
mod generate;
mod hash;
mod healthcheck;
mod invitations;
mod keys;
mod log_lines;
mod logger;
mod output;
mod providers;
mod restore;
mod serve;
mod users;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};

use failure::CliError;
pub use generate::command;

use crate::app::App;
use crate::clock::SystemClock;
use crate::config::{self, Config, EnvFile};
use crate::entropy::SystemEntropy;
use crate::service::{purge, usernames};
use crate::store::IfMissing;

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
    /// Serve HTTP (the default); creates a missing database and missing keys, and a first admin if there is no user
    Serve,
    /// Apply the migrations that the database lacks; creates a missing database
    Migrate,
    /// Create and change accounts
    #[command(subcommand)]
    Users(users::UsersCommand),
    /// Invite people to open an account
    #[command(subcommand)]
    Invitations(invitations::InvitationsCommand),
    /// Register and change applications that log users in here
    #[command(subcommand)]
    Clients(clients::ClientsCommand),
    /// Define claims of your own, which tokens have
    #[command(subcommand)]
    Claims(claims::ClaimsCommand),
    /// Let users sign in at other services, such as Google or GitHub
    #[command(subcommand)]
    Providers(providers::ProvidersCommand),
    /// Show security events, newest first
    Audit(audit::AuditCommand),
    /// Create, list and drop signing keys
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Measure password hashing on this machine
    #[command(subcommand)]
    Hash(hash::HashCommand),
    /// Delete denials that expired a day ago, and sessions, API tokens and events older than their retention
    Purge,
    /// Copy a SQLite database to a file, even while the service runs; the copy does not contain the signing keys
    Backup(backup::BackupCommand),
    /// Replace a SQLite database with a backup and keep the old one beside it. Ends all sessions and lists the API
    /// tokens, because the backup does not contain what was ended or revoked after it was made
    Restore(restore::RestoreCommand),
    /// Run this after restoring the database with another program, such as `pg_restore`: ends all sessions and lists the
    /// API tokens
    AfterRestore(restore::AfterRestoreCommand),
    /// Ask the service on this machine whether it is ready: exit code 0 if it is, 1 if not
    Healthcheck(healthcheck::HealthcheckCommand),
    /// Print a script that completes commands in a shell
    Completions(generate::CompletionsCommand),
    /// Write the man pages into a folder
    Man(generate::ManCommand),
    /// Print the settings in force without secrets; if any are not valid, print every problem and exit with 1
    Config {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Print .env.example instead: every setting with its default and what it does
        #[arg(long, conflicts_with = "json")]
        env_example: bool,
    },
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(cli) => execute(cli.command.unwrap_or(Command::Serve)),
        Err(wrong) if wrong.use_stderr() => {
            let _taken = write!(io::stderr().lock(), "{}", wrong.render());
            return ExitCode::from(WRONG_USAGE);
        }
        Err(help) => output::print(format_args!("{}", help.render())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // The reader closed the pipe: it needs no more output.
        Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(format_args!("{error}"));
            if matches!(error, CliError::Unconfirmed | CliError::Usage(_)) {
                ExitCode::from(WRONG_USAGE)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

const WRONG_USAGE: u8 = 2;

const ENV_FILE: &str = ".env";

fn execute(command: Command) -> Result<(), CliError> {
    match &command {
        Command::Config { env_example: true, .. } => return output::print(format_args!("{}", config::env_example())),
        Command::Completions(command) => return generate::completions(command),
        Command::Man(command) => return generate::man(command),
        _ => {}
    }
    let if_missing = match &command {
        Command::Serve
        | Command::Migrate
        | Command::Users(users::UsersCommand::Create { .. } | users::UsersCommand::Import(_))
        | Command::Clients(clients::ClientsCommand::Create { .. })
        | Command::Providers(providers::ProvidersCommand::Create { .. }) => IfMissing::Create,
        _ => IfMissing::Refuse,
    };
    let file = EnvFile::read(Path::new(ENV_FILE)).map_err(CliError::EnvFile)?;
    for unknown in &file.unknown {
        output::complain(format_args!("warning: {ENV_FILE}: {unknown}"));
    }
    let config = Config::from_env(&file).map_err(CliError::Config)?;
    let _flushed = logger::start(&config).map_err(|error| CliError::Io("log".to_owned(), error))?;
    let app = |config| app(config, if_missing);
    match command {
        Command::Serve => serve::serve(app(config)?),
        Command::Migrate => {
            let url = config.database.to_string();
            migrate(&app(config)?, &url)
        }
        Command::Users(command) => users::run(&app(config)?, command),
        Command::Invitations(command) => invitations::run(&app(config)?, command),
        Command::Clients(command) => clients::run(&app(config)?, command),
        Command::Claims(command) => claims::run(&app(config)?, command),
        Command::Providers(command) => providers::run(&app(config)?, command),
        Command::Audit(command) => audit::run(&app(config)?, &command),
        Command::Keys(command) => keys::run(&config, &command),
        Command::Hash(command) => hash::run(&config, &command),
        Command::Purge => {
            let purge::Purged { denials, sessions, api_tokens, events } = purge::all(&app(config)?)?;
            output::line(format_args!(
                "deleted {}, {}, {} and {}",
                output::count(denials, "denial"),
                output::count(sessions, "session"),
                output::count(api_tokens, "API token"),
                output::count(events, "event")
            ))
        }
        Command::Backup(command) => backup::run(&config, &command),
        Command::Restore(command) => restore::restore(config, &command),
        Command::AfterRestore(command) => restore::after(&app(config)?, &command),
        Command::Healthcheck(command) => healthcheck::run(&config, &command),
        Command::Config { json, .. } => print_config(&config, json),
        Command::Completions(_) | Command::Man(_) => Ok(()),
    }
}

/// Reports on the database. Missing migrations were applied when it was opened.
fn migrate(app: &App, url: &str) -> Result<(), CliError> {
    let unfolded = usernames::refold(app)?;
    output::line(format_args!("{url} is up to date"))?;
    for user in unfolded {
        let hint = "another account has the same name in another spelling; rename one of them";
        output::line(format_args!("the username {} ({}) was not changed: {hint}", user.username, user.id))?;
    }
    Ok(())
}

fn print_config(config: &Config, json: bool) -> Result<(), CliError> {
    for warning in config.warnings() {
        output::complain(format_args!("warning: {warning}"));
    }
    let settings = config.effective();
    if json {
        let settings: serde_json::Map<_, _> =
            settings.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
        return output::line(format_args!("{:#}", serde_json::Value::Object(settings)));
    }
    settings.iter().try_for_each(|(name, value)| output::line(format_args!("{name}={value}")))
}

fn app(config: Config, if_missing: IfMissing) -> Result<App, CliError> {
    Ok(App::build(config, if_missing, Arc::new(SystemClock), Arc::new(SystemEntropy))?)
}
