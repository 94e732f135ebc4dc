//! Where the endpoints of a provider are: what it publishes
//! ([OpenID Connect Discovery section 3](https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderMetadata)).

use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

use super::issuer::{SHARED_ISSUER, is_microsoft, is_shared};
use crate::model::client::AuthMethod;

const GITHUB: &str = "https://github.com";

/// The endpoints of a provider, and what it says of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// Its name in answers and ID tokens.
    pub(crate) issuer: String,
    /// Where users are sent.
    pub(crate) authorization: String,
    /// Where codes are redeemed.
    pub(crate) token: String,
    /// Where its keys are. GitHub has none.
    pub(crate) jwks: Option<String>,
    /// What tells more about a user.
    pub(crate) userinfo: Option<String>,
    /// Whether the secret goes into the header of a token request, or else into its body.
    pub(crate) has_secret_in_header: bool,
    /// Whether its answers say who they are from
    /// ([RFC 9207 section 3](https://www.rfc-editor.org/rfc/rfc9207#section-3)).
    pub(crate) says_issuer: bool,
    /// What it can sign ID tokens with, if it says so.
    pub(crate) id_token_algs: Vec<String>,
    /// Whether it is one of Microsoft's, whatever its domain: what it says of e-mail addresses proves nothing.
    pub(crate) is_microsoft: bool,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
    id_token_signing_alg_values_supported: Option<Vec<String>>,
}

/// What is in the issuer of metadata that every tenant of Microsoft shares.
const TENANT: &str = "{tenantid}";

/// An issuer with TLS must not name URLs without TLS. [RFC 6749 section
/// 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1): none has a fragment.
fn check_url(text: &str, issuer: &str) -> Result<(), String> {
    let schemes: &[&str] = if issuer.starts_with("https:") { &["https"] } else { &["https", "http"] };
    let url = Url::parse(text).ok().filter(|url| schemes.contains(&url.scheme()) && url.fragment().is_none());
    url.map(|_| ()).ok_or_else(|| format!("it names the URL {text:?}"))
}

/// Whether metadata is Microsoft's, also under another domain: it names their hosts, or has their own members.
fn names_microsoft(members: &Map<String, Value>) -> bool {
    let of_theirs = ["tenant_region_scope", "cloud_instance_name", "cloud_graph_host_name", "msgraph_host"];
    of_theirs.iter().any(|name| members.contains_key(*name))
        || members.values().filter_map(Value::as_str).any(is_microsoft)
}

/// Where an issuer publishes its metadata.
pub(crate) fn discovery_url(issuer: &str) -> String {
    format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
}

impl Endpoints {
    /// Reads the metadata of this issuer; if it cannot be used, says why.
    pub(crate) fn read(text: &str, issuer: &str) -> Result<Self, String> {
        // Read as an object first: a derived type would also accept a list.
        let members: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let metadata: Metadata = serde_json::from_value(members.clone().into()).map_err(|error| error.to_string())?;
        if metadata.issuer.contains(TENANT) {
            return Err(SHARED_ISSUER.to_owned());
        }
        // OpenID Connect Discovery section 4.3: it must be the issuer that was asked.
        if metadata.issuer != issuer {
            return Err(format!("it is about the issuer {:?}", metadata.issuer));
        }
        let urls = [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri];
        for url in urls.into_iter().chain(&metadata.userinfo_endpoint) {
            check_url(url, issuer)?;
        }
        let is_microsoft = is_microsoft(issuer) || names_microsoft(&members);
        if is_microsoft && is_shared(issuer) {
            return Err(SHARED_ISSUER.to_owned());
        }
        let methods = metadata.token_endpoint_auth_methods_supported;
        let knows = |method: AuthMethod| {
            methods.as_ref().is_some_and(|methods| methods.iter().any(|name| name == method.name()))
        };
        // OpenID Connect Discovery section 3: without a list it is client_secret_basic.
        let has_secret_in_header = methods.is_none() || knows(AuthMethod::ClientSecretBasic);
        if !has_secret_in_header && !knows(AuthMethod::ClientSecretPost) {
            return Err("its token endpoint knows neither client_secret_basic nor client_secret_post".to_owned());
        }
        Ok(Self {
            issuer: metadata.issuer,
            authorization: metadata.authorization_endpoint,
            token: metadata.token_endpoint,
            jwks: Some(metadata.jwks_uri),
            userinfo: metadata.userinfo_endpoint,
            has_secret_in_header,
            says_issuer: metadata.authorization_response_iss_parameter_supported.unwrap_or(false),
            id_token_algs: metadata.id_token_signing_alg_values_supported.unwrap_or_default(),
            is_microsoft,
        })
    }

