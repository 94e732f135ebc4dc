//! The `OpenAPI` description. It is made from the table of endpoints, which has the description and the error codes of
//! each handler.

use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::api::problem::ProblemView;
use super::codes::{Code, ROLE_MISSING, SESSION_REQUIRED};
use super::compat::answer::SimpleJwtErrorView;
use super::compat::routes as compat;
use super::endpoint::Endpoint;
use super::oauth::answer::OAuthErrorView;
use super::responses::{complete, problem_responses};
use super::routes::ROUTES;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "tokensmith",
        description = "Issues token pairs: a short-lived access token (a JWT as in RFC 9068) that any backend verifies with \
                       the published keys, and a refresh token that is replaced when it is used.\n\nErrors are \
                       `application/problem+json` (RFC 9457). The meaning of a `code` never changes."
    ),
    tags(
        (name = "tokens", description = "Get, refresh, verify and revoke tokens."),
        (name = "registration", description = "People open accounts for themselves, if `REGISTRATION` allows it."),
        (name = "sessions", description = "The user's own sessions, one for each login."),
        (name = "me", description = "The user's own account."),
        (name = "api tokens", description = "The user's own long-lived keys, for scripts."),
        (name = "applications", description = "For registered applications: OAuth 2.1 and OpenID Connect."),
        (name = "administration", description = "All accounts, the audit log and the signing keys, for users with the role `admin`."),
        (name = "verifiers", description = "What other services need to verify access tokens."),
        (name = "health", description = "Health checks, for operators."),
        (name = "pages", description = "Pages to which applications send their users."),
        (name = "documentation", description = "The description of this API, for programs and for people."),
    ),
    // Relative to the URL of the description, so that it works behind a proxy that serves this service below a path.
    servers((url = ".", description = "This service.")),
    components(schemas(ProblemView, OAuthErrorView)),
    modifiers(&Schemes),
    security(("access_token" = []), ("api_token" = []), ("session_cookie" = [])),
)]
struct Api;

/// How requests are authenticated.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let Some(components) = &mut api.components else { return };
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let bearer = bearer.description(Some("An access token, or an API token."));
        components.add_security_scheme("access_token", SecurityScheme::Http(bearer.build()));
        let token = ApiKeyValue::with_description("Authorization", "An API token, as in `Token tks_...`.");
        components.add_security_scheme("api_token", SecurityScheme::ApiKey(ApiKey::Header(token)));
        let about = "The access token of a browser's session, in a cookie that `\"cookies\": true` sets (without TLS on a \
                     loopback address: `ts_access`). A request that is not GET or HEAD must come from a page of the \
                     service's own origin, or of one that `CORS_ORIGINS` names.";
        let cookie = ApiKey::Cookie(ApiKeyValue::with_description("__Host-ts_access", about));
        components.add_security_scheme("session_cookie", SecurityScheme::ApiKey(cookie));
        let client = HttpBuilder::new().scheme(HttpAuthScheme::Basic);
        let client = client.description(Some("The id and the secret of a registered application."));
        components.add_security_scheme("client", SecurityScheme::Http(client.build()));
        let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic);
        let basic = basic.description(Some("Username and password, with `BASIC_AUTH=on`."));
        components.add_security_scheme("basic", SecurityScheme::Http(basic.build()));
    }
}

/// The parts of the description that depend on the settings.
#[derive(Default)]
pub struct Described {
    /// The audiences that access tokens may have.
    pub(crate) audiences: Vec<String>,
    /// The scopes that they may have.
    pub(crate) scopes: Vec<String>,
    /// Whether a login may use HTTP Basic.
    pub(crate) basic_auth: bool,
    /// The prefix of the endpoints that stand in for another issuer's, if there are any.
    pub(crate) compat: Option<String>,
}

impl Described {
    /// By default, and with endpoints below this prefix that stand in for another issuer's.
    #[must_use]
    pub fn with_compat(prefix: &str) -> Self {
        Self { compat: Some(prefix.to_owned()), ..Self::default() }
    }
}

/// What is added where there are such endpoints.
#[derive(OpenApi)]
#[openapi(
    tags((name = "simplejwt", description = "The endpoints of djangorestframework-simplejwt, for clients that were written for them.")),
    components(schemas(SimpleJwtErrorView)),
)]
struct OfCompat;

