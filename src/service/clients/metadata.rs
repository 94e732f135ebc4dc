//! What is registered of a client, by its names in
//! [RFC 7591 section 2](https://www.rfc-editor.org/rfc/rfc7591#section-2): what may be, and what is when nothing is said.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::{Error, FieldProblem};
use crate::jwt::{ClientKeys, SigningAlg};
use crate::model::attributes::Attributes;
use crate::model::client::{AuthMethod, Client, ClientId, GrantType, IdTokenAlg, Words};
use crate::model::names::Scopes;
use crate::model::text::BadText;
use crate::model::user::DisplayName;
use crate::oauth::redirect_uri::{self, Kind};
use crate::service::fields::{collect, invalid};

/// So many redirect URIs are meant; more would be a mistake of a script.
const MAX_URIS: usize = 100;

/// What clients may ask for on behalf of a user, unless their registration says something else: who the user is. Not the
/// roles.
const DEFAULT_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What is registered of a client, as it was typed. What is not there stays as it is, and for a new client as it is by
/// default; the inner `None` removes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientMetadata {
    /// `client_name`: what users see.
    pub(crate) name: Option<String>,
    /// Where users may be sent with an answer.
    pub(crate) redirect_uris: Option<Vec<String>>,
    /// Where users may be sent after they have logged out.
    pub(crate) post_logout_redirect_uris: Option<Vec<String>>,
    /// The grants that it may use.
    pub(crate) grant_types: Option<Vec<String>>,
    /// The scopes that it may ask for.
    pub(crate) scopes: Option<Vec<String>>,
    /// The audiences that it may ask for.
    pub(crate) audiences: Option<Vec<String>>,
    /// The audiences that it is.
    pub(crate) resource_servers: Option<Vec<String>>,
    /// `token_endpoint_auth_method`: how it proves who it is.
    pub(crate) auth_method: Option<String>,
    /// Its public keys.
    pub(crate) jwks: Option<Option<String>>,
    /// Where its public keys are.
    pub(crate) jwks_uri: Option<Option<String>>,
    /// `id_token_signed_response_alg`: what its ID tokens are signed with.
    pub(crate) id_token_alg: Option<Option<String>>,
    /// Whether its users are not asked.
    pub(crate) skip_consent: Option<bool>,
    /// Attributes whose meaning other services know.
    pub(crate) attributes: Option<Option<Map<String, Value>>>,
}

/// The same, each valid by itself.
#[derive(Default)]
pub(super) struct Changes {
    name: Option<DisplayName>,
    redirect_uris: Option<Words>,
    post_logout_redirect_uris: Option<Words>,
    grant_types: Option<Words>,
    scopes: Option<Scopes>,
    audiences: Option<Words>,
    resource_servers: Option<Words>,
    auth_method: Option<AuthMethod>,
    jwks: Option<Option<String>>,
    jwks_uri: Option<Option<String>>,
    id_token_alg: Option<Option<IdTokenAlg>>,
    skip_consent: Option<bool>,
    attributes: Option<Option<Attributes>>,
}

impl ClientMetadata {
    /// Checks each by itself.
    pub(super) fn checked(&self, config: &Config) -> Result<Changes, Error> {
        let mut problems = Vec::new();
        let mut list = |field, typed: &Option<Vec<String>>, check: &dyn Fn(&str) -> Result<(), BadText>| {
            collect(&mut problems, typed.as_ref().map(|typed| words(field, typed, check)).transpose()).flatten()
        };
        let audience = |name: &str| match config.audiences.find(Some(name)) {
            Some(_) => Ok(()),
            None => Err(BadText("is not an audience of this service")),
        };
        let redirect_uris = list("redirect_uris", &self.redirect_uris, &redirect_uri::check);
        let post_logout_redirect_uris =
            list("post_logout_redirect_uris", &self.post_logout_redirect_uris, &redirect_uri::check);
        let grant_types = list("grant_types", &self.grant_types, &|name| name.parse::<GrantType>().map(|_known| ()));
        let audiences = list("audiences", &self.audiences, &audience);
        let resource_servers = list("resource_servers", &self.resource_servers, &audience);
        let name = collect(&mut problems, parsed("client_name", self.name.as_ref()));
        let scopes = self.scopes.as_ref().map(Scopes::new).transpose().map_err(invalid("scopes"));
        let scopes = collect(&mut problems, scopes);
        let auth_method = collect(&mut problems, parsed("token_endpoint_auth_method", self.auth_method.as_ref()));
        let id_token_alg =
            collect(&mut problems, nested(self.id_token_alg.as_ref(), |name| id_token_alg(config, name)));
        let jwks = collect(&mut problems, nested(self.jwks.as_ref(), jwks));
        let jwks_uri = collect(&mut problems, nested(self.jwks_uri.as_ref(), jwks_uri));
        let attributes = self.attributes.as_ref().map(|typed| typed.as_ref().map_or(Ok(None), Attributes::of));
        let attributes = collect(&mut problems, attributes.transpose().map_err(invalid("attributes")));
        if !problems.is_empty() {
            return Err(Error::Invalid(problems));
        }
        Ok(Changes {
            name: name.flatten(),
            redirect_uris,
            post_logout_redirect_uris,
            grant_types,
            scopes: scopes.flatten(),
            audiences,
            resource_servers,
            auth_method: auth_method.flatten(),
            jwks: jwks.flatten(),
            jwks_uri: jwks_uri.flatten(),
            id_token_alg: id_token_alg.flatten(),
            skip_consent: self.skip_consent,
            attributes: attributes.flatten(),
        })
    }

