//! `tokensmith providers`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::CliError;
use super::output::{List, confirm, line, object, shown};
use super::users::OPERATOR;
use crate::app::App;
use crate::clock::Timestamp;
use crate::error::Error;
use crate::model::provider::{Preset, Provider};
use crate::secret::{Secret, file};
use crate::service::providers::{self, ProviderSettings};

#[derive(Subcommand)]
pub(super) enum ProvidersCommand {
    /// Let users sign in at another service; its metadata is fetched and checked first
    Create {
        /// What it is called in URLs and tokens: lower-case letters, digits and hyphens
        id: String,
        /// `google`, `github`, or `generic` for any other provider of `OpenID` Connect
        #[arg(long)]
        preset: String,
        /// Its issuer, for `generic`; for `github` the address of a GitHub Enterprise Server
        #[arg(long, value_name = "URL")]
        issuer: Option<String>,
        #[command(flatten)]
        settings: SettingsArgs,
        /// Do not fetch its metadata: it cannot be reached from here
        #[arg(long)]
        no_check: bool,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// List providers
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show a provider, without its secret
    Show {
        /// Its id
        id: String,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Change a provider: what is given replaces what was configured. Its issuer stays: the users of another one are other
    /// people
    Update {
        /// Its id
        id: String,
        #[command(flatten)]
        settings: SettingsArgs,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Disable a provider: users cannot sign in with it any more; sessions go on
    Disable {
        /// Its id
        id: String,
    },
    /// Enable a provider again
    Enable {
        /// Its id
        id: String,
    },
    /// Delete a provider
    Delete {
        /// Its id
        id: String,
        /// Delete it without asking
        #[arg(long)]
        yes: bool,
    },
}

/// What is configured, as it was typed.
#[derive(Args)]
pub(super) struct SettingsArgs {
    /// What users see; default: Google, GitHub, or the id
    #[arg(long)]
    name: Option<String>,
    /// What this service is called there
    #[arg(long)]
    client_id: Option<String>,
    /// A file with the secret of this service there; it is stored encrypted
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// A scope that is asked for; may be given several times; default: openid, profile and email, for GitHub `read:user`
    /// and `user:email`
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A JSON file: which claims username, e-mail address, name and roles come from
    #[arg(long, value_name = "FILE")]
    claim_map: Option<PathBuf>,
    /// An e-mail address that it says is verified proves whose account it is
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    trust_email: Option<bool>,
    /// A value in `amr` that counts as a second factor here; may be given several times
    #[arg(long = "second-factor-amr", value_name = "VALUE")]
    factor_amr: Vec<String>,
    /// A value of `acr` that counts as a second factor here; may be given several times
    #[arg(long = "second-factor-acr", value_name = "VALUE")]
    factor_acr: Vec<String>,
}

impl SettingsArgs {
    fn settings(self, issuer: Option<String>) -> Result<ProviderSettings, CliError> {
        // One empty text stands for an empty list.
        let list = |typed: Vec<String>| {
            (!typed.is_empty()).then(|| typed.into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>())
        };
        let read =
            |path: PathBuf| fs::read_to_string(&path).map_err(|error| CliError::Io(path.display().to_string(), error));
        Ok(ProviderSettings {
            name: self.name,
            issuer,
            client_id: self.client_id,
            secret: self.client_secret_file.as_deref().map(read_secret).transpose()?,
            scopes: list(self.scopes),
            claim_map: self.claim_map.map(read).transpose()?,
            trust_email: self.trust_email,
            factor_amr: list(self.factor_amr),
            factor_acr: list(self.factor_acr),
        })
    }
}

/// The secret in a file, without the end of its line.
fn read_secret(path: &Path) -> Result<Secret<String>, CliError> {
    let refused = |why: String| CliError::Refused(format!("{}: {why}", path.display()));
    let (content, _) = file::read(path).map_err(|problem| refused(problem.to_string()))?;
    let text = str::from_utf8(&content).map_err(|problem| refused(problem.to_string()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

pub(super) fn run(app: &App, command: ProvidersCommand) -> Result<(), CliError> {
    match command {
        ProvidersCommand::Create { id, preset, issuer, settings, no_check, json } => {
            let preset: Preset = preset.parse().map_err(|problem| CliError::Refused(format!("preset {problem}")))?;
            let settings = settings.settings(issuer)?;
            let provider = providers::create(app, (&id, preset), &settings, !no_check, &OPERATOR)?;
            if json {
                return object(&ProviderView::from(&provider));
            }
            line(format_args!("created {} ({})", provider.name, provider.id))?;
            line(format_args!("redirect URI to register there: {}", providers::redirect_uri(app, &provider.id)))
        }
        ProvidersCommand::List { json } => list(app, json),
        ProvidersCommand::Show { id, json } => show(app, &providers::find(app, &id)?, json),
        ProvidersCommand::Update { id, settings, json } => {
            show(app, &providers::update(app, &id, &settings.settings(None)?, &OPERATOR)?, json)
        }
        ProvidersCommand::Disable { id } => done(providers::disable(app, &id, &OPERATOR), "disabled", &id),
        ProvidersCommand::Enable { id } => done(providers::enable(app, &id, &OPERATOR), "enabled", &id),
        ProvidersCommand::Delete { id, yes } => {
            let provider = providers::find(app, &id)?;
            confirm(yes, format_args!("Delete {} ({id})?", provider.name))?;
            done(providers::delete(app, &id, &OPERATOR), "deleted", &id)
        }
    }
}

fn done(outcome: Result<(), Error>, what: &str, id: &str) -> Result<(), CliError> {
    outcome?;
    line(format_args!("{what} {id}"))
}

/// A provider as JSON.
#[derive(Serialize)]
struct ProviderView {
    id: String,
    preset: String,
    name: String,
    issuer: String,
    client_id: String,
    scopes: Vec<String>,
    claim_map: Value,
    trust_email: bool,
    second_factor_amr: Vec<String>,
    second_factor_acr: Vec<String>,
    created_at: String,
    updated_at: String,
    disabled_at: Option<String>,
}

impl From<&Provider> for ProviderView {
    fn from(provider: &Provider) -> Self {
        Self {
            id: provider.id.to_string(),
            preset: provider.preset.to_string(),
            name: provider.name.to_string(),
            issuer: provider.issuer.clone(),
            client_id: provider.client_id.clone(),
            scopes: provider.scopes.all().to_vec(),
            claim_map: serde_json::to_value(&provider.claim_map).unwrap_or_default(),
            trust_email: provider.trust_email,
            second_factor_amr: provider.factor_amr.all().to_vec(),
            second_factor_acr: provider.factor_acr.all().to_vec(),
            created_at: provider.created_at.to_rfc3339(),
            updated_at: provider.updated_at.to_rfc3339(),
            disabled_at: provider.disabled_at.map(Timestamp::to_rfc3339),
        }
    }
}

fn list(app: &App, json: bool) -> Result<(), CliError> {
    let mut table = List::new(json, ["ID", "STATE", "PRESET", "NAME", "ISSUER", "TRUST EMAIL", "CREATED"]);
    for provider in providers::list(app)? {
        let cells = [
            provider.id.to_string(),
            state(&provider).to_owned(),
            provider.preset.to_string(),
            provider.name.to_string(),
            provider.issuer.clone(),
            provider.trust_email.to_string(),
            provider.created_at.to_rfc3339(),
        ];
        table.add(cells, &ProviderView::from(&provider))?;
    }
    table.finish()
}

fn state(provider: &Provider) -> &'static str {
    if provider.disabled_at.is_some() { "disabled" } else { "active" }
}

fn show(app: &App, provider: &Provider, json: bool) -> Result<(), CliError> {
    if json {
        return object(&ProviderView::from(provider));
    }
    for (name, value) in [
        ("id", provider.id.to_string()),
        ("state", state(provider).to_owned()),
        ("preset", provider.preset.to_string()),
        ("name", provider.name.to_string()),
        ("issuer", provider.issuer.clone()),
        ("client_id", provider.client_id.clone()),
        ("redirect_uri", providers::redirect_uri(app, &provider.id)),
        ("scopes", provider.scopes.to_string()),
        ("claim_map", provider.claim_map.to_string()),
        ("trust_email", provider.trust_email.to_string()),
        ("second_factor_amr", provider.factor_amr.to_string()),
        ("second_factor_acr", provider.factor_acr.to_string()),
        ("created_at", provider.created_at.to_rfc3339()),
        ("updated_at", provider.updated_at.to_rfc3339()),
        ("disabled_at", provider.disabled_at.map(Timestamp::to_rfc3339).unwrap_or_default()),
    ] {
        line(format_args!("{name}: {}", shown(&value)))?;
    }
    Ok(())
}
