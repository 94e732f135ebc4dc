//! Providers: other services at which users may sign in. Each is configured by the operator.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::client::Words;
use super::names::Names;
use super::text::BadText;
use super::user::DisplayName;
use crate::clock::Timestamp;

const MAX_ID_CHARS: usize = 32;

/// It is a part of the path of callbacks.
const RESERVED_ID: &str = "callback";

/// What a provider is called in URLs and in the `idp` claim.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(String);

impl ProviderId {
    /// As it is stored.
    pub(crate) fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderId {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let is_slug = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !is_slug || !text.starts_with(|c: char| c.is_ascii_lowercase()) || text.len() > MAX_ID_CHARS {
            return Err(BadText("must be 1 to 32 of a-z, 0-9 and -, and begin with a letter"));
        }
        if text == RESERVED_ID {
            return Err(BadText("is reserved"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The kind of a provider, which decides what it is by default and which protocol it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Google, by OpenID Connect.
    Google,
    /// GitHub or a GitHub Enterprise Server, by OAuth 2 and its API.
    Github,
    /// Any provider of OpenID Connect that publishes its metadata.
    Generic,
}

impl Preset {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Google, "google"), (Self::Github, "github"), (Self::Generic, "generic")];

    /// The issuer; for GitHub the address of its pages. An operator may set another one, and must for `Generic`.
    pub(crate) fn issuer(self) -> Option<&'static str> {
        match self {
            Self::Google => Some("https://accounts.google.com"),
            Self::Github => Some("https://github.com"),
            Self::Generic => None,
        }
    }

    /// What users see, if it has a name.
    pub(crate) fn label(self) -> Option<&'static str> {
        match self {
            Self::Google => Some("Google"),
            Self::Github => Some("GitHub"),
            Self::Generic => None,
        }
    }

    /// The scopes that are asked for.
    pub(crate) fn scopes(self) -> Words {
        match self {
            Self::Google | Self::Generic => ["openid", "profile", "email"].into_iter().collect(),
            Self::Github => ["read:user", "user:email"].into_iter().collect(),
        }
    }

    /// Whether it speaks OpenID Connect.
    pub(crate) fn is_openid(self) -> bool {
        self != Self::Github
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ALL.iter().find(|(preset, _)| preset == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Preset {
    type Err = BadText;

    fn from_str(text: &str) -> Result<Self, BadText> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text).map(|(preset, _)| *preset);
        found.ok_or(BadText("must be google, github or generic"))
    }
}

/// What is done with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It is not read.
    Ignore,
    /// It is proposed when the account is made; after that the account's own value counts.
    Suggest,
    /// The account is made with this value, if the provider sends one that can be used. Name and roles are taken at every sign-in.
    Force,
    /// The same, and a sign-in without it is refused.
    Require,
}

impl Action {
    /// Whether the value is the provider's to decide.
    pub(crate) fn is_forced(self) -> bool {
        matches!(self, Self::Force | Self::Require)
    }
}

/// Which claim a field of an account comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimRule {
    /// What is done with it.
    pub(crate) action: Action,
    /// Its name, or a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) if it begins with a slash.
    #[serde(default)]
    pub(crate) claim: String,
}

/// Which claim the roles come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RolesRule {
    /// What is done with it.
    pub(crate) action: Action,
    /// As in [`ClaimRule`]; its value is a text or a list of texts.
    #[serde(default)]
    pub(crate) claim: String,
    /// The role of each value; other values mean nothing.
    #[serde(default)]
    pub(crate) roles: BTreeMap<String, String>,
}

/// Which claims the fields of an account come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClaimMap {
    /// The username.
    pub(crate) username: ClaimRule,
    /// The e-mail address.
    pub(crate) email: ClaimRule,
    /// The full name.
    pub(crate) name: ClaimRule,
    /// The roles.
    pub(crate) roles: RolesRule,
}

/// The claim whether the address in `email` is verified
/// ([OpenID Connect Core section 5.1](https://openid.net/specs/openid-connect-core-1_0.html#StandardClaims)).
pub(crate) const EMAIL_VERIFIED: &str = "email_verified";

impl ClaimMap {
    /// The default.
    pub(crate) fn of(preset: Preset) -> Self {
        let suggest = |claim: &str| ClaimRule { action: Action::Suggest, claim: claim.to_owned() };
        let ignore = || ClaimRule { action: Action::Ignore, claim: String::new() };
        Self {
            // Google's users have no username.
            username: if preset == Preset::Google { ignore() } else { suggest("preferred_username") },
            email: suggest("email"),
            name: suggest("name"),
            roles: RolesRule { action: Action::Ignore, claim: String::new(), roles: BTreeMap::new() },
        }
    }

