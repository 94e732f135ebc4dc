//! `tokensmith users`.

mod exporting;
mod importing;
mod lists;

use std::io::{IsTerminal as _, Read as _};

use clap::{Args, Subcommand};

use super::CliError;
use super::output::{confirm, count, json_object, line, object};
use crate::app::App;
use crate::error::Error;
use crate::http::view::attributes::AttributesView;
use crate::model::audit::Origin;
use crate::model::language::Language;
use crate::model::session::EndReason;
use crate::secret::Secret;
use crate::service::attributes::{self, AttributesChange};
use crate::service::users::{self, NewUser};
use crate::service::{identities, sessions, totp};

#[derive(Subcommand)]
pub(super) enum UsersCommand {
    /// Create an account
    Create {
        /// Username; case and Unicode width do not matter
        name: String,
        /// E-mail address
        #[arg(long)]
        email: Option<String>,
        /// Full name of the user
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
        /// Only accounts with this text in the username, the e-mail address or the full name
        #[arg(long)]
        search: Option<String>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Bring in accounts of another system, with their passwords; a second run changes what has changed in the file
    Import(importing::ImportCommand),
    /// Write all accounts as JSON lines, which users import reads; without password hashes unless asked for
    Export(exporting::ExportCommand),
    /// Count the stored password hashes by scheme, and by whether the next login replaces them
    Hashes {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show the attributes of an account, or change them by JSON merge patches (RFC 7396): null removes a member
    Attributes {
        /// Username
        name: String,
        /// A JSON object: the change of the public attributes, which the user may change, too
        #[arg(long, value_name = "JSON")]
        public: Option<String>,
        /// A JSON object: the change of the attributes that only administrators see and change
        #[arg(long, value_name = "JSON")]
        app: Option<String>,
    },
    /// List an account's live and ended sessions, with times and reasons: "why was I logged out?"
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
    /// List an account's identities at providers: each of them logs in to it
    Identities {
        /// Username
        name: String,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Unlink an identity at a provider, even if nothing else logs in to the account; sessions go on
    Unlink {
        /// Username
        name: String,
        /// The identity's id
        identity: String,
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
        /// Do not ask for confirmation
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
    /// Set a new password and end all sessions
    SetPassword {
        /// Username
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Remove all second factors of a user who has lost them: the authenticator app, passkeys and recovery codes
    ResetSecondFactor {
        /// Username
        name: String,
    },
    /// Set the roles; sessions continue, and their tokens carry the new roles from the next refresh on
    SetRoles {
        /// Username
        name: String,
        /// All roles of the account; without any, the account has no roles
        roles: Vec<String>,
    },
}

/// A password is never an argument: every user of the machine can see arguments.
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
            return Err(CliError::Usage("no terminal to ask for the password; use --password-stdin"));
        }
        let password = Secret::new(rpassword::prompt_password("Password: ").map_err(io)?);
        let repeated = Secret::new(rpassword::prompt_password("Again: ").map_err(io)?);
        if password.expose() != repeated.expose() {
            return Err(CliError::Refused("the two passwords differ".to_owned()));
        }
        Ok(password)
    }
}

/// The origin of commands. No user is named, because the service does not know who runs the command line.
pub(super) const OPERATOR: Origin = Origin {
    actor: None,
    session: None,
    ip: None,
    request_id: None,
    browser: None,
    next_browser: None,
    language: Language::English,
};

pub(super) fn run(app: &App, command: UsersCommand) -> Result<(), CliError> {
    match command {
        UsersCommand::Create { name, email, full_name, roles, password } => {
            let (password, email, full_name) = (password.read()?, email.as_deref(), full_name.as_deref());
            let new = NewUser { username: &name, email, name: full_name, roles: &roles, password: &password };
            let user = users::create(app, &new, &OPERATOR)?;
            line(format_args!("created {} ({})", user.username, user.id))
        }
        UsersCommand::List { search, json } => lists::list(app, search, json),
        UsersCommand::Import(command) => importing::run(app, command, &OPERATOR),
        UsersCommand::Export(command) => exporting::run(app, &command),
        UsersCommand::Hashes { json } => lists::list_hashes(app, json),
        UsersCommand::Attributes { name, public, app: private } => show_attributes(app, &name, public, private),
        UsersCommand::Sessions { name, json } => lists::list_sessions(app, &users::find_by_name(app, &name)?, json),
        UsersCommand::EndSessions { name } => {
            let user = users::find_by_name(app, &name)?;
            let ended = sessions::end_all(app, user.id, None, EndReason::Admin, &OPERATOR)?;
            line(format_args!("{} of {} ended", count(ended, "session"), user.username))
        }
        UsersCommand::Identities { name, json } => lists::list_identities(app, &users::find_by_name(app, &name)?, json),
        UsersCommand::Unlink { name, identity } => {
            let user = users::find_by_name(app, &name)?;
            let id = identity.parse().map_err(|_bad_form| Error::IdentityNotFound)?;
            identities::remove(app, user.id, id, &OPERATOR)?;
            line(format_args!("unlinked {identity} from {}", user.username))
        }
        UsersCommand::ApiTokens { name, json } => lists::list_api_tokens(app, &users::find_by_name(app, &name)?, json),
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
        UsersCommand::ResetSecondFactor { name } => {
            let user = users::find_by_name(app, &name)?;
            totp::reset(app, user.id, &OPERATOR)?;
            line(format_args!("second factors of {} removed", user.username))
        }
        UsersCommand::SetRoles { name, roles } => {
            let user = users::find_by_name(app, &name)?;
            let roles = users::set_roles(app, user.id, &roles, &OPERATOR)?;
            let roles = Some(roles.to_string()).filter(|roles| !roles.is_empty());
            line(format_args!("roles of {}: {}", user.username, roles.as_deref().unwrap_or("(none)")))
        }
    }
}

fn show_attributes(app: &App, name: &str, public: Option<String>, private: Option<String>) -> Result<(), CliError> {
    let patch = |name, json: Option<String>| json.map(|json| json_object(name, &json)).transpose();
    let change = AttributesChange { public: patch("public", public)?.map(Some), app: patch("app", private)?.map(Some) };
    let user = users::find_by_name(app, name)?;
    object(&AttributesView::from(&attributes::change(app, user.id, change, &OPERATOR)?))
}
