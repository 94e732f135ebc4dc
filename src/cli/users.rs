//! `tokensmith users`.

use std::io::{IsTerminal as _, Read as _};

use clap::{Args, Subcommand};

use super::CliError;
use super::output::{List, confirm, count, line};
use crate::app::App;
use crate::clock::Timestamp;
use crate::http::view;
use crate::http::view::user::AccountView;
use crate::model::audit::Origin;
use crate::model::session::EndReason;
use crate::model::user::User;
use crate::model::user_search::UserSearch;
use crate::secret::Secret;
use crate::service::users::{self, NewUser};
use crate::service::{queries, sessions};

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
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// List an account's sessions, live and ended ones, with times and reasons: "why was I logged out?"
    Sessions {
        /// Username
        name: String,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
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
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Delete an account with its sessions and API tokens
    Delete {
        /// Username
        name: String,
        /// Delete it without asking
        #[arg(long)]
        yes: bool,
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
            return Err(CliError::Refused("the two passwords are not the same".to_owned()));
        }
        Ok(password)
    }
}

/// Nobody in particular: who may use the command line is known to the machine alone.
pub(super) const OPERATOR: Origin = Origin { actor: None, session: None, ip: None, request_id: None };

pub(super) fn run(app: &App, command: UsersCommand) -> Result<(), CliError> {
    match command {
        UsersCommand::Create { name, email, full_name, roles, password } => {
            let (password, email, full_name) = (password.read()?, email.as_deref(), full_name.as_deref());
            let new = NewUser { username: &name, email, name: full_name, roles: &roles, password: &password };
            let user = users::create(app, &new, &OPERATOR)?;
            line(format_args!("created {} ({})", user.username, user.id))
        }
        UsersCommand::List { search, json } => list(app, search, json),
        UsersCommand::Sessions { name, json } => list_sessions(app, &users::find_by_name(app, &name)?, json),
        UsersCommand::EndSessions { name } => {
            let user = users::find_by_name(app, &name)?;
            let ended = sessions::end_all(app, user.id, None, EndReason::Admin, &OPERATOR)?;
            line(format_args!("{} of {} ended", count(ended, "session"), user.username))
        }
        UsersCommand::ApiTokens { name, json } => list_api_tokens(app, &users::find_by_name(app, &name)?, json),
        UsersCommand::Delete { name, yes } => {
            let user = users::find_by_name(app, &name)?;
            confirm(yes, format_args!("Delete {} with all sessions and API tokens?", user.username))?;
            let ended = users::delete(app, user.id, &OPERATOR)?;
            line(format_args!("deleted {}; {} ended", user.username, count(ended, "session")))
        }
        UsersCommand::Disable { name } => {
            let user = users::find_by_name(app, &name)?;
            let ended = users::disable(app, user.id, &OPERATOR)?;
            line(format_args!("disabled {}; {} ended", user.username, count(ended, "session")))
        }
        UsersCommand::Enable { name } => {
            let user = users::find_by_name(app, &name)?;
            users::enable(app, user.id, &OPERATOR)?;
            line(format_args!("enabled {}", user.username))
        }
        UsersCommand::SetPassword { name, password } => {
            let user = users::find_by_name(app, &name)?;
            let ended = users::set_password(app, &user, &password.read()?, &OPERATOR)?;
            line(format_args!("password of {} set; {} ended", user.username, count(ended, "session")))
        }
        UsersCommand::SetRoles { name, roles } => {
            let user = users::find_by_name(app, &name)?;
            let roles = users::set_roles(app, user.id, &roles, &OPERATOR)?;
            let roles = Some(roles.to_string()).filter(|roles| !roles.is_empty());
            line(format_args!("roles of {}: {}", user.username, roles.as_deref().unwrap_or("(none)")))
        }
    }
}

/// So many rows are read at a time.
const PAGE: i64 = 500;

fn list(app: &App, search: Option<String>, json: bool) -> Result<(), CliError> {
    let search = UserSearch { text: search, ..UserSearch::default() };
    let mut table = List::new(json, ["ID", "USERNAME", "STATE", "E-MAIL", "NAME", "ROLES", "CREATED"]);
    let mut after: Option<String> = None;
    loop {
        let page = queries::list_users(app, &search, after.as_deref(), PAGE)?;
        for user in &page {
            let cells = [
                user.id.to_string(),
                user.username.to_string(),
                if user.disabled_at.is_some() { "disabled" } else { "active" }.to_owned(),
                user.email.as_ref().map(ToString::to_string).unwrap_or_default(),
                user.name.as_ref().map(ToString::to_string).unwrap_or_default(),
                user.roles.to_string(),
                user.created_at.to_rfc3339(),
            ];
            table.add(cells, &AccountView::from(user))?;
        }
        let Some(last) = page.last() else { return table.finish() };
        after = Some(last.username.to_string());
    }
}

fn list_sessions(app: &App, user: &User, json: bool) -> Result<(), CliError> {
    let now = app.clock.now();
    let headers = ["ID", "STATE", "WHY", "ENDED", "OPENED", "REFRESHED", "FROM", "LABEL", "USER AGENT"];
    let mut table = List::new(json, headers);
    let mut before = None;
    loop {
        let page = queries::list_sessions(app, user.id, before, PAGE)?;
        for (session, device) in &page {
            let end = session.end_by(now);
            let cells = [
                session.id.to_string(),
                if end.is_some() { "ended" } else { "live" }.to_owned(),
                end.map(|end| end.reason.to_string()).unwrap_or_default(),
                end.map(|end| end.at.to_rfc3339()).unwrap_or_default(),
                session.created_at.to_rfc3339(),
                session.rotated_at.to_rfc3339(),
                device.ip.clone().unwrap_or_default(),
                device.label.clone().unwrap_or_default(),
                device.user_agent.clone().unwrap_or_default(),
            ];
            table.add(cells, &view::session::view(session, device.clone(), None, now))?;
        }
        let Some((last, _)) = page.last() else { return table.finish() };
        before = Some(last.id);
    }
}

fn list_api_tokens(app: &App, user: &User, json: bool) -> Result<(), CliError> {
    let now = app.clock.now();
    let mut table = List::new(json, ["ID", "STATE", "NAME", "SCOPES", "ROLES", "CREATED", "EXPIRES", "USED"]);
    for token in queries::list_api_tokens(app, user.id)? {
        let at = |at: Option<Timestamp>, never: &str| at.map_or(never.to_owned(), Timestamp::to_rfc3339);
        let cells = [
            token.id.to_string(),
            token.state(now).text().to_owned(),
            token.name.to_string(),
            token.scopes.to_string(),
            token.roles.to_string(),
            token.created_at.to_rfc3339(),
            at(token.expires_at, "never"),
            at(token.last_used_at, "never"),
        ];
        table.add(cells, &view::api_token::view(&token, now))?;
    }
    table.finish()
}