    /// A new client of this.
    pub(super) fn new_client(&self, config: &Config, id: ClientId, now: Timestamp) -> Result<Client, Error> {
        let mut changes = self.checked(config)?;
        let name = changes.name.take().ok_or_else(|| Error::invalid("client_name", "invalid", "is missing"))?;
        let has_uris = changes.redirect_uris.as_ref().is_some_and(|uris| !uris.all().is_empty());
        let is_only_asking = !has_uris && changes.resource_servers.is_some();
        let grant_types = changes.grant_types.take().unwrap_or_else(|| {
            // A resource server that only asks about tokens gets none.
            if is_only_asking {
                Words::default()
            } else {
                [GrantType::AuthorizationCode, GrantType::RefreshToken].iter().collect()
            }
        });
        let acts_for_users = grant_types.contains(GrantType::AuthorizationCode.name());
        let scopes = changes.scopes.take().map_or_else(|| default_scopes(acts_for_users), Ok)?;
        changes.of(Client {
            id,
            name,
            redirect_uris: Words::default(),
            post_logout_redirect_uris: Words::default(),
            grant_types,
            scopes,
            audiences: Words::default(),
            resource_servers: Words::default(),
            auth_method: AuthMethod::ClientSecretBasic,
            jwks: None,
            jwks_uri: None,
            id_token_alg: None,
            skip_consent: false,
            created_at: now,
            updated_at: now,
            disabled_at: None,
            attributes: None,
        })
    }
}

impl Changes {
    /// The client with these changes, if it makes sense.
    pub(super) fn of(self, before: Client) -> Result<Client, Error> {
        // Keys are in one place: who gives another place takes them from the one before.
        let (jwks, jwks_uri) = match (self.jwks, self.jwks_uri) {
            (Some(Some(_)), Some(Some(_))) => {
                return Err(Error::invalid("jwks_uri", "invalid", "either jwks or jwks_uri, not both"));
            }
            (Some(Some(jwks)), _) => (Some(jwks), None),
            (_, Some(Some(uri))) => (None, Some(uri)),
            (jwks, uri) => (jwks.unwrap_or(before.jwks), uri.unwrap_or(before.jwks_uri)),
        };
        let client = Client {
            name: self.name.unwrap_or(before.name),
            redirect_uris: self.redirect_uris.unwrap_or(before.redirect_uris),
            post_logout_redirect_uris: self.post_logout_redirect_uris.unwrap_or(before.post_logout_redirect_uris),
            grant_types: self.grant_types.unwrap_or(before.grant_types),
            scopes: self.scopes.unwrap_or(before.scopes),
            audiences: self.audiences.unwrap_or(before.audiences),
            resource_servers: self.resource_servers.unwrap_or(before.resource_servers),
            auth_method: self.auth_method.unwrap_or(before.auth_method),
            jwks,
            jwks_uri,
            id_token_alg: self.id_token_alg.unwrap_or(before.id_token_alg),
            skip_consent: self.skip_consent.unwrap_or(before.skip_consent),
            attributes: self.attributes.unwrap_or(before.attributes),
            ..before
        };
        let problems = contradictions(&client);
        if problems.is_empty() { Ok(client) } else { Err(Error::Invalid(problems)) }
    }
}

