//! `tokensmith users`.

use std::io::{IsTerminal as _, Read as _};

use clap::{Args, Subcommand};

use super::CliError;
use crate::app::App;
use crate::secret::Secret;
use crate::service::users::{self, NewUser};

#[derive(Subcommand)]
pub(super) enum UsersCommand {
    /// Create an account
    Create {
        /// Username; case and Unicode width do not matter
        name: String,
        /// E-mail address
        #[arg(long)]
        email: Option<String>,
        /// A role; may be given several times
        #[arg(long = "role")]
        roles: Vec<String>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List all accounts
    List,
    /// Disable an account and end all its sessions at once
    Disable {
        /// Username
        name: String,
    },
    /// Enable an account again
    Enable {
        /// Username
        name: String,
    },
    /// Set another password and end all sessions
    SetPassword {
        /// Username
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Set the roles; sessions go on, their tokens carry the new roles from the next refresh on
    SetRoles {
        /// Username
        name: String,
        /// The roles, all of them; none takes every role away
        roles: Vec<String>,
    },
}

/// Never an argument: those are seen by every user of the machine.
#[derive(Args)]
pub(super) struct PasswordSource {
    /// Read the password from standard input instead of asking for it
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordSource {
    fn read(&self) -> Result<Secret<String>, CliError> {
        let io = |error| CliError::Io("password".to_owned(), error);
        if self.password_stdin {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text).map_err(io)?;
            let password = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
            drop(Secret::new(text));
            return Ok(password);
        }
        if !std::io::stdin().is_terminal() {
            return Err(CliError::Usage("there is no terminal to ask for the password; use --password-stdin"));
        }
        let password = Secret::new(rpassword::prompt_password("Password: ").map_err(io)?);
        let repeated = Secret::new(rpassword::prompt_password("Again: ").map_err(io)?);
        if password.expose() != repeated.expose() {
            return Err(CliError::Usage("the two passwords are not the same"));
        }
        Ok(password)
    }
}

pub(super) fn run(app: &App, command: UsersCommand) -> Result<(), CliError> {
    match command {
        UsersCommand::Create { name, email, roles, password } => {
            let password = password.read()?;
            let new = NewUser { username: &name, email: email.as_deref(), roles: &roles, password: &password };
            let user = users::create(app, &new)?;
            println!("created {} ({})", user.username, user.id);
        }
        UsersCommand::List => list(app)?,
        UsersCommand::Disable { name } => {
            let user = users::find_by_name(app, &name)?;
            let ended = users::disable(app, user.id)?.len();
            println!("disabled {}; {ended} sessions ended", user.username);
        }
        UsersCommand::Enable { name } => {
            let user = users::find_by_name(app, &name)?;
            users::enable(app, user.id)?;
            println!("enabled {}", user.username);
        }
        UsersCommand::SetPassword { name, password } => {
            let user = users::find_by_name(app, &name)?;
            let ended = users::set_password(app, &user, &password.read()?)?.len();
            println!("password of {} set; {ended} sessions ended", user.username);
        }
        UsersCommand::SetRoles { name, roles } => {
            let user = users::find_by_name(app, &name)?;
            let roles = users::set_roles(app, user.id, &roles)?;
            println!("roles of {}: {roles}", user.username);
        }
    }
    Ok(())
}

fn list(app: &App) -> Result<(), CliError> {
    for user in app.store.read(|tx| tx.list_users())? {
        let state = if user.disabled_at.is_some() { "disabled" } else { "active" };
        let email = user.email.map(|email| email.to_string()).unwrap_or_default();
        println!("{}\t{}\t{state}\t{email}\t{}", user.id, user.username, user.roles);
    }
    Ok(())
}
