//! Registered applications, by the names of
//! [RFC 7591 section 2](https://www.rfc-editor.org/rfc/rfc7591#section-2), and what they are to be.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::rfc3339;
use crate::http::words::{
    AuthenticationMethod, ChosenClientId, ClientScopeName, GrantTypeName, Name, RedirectUri, SigningAlgorithm,
};
use crate::model::attributes::Attributes;
use crate::model::client::Client;
use crate::secret::ClientSecret;
use crate::service::clients::{ClientMetadata, Rotated};

/// A registered application, without its secrets.
#[derive(Serialize, ToSchema)]
#[schema(as = Client)]
pub(crate) struct ClientView {
    /// Its `client_id`.
    #[schema(example = "notes-app")]
    client_id: String,
    /// What users see.
    #[schema(example = "Notes")]
    client_name: String,
    /// Where users may be sent with an answer.
    #[schema(example = json!(["https://notes.example.com/callback"]))]
    redirect_uris: Vec<String>,
    /// Where users may be sent after they have logged out.
    post_logout_redirect_uris: Vec<String>,
    /// The grants that it may use.
    #[schema(value_type = Vec<GrantTypeName>)]
    grant_types: Vec<String>,
    /// The scopes that it may ask for.
    #[schema(value_type = Vec<ClientScopeName>)]
    scopes: Vec<String>,
    /// The audiences that it may ask for; if none, the first of `AUDIENCE`.
    audiences: Vec<String>,
    /// The audiences that it serves; it may introspect tokens for them.
    resource_servers: Vec<String>,
    /// How it authenticates.
    #[schema(value_type = AuthenticationMethod)]
    token_endpoint_auth_method: &'static str,
    /// Its public keys, a JWK Set.
    #[schema(required, value_type = Option<Object>)]
    jwks: Option<Value>,
    /// Where its public keys are.
    #[schema(required)]
    jwks_uri: Option<String>,
    /// What its ID tokens are signed with, if it is registered.
    #[schema(required, value_type = Option<SigningAlgorithm>)]
    id_token_signed_response_alg: Option<&'static str>,
    /// Whether the consent page is skipped.
    skip_consent: bool,
    /// Attributes whose meaning other services know; custom claims may come from them.
    #[schema(value_type = Object)]
    attributes: Map<String, Value>,
    /// When it was registered.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was last changed.
    #[schema(format = "date-time")]
    updated_at: String,
    /// Since when it is disabled, if it is.
    #[schema(required, format = "date-time")]
    disabled_at: Option<String>,
}

/// A registered application with its secret, which is shown only now.
#[derive(Serialize, ToSchema)]
#[schema(as = NewClient)]
pub(crate) struct NewClientView {
    #[serde(flatten)]
    client: ClientView,
    /// It cannot be shown again. Missing when the application has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        example = "tkc_abcdefghijkmnpqrstuvwxyz23456789abcdefghijkmnpqrstuvwxyz234",
        pattern = "^tkc_[a-km-np-z2-9]{59}$"
    )]
    client_secret: Option<String>,
}

/// A registered application with another secret, which is shown only now.
#[derive(Serialize, ToSchema)]
#[schema(as = RotatedClient)]
pub(crate) struct RotatedView {
    #[serde(flatten)]
    client: NewClientView,
    /// Until when the secret before it is valid, if it is.
    #[schema(required, format = "date-time")]
    old_secret_expires_at: Option<String>,
}

/// Registered applications, by `client_id`.
#[derive(Serialize, ToSchema)]
#[schema(as = Clients)]
pub(crate) struct ClientsView {
    pub(crate) clients: Vec<ClientView>,
}

impl From<&Client> for ClientView {
    fn from(client: &Client) -> Self {
        Self {
            client_id: client.id.to_string(),
            client_name: client.name.to_string(),
            redirect_uris: client.redirect_uris.all().to_vec(),
            post_logout_redirect_uris: client.post_logout_redirect_uris.all().to_vec(),
            grant_types: client.grant_types.all().to_vec(),
            scopes: client.scopes.names().to_vec(),
            audiences: client.audiences.all().to_vec(),
            resource_servers: client.resource_servers.all().to_vec(),
            token_endpoint_auth_method: client.auth_method.name(),
            jwks: client.jwks.as_deref().and_then(|jwks| serde_json::from_str(jwks).ok()),
            jwks_uri: client.jwks_uri.clone(),
            id_token_signed_response_alg: client.id_token_alg.map(|alg| alg.0.name()),
            skip_consent: client.skip_consent,
            attributes: Attributes::object_of(client.attributes.as_ref()),
            created_at: client.created_at.to_rfc3339(),
            updated_at: client.updated_at.to_rfc3339(),
            disabled_at: rfc3339(client.disabled_at),
        }
    }
}

/// A new application as its administrator is shown it.
pub(crate) fn new_client(client: &Client, secret: Option<&ClientSecret>) -> NewClientView {
    NewClientView { client: client.into(), client_secret: secret.map(|secret| secret.expose().to_owned()) }
}

impl From<&Rotated> for RotatedView {
    fn from(rotated: &Rotated) -> Self {
        let client = new_client(&rotated.client, Some(&rotated.secret));
        Self { client, old_secret_expires_at: rfc3339(rotated.old_secret_expires_at) }
    }
}

