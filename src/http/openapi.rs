//! The `OpenAPI` description: made from the handlers' annotations, the types they read and write, and the table of routes,
//! which knows the problems that each route may answer with.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use serde_json::{Value, json};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::handlers::{admin_keys, admin_users, api_tokens, audit, docs, health, me, sessions, tokens, well_known};
use super::problem::{Problem, ProblemView};
use super::routes::ROUTES;
use super::samples::{ADMIN, LOGIN, samples};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "tokensmith",
        description = "Token pairs: a short-lived access token (a JWT after RFC 9068) that any backend verifies with the \
                       published keys, and a rotating refresh token.\n\nErrors are `application/problem+json` (RFC \
                       9457) with a `code` that never changes its meaning."
    ),
    paths(
        tokens::create, tokens::refresh, tokens::verify, tokens::revoke, tokens::exchange,
        sessions::logout, sessions::logout_all, sessions::list, sessions::end,
        me::identity, me::profile, me::change_profile, me::change_password, me::reauthenticate,
        api_tokens::list, api_tokens::create, api_tokens::revoke, api_tokens::rotate,
        admin_users::list, admin_users::create, admin_users::show, admin_users::change, admin_users::delete,
        admin_users::disable, admin_users::enable, admin_users::set_roles, admin_users::reset_password,
        admin_users::list_sessions, admin_users::end_sessions, admin_users::end_session,
        admin_users::list_api_tokens, admin_users::revoke_api_tokens, admin_users::revoke_api_token,
        audit::list, admin_keys::list, admin_keys::rotate,
        well_known::jwks, well_known::denylist, well_known::metadata, well_known::openid_metadata,
        health::alive, health::ready, docs::openapi, docs::docs, docs::file,
    ),
    tags(
        (name = "tokens", description = "Getting, refreshing, asking about and revoking tokens."),
        (name = "sessions", description = "One's own sessions: one for each login on a device."),
        (name = "me", description = "One's own account."),
        (name = "api tokens", description = "One's own long-lived keys, for scripts."),
        (name = "administration", description = "Everybody's accounts, for users with the role `admin`."),
        (name = "verifiers", description = "What other services need to verify access tokens."),
        (name = "health", description = "For whoever runs the service."),
        (name = "documentation", description = "What you are reading."),
    ),
    components(schemas(ProblemView)),
    modifiers(&Schemes),
    security(("access_token" = []), ("api_token" = [])),
)]
struct Api;

/// What may be in the `Authorization` header.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let Some(components) = &mut api.components else { return };
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
        let bearer = bearer.description(Some("An access token, or an API token."));
        components.add_security_scheme("access_token", SecurityScheme::Http(bearer.build()));
        let token = ApiKeyValue::with_description("Authorization", "An API token, as in `Token tks_...`.");
        components.add_security_scheme("api_token", SecurityScheme::ApiKey(ApiKey::Header(token)));
        let basic = HttpBuilder::new().scheme(HttpAuthScheme::Basic);
        let basic = basic.description(Some("Username and password, with `BASIC_AUTH=on`."));
        components.add_security_scheme("basic", SecurityScheme::Http(basic.build()));
    }
}

/// The description as it is served; made when somebody asks for it, since it takes some memory.
#[derive(Default)]
pub struct Description(OnceLock<Bytes>);

impl Description {
    /// The JSON.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.0.get_or_init(|| openapi().to_string().into()).clone()
    }
}

/// The description.
#[must_use]
pub fn openapi() -> Value {
    let mut api = serde_json::to_value(Api::openapi()).unwrap_or_default();
    // A JWT is text, and no JSON that a schema could describe.
    let jwt = "/paths/~1.well-known~1denylist/get/responses/200/content/application~1jwt";
    api.pointer_mut(jwt).and_then(Value::as_object_mut).map(|content| content.remove("schema"));
    let known = known_problems();
    for route in &ROUTES {
        let (path, method) = (route.path, route.method.to_ascii_lowercase());
        let operation = api.pointer_mut(&format!("/paths/{}/{method}", path.replace('/', "~1")));
        let Some(operation) = operation.and_then(Value::as_object_mut) else { continue };
        // Handlers of different resources have the same name.
        operation.insert("operationId".to_owned(), operation_id(&method, path).into());
        // Administrators may use an API token, though not on their own account.
        if route.problems.contains(&LOGIN) && !route.problems.contains(&ADMIN) {
            operation.insert("security".to_owned(), json!([{"access_token": []}]));
        }
        let Some(responses) = operation.get_mut("responses") else { continue };
        let codes = route.problems.iter().copied().flatten().copied().chain(["internal_error"]);
        for (code, (status, example)) in codes.filter_map(|code| Some((code, known.get(code)?))) {
            let reason = StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
            let Some(responses) = responses.as_object_mut() else { continue };
            let response = responses.entry(status.to_string()).or_insert_with(|| {
                json!({"description": reason, "content": {"application/problem+json": {
                    "schema": {"$ref": "#/components/schemas/Problem"}, "examples": {},
                }}})
            });
            if let Some(examples) = response.pointer_mut("/content/application~1problem+json/examples") {
                examples.as_object_mut().map(|examples| examples.insert(code.to_owned(), json!({"value": example})));
            }
        }
    }
    api
}

/// As in `post_tokens_refresh`.
fn operation_id(method: &str, path: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let words = path.split(|c| !is_letter(c)).filter(|word| !["", "v1"].contains(word));
    [method].into_iter().chain(words).collect::<Vec<_>>().join("_")
}

/// Each code with its status and an answer that has it.
fn known_problems() -> BTreeMap<String, (u16, Value)> {
    let known = samples().into_iter().map(|error| {
        let problem = Problem(error);
        let (status, code) = problem.code();
        (code.to_owned(), (status.as_u16(), problem.example()))
    });
    known.collect()
}
