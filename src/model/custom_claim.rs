//! Custom claims: those that the operator defines, and where their values come from.

use std::cell::LazyCell;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokensmith_verifier::Audience;
use tokensmith_verifier::issuing::read_object;

use super::attributes::Attributes;
use super::claim_name::ClaimName;
use super::client::Client;
use super::names::Names;
use super::text::BadText;
use super::user::User;

const MAX_POINTER_BYTES: usize = 200;
const MAX_CONSTANT_BYTES: usize = 1_024;
const MAX_AUDIENCES: usize = 64;

/// A custom claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CustomClaim {
    /// What it is called.
    pub(crate) name: ClaimName,
    /// Its value, and where it is.
    pub(crate) mapping: Mapping,
}

/// Where the value of a claim comes from, and which tokens have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mapping {
    /// Where the value comes from. What has none there has no such claim.
    pub(crate) source: Source,
    /// Only with one of these scopes; if there are none, with any.
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
    /// Only with one of these audiences of the access token; if there are none, with any.
    #[serde(default)]
    pub(crate) audiences: Vec<String>,
    /// In which tokens and responses.
    #[serde(rename = "in")]
    pub(crate) places: Vec<Place>,
}

/// Where a value comes from. Attributes are found by a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    /// A public attribute of the user, which the user may have set.
    PublicAttribute(String),
    /// An attribute of the user that administrators set.
    AppAttribute(String),
    /// An attribute of the registered application.
    ClientAttribute(String),
    /// A field of the user's record.
    Profile(ProfileField),
    /// Always this value.
    Constant(Value),
}

/// A field of a user's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProfileField {
    /// The name to log in with.
    Username,
    /// The e-mail address.
    Email,
    /// Whether there is an address that is known to be the user's.
    EmailVerified,
    /// The full name.
    Name,
    /// What another system called the account.
    ExternalId,
}

/// Where a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Place {
    /// In access tokens.
    AccessToken,
    /// In ID tokens.
    IdToken,
    /// At `/oauth/userinfo`.
    Userinfo,
}

impl Place {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::IdToken => "id_token",
            Self::Userinfo => "userinfo",
        }
    }
}

impl CustomClaim {
    /// Checks it where these are the audiences of the service; the error is the member that is wrong, and what it must be.
    pub(crate) fn check(&self, audiences: &[String]) -> Result<(), (&'static str, BadText)> {
        if matches!(self.mapping.source, Source::PublicAttribute(_)) && self.name.is_trusted() {
            let problem = "must not be a public attribute: users would choose what services take for a permission";
            return Err(("source", BadText(problem)));
        }
        self.mapping.check(audiences)
    }
}

/// The stored form: JSON.
impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_never| fmt::Error)?)
    }
}

impl Mapping {
    fn check(&self, audiences: &[String]) -> Result<(), (&'static str, BadText)> {
        let problem = |field, message| Err((field, BadText(message)));
        match &self.source {
            Source::PublicAttribute(path) | Source::AppAttribute(path) | Source::ClientAttribute(path)
                if !is_pointer(path) =>
            {
                return problem("source", "must have a JSON pointer of at most 200 bytes, as in /billing/plan");
            }
            Source::Constant(value) if value.to_string().len() > MAX_CONSTANT_BYTES || value.is_null() => {
                return problem("source", "must have a constant of at most 1024 bytes that is not null");
            }
            _ => {}
        }
        if let Err(bad) = Names::new(&self.scopes) {
            return Err(("scopes", bad));
        }
        if self.audiences.len() > MAX_AUDIENCES || !self.audiences.iter().all(|audience| audiences.contains(audience)) {
            return problem("audiences", "must be audiences of this service");
        }
        let is_repeated = |(at, place)| self.places.iter().take(at).any(|other| other == place);
        if self.places.is_empty() || self.places.iter().enumerate().any(is_repeated) {
            return problem("in", "must name access_token, id_token or userinfo, each at most once");
        }
        Ok(())
    }

    /// Whether what is in this place, has these scopes and belongs to an access token for this audience has the claim.
    fn applies(&self, place: Place, scope: &str, audience: &Audience) -> bool {
        let has_scope = |wanted: &String| scope.split(' ').any(|granted| granted == wanted);
        self.places.contains(&place)
            && (self.scopes.is_empty() || self.scopes.iter().any(has_scope))
            && (self.audiences.is_empty() || self.audiences.iter().any(|wanted| audience.contains(wanted)))
    }
}

