//! An account of a file: its fields as they are in CSV and JSON lines, checked.

use serde_json::{Map, Value};

use super::options::Options;
use crate::clock::Timestamp;
use crate::model::attributes::Attributes;
use crate::model::id::UserId;
use crate::model::names::Roles;
use crate::model::user::{DisplayName, Email, ExternalId, Username};
use crate::password::{Hasher, is_of_this_service};

/// The fields of a row.
pub(super) type Fields = Map<String, Value>;

/// All that a row may have.
pub(super) const FIELDS: [&str; 13] = [
    "id",
    "external_id",
    "username",
    "email",
    "email_verified",
    "name",
    "roles",
    "created_at",
    "disabled_at",
    "is_active",
    "password_hash",
    "public_attributes",
    "app_attributes",
];

/// An account of a file.
#[derive(Debug)]
pub(super) struct ImportedUser {
    pub(super) id: Option<UserId>,
    pub(super) external_id: Option<ExternalId>,
    pub(super) username: Username,
    pub(super) email: Option<Email>,
    pub(super) is_verified: bool,
    pub(super) name: Option<DisplayName>,
    pub(super) roles: Roles,
    pub(super) created_at: Option<Timestamp>,
    /// Whether it is disabled, and since when if the file says that.
    pub(super) disabled: Option<Option<Timestamp>>,
    /// The stored form of the hash; `None`: no password.
    pub(super) password_hash: Option<String>,
    /// The public attributes and the others; `None`: they stay as they are.
    pub(super) attributes: [Option<Option<Attributes>>; 2],
}

impl ImportedUser {
    /// Checks the fields of a row; the error is all that is wrong.
    pub(super) fn new(fields: &Fields, options: &mut Options, hasher: &Hasher) -> Result<Self, String> {
        if ["model", "fields"].iter().all(|name| fields.contains_key(*name)) {
            return Err("is a row of Django's dumpdata: write that with --format json, not jsonl".to_owned());
        }
        let mut problems = Vec::new();
        let known = |name: &str| FIELDS.contains(&name) || options.roles.fields().any(|field| field == name);
        if let Some(unknown) = fields.keys().find(|name| !known(name)) {
            problems.push(format!("the field {unknown:?} is not known"));
        }
        let id = checked(fields, "id", &mut problems, |text| text.parse::<UserId>().map_err(|_bad| "is not a UUID"));
        let external_id = checked(fields, "external_id", &mut problems, str::parse::<ExternalId>);
        let username = checked(fields, "username", &mut problems, str::parse::<Username>);
        let email = checked(fields, "email", &mut problems, str::parse::<Email>);
        let name = checked(fields, "name", &mut problems, str::parse::<DisplayName>);
        let created_at = checked(fields, "created_at", &mut problems, time);
        let disabled_at = checked(fields, "disabled_at", &mut problems, time);
        let password_hash = checked(fields, "password_hash", &mut problems, |text| {
            // What this service has exported stays its own.
            hasher.adopt(text, id.is_some() && is_of_this_service(text))
        });
        let password_hash = password_hash.flatten();
        let attributes = ["public_attributes", "app_attributes"].map(|name| attributes(fields, name, &mut problems));
        let mut flag =
            |name: &str| flag(fields.get(name)).map_err(|bad| problems.push(format!("{name} {bad}"))).ok().flatten();
        let (is_active, email_verified) = (flag("is_active"), flag("email_verified"));
        let asked: Vec<String> = options.roles.fields().map(ToOwned::to_owned).collect();
        let set: Vec<String> = asked.into_iter().filter(|name| flag(name) == Some(true)).collect();
        let roles = names(fields.get("roles")).and_then(|groups| options.roles.roles(&groups, &set));
        let roles = roles.map_err(|bad| problems.push(bad)).ok();
        if username.is_none() && text(fields.get("username")).is_ok_and(|text| text.is_none()) {
            problems.push("there is no username".to_owned());
        }
        if id.is_none() && external_id.is_none() && problems.is_empty() {
            problems.push("there is no external_id".to_owned());
        }
        let (Some(username), Some(roles), true) = (username, roles, problems.is_empty()) else {
            return Err(problems.join("; "));
        };
        let disabled = disabled_at.map(Some).or_else(|| (is_active == Some(false)).then_some(None));
        let is_verified = options.trust_email && email_verified != Some(false) && email.is_some();
        Ok(Self {
            id,
            external_id,
            username,
            email,
            is_verified,
            name,
            roles,
            created_at,
            disabled,
            password_hash,
            attributes,
        })
    }
}