/// A body with what is registered of an application, and fields of its own; `$name` is that of its `client_name`.
macro_rules! body {
    ($(#[$attribute:meta])+ $type:ident { $($own:tt)* }, $typed:ident => $name:expr) => {
        #[derive(Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        $(#[$attribute])+
        pub(crate) struct $type {
            $($own)*
            /// Where users may be sent with an answer: `https`, `http` to a loopback address, or a scheme with a dot.
            #[serde(default, deserialize_with = "not_null")]
            #[schema(value_type = Option<Vec<RedirectUri>>, nullable = false, max_items = 100)]
            redirect_uris: Option<Vec<String>>,
            /// Where users may be sent after they have logged out.
            #[serde(default, deserialize_with = "not_null")]
            #[schema(value_type = Option<Vec<RedirectUri>>, nullable = false, max_items = 100)]
            post_logout_redirect_uris: Option<Vec<String>>,
            /// The grants that it may use.
            #[serde(default, deserialize_with = "not_null")]
            #[schema(value_type = Option<Vec<GrantTypeName>>, nullable = false)]
            grant_types: Option<Vec<String>>,
            /// The scopes that it may ask for.
            #[serde(default, deserialize_with = "not_null")]
            #[schema(value_type = Option<Vec<ClientScopeName>>, nullable = false, max_items = 64)]
            scopes: Option<Vec<String>>,
            /// The audiences that it may ask for: some of `AUDIENCE`.
            #[serde(default, deserialize_with = "not_null")]
            #[schema(nullable = false)]
            audiences: Option<Vec<String>>,
            /// The audiences that it serves: some of `AUDIENCE`. It may introspect tokens for them.
            #[serde(default, deserialize_with = "not_null")]
            #[schema(nullable = false)]
            resource_servers: Option<Vec<String>>,
            /// How it authenticates.
            #[serde(default, deserialize_with = "not_null")]
            #[schema(value_type = Option<AuthenticationMethod>, nullable = false)]
            token_endpoint_auth_method: Option<String>,
            /// Its public keys, a JWK Set.
            #[serde(default, deserialize_with = "present")]
            #[schema(value_type = Option<Object>)]
            jwks: Option<Option<Value>>,
            /// Where its public keys are.
            #[serde(default, deserialize_with = "present")]
            #[schema(value_type = Option<RedirectUri>)]
            jwks_uri: Option<Option<String>>,
            /// What its ID tokens are signed with.
            #[serde(default, deserialize_with = "present")]
            #[schema(value_type = Option<SigningAlgorithm>)]
            id_token_signed_response_alg: Option<Option<String>>,
            /// Whether the consent page is skipped; for the operator's own applications.
            #[serde(default, deserialize_with = "not_null")]
            #[schema(nullable = false)]
            skip_consent: Option<bool>,
            /// All its attributes; null removes them.
            #[serde(default, deserialize_with = "present")]
            #[schema(value_type = Option<Object>)]
            attributes: Option<Option<Map<String, Value>>>,
        }

        impl From<$type> for ClientMetadata {
            fn from($typed: $type) -> Self {
                Self {
                    name: $name,
                    redirect_uris: $typed.redirect_uris,
                    post_logout_redirect_uris: $typed.post_logout_redirect_uris,
                    grant_types: $typed.grant_types,
                    scopes: $typed.scopes,
                    audiences: $typed.audiences,
                    resource_servers: $typed.resource_servers,
                    auth_method: $typed.token_endpoint_auth_method,
                    jwks: $typed.jwks.map(|jwks| jwks.map(|jwks| jwks.to_string())),
                    jwks_uri: $typed.jwks_uri,
                    id_token_alg: $typed.id_token_signed_response_alg,
                    skip_consent: $typed.skip_consent,
                    attributes: $typed.attributes,
                }
            }
        }
    };
}

body! {
    /// A new application. Missing members get their defaults: `client_secret_basic`, the grant types
    /// `authorization_code` and `refresh_token`, and the scopes `openid`, `profile`, `email` and `offline_access`.
    #[schema(as = CreateClient, example = json!({
        "client_name": "Notes", "redirect_uris": ["https://notes.example.com/callback"],
    }))]
    CreateClientBody {
        /// Its `client_id`; generated by default.
        #[serde(default, deserialize_with = "not_null")]
        #[schema(value_type = Option<ChosenClientId>, nullable = false)]
        pub(crate) client_id: Option<String>,
        /// What users see.
        #[schema(value_type = Name, example = "Notes")]
        client_name: String,
    }, body => Some(body.client_name)
}

body! {
    /// What is to be changed; missing members stay, and null removes the keys, their URL or the algorithm.
    #[schema(as = ClientChange, example = json!({"redirect_uris": ["https://notes.example.com/callback"]}))]
    ChangeClientBody {
        /// What users see.
        #[serde(default, deserialize_with = "not_null")]
        #[schema(value_type = Option<Name>, nullable = false, example = "Notes")]
        client_name: Option<String>,
    }, body => body.client_name
}

/// Tells null from a missing member ([RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)).
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// Refuses null.
fn not_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
