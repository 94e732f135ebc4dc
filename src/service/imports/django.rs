//! What Django's `dumpdata` writes: accounts, the groups that they are in, the refresh tokens of djangorestframework-simplejwt
//! and the keys of Django REST framework. Rows of other models are left out.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;

use super::options::Options;
use super::reading::{Broken, Input, Place, element, in_words};
use super::subject::{Owner, Subject};
use super::user::{FIELDS, Fields, ImportedUser, text, time};
use crate::clock::{Seconds, Timestamp};
use crate::jwt::unverified_expiry;
use crate::model::legacy_token::MAX_LEGACY_JTI_CHARS;
use crate::model::text::is_distinct;
use crate::password::Hasher;
use crate::secret::DrfKey;

/// A dump, and the groups that it has named so far: they come before the accounts.
pub(crate) struct Dump {
    input: Input,
    place: Place,
    number: u64,
    groups: HashMap<String, String>,
    /// By primary key, the names of refresh tokens and when they expire: they come before what denies them.
    tokens: HashMap<String, (String, Timestamp)>,
    /// Whether there was a row of an account or of a token.
    pub(super) has_known_rows: bool,
    has_accounts: bool,
    /// Another model that looks like that of the accounts.
    alike: Option<String>,
}

/// A row of a dump.
#[derive(Deserialize)]
struct Dumped {
    model: String,
    #[serde(default)]
    pk: Value,
    fields: Fields,
}

/// What is known of a row.
pub(super) struct Found {
    pub(super) number: u64,
    pub(super) model: String,
    pub(super) key: String,
    /// `None`: it is of another model.
    pub(super) subject: Result<Option<Subject>, String>,
}

impl Dump {
    pub(super) fn new(input: Input) -> Self {
        Self {
            input,
            place: Place::default(),
            number: 0,
            groups: HashMap::new(),
            tokens: HashMap::new(),
            has_known_rows: false,
            has_accounts: false,
            alike: None,
        }
    }

    /// The next row.
    pub(super) fn next(&mut self, options: &mut Options, hasher: &Hasher) -> Result<Option<Found>, Broken> {
        let Some(row) = element(&mut self.input, &mut self.place)? else { return Ok(None) };
        self.number += 1;
        let number = self.number;
        let row = row.map_err(ToOwned::to_owned);
        let row = row.and_then(|row| serde_json::from_slice::<Dumped>(&row).map_err(|error| in_words(&error)));
        Ok(Some(match row {
            Ok(row) => {
                let (model, key) =
                    (row.model.to_ascii_lowercase(), text(Some(&row.pk)).ok().flatten().unwrap_or_default());
                self.refuse_orphan(&model, &row.fields, options)?;
                // The primary key of a key is itself.
                let shown = if model == API_KEYS { String::new() } else { key.clone() };
                let subject = self.subject((&model, key), row.fields, options, hasher);
                Found { number, model, key: shown, subject }
            }
            Err(why) => Found {
                number,
                model: String::new(),
                key: String::new(),
                subject: Err(format!("is no row of a dump: {why}")),
            },
        }))
    }

    /// Refuses the file if its tokens have no accounts because these are of another model than the one that was asked for.
    fn refuse_orphan(&mut self, model: &str, fields: &Fields, options: &Options) -> Result<(), Broken> {
        self.has_accounts |= model == options.model;
        let has = |name: &str| fields.contains_key(name);
        if model != options.model && has("password") && (has("username") || has("email")) {
            self.alike.get_or_insert_with(|| model.to_owned());
        }
        match &self.alike {
            Some(found) if TOKENS.contains(&model) && !self.has_accounts => {
                Err(Broken::Model { found: found.clone(), wanted: options.model.clone() })
            }
            _ => Ok(()),
        }
    }

    fn subject(
        &mut self,
        (model, key): (&str, String),
        fields: Fields,
        options: &mut Options,
        hasher: &Hasher,
    ) -> Result<Option<Subject>, String> {
        self.has_known_rows |= model == options.model || TOKENS.contains(&model);
        if model == options.model {
            let fields = self.account(key, fields, options)?;
            return ImportedUser::new(&fields, options, hasher).map(|user| Some(Subject::User(Box::new(user))));
        }
        match model {
            "auth.group" => {
                let name = required(&fields, "name")?;
                self.groups.insert(key, name);
                Ok(None)
            }
            OUTSTANDING_TOKENS => self.outstanding(key, &fields).map(Some),
            DENIED_TOKENS => match self.tokens.get(&short(required(&fields, "token")?, "token")?) {
                Some((jti, expires_at)) => Ok(Some(Subject::DeniedToken { jti: jti.clone(), expires_at: *expires_at })),
                None => {
                    Err("is useless without its row of token_blacklist.outstandingtoken: dump that, too".to_owned())
                }
            },
            API_KEYS => api_key(&key, &fields).map(Some),
            _ => Ok(None),
        }
    }

