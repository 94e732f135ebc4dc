//! `tokensmith claims`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::CliError;
use super::output::{List, line, object};
use super::users::OPERATOR;
use crate::app::App;
use crate::http::view::claim::ClaimView;
use crate::model::custom_claim::Mapping;
use crate::service::custom_claims;

#[derive(Subcommand)]
pub(super) enum ClaimsCommand {
    /// List custom claims, with those of `CLAIMS_FILE`
    List {
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Define a custom claim; replaces the one with this name
    Set {
        /// What it is called
        name: String,
        #[command(flatten)]
        source: SourceArgs,
        /// Only with this scope; may be given several times
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Only with this audience of the access token; may be given several times
        #[arg(long = "audience", value_name = "AUDIENCE")]
        audiences: Vec<String>,
        /// `access_token`, `id_token` or `userinfo`; may be given several times
        #[arg(long = "in", value_name = "PLACE", required = true)]
        places: Vec<String>,
    },
    /// Delete a custom claim
    Delete {
        /// What it is called
        name: String,
    },
}

/// Where the value comes from.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct SourceArgs {
    /// A public attribute of the user, by its JSON pointer
    #[arg(long, value_name = "POINTER")]
    public_attribute: Option<String>,
    /// An attribute of the user that administrators set, by its JSON pointer, as in /billing/plan
    #[arg(long, value_name = "POINTER")]
    app_attribute: Option<String>,
    /// An attribute of the registered application, by its JSON pointer
    #[arg(long, value_name = "POINTER")]
    client_attribute: Option<String>,
    /// A field of the user's record: `username`, `email`, `email_verified`, `name` or `external_id`
    #[arg(long, value_name = "FIELD")]
    profile: Option<String>,
    /// Always this JSON value
    #[arg(long, value_name = "JSON")]
    constant: Option<String>,
}

impl SourceArgs {
    fn source(self) -> Result<Value, CliError> {
        let constant = |json: String| {
            let why = |error| CliError::Refused(format!("--constant: {error}; write JSON, as in '\"pro\"' or 5"));
            serde_json::from_str::<Value>(&json).map_err(why)
        };
        let named = [
            ("public_attribute", self.public_attribute),
            ("app_attribute", self.app_attribute),
            ("client_attribute", self.client_attribute),
            ("profile", self.profile),
        ];
        let named = named.into_iter().find_map(|(name, value)| Some(json!({name: value?})));
        let constant = self.constant.map(constant).transpose()?.map(|value| json!({"constant": value}));
        Ok(named.or(constant).unwrap_or_default())
    }
}

fn refused(error: &serde_json::Error) -> CliError {
    CliError::Refused(error.to_string())
}

pub(super) fn run(app: &App, command: ClaimsCommand) -> Result<(), CliError> {
    match command {
        ClaimsCommand::List { json } => list(app, json),
        ClaimsCommand::Set { name, source, scopes, audiences, places } => {
            let mapping = json!({"source": source.source()?, "scopes": scopes, "audiences": audiences, "in": places});
            let mapping: Mapping = serde_json::from_value(mapping).map_err(|error| refused(&error))?;
            object(&ClaimView::from(&custom_claims::put(app, &name, mapping, &OPERATOR)?))
        }
        ClaimsCommand::Delete { name } => {
            custom_claims::delete(app, &name, &OPERATOR)?;
            line(format_args!("deleted {name}"))
        }
    }
}

fn list(app: &App, json: bool) -> Result<(), CliError> {
    let mut table = List::new(json, ["NAME", "SOURCE", "SCOPES", "AUDIENCES", "IN", "CHANGED IN"]);
    for defined in &custom_claims::list(app)? {
        let mapping = &defined.claim.mapping;
        let places: Vec<&str> = mapping.places.iter().map(|place| place.name()).collect();
        let cells = [
            defined.claim.name.to_string(),
            json!(mapping.source).to_string(),
            mapping.scopes.join(" "),
            mapping.audiences.join(" "),
            places.join(" "),
            if defined.is_read_only { "CLAIMS_FILE" } else { "the database" }.to_owned(),
        ];
        table.add(cells, &ClaimView::from(defined))?;
    }
    table.finish()
}
