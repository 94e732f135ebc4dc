//! `tokensmith invitations`.

use clap::Subcommand;
use serde_json::json;

use super::CliError;
use super::output::{List, line};
use super::users::OPERATOR;
use crate::app::App;
use crate::clock::{Seconds, Timestamp};
use crate::http::view::invitation::{InvitationView, NewInvitationView};
use crate::model::invitation::InvitationId;
use crate::service::invitations::{self, NewInvitation};

/// Number of rows that are read at a time.
const PAGE: i64 = 500;

#[derive(Subcommand)]
pub(super) enum InvitationsCommand {
    /// Invite somebody: prints a link that opens one account; it is printed only now
    Create {
        /// A role of the account; may be given several times
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// The only address that may be registered with it; if the service sends mail, it gets a link of its own
        #[arg(long)]
        email: Option<String>,
        /// How long it is valid, as in 12h or 7d
        #[arg(long, value_name = "DURATION", default_value = "7d")]
        expires: Seconds,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// List invitations, newest first
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Withdraw an invitation that was not used
    Withdraw {
        /// Its id
        id: String,
    },
}

pub(super) fn run(app: &App, command: InvitationsCommand) -> Result<(), CliError> {
    match command {
        InvitationsCommand::Create { roles, email, expires, json } => {
            let new = NewInvitation { roles: &roles, email: email.as_deref(), lifetime: Some(expires) };
            let made = invitations::create(app, &new, &OPERATOR)?;
            if json {
                return line(format_args!("{:#}", json!(NewInvitationView::from(&made))));
            }
            line(format_args!("{}", made.link))
        }
        InvitationsCommand::List { json } => list(app, json),
        InvitationsCommand::Withdraw { id } => {
            let unknown = |_not_an_id| CliError::Refused("there is no such invitation, or it was used".to_owned());
            let id: InvitationId = id.parse().map_err(unknown)?;
            invitations::withdraw(app, id, &OPERATOR)?;
            line(format_args!("withdrawn"))
        }
    }
}

fn list(app: &App, json: bool) -> Result<(), CliError> {
    let now = app.clock.now();
    let mut table = List::new(json, ["ID", "STATE", "ROLES", "E-MAIL", "CREATED", "EXPIRES", "USED BY"]);
    let mut before = None;
    loop {
        let page = invitations::list(app, before, PAGE)?;
        for invitation in &page {
            let state = match invitation.used_at {
                Some(_) => "used",
                None if invitation.expires_at <= now => "expired",
                None => "open",
            };
            let cells = [
                invitation.id.to_string(),
                state.to_owned(),
                invitation.roles.to_string(),
                invitation.email.as_ref().map(ToString::to_string).unwrap_or_default(),
                Timestamp::to_rfc3339(invitation.created_at),
                Timestamp::to_rfc3339(invitation.expires_at),
                invitation.used_by.map(|user| user.to_string()).unwrap_or_default(),
            ];
            table.add(cells, &InvitationView::from(invitation))?;
        }
        let Some(last) = page.last() else { return table.finish() };
        before = Some(last.id);
    }
}