    /// The fields of an account as they are in JSON lines.
    fn account(&self, key: String, mut dumped: Fields, options: &Options) -> Result<Fields, String> {
        if key.is_empty() {
            return Err("has no primary key: dump without --natural-primary".to_owned());
        }
        let groups: Result<Vec<Value>, String> = match dumped.get("groups") {
            Some(Value::Array(groups)) => groups.iter().map(|group| self.group(group).map(Value::String)).collect(),
            _ => Ok(Vec::new()),
        };
        let mut taken = |name: &str| dumped.remove(name).unwrap_or_default();
        let name = match (taken("first_name"), taken("last_name")) {
            (Value::String(first), Value::String(last)) => Value::String(format!("{first} {last}").trim().to_owned()),
            (Value::String(one), _) | (_, Value::String(one)) => Value::String(one),
            _ => [taken("name"), taken("full_name")].into_iter().find(Value::is_string).unwrap_or_default(),
        };
        let email = taken("email");
        let username = match options.username_field.as_deref().unwrap_or("username") {
            "email" => Value::Null,
            field => taken(field),
        };
        let is_missing = username.is_null() || username == "";
        let username = if is_missing { email.clone() } else { username };
        let mut fields = Fields::from_iter([
            ("external_id".to_owned(), Value::String(key)),
            ("username".to_owned(), username),
            ("email".to_owned(), email),
            ("name".to_owned(), name),
            ("roles".to_owned(), Value::Array(groups?)),
            ("created_at".to_owned(), taken("date_joined")),
            ("is_active".to_owned(), taken("is_active")),
            ("password_hash".to_owned(), taken("password")),
        ]);
        let asked = options.roles.fields().filter(|name| !FIELDS.contains(name));
        fields.extend(asked.filter_map(|name| Some((name.to_owned(), dumped.get(name)?.clone()))));
        Ok(fields)
    }

    /// A refresh token that was issued.
    fn outstanding(&mut self, key: String, fields: &Fields) -> Result<Subject, String> {
        let (key, jti) = (short(key, "the primary key")?, required(fields, "jti")?);
        if jti.chars().count() > MAX_LEGACY_JTI_CHARS || !jti.chars().all(is_distinct) {
            return Err("jti is too long, or has invisible characters".to_owned());
        }
        let (stored, owner) = (at(fields, "expires_at")?, owner(fields.get("user"))?);
        let said = text(fields.get("token")).ok().flatten().and_then(|token| unverified_expiry(&token));
        let expires_at = said.map_or(stored + AFTER_EXPIRY, |said| said.max(stored));
        self.tokens.insert(key, (jti.clone(), expires_at));
        Ok(Subject::LegacyToken { jti, owner, expires_at })
    }

    /// The name of a group: by its primary key, or by its natural one, which is the name.
    fn group(&self, group: &Value) -> Result<String, String> {
        let named = |name: Option<&Value>| name.and_then(Value::as_str).map(ToOwned::to_owned);
        let name = match group {
            Value::Array(natural) => named(natural.first()),
            key => text(Some(key))?.and_then(|key| self.groups.get(&key).cloned()),
        };
        name.ok_or_else(|| format!("the group {group} is not in the file, or comes later: dump auth.group, too"))
    }
}

/// The models of tokens: of refresh tokens, of those that are denied, and of the keys of Django REST framework.
const TOKENS: [&str; 3] = [OUTSTANDING_TOKENS, DENIED_TOKENS, API_KEYS];
const OUTSTANDING_TOKENS: &str = "token_blacklist.outstandingtoken";
const DENIED_TOKENS: &str = "token_blacklist.blacklistedtoken";
const API_KEYS: &str = "authtoken.token";

/// How long a token is known after the time in its row, if it does not say itself when it expires: that may be later.
const AFTER_EXPIRY: Seconds = Seconds(7 * 86_400);

/// A primary key, which is not longer than what is stored.
fn short(key: String, name: &str) -> Result<String, String> {
    let is_short = key.chars().count() <= MAX_LEGACY_JTI_CHARS;
    if is_short { Ok(key) } else { Err(format!("{name} has more than {MAX_LEGACY_JTI_CHARS} characters")) }
}

/// A key of Django REST framework, which is its own primary key.
fn api_key(key: &str, fields: &Fields) -> Result<Subject, String> {
    let key: DrfKey = key.parse().map_err(|_bad| "the key has not 40 hexadecimal digits".to_owned())?;
    let owner = owner(fields.get("user"))?.ok_or("has no user")?;
    Ok(Subject::ApiKey { digest: key.digest(), owner, created_at: at(fields, "created")? })
}

/// Whose a row is: by a primary key, or by a natural one, which is the username. `None`: the account was deleted.
fn owner(value: Option<&Value>) -> Result<Option<Owner>, String> {
    let bad = || "user is no account".to_owned();
    if let Some(Value::Array(natural)) = value {
        let name = natural.first().and_then(Value::as_str).ok_or_else(bad)?;
        return Ok(Some(Owner::Named(name.parse().map_err(|_no_name| bad())?)));
    }
    let key = text(value).map_err(|_not_a_key| bad())?;
    key.map(|key| key.parse().map(Owner::External).map_err(|_no_key| bad())).transpose()
}

fn required(fields: &Fields, name: &str) -> Result<String, String> {
    let value = text(fields.get(name)).map_err(|bad| format!("{name} {bad}"))?;
    value.ok_or_else(|| format!("there is no {name}"))
}

fn at(fields: &Fields, name: &str) -> Result<Timestamp, String> {
    time(&required(fields, name)?).map_err(|bad| format!("{name} {bad}"))
}
