//! Every route, in one table.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Route, guard};

use super::failure::Failure;
use super::groups::{ADMIN, API_TOKEN, BODY, DATABASE, LOGIN, PARAMETERS, PASSWORD, RECENT, SESSION, TOKEN};
use super::handlers::{admin_keys, admin_users, api_tokens, audit, docs, health, me, sessions, tokens, well_known};
use crate::jwt::DENYLIST_PATH;

/// One route.
pub struct RouteEntry {
    /// `GET` (which answers `HEAD` too), `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    handler: fn() -> Route,
    /// The codes of the problems that it may answer with, in groups.
    pub problems: &'static [&'static [&'static str]],
}

type Problems = &'static [&'static [&'static str]];

const fn route(method: &'static str, path: &'static str, handler: fn() -> Route, problems: Problems) -> RouteEntry {
    RouteEntry { method, path, handler, problems }
}

const fn get(path: &'static str, handler: fn() -> Route, problems: Problems) -> RouteEntry {
    route("GET", path, handler, problems)
}

const fn post(path: &'static str, handler: fn() -> Route, problems: Problems) -> RouteEntry {
    route("POST", path, handler, problems)
}

const fn delete(path: &'static str, handler: fn() -> Route, problems: Problems) -> RouteEntry {
    route("DELETE", path, handler, problems)
}

/// The table.
#[rustfmt::skip]
pub const ROUTES: [RouteEntry; 47] = [
    post("/v1/tokens", || web::to(tokens::create),
        &[BODY, DATABASE, &["basic_auth_off", "invalid_request", "bad_credentials", "account_disabled", "too_many_failures", "overloaded"]]),
    post("/v1/tokens/refresh", || web::to(tokens::refresh),
        &[BODY, TOKEN, SESSION, DATABASE, &["refresh_token_reused", "overloaded"]]),
    post("/v1/tokens/verify", || web::to(tokens::verify), &[BODY, TOKEN, API_TOKEN, SESSION, DATABASE, &["overloaded"]]),
    post("/v1/tokens/revoke", || web::to(tokens::revoke), &[BODY, DATABASE, &["overloaded"]]),
    post("/v1/tokens/exchange", || web::to(tokens::exchange), &[BODY, API_TOKEN, &["overloaded"]]),
    post("/v1/logout", || web::to(sessions::logout), &[TOKEN, API_TOKEN, LOGIN]),
    post("/v1/logout/all", || web::to(sessions::logout_all), &[BODY, TOKEN, API_TOKEN, LOGIN]),
    get("/v1/sessions", || web::to(sessions::list), &[PARAMETERS, TOKEN, API_TOKEN, LOGIN]),
    delete("/v1/sessions/{id}", || web::to(sessions::end),
        &[PARAMETERS, TOKEN, API_TOKEN, LOGIN, &["session_not_found"]]),
    get("/v1/me", || web::to(me::identity), &[TOKEN, API_TOKEN]),
    get("/v1/me/profile", || web::to(me::profile), &[TOKEN, API_TOKEN, &["user_unknown"]]),
    route("PATCH", "/v1/me/profile", || web::to(me::change_profile),
        &[BODY, TOKEN, API_TOKEN, LOGIN, RECENT, &["user_unknown", "username_taken"]]),
    post("/v1/me/password", || web::to(me::change_password),
        &[BODY, TOKEN, API_TOKEN, LOGIN, PASSWORD, &["user_unknown"]]),
    post("/v1/me/reauthenticate", || web::to(me::reauthenticate),
        &[BODY, TOKEN, API_TOKEN, LOGIN, PASSWORD, &["user_unknown"]]),
    get("/v1/api-tokens", || web::to(api_tokens::list), &[TOKEN, API_TOKEN, LOGIN]),
    post("/v1/api-tokens", || web::to(api_tokens::create),
        &[BODY, TOKEN, API_TOKEN, LOGIN, RECENT, &["user_unknown", "too_many_api_tokens"]]),
    delete("/v1/api-tokens/{id}", || web::to(api_tokens::revoke),
        &[PARAMETERS, TOKEN, API_TOKEN, LOGIN, &["api_token_not_found"]]),
    post("/v1/api-tokens/{id}/rotate", || web::to(api_tokens::rotate),
        &[PARAMETERS, TOKEN, API_TOKEN, LOGIN, RECENT, &["api_token_not_found"]]),
    get("/v1/admin/users", || web::to(admin_users::list), &[PARAMETERS, TOKEN, API_TOKEN, ADMIN]),
    post("/v1/admin/users", || web::to(admin_users::create),
        &[BODY, TOKEN, API_TOKEN, ADMIN, LOGIN, RECENT, &["username_taken", "overloaded"]]),
    get("/v1/admin/users/{id}", || web::to(admin_users::show),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, &["user_unknown"]]),
    route("PATCH", "/v1/admin/users/{id}", || web::to(admin_users::change),
        &[BODY, TOKEN, API_TOKEN, ADMIN, LOGIN, RECENT, &["user_unknown", "username_taken"]]),
    delete("/v1/admin/users/{id}", || web::to(admin_users::delete),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, LOGIN, RECENT, &["user_unknown", "last_admin"]]),
    post("/v1/admin/users/{id}/disable", || web::to(admin_users::disable),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, LOGIN, &["user_unknown", "last_admin"]]),
    post("/v1/admin/users/{id}/enable", || web::to(admin_users::enable),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, LOGIN, RECENT, &["user_unknown"]]),
    route("PUT", "/v1/admin/users/{id}/roles", || web::to(admin_users::set_roles),
        &[BODY, TOKEN, API_TOKEN, ADMIN, LOGIN, RECENT, &["user_unknown", "last_admin"]]),
    post("/v1/admin/users/{id}/password", || web::to(admin_users::reset_password),
        &[BODY, TOKEN, API_TOKEN, ADMIN, LOGIN, RECENT, &["user_unknown", "overloaded"]]),
    get("/v1/admin/users/{id}/sessions", || web::to(admin_users::list_sessions),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, &["user_unknown"]]),
    delete("/v1/admin/users/{id}/sessions", || web::to(admin_users::end_sessions),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, LOGIN, &["user_unknown"]]),
    delete("/v1/admin/users/{id}/sessions/{session_id}", || web::to(admin_users::end_session),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, LOGIN, &["session_not_found"]]),
    get("/v1/admin/users/{id}/api-tokens", || web::to(admin_users::list_api_tokens),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, &["user_unknown"]]),
    delete("/v1/admin/users/{id}/api-tokens", || web::to(admin_users::revoke_api_tokens),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, LOGIN, &["user_unknown"]]),
    delete("/v1/admin/users/{id}/api-tokens/{api_token_id}", || web::to(admin_users::revoke_api_token),
        &[PARAMETERS, TOKEN, API_TOKEN, ADMIN, LOGIN, &["api_token_not_found"]]),
    get("/v1/admin/audit", || web::to(audit::list), &[PARAMETERS, TOKEN, API_TOKEN, ADMIN]),
    get("/v1/admin/keys", || web::to(admin_keys::list), &[TOKEN, API_TOKEN, ADMIN]),
    post("/v1/admin/keys/rotate", || web::to(admin_keys::rotate),
        &[BODY, TOKEN, API_TOKEN, ADMIN, LOGIN, RECENT, &["key_conflict", "key_unknown"]]),
    get("/.well-known/jwks.json", || web::to(well_known::jwks), &[]),
    get(DENYLIST_PATH, || web::to(well_known::denylist), &[PARAMETERS]),
    get("/.well-known/oauth-authorization-server", || web::to(well_known::metadata), &[]),
    get("/.well-known/oauth-authorization-server/{issuer_path}", || web::to(well_known::metadata_of_path),
        &[&["not_found"]]),
    get("/healthz", || web::to(health::alive), &[]),
    get("/readyz", || web::to(health::ready), &[DATABASE]),
    get("/openapi.json", || web::to(docs::openapi), &[]),
    get("/", || web::to(docs::root), &[]),
    get("/docs", || web::to(docs::docs), &[]),
    get("/docs/", || web::to(docs::folder), &[]),
    get("/docs/{file}", || web::to(docs::file), &[&["not_found"]]),
];

