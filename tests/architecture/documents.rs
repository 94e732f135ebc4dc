//! The parts of the documents that are made from the code.
#![expect(clippy::indexing_slicing, reason = "a member that JSON lacks is null, and a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;
use tokensmith::internals::cli::command;
use tokensmith::internals::config::settings_reference;
use tokensmith::internals::http::{CODES, Described, ROUTES, openapi};
use tokensmith::internals::model::audit::EVENT_NAMES;

/// A page, the part of it that is made, and its text.
pub fn made_parts(audit_source: &str) -> [(&'static str, &'static str, String); 5] {
    [
        ("docs/src/reference/api.md", "api", api()),
        ("docs/src/reference/errors.md", "errors", errors()),
        ("docs/src/reference/settings.md", "settings", settings_reference()),
        ("docs/src/reference/events.md", "events", events(audit_source)),
        ("docs/src/reference/cli.md", "cli", command_line()),
    ]
}

/// A text with another part between the two comments that name it.
pub fn with_part(text: &str, name: &str, part: &str) -> String {
    let (begin, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end: {name} -->\n"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("lacks {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("lacks {end}"));
    format!("{before}{begin}\n{part}\n{end}{after}")
}

fn errors() -> String {
    let mut by_status: BTreeMap<u16, String> = BTreeMap::new();
    for code in CODES {
        let rows = by_status.entry(code.status).or_default();
        writeln!(rows, "| `{}` | {} |", code.name, code.meaning).unwrap();
    }
    let sections =
        by_status.iter().map(|(status, rows)| format!("## {status}\n\n| `code` | Meaning |\n|---|---|\n{rows}"));
    sections.collect::<Vec<_>>().join("\n")
}

/// The meaning of an event is the comment at its name's declaration.
fn events(source: &str) -> String {
    let declared = source.split_once("pub enum EventName {").unwrap().1.split_once("\n}").unwrap().0;
    let mut table = String::from("| Event | What happened |\n|---|---|\n");
    for (event, name) in EVENT_NAMES {
        let (before, _) = declared.split_once(&format!("\n    {event:?},")).unwrap();
        let lines = before.lines().rev().take_while(|line| line.trim_start().starts_with("///"));
        let mut lines: Vec<_> = lines.map(|line| line.trim_start().trim_start_matches("/// ")).collect();
        lines.reverse();
        assert!(!lines.is_empty(), "{event:?} says nothing of itself");
        writeln!(table, "| `{name}` | {} |", lines.join(" ")).unwrap();
    }
    table
}

/// The help of every command, as a terminal of 100 columns shows it.
fn command_line() -> String {
    let mut root = command().term_width(100);
    root.build();
    let mut sections = Vec::new();
    add_help(&mut root, &mut sections);
    sections.join("\n")
}

fn add_help(command: &mut clap::Command, sections: &mut Vec<String>) {
    let name = command.get_bin_name().unwrap_or("tokensmith").to_owned();
    let help = command.render_long_help().to_string();
    let help: Vec<_> = help.trim().lines().map(str::trim_end).collect();
    sections.push(format!("## `{name}`\n\n```text\n{}\n```\n", help.join("\n")));
    for below in command.get_subcommands_mut().filter(|below| below.get_name() != "help") {
        add_help(below, sections);
    }
}

/// Every endpoint, as the `OpenAPI` description has it.
fn api() -> String {
    let description = openapi(&Described::default());
    let mut text = String::new();
    for tag in description["tags"].as_array().unwrap() {
        let name = tag["name"].as_str().unwrap();
        let title = (name[..1].to_uppercase() + &name[1..]).replace("Api", "API");
        writeln!(text, "## {title}\n\n{}\n", tag["description"].as_str().unwrap()).unwrap();
        for route in ROUTES.iter() {
            let operation = &description["paths"][&route.path][route.method.to_lowercase()];
            if operation["tags"][0] == name {
                let heading = format!("{} {}", route.method, route.path);
                text.push_str(&endpoint(&description, &heading, operation));
            }
        }
    }
    text.trim_end().to_owned() + "\n"
}

fn endpoint(description: &Value, heading: &str, operation: &Value) -> String {
    let summary = operation["summary"].as_str().unwrap();
    let about = operation["description"].as_str().unwrap_or_default().replace('\n', " ");
    let who = who(description, operation);
    let mut text = format!("### `{heading}`\n\n**{summary}.** {about}\n\n- Who: {who}\n");
    let query = operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "query");
    let query: Vec<_> =
        query.map(|one| member(one["name"].as_str().unwrap(), said_of(one), one["required"] == true)).collect();
    if !query.is_empty() {
        write!(text, "- Query:\n{}", query.concat()).unwrap();
    }
    let body = schema(description, &operation["requestBody"]["content"]["application/json"]["schema"]);
    let members = members(body);
    if !members.is_empty() {
        write!(text, "- Body:\n{}", members.concat()).unwrap();
    }
    writeln!(text, "- Returns {}", returned(description, operation)).unwrap();
    let refusals = refusals(operation, who != "anyone");
    if !refusals.is_empty() {
        writeln!(text, "- Errors: {}", refusals.join("; ")).unwrap();
    }
    text + "\n"
}

