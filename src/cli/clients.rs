//! `tokensmith clients`.

use std::fs;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::CliError;
use super::output::{List, confirm, count, line, shown};
use super::users::OPERATOR;
use crate::app::App;
use crate::clock::Timestamp;
use crate::http::view::client::{ClientView, RotatedView, new_client};
use crate::model::client::Client;
use crate::service::clients::{self, ClientMetadata, OldSecret};

#[derive(Subcommand)]
pub(super) enum ClientsCommand {
    /// Register an application; its secret is printed this once
    Create {
        /// What users see
        name: String,
        /// What it is called in requests and tokens; default: made up
        #[arg(long)]
        id: Option<String>,
        #[command(flatten)]
        metadata: MetadataArgs,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// List applications
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show an application
    Show {
        /// Its `client_id`
        id: String,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Change an application: what is given replaces what was registered, and an empty text takes it away
    Update {
        /// Its `client_id`
        id: String,
        /// What users see
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        metadata: MetadataArgs,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Give an application another secret, which is printed this once; the one before is valid for a day
    RotateSecret {
        /// Its `client_id`
        id: String,
        /// Refuse the secret before from now on
        #[arg(long)]
        end_old: bool,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Disable an application: it is refused, and so are its access tokens
    Disable {
        /// Its `client_id`
        id: String,
    },
    /// Enable an application again
    Enable {
        /// Its `client_id`
        id: String,
    },
    /// Delete an application and end what its users have allowed
    Delete {
        /// Its `client_id`
        id: String,
        /// Delete it without asking
        #[arg(long)]
        yes: bool,
    },
}

/// What is registered, as it was typed.
#[derive(Args)]
pub(super) struct MetadataArgs {
    /// Where users may be sent with an answer: https, http to a loopback address, or a scheme with a dot; may be
    /// given several times
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// `authorization_code`, `refresh_token` or `client_credentials`; may be given several times; default: the first two
    #[arg(long = "grant-type", value_name = "GRANT_TYPE")]
    grant_types: Vec<String>,
    /// A scope that it may ask for; may be given several times; default: openid, profile, email and `offline_access`
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// An audience that it may ask for, the first by default; may be given several times; default: the first of AUDIENCE
    #[arg(long = "audience", value_name = "AUDIENCE")]
    audiences: Vec<String>,
    /// An audience that it is: it may ask about tokens for it; may be given several times
    #[arg(long = "resource-server", value_name = "AUDIENCE")]
    resource_servers: Vec<String>,
    /// `client_secret_basic`, `client_secret_post`, `private_key_jwt`, or none for an application that cannot keep a secret;
    /// default: `client_secret_basic`
    #[arg(long, value_name = "METHOD")]
    token_endpoint_auth_method: Option<String>,
    /// Its public keys: a file with a JWK Set
    #[arg(long, value_name = "FILE", conflicts_with = "jwks_uri")]
    jwks_file: Option<PathBuf>,
    /// Where its public keys are
    #[arg(long, value_name = "URL")]
    jwks_uri: Option<String>,
    /// Where users may be sent after they have logged out; may be given several times
    #[arg(long = "post-logout-redirect-uri", value_name = "URI")]
    post_logout_redirect_uris: Vec<String>,
    /// What its ID tokens are signed with: ES256, EdDSA or RS256
    #[arg(long, value_name = "ALG")]
    id_token_signed_response_alg: Option<String>,
    /// Do not ask its users: it is your own
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    skip_consent: Option<bool>,
}

impl MetadataArgs {
    fn metadata(self, name: Option<String>) -> Result<ClientMetadata, CliError> {
        // One empty text stands for an empty list.
        let list = |typed: Vec<String>| {
            (!typed.is_empty()).then(|| typed.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>())
        };
        let text = |typed: Option<String>| typed.map(|typed| Some(typed).filter(|typed| !typed.is_empty()));
        let read =
            |path: PathBuf| fs::read_to_string(&path).map_err(|error| CliError::Io(path.display().to_string(), error));
        Ok(ClientMetadata {
            name,
            redirect_uris: list(self.redirect_uris),
            post_logout_redirect_uris: list(self.post_logout_redirect_uris),
            grant_types: list(self.grant_types),
            scopes: list(self.scopes),
            audiences: list(self.audiences),
            resource_servers: list(self.resource_servers),
            auth_method: self.token_endpoint_auth_method,
            jwks: self.jwks_file.map(read).transpose()?.map(Some),
            jwks_uri: text(self.jwks_uri),
            id_token_alg: text(self.id_token_signed_response_alg),
            skip_consent: self.skip_consent,
        })
    }
}

pub(super) fn run(app: &App, command: ClientsCommand) -> Result<(), CliError> {
    match command {
        ClientsCommand::Create { name, id, metadata, json } => {
            let metadata = metadata.metadata(Some(name))?;
            let (client, secret) = clients::create(app, id.as_deref(), &metadata, &OPERATOR)?;
            if json {
                return object(&new_client(&client, secret.as_ref()));
            }
            line(format_args!("created {} ({})", client.name, client.id))?;
            secret.as_ref().map_or(Ok(()), |secret| show_secret(secret.expose()))
        }
        ClientsCommand::List { json } => list(app, json),
        ClientsCommand::Show { id, json } => show(&clients::find(app, &id)?, json),
        ClientsCommand::Update { id, name, metadata, json } => {
            show(&clients::update(app, &id, &metadata.metadata(name)?, &OPERATOR)?, json)
        }
        ClientsCommand::RotateSecret { id, end_old, json } => {
            let old = if end_old { OldSecret::Ended } else { OldSecret::Kept };
            let rotated = clients::rotate_secret(app, &id, old, &OPERATOR)?;
            if json {
                return object(&RotatedView::from(&rotated));
            }
            show_secret(rotated.secret.expose())?;
            let until = rotated.old_secret_expires_at;
            until.map_or(Ok(()), |at| line(format_args!("the one before is valid until {}", at.to_rfc3339())))
        }
        ClientsCommand::Disable { id } => {
            clients::disable(app, &id, &OPERATOR)?;
            line(format_args!("disabled {id}"))
        }
        ClientsCommand::Enable { id } => {
            clients::enable(app, &id, &OPERATOR)?;
            line(format_args!("enabled {id}"))
        }
        ClientsCommand::Delete { id, yes } => {
            let client = clients::find(app, &id)?;
            confirm(yes, format_args!("Delete {} ({id}) and end what its users have allowed?", client.name))?;
            let ended = clients::delete(app, &id, &OPERATOR)?;
            line(format_args!("deleted {id}; {} ended", count(ended, "session")))
        }
    }
}

fn show_secret(secret: &str) -> Result<(), CliError> {
    line(format_args!("client_secret: {secret}"))?;
    line(format_args!("It cannot be shown again."))
}

fn object(view: &impl Serialize) -> Result<(), CliError> {
    let value = serde_json::to_value(view).map_err(|error| CliError::Output(error.into()))?;
    line(format_args!("{value:#}"))
}

fn list(app: &App, json: bool) -> Result<(), CliError> {
    let mut table = List::new(json, ["CLIENT ID", "STATE", "NAME", "METHOD", "GRANT TYPES", "SCOPES", "CREATED"]);
    for client in clients::list(app)? {
        let cells = [
            client.id.to_string(),
            state(&client).to_owned(),
            client.name.to_string(),
            client.auth_method.to_string(),
            client.grant_types.to_string(),
            client.scopes.to_string(),
            client.created_at.to_rfc3339(),
        ];
        table.add(cells, &ClientView::from(&client))?;
    }
    table.finish()
}

fn state(client: &Client) -> &'static str {
    if client.disabled_at.is_some() { "disabled" } else { "active" }
}

fn show(client: &Client, json: bool) -> Result<(), CliError> {
    if json {
        return object(&ClientView::from(client));
    }
    let keys = client.jwks_uri.as_deref().or(client.jwks.as_ref().map(|_| "registered")).unwrap_or_default();
    for (name, value) in [
        ("client_id", client.id.to_string()),
        ("state", state(client).to_owned()),
        ("client_name", client.name.to_string()),
        ("redirect_uris", client.redirect_uris.to_string()),
        ("post_logout_redirect_uris", client.post_logout_redirect_uris.to_string()),
        ("grant_types", client.grant_types.to_string()),
        ("scopes", client.scopes.to_string()),
        ("audiences", client.audiences.to_string()),
        ("resource_servers", client.resource_servers.to_string()),
        ("token_endpoint_auth_method", client.auth_method.to_string()),
        ("keys", keys.to_owned()),
        ("id_token_signed_response_alg", client.id_token_alg.map(|alg| alg.0.to_string()).unwrap_or_default()),
        ("skip_consent", client.skip_consent.to_string()),
        ("created_at", client.created_at.to_rfc3339()),
        ("updated_at", client.updated_at.to_rfc3339()),
        ("disabled_at", client.disabled_at.map(Timestamp::to_rfc3339).unwrap_or_default()),
    ] {
        line(format_args!("{name}: {}", shown(&value)))?;
    }
    Ok(())
}