impl ImportedUser {
    /// The address, folded, if it counts as verified.
    pub(super) fn verified_email(&self) -> Option<String> {
        self.email.as_ref().filter(|_| self.is_verified).map(|email| email.folded().into_owned())
    }
}

/// The value of a field, if it has one that is valid.
fn checked<T, E: ToString>(
    fields: &Fields,
    name: &str,
    problems: &mut Vec<String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let value = match text(fields.get(name)) {
        Ok(text) => text.map(|text| parse(&text).map_err(|error| error.to_string())).transpose(),
        Err(bad) => Err(bad.to_owned()),
    };
    value.map_err(|bad| problems.push(format!("{name} {bad}"))).ok().flatten()
}

/// A text or a number; none if it is empty or null.
pub(super) fn text(value: Option<&Value>) -> Result<Option<String>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err("is not a text"),
    }
}

fn flag(value: Option<&Value>) -> Result<Option<bool>, &'static str> {
    if let Some(Value::Bool(flag)) = value {
        return Ok(Some(*flag));
    }
    match text(value)?.as_deref().map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("true" | "t" | "1" | "yes") => Ok(Some(true)),
        Some("false" | "f" | "0" | "no") => Ok(Some(false)),
        Some(_) => Err("is neither true nor false"),
    }
}

/// Names in an array, or in a text with spaces between them.
fn names(value: Option<&Value>) -> Result<Vec<String>, String> {
    let Some(Value::Array(names)) = value else {
        let names = text(value).map_err(|bad| format!("roles {bad}"))?.unwrap_or_default();
        return Ok(names.split_whitespace().map(ToOwned::to_owned).collect());
    };
    let names: Option<Vec<String>> = names.iter().map(|name| name.as_str().map(ToOwned::to_owned)).collect();
    names.ok_or_else(|| "roles are not all texts".to_owned())
}

/// A JSON object, also as a text. An empty text says nothing, and an empty object removes all.
fn attributes(fields: &Fields, name: &str, problems: &mut Vec<String>) -> Option<Option<Attributes>> {
    let object = match fields.get(name) {
        Some(Value::Object(object)) => Some(object.clone()),
        _ => checked(fields, name, problems, |json| serde_json::from_str::<Fields>(json)),
    };
    let attributes = object.map(|object| Attributes::of(&object)).transpose();
    attributes.map_err(|bad| problems.push(format!("{name} {bad}"))).ok().flatten()
}

/// A time as in RFC 3339, or as databases write it: with a space, without minutes of the offset, or without an offset, which
/// is then UTC.
pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    let text = text.replacen(' ', "T", 1);
    let (date, time) = text.split_once('T').unwrap_or((&text, "00:00:00"));
    let at = time.find(['+', '-', 'Z', 'z']);
    let (time, offset) = at.and_then(|at| time.split_at_checked(at)).unwrap_or((time, "Z"));
    let minutes = if offset.len() == 3 { ":00" } else { "" };
    format!("{date}T{time}{offset}{minutes}").parse::<Timestamp>().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_programs_write_them() {
        for (text, expected) in [
            ("2001-09-09T01:46:40Z", 1_000_000_000),
            ("2001-09-09T03:46:40+02:00", 1_000_000_000),
            ("2001-09-08T18:46:40.123-07:00", 1_000_000_000),
            ("2001-09-09 01:46:40.123456+00", 1_000_000_000),
            ("2001-09-09 01:46:40", 1_000_000_000),
            ("2001-09-09T01:46:40.999", 1_000_000_000),
            ("2001-09-09", 999_993_600),
        ] {
            assert_eq!(time(text), Ok(Timestamp(expected)), "{text}");
        }
        for text in ["", "yesterday", "2001-09-09T25:00:00Z", "2001-02-30", "1000000000", "2001-09-09T01:46:40+2"] {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