    /// Those of GitHub, or of a GitHub Enterprise Server at this address.
    pub(crate) fn of_github(base: &str) -> Self {
        let base = base.trim_end_matches('/');
        let api = if base == GITHUB { "https://api.github.com".to_owned() } else { format!("{base}/api/v3") };
        Self {
            issuer: format!("{base}/login/oauth"),
            authorization: format!("{base}/login/oauth/authorize"),
            token: format!("{base}/login/oauth/access_token"),
            jwks: None,
            userinfo: Some(format!("{api}/user")),
            has_secret_in_header: false,
            says_issuer: false,
            id_token_algs: Vec::new(),
            is_microsoft: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ISSUER: &str = "https://id.example.com/a";

    fn read(change: &Value) -> Result<Endpoints, String> {
        let mut metadata = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example.com/a/authorize",
            "token_endpoint": "https://id.example.com/a/token",
            "jwks_uri": "https://id.example.com/a/jwks",
        });
        for (name, value) in change.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        Endpoints::read(&metadata.to_string(), ISSUER)
    }

    #[test]
    fn the_secret_goes_into_the_header_unless_only_the_body_is_supported() {
        assert!(read(&json!({})).unwrap().has_secret_in_header);
        for (methods, in_header) in
            [(json!(["client_secret_post", "client_secret_basic"]), true), (json!(["client_secret_post"]), false)]
        {
            let endpoints = read(&json!({"token_endpoint_auth_methods_supported": methods})).unwrap();
            assert_eq!(endpoints.has_secret_in_header, in_header);
        }
        assert!(read(&json!({"token_endpoint_auth_methods_supported": ["private_key_jwt"]})).is_err());
    }

    #[test]
    fn metadata_that_cannot_be_used_is_refused_with_the_reason() {
        for (change, why) in [
            (json!({"issuer": "https://id.example.com"}), "it is about the issuer"),
            (json!({"issuer": "https://id.example.com/a/"}), "it is about the issuer"),
            (json!({"token_endpoint": "http://id.example.com/a/token"}), "it names the URL"),
            (json!({"userinfo_endpoint": "file:///etc/passwd"}), "it names the URL"),
            (json!({"authorization_endpoint": "https://"}), "it names the URL"),
            (json!({"authorization_endpoint": "https://[::1/a"}), "it names the URL"),
            (json!({"authorization_endpoint": "https://id.example.com:port/"}), "it names the URL"),
            (json!({"authorization_endpoint": "https://id.example.com/a#b"}), "it names the URL"),
            (json!({"authorization_endpoint": "/authorize"}), "it names the URL"),
            (json!({"jwks_uri": "httpsx://id.example.com/a"}), "it names the URL"),
            (json!({"issuer": "https://login.example.com/{tenantid}/v2.0"}), "one tenant"),
            (json!({"jwks_uri": null}), "invalid type"),
        ] {
            assert!(read(&change).unwrap_err().contains(why), "{change}");
        }
        for text in ["", "[]", "{}", "no JSON"] {
            assert!(Endpoints::read(text, ISSUER).is_err(), "{text}");
        }
    }

    #[test]
    fn an_issuer_without_tls_may_name_urls_with_or_without_it_and_no_others() {
        const HERE: &str = "http://127.0.0.1:8080";
        let with = |url: &str| {
            let metadata =
                json!({"issuer": HERE, "authorization_endpoint": url, "token_endpoint": HERE, "jwks_uri": HERE});
            Endpoints::read(&metadata.to_string(), HERE).is_ok()
        };
        assert!(with("http://127.0.0.1:8080/a") && with("https://id.example.com/a"));
        assert!(!with("httpx://127.0.0.1/a") && !with("http:") && !with("http"));
    }

    #[test]
    fn microsoft_is_known_under_a_domain_of_its_customer_too() {
        let is_known = |change: &Value| read(change).unwrap().is_microsoft;
        assert!(!is_known(&json!({})));
        assert!(is_known(&json!({"jwks_uri": "https://login.microsoftonline.com/common/discovery/v2.0/keys"})));
        assert!(is_known(&json!({"tenant_region_scope": "EU"})));
        // A path that other providers may have, too.
        let shared = |more: &Value| {
            let issuer = "https://login.example.com/common/v2.0";
            let mut metadata = json!({"issuer": issuer, "authorization_endpoint": issuer, "token_endpoint": issuer, "jwks_uri": issuer});
            metadata.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Endpoints::read(&metadata.to_string(), issuer)
        };
        assert!(shared(&json!({})).is_ok());
        assert!(shared(&json!({"msgraph_host": "graph.microsoft.com"})).unwrap_err().contains("one tenant"));
    }

    #[test]
    fn a_github_enterprise_server_has_its_api_at_its_own_address() {
        let of = |base| Endpoints::of_github(base).userinfo.unwrap();
        assert_eq!(of("https://github.com"), "https://api.github.com/user");
        assert_eq!(of("https://git.example.com/"), "https://git.example.com/api/v3/user");
    }
}