    /// Reads a JSON object; a field that it lacks is as by default. If it cannot be used, says why.
    pub(crate) fn read(json: &str, preset: Preset) -> Result<Self, String> {
        let typed: Map<String, Value> = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let default = serde_json::to_value(Self::of(preset)).map_err(|error| error.to_string())?;
        let mut members = default.as_object().cloned().unwrap_or_default();
        members.extend(typed);
        let map: Self = serde_json::from_value(members.into()).map_err(|error| error.to_string())?;
        map.check()?;
        Ok(map)
    }

    fn check(&self) -> Result<(), String> {
        let fields = [
            ("username", self.username.action, &self.username.claim),
            ("email", self.email.action, &self.email.claim),
            ("name", self.name.action, &self.name.claim),
            ("roles", self.roles.action, &self.roles.claim),
        ];
        for (field, action, claim) in fields {
            if action != Action::Ignore && claim.is_empty() {
                return Err(format!("{field}: claim is missing"));
            }
        }
        if self.roles.action == Action::Suggest {
            return Err("roles: must be ignore, force or require: roles are never the user's choice".to_owned());
        }
        if self.roles.action != Action::Ignore && self.roles.roles.is_empty() {
            return Err("roles: a mapping from values of the claim to roles is missing".to_owned());
        }
        Names::new(self.roles.roles.values()).map(|_good| ()).map_err(|problem| format!("roles: {problem}"))
    }
}

/// The stored form: JSON.
impl fmt::Display for ClaimMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_never| fmt::Error)?)
    }
}

/// A provider, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Identifies it.
    pub(crate) id: ProviderId,
    /// Its kind.
    pub(crate) preset: Preset,
    /// What users see.
    pub(crate) name: DisplayName,
    /// Its issuer; for GitHub the address of its pages.
    pub(crate) issuer: String,
    /// What this service is called there.
    pub(crate) client_id: String,
    /// The scopes that are asked for.
    pub(crate) scopes: Words,
    /// Which claims the fields of an account come from.
    pub(crate) claim_map: ClaimMap,
    /// Whether an address that it says is verified proves that an account with the same verified address is the user's.
    pub(crate) trust_email: bool,
    /// Values in `amr` that count as a second factor here.
    pub(crate) factor_amr: Words,
    /// Values of `acr` that count as a second factor here.
    pub(crate) factor_acr: Words,
    /// When it was configured.
    pub(crate) created_at: Timestamp,
    /// When it was last changed.
    pub(crate) updated_at: Timestamp,
    /// Since when nobody may sign in with it.
    pub(crate) disabled_at: Option<Timestamp>,
}

impl Provider {
    /// Whether what it says of an authentication counts as a second factor here.
    pub(crate) fn counts_as_second_factor(&self, amr: &[String], acr: Option<&str>) -> bool {
        amr.iter().any(|method| self.factor_amr.contains(method))
            || acr.is_some_and(|acr| self.factor_acr.contains(acr))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_slug_that_is_not_a_part_of_the_path() {
        for good in ["google", "a", "keycloak-2"] {
            assert!(good.parse::<ProviderId>().is_ok(), "{good}");
        }
        for bad in ["", "callback", "Google", "1a", "-a", "a_b", "a/b", "a.b", "\u{e4}", &"a".repeat(33)] {
            assert!(bad.parse::<ProviderId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_claim_map_names_what_differs_from_the_default() {
        let map = ClaimMap::read(r#"{"name": {"action": "require", "claim": "/a/b"}}"#, Preset::Generic).unwrap();
        let name = ClaimRule { action: Action::Require, claim: "/a/b".to_owned() };
        assert_eq!(map, ClaimMap { name, ..ClaimMap::of(Preset::Generic) });
        assert_eq!(ClaimMap::read(&map.to_string(), Preset::Google).unwrap(), map, "the stored form is whole");
    }

    #[test]
    fn a_claim_map_that_cannot_be_meant_is_refused() {
        for (bad, why) in [
            ("[]", "invalid type"),
            (r#"{"mail": {"action": "ignore"}}"#, "unknown field"),
            (r#"{"name": {"action": "take"}}"#, "unknown variant"),
            (r#"{"name": {"action": "force"}}"#, "name: claim is missing"),
            (r#"{"roles": {"action": "suggest", "claim": "groups", "roles": {"a": "b"}}}"#, "never the user's choice"),
            (r#"{"roles": {"action": "force", "claim": "groups"}}"#, "a mapping"),
            (r#"{"roles": {"action": "force", "claim": "groups", "roles": {"a": "b c"}}}"#, "must be names"),
        ] {
            let problem = ClaimMap::read(bad, Preset::Generic).unwrap_err();
            assert!(problem.contains(why), "{bad}: {problem}");
        }
    }
}