fn who(description: &Value, operation: &Value) -> String {
    let security = operation.get("security").unwrap_or(&description["security"]).to_string();
    let refusals = operation["responses"].to_string();
    let is_anyone = !security.contains("token");
    let who = match (refusals.contains("role_missing"), security.contains("api_token")) {
        _ if is_anyone => "anyone",
        (true, _) => "administrator",
        (false, true) if security.contains("access_token") => "access token or API token",
        (false, true) => "API token",
        (false, false) => "access token",
    };
    let recent = if refusals.contains("reauthentication_required") { ", with a recent password" } else { "" };
    format!("{who}{recent}")
}

fn schema<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = schema["$ref"].as_str();
    reference.map_or(schema, |reference| description.pointer(reference.trim_start_matches('#')).unwrap())
}

/// Required members come first.
fn members(schema: &Value) -> Vec<String> {
    let is_required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let mut members: Vec<_> = schema["properties"].as_object().into_iter().flatten().collect();
    members.sort_by_key(|(name, _)| !is_required(name));
    members.into_iter().map(|(name, about)| member(name, said_of(about), is_required(name))).collect()
}

/// The description of a member, which may be beside the name of its schema.
fn said_of(about: &Value) -> &str {
    let choices = about["oneOf"].as_array().into_iter().flatten();
    [about].into_iter().chain(choices).find_map(|one| one["description"].as_str()).unwrap_or_default()
}

fn member(name: &str, about: &str, is_required: bool) -> String {
    let optional = if is_required { "" } else { " (optional)" };
    let about = about.replace('\n', " ");
    let about = if about.is_empty() { about } else { format!(": {about}") };
    format!("  - `{name}`{optional}{about}\n")
}

fn returned(description: &Value, operation: &Value) -> String {
    let responses = operation["responses"].as_object().unwrap();
    let (status, response) = responses.iter().find(|(status, _)| status.starts_with(['2', '3'])).unwrap();
    let returned = schema(description, &response["content"]["application/json"]["schema"]);
    let names = returned["properties"].as_object().into_iter().flatten().map(|(name, _)| format!("`{name}`"));
    let names = names.collect::<Vec<_>>().join(", ");
    let about = response["description"].as_str().unwrap_or_default().replace('\n', " ");
    match (names.is_empty(), about.is_empty()) {
        (true, true) => status.clone(),
        (true, false) => format!("{status}: {about}"),
        (false, _) => format!("{status} with {names}"),
    }
}

/// Codes that the page names once, for every endpoint with a body or a database.
const OF_EVERY_ENDPOINT: [&str; 6] = [
    "body_too_large",
    "database_unavailable",
    "internal_error",
    "malformed_json",
    "request_timeout",
    "unsupported_media_type",
];

/// The codes by status. Those of every endpoint that takes a token are left out where that is so.
fn refusals(operation: &Value, takes_token: bool) -> Vec<String> {
    let of_tokens = |code: &str| {
        let others = ["access_token_missing", "account_disabled", "invalid_request"];
        ["api_token_malformed", "api_token_unknown", "api_token_expired", "api_token_revoked"].contains(&code)
            || code.starts_with("token_")
            || others.contains(&code)
    };
    let mut all = Vec::new();
    for (status, response) in operation["responses"].as_object().unwrap() {
        let codes = response["content"]["application/problem+json"]["examples"].as_object().into_iter().flatten();
        let codes = codes.map(|(code, _)| code.as_str()).filter(|code| !OF_EVERY_ENDPOINT.contains(code));
        let codes = codes.filter(|code| !takes_token || !of_tokens(code));
        let named = codes.map(|code| if code.starts_with("token_") { "token_..." } else { code });
        let named: BTreeSet<_> = named.map(|code| format!("`{code}`")).collect();
        if !named.is_empty() {
            all.push(format!("{status} {}", named.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    all
}