/// What does not go together.
fn contradictions(client: &Client) -> Vec<FieldProblem> {
    let may = |grant| client.may_use(grant);
    let has_keys = client.jwks.is_some() || client.jwks_uri.is_some();
    let serves = !client.resource_servers.all().is_empty();
    let rules = [
        (
            may(GrantType::AuthorizationCode) && client.redirect_uris.all().is_empty(),
            "redirect_uris",
            "must name at least one for the grant type authorization_code",
        ),
        (
            may(GrantType::RefreshToken) && !may(GrantType::AuthorizationCode),
            "grant_types",
            "refresh_token goes with authorization_code: no other grant has refresh tokens",
        ),
        (
            // RFC 6749 section 4.4.
            may(GrantType::ClientCredentials) && client.is_public(),
            "grant_types",
            "client_credentials is for clients that authenticate, not for the method none",
        ),
        (
            client.grant_types.all().is_empty() && !serves,
            "grant_types",
            "must name at least one, unless the client is a resource server",
        ),
        (
            // RFC 7662 section 2.1.
            serves && client.is_public(),
            "resource_servers",
            "may only be named for clients that authenticate, not for the method none",
        ),
        (
            client.auth_method == AuthMethod::PrivateKeyJwt && !has_keys,
            "jwks",
            "private_key_jwt needs the client's public keys",
        ),
    ];
    let broken = rules.into_iter().filter(|(is_broken, ..)| *is_broken);
    broken.map(|(_, field, message)| FieldProblem { field, code: "invalid", message: message.to_owned() }).collect()
}

fn default_scopes(acts_for_users: bool) -> Result<Scopes, Error> {
    let names = DEFAULT_SCOPES.into_iter().filter(|_| acts_for_users);
    Scopes::new(names).map_err(invalid("scopes"))
}

/// Each word once, if all of them pass the check.
fn words(field: &'static str, typed: &[String], check: &dyn Fn(&str) -> Result<(), BadText>) -> Result<Words, Error> {
    if typed.len() > MAX_URIS {
        return Err(Error::invalid(field, "invalid", format!("must be at most {MAX_URIS}")));
    }
    let mut all: Vec<&str> = Vec::new();
    for word in typed {
        check(word).map_err(|problem| problem_of(field, word, problem))?;
        if !all.contains(&word.as_str()) {
            all.push(word);
        }
    }
    Ok(all.into_iter().collect())
}

/// Says which of several it is.
fn problem_of(field: &'static str, word: &str, problem: impl Display) -> Error {
    Error::invalid(field, "invalid", format!("{word:?} {problem}"))
}

fn parsed<T: FromStr<Err = BadText>>(field: &'static str, typed: Option<&String>) -> Result<Option<T>, Error> {
    typed.map(|typed| typed.parse()).transpose().map_err(invalid(field))
}

/// What is typed, taken away, or left alone.
fn nested<T>(
    typed: Option<&Option<String>>,
    read: impl Fn(&str) -> Result<T, Error>,
) -> Result<Option<Option<T>>, Error> {
    typed.map(|typed| typed.as_deref().map(&read).transpose()).transpose()
}

fn id_token_alg(config: &Config, name: &str) -> Result<IdTokenAlg, Error> {
    let algs = &config.id_token_signing_algs;
    let alg = name.parse::<SigningAlg>().ok().filter(|alg| algs.contains(alg));
    alg.map(IdTokenAlg).ok_or_else(|| {
        let known: Vec<_> = algs.iter().map(ToString::to_string).collect();
        let problem = format!("must be one of ID_TOKEN_SIGNING_ALGS: {}", known.join(", "));
        Error::invalid("id_token_signed_response_alg", "invalid", problem)
    })
}

fn jwks(json: &str) -> Result<String, Error> {
    ClientKeys::read(json).map_err(|problem| Error::invalid("jwks", "invalid", problem))?;
    Ok(json.to_owned())
}

fn jwks_uri(uri: &str) -> Result<String, Error> {
    // Outbound calls need TLS, too, except to this machine.
    let is_called = redirect_uri::check(uri).is_ok() && redirect_uri::kind(uri) != Kind::App;
    let problem = "must be an https URL";
    if is_called { Ok(uri.to_owned()) } else { Err(Error::invalid("jwks_uri", "invalid", problem)) }
}