/// The description.
pub fn openapi(described: &Described) -> Value {
    let mut api = Api::openapi();
    let of_compat: &[Endpoint] = described.compat.as_ref().map_or(&[], |_| compat::ROUTES.as_slice());
    let endpoints = || ROUTES.iter().chain(of_compat);
    for endpoint in endpoints() {
        api.merge((endpoint.describe)());
    }
    if described.compat.is_some() {
        api.merge(OfCompat::openapi());
        api.tags.get_or_insert_default().extend(OfCompat::openapi().tags.into_iter().flatten());
    }
    let mut api = serde_json::to_value(api).unwrap_or_default();
    // A JWT is text, not JSON, so no schema describes it.
    let jwt = "/paths/~1.well-known~1denylist/get/responses/200/content/application~1jwt";
    api.pointer_mut(jwt).and_then(Value::as_object_mut).map(|content| content.remove("schema"));
    say_what_is_accepted(&mut api, described);
    let schemas = api.pointer("/components/schemas").cloned().unwrap_or_default();
    for endpoint in endpoints() {
        let (path, method) = (&endpoint.path, endpoint.method.to_ascii_lowercase());
        let operation = api.pointer_mut(&format!("/paths/{}/{method}", path.replace('/', "~1")));
        let Some(operation) = operation.and_then(Value::as_object_mut) else { continue };
        // Handlers of different resources may have the same name.
        operation.insert("operationId".to_owned(), operation_id(&method, path).into());
        // Administrators may use an API token, but not for their own account.
        let refuses = |code: &Code| endpoint.refuses.iter().any(|refused| refused.name == code.name);
        if refuses(SESSION_REQUIRED) && !refuses(ROLE_MISSING) {
            operation.insert("security".to_owned(), json!([{"access_token": []}, {"session_cookie": []}]));
        }
        let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { continue };
        responses.extend(problem_responses(endpoint));
        for (status, response) in responses {
            complete(status, response, &schemas);
        }
    }
    if let (Some(prefix), Some(paths)) = (&described.compat, api.get_mut("paths").and_then(Value::as_object_mut)) {
        for endpoint in of_compat {
            let item = paths.remove(&endpoint.path).unwrap_or_default();
            paths.insert(compat::path(endpoint, prefix), item);
        }
    }
    api
}

/// Adds what the types cannot say: what depends on the settings, and which members belong together.
fn say_what_is_accepted(api: &mut Value, described: &Described) {
    let Described { audiences, scopes, basic_auth, .. } = described;
    let mut set = |schema: &str, member: &str, value: Value| {
        let schema = api.pointer_mut(&format!("/components/schemas/{schema}")).and_then(Value::as_object_mut);
        schema.map(|schema| schema.insert(member.to_owned(), value));
    };
    if !audiences.is_empty() {
        let known: Vec<_> = audiences.iter().cloned().map(Value::from).chain([Value::Null]).collect();
        for schema in ["Login", "PasskeyLogin", "Refresh", "Exchange", "ConfirmRegistration"] {
            set(&format!("{schema}/properties/audience"), "enum", json!(known));
        }
    }
    if !scopes.is_empty() {
        set("ScopeName", "enum", json!(scopes));
        set("ScopeName", "examples", json!(scopes));
    }
    let in_a_cookie = json!({"properties": {"cookies": {"const": true}}, "required": ["cookies"]});
    for schema in ["Login", "PasskeyLogin", "Continue", "Refresh", "ConfirmRegistration"] {
        set(schema, "dependentSchemas", json!({"access_cookie": in_a_cookie}));
    }
    let one_of = |members: &[&str]| members.iter().map(|member| json!({"required": [member]})).collect::<Value>();
    set("Continue", "oneOf", one_of(&["otp", "recovery_code", "assertion"]));
    set("Reauthenticate", "oneOf", one_of(&["password", "assertion"]));
    set("ConfirmAddress", "oneOf", one_of(&["token", "code"]));
    set("Refresh", "anyOf", json!([{"required": ["refresh_token"]}, in_a_cookie]));
    let keys = json!({"properties": {"kid": {"type": "string"}}, "required": ["kid"]});
    set("RotateKeys", "if", keys);
    set("RotateKeys", "then", json!({"properties": {"emergency": {"const": true}}, "required": ["emergency"]}));
    if *basic_auth {
        set("Login", "dependentRequired", json!({"username": ["password"], "password": ["username"]}));
    } else {
        set("Login", "required", json!(["username", "password"]));
        let schemes = api.pointer_mut("/components/securitySchemes").and_then(Value::as_object_mut);
        schemes.map(|schemes| schemes.remove("basic"));
    }
    for (path, is_required) in [
        ("tokens", !basic_auth),
        ("api-tokens~1exchange", false),
        ("logout~1all", false),
        ("me~1totp", false),
        ("me~1passkeys~1options", false),
        ("tokens~1passkey~1options", false),
        ("admin~1clients~1{id}~1rotate-secret", false),
    ] {
        let operation = api.pointer_mut(&format!("/paths/~1v1~1{path}/post")).and_then(Value::as_object_mut);
        let Some(operation) = operation else { continue };
        if is_required {
            operation.insert("security".to_owned(), json!([{}]));
        }
        // A body may be missing but is never null.
        let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) else { continue };
        body.insert("required".to_owned(), is_required.into());
        if let Some(schema) =
            body.get_mut("content").and_then(|content| content.pointer_mut("/application~1json/schema"))
        {
            *schema = schema.pointer("/oneOf/0").or(schema.pointer("/oneOf/1")).cloned().unwrap_or_default();
        }
    }
}

/// Makes an id such as `post_tokens_refresh`.
fn operation_id(method: &str, path: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let path = match path {
        "/" => "root",
        "/docs/" => "docs/folder",
        path => path,
    };
    let words = path.split(|c| !is_letter(c)).filter(|word| !["", "v1"].contains(word));
    [method].into_iter().chain(words).collect::<Vec<_>>().join("_")
}