/// Adds the table to an app; other methods are answered with 405 and what is allowed, other paths with 404.
pub(super) fn configure(config: &mut ServiceConfig) {
    for (index, entry) in ROUTES.iter().enumerate() {
        let is_first_of_its_path = ROUTES.iter().position(|other| other.path == entry.path) == Some(index);
        if !is_first_of_its_path {
            continue;
        }
        // The one parameter that may have slashes in it.
        let mut resource = web::resource(entry.path.replace("{issuer_path}", "{issuer_path:.+}"));
        let mut allowed = Vec::new();
        for RouteEntry { method, handler, .. } in ROUTES.iter().filter(|other| other.path == entry.path) {
            resource = resource.route(handler().guard(guard::fn_guard(move |context| {
                let head_as_get = *method == "GET" && context.head().method == Method::HEAD;
                head_as_get || context.head().method.as_str() == *method
            })));
            allowed.extend(if *method == "GET" { ["GET", "HEAD"].as_slice() } else { std::slice::from_ref(method) });
        }
        config.service(resource.default_service(web::to(move || {
            let refusal = Failure::MethodNotAllowed(allowed.clone());
            async { Err::<&'static str, _>(refusal) }
        })));
    }
    config.default_service(web::to(|| async { Err::<&'static str, _>(Failure::PathUnknown) }));
}
