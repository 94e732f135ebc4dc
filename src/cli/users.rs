//! `tokensmith users`.

use std::io::{IsTerminal as _, Read as _};

use clap::{Args, Subcommand};

use super::CliError;
use crate::app::App;
use crate::clock::Timestamp;
use crate::model::audit::Origin;
use crate::model::session::EndReason;
use crate::model::user::User;
use crate::secret::Secret;
use crate::service::sessions;
use crate::service::users::{self, NewUser};
use crate::store::UserSearch;

#[derive(Subcommand)]
pub(super) enum UsersCommand {
    /// Create an account
    Create {
        /// Username; case and Unicode width do not matter
        name: String,
        /// E-mail address
        #[arg(long)]
        email: Option<String>,
        /// What people call the user
        #[arg(long = "full-name")]
        full_name: Option<String>,
        /// A role; may be given several times
        #[arg(long = "role")]
        roles: Vec<String>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List accounts
    List {
        /// Only those with this text in the username, the e-mail address or the name
        #[arg(long)]
        search: Option<String>,
    },
    /// List an account's sessions, live and ended ones, with times and reasons: "why was I logged out?"
    Sessions {
        /// Username
        name: String,
    },
    /// End all sessions of an account
    EndSessions {
        /// Username
        name: String,
    },
    /// List an account's API tokens
    ApiTokens {
        /// Username
        name: String,
    },
    /// Delete an account with its sessions and API tokens
    Delete {
        /// Username
        name: String,
    },
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

/// Nobody in particular: who may use the command line is known to the machine alone.
const OPERATOR: Origin = Origin { actor: None, session: None, ip: None };

pub(super) fn run(app: &App, command: UsersCommand) -> Result<(), CliError> {
    match command {
        UsersCommand::Create { name, email, full_name, roles, password } => {
            let (password, email, full_name) = (password.read()?, email.as_deref(), full_name.as_deref());
            let new = NewUser { username: &name, email, name: full_name, roles: &roles, password: &password };
            let user = users::create(app, &new, &OPERATOR)?;
            println!("created {} ({})", user.username, user.id);
        }
        UsersCommand::List { search } => list(app, search)?,
        UsersCommand::Sessions { name } => list_sessions(app, &users::find_by_name(app, &name)?)?,
        UsersCommand::EndSessions { name } => {
            let user = users::find_by_name(app, &name)?;
            let ended = sessions::end_all_of(app, user.id, None, EndReason::Admin, &OPERATOR)?.sessions;
            println!("{ended} sessions of {} ended", user.username);
        }
        UsersCommand::ApiTokens { name } => list_api_tokens(app, &users::find_by_name(app, &name)?)?,
        UsersCommand::Delete { name } => {
            let user = users::find_by_name(app, &name)?;
            let ended = users::delete(app, user.id, &OPERATOR)?.sessions;
            println!("deleted {}; {ended} sessions ended", user.username);
        }
        UsersCommand::Disable { name } => {
            let user = users::find_by_name(app, &name)?;
            let ended = users::disable(app, user.id, &OPERATOR)?.sessions;
            println!("disabled {}; {ended} sessions ended", user.username);
        }
        UsersCommand::Enable { name } => {
            let user = users::find_by_name(app, &name)?;
            users::enable(app, user.id, &OPERATOR)?;
            println!("enabled {}", user.username);
        }
        UsersCommand::SetPassword { name, password } => {
            let user = users::find_by_name(app, &name)?;
            let ended = users::set_password(app, &user, &password.read()?, &OPERATOR)?.sessions;
            println!("password of {} set; {ended} sessions ended", user.username);
        }
        UsersCommand::SetRoles { name, roles } => {
            let user = users::find_by_name(app, &name)?;
            let roles = users::set_roles(app, user.id, &roles, &OPERATOR)?;
            println!("roles of {}: {roles}", user.username);
        }
    }
    Ok(())
}

/// So many rows are read at a time.
const PAGE: i64 = 500;

fn list(app: &App, search: Option<String>) -> Result<(), CliError> {
    let search = UserSearch { text: search, ..UserSearch::default() };
    let mut after: Option<String> = None;
    loop {
        let page = app.store.read(|tx| tx.list_users(&search, after.as_deref(), PAGE))?;
        for user in &page {
            let state = if user.disabled_at.is_some() { "disabled" } else { "active" };
            let email = user.email.as_ref().map(ToString::to_string).unwrap_or_default();
            println!("{}\t{}\t{state}\t{email}\t{}", user.id, user.username, user.roles);
        }
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.username.to_string());
    }
}

fn list_sessions(app: &App, user: &User) -> Result<(), CliError> {
    let now = app.clock.now();
    let mut before = None;
    loop {
        let page = app.store.read(|tx| tx.list_sessions(user.id, before, PAGE))?;
        for (session, device) in &page {
            let end = session.end_by(now);
            let state = end.map_or("live".to_owned(), |end| format!("{} {}", end.reason, end.at.to_rfc3339()));
            let (opened_at, rotated_at) = (session.created_at.to_rfc3339(), session.rotated_at.to_rfc3339());
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let device = format!("{}\t{}\t{}", text(&device.ip), text(&device.label), text(&device.user_agent));
            println!("{}\t{state}\topened {opened_at}\trefreshed {rotated_at}\t{device}", session.id);
        }
        let Some((last, _)) = page.last() else { return Ok(()) };
        before = Some(last.id);
    }
}

fn list_api_tokens(app: &App, user: &User) -> Result<(), CliError> {
    let now = app.clock.now();
    for token in app.store.read(|tx| tx.list_api_tokens(user.id))? {
        let state = token.state(now).text();
        let last = token.last_used_at.map_or("never".to_owned(), Timestamp::to_rfc3339);
        println!("{}\t{state}\t{}\tscopes {}\troles {}\tused {last}", token.id, token.name, token.scopes, token.roles);
    }
    Ok(())
}