/// Whether a text is a JSON pointer ([RFC 6901 section 3](https://www.rfc-editor.org/rfc/rfc6901#section-3)).
fn is_pointer(text: &str) -> bool {
    let is_escaped = |part: &str| part.starts_with(['0', '1']);
    text.len() <= MAX_POINTER_BYTES
        && (text.is_empty() || text.starts_with('/'))
        && !text.contains('\0')
        && text.split('~').skip(1).all(is_escaped)
}

/// The claims in the answer of the hook, `{"claims": {..}}`. One that is null is as missing.
pub(crate) fn read_claims(text: &str) -> Result<Option<Attributes>, BadText> {
    #[derive(Deserialize)]
    struct Answer {
        claims: Map<String, Value>,
    }

    let bad_form = BadText("is not a JSON object with the member claims, an object");
    let Answer { mut claims } = read_object(text.trim().as_bytes()).ok_or(bad_form)?;
    claims.retain(|_, value| !value.is_null());
    if claims.keys().any(|name| name.parse::<ClaimName>().is_err()) {
        return Err(BadText("has a claim whose name is locked or not valid"));
    }
    Attributes::of(&claims)
}

/// What a token or a response is about.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    /// The user, unless a client acts for itself.
    pub(crate) user: Option<&'a User>,
    /// The registered application, if it belongs to one.
    pub(crate) client: Option<&'a Client>,
    /// What the hook has answered, for access tokens.
    pub(crate) hooked: Option<&'a Attributes>,
}

/// The custom claims of a token or a response.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    own: Map<String, Value>,
    /// Those of public attributes. A user can make them large.
    public: Map<String, Value>,
}

impl Custom {
    /// What to try until it fits: all, those that users do not write, none.
    pub(crate) fn choices(self) -> Vec<Map<String, Value>> {
        let Self { own, public } = self;
        let mut choices = Vec::new();
        if !public.is_empty() {
            choices.push(own.clone().into_iter().chain(public).collect());
        }
        if !own.is_empty() {
            choices.push(own);
        }
        choices.push(Map::new());
        choices
    }
}

/// The custom claims of the service.
#[derive(Debug, Default)]
pub(crate) struct CustomClaims(Vec<CustomClaim>);

impl From<Vec<CustomClaim>> for CustomClaims {
    fn from(all: Vec<CustomClaim>) -> Self {
        Self(all)
    }
}

impl CustomClaims {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The custom claims of a token or a response in this place, with these scopes and for this audience.
    pub(crate) fn of(&self, place: Place, about: About<'_>, scope: &str, audience: &Audience) -> Custom {
        let About { user, client, hooked } = about;
        let of_user = |attributes: fn(&User) -> Option<&Attributes>| {
            LazyCell::new(move || Value::Object(Attributes::object_of(user.and_then(attributes))))
        };
        let public = of_user(|user| user.public_attributes.as_ref());
        let app = of_user(|user| user.app_attributes.as_ref());
        let of_client = LazyCell::new(|| {
            Value::Object(Attributes::object_of(client.and_then(|client| client.attributes.as_ref())))
        });
        let mut custom = Custom::default();
        for CustomClaim { name, mapping } in self.0.iter().filter(|one| one.mapping.applies(place, scope, audience)) {
            let value = match &mapping.source {
                Source::PublicAttribute(path) => public.pointer(path).cloned(),
                Source::AppAttribute(path) => app.pointer(path).cloned(),
                Source::ClientAttribute(path) => of_client.pointer(path).cloned(),
                Source::Profile(field) => user.and_then(|user| field.of(user)),
                Source::Constant(value) => Some(value.clone()),
            };
            // Without attributes there is nothing, also where the whole object is asked for.
            let is_something = |value: &Value| !value.is_null() && value.as_object().is_none_or(|all| !all.is_empty());
            let is_public = matches!(mapping.source, Source::PublicAttribute(_));
            let claims = if is_public { &mut custom.public } else { &mut custom.own };
            claims.extend(value.filter(is_something).map(|value| (name.to_string(), value)));
        }
        if place == Place::AccessToken {
            let hooked = Attributes::object_of(hooked);
            custom.public.retain(|name, _| !hooked.contains_key(name));
            custom.own.extend(hooked);
        }
        custom
    }
}

impl ProfileField {
    fn of(self, user: &User) -> Option<Value> {
        let text = match self {
            Self::Username => Some(user.username.to_string()),
            Self::Email => user.email.as_ref().map(ToString::to_string),
            Self::EmailVerified => return user.email.as_ref().map(|_| user.verified_email().is_some().into()),
            Self::Name => user.name.as_ref().map(ToString::to_string),
            Self::ExternalId => user.external_id.as_ref().map(ToString::to_string),
        };
        text.map(Value::String)
    }
}

#[cfg(test)]
#[path = "custom_claim_tests.rs"]
mod tests;
