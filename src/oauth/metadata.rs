//! The metadata of this authorization server and OpenID provider: what exists, and nothing else
//! ([RFC 8414 section 2](https://www.rfc-editor.org/rfc/rfc8414#section-2),
//! [OpenID Connect Discovery section 3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata)).

use serde_json::{Value, json};

use super::pkce::S256;
use crate::model::client::{AuthMethod, GrantType};
use crate::model::grant::USER_SCOPES;

/// What of the metadata depends on the settings and the keys.
pub(crate) struct Provider<'a> {
    /// `ISSUER`.
    pub(crate) issuer: &'a str,
    /// The URL of a path of the issuer.
    pub(crate) url: &'a dyn Fn(&str) -> String,
    /// The scopes of the settings.
    pub(crate) scopes: &'a [String],
    /// What access tokens are signed with.
    pub(crate) access_token_algs: Vec<&'static str>,
    /// What ID tokens can be signed with.
    pub(crate) id_token_algs: Vec<&'static str>,
    /// What a client's assertion can be signed with.
    pub(crate) assertion_algs: Vec<&'static str>,
    /// The names of strengths of authentication.
    pub(crate) acr_values: Vec<&'a str>,
    /// Where the denylist is.
    pub(crate) denylist_path: &'a str,
}

/// The document. `denylist_uri` and `access_token_signing_alg_values_supported` are our own: RFC 8414 section 2 allows for
/// more members.
pub(crate) fn metadata(provider: &Provider<'_>) -> Value {
    let Provider { issuer, url, scopes, .. } = provider;
    let others = scopes.iter().map(String::as_str).filter(|scope| !USER_SCOPES.contains(scope));
    let scopes: Vec<&str> = USER_SCOPES.into_iter().chain(others).collect();
    let auth_methods: Vec<&str> = AuthMethod::ALL.iter().map(|method| method.name()).collect();
    let confidential: Vec<&str> =
        AuthMethod::ALL.iter().filter(|method| **method != AuthMethod::None).map(|method| method.name()).collect();
    let grant_types: Vec<&str> = GrantType::ALL.iter().map(|grant| grant.name()).collect();
    let mut claims = vec![
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "amr",
        "idp",
        "azp",
        "sid",
        "at_hash",
        "name",
        "preferred_username",
        "email",
        "email_verified",
        "roles",
    ];
    claims.extend(provider.acr_values.first().map(|_| "acr"));
    let mut metadata = json!({
        "issuer": issuer,
        "authorization_endpoint": url("/oauth/authorize"),
        "token_endpoint": url("/oauth/token"),
        "revocation_endpoint": url("/oauth/revoke"),
        "introspection_endpoint": url("/oauth/introspect"),
        "userinfo_endpoint": url("/oauth/userinfo"),
        "end_session_endpoint": url("/oauth/logout"),
        "jwks_uri": url("/.well-known/jwks.json"),
        "denylist_uri": url(provider.denylist_path),
        "service_documentation": url("/docs"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": grant_types,
        "code_challenge_methods_supported": [S256],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "ui_locales_supported": ["en", "de", "es"],
        "subject_types_supported": ["public"],
        "claims_supported": claims,
        "token_endpoint_auth_methods_supported": auth_methods,
        "token_endpoint_auth_signing_alg_values_supported": provider.assertion_algs,
        "revocation_endpoint_auth_methods_supported": auth_methods,
        "revocation_endpoint_auth_signing_alg_values_supported": provider.assertion_algs,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": provider.assertion_algs,
        "id_token_signing_alg_values_supported": provider.id_token_algs,
        "access_token_signing_alg_values_supported": provider.access_token_algs,
        "authorization_response_iss_parameter_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    });
    if let (false, Some(members)) = (provider.acr_values.is_empty(), metadata.as_object_mut()) {
        members.insert("acr_values_supported".to_owned(), json!(provider.acr_values));
    }
    metadata
}
