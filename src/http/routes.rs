//! Every route, in one table.

use actix_web::http::Method;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Route, guard};

use super::handlers::{admin, health, me, tokens, well_known};
use super::problem::Problem;
use crate::error::Error;

/// One route.
pub struct RouteEntry {
    /// `GET` (which answers `HEAD` too) or `POST`.
    pub method: &'static str,
    /// The path.
    pub path: &'static str,
    handler: fn() -> Route,
}

const fn get(path: &'static str, handler: fn() -> Route) -> RouteEntry {
    RouteEntry { method: "GET", path, handler }
}

const fn post(path: &'static str, handler: fn() -> Route) -> RouteEntry {
    RouteEntry { method: "POST", path, handler }
}

/// Where the feed of the denylist is.
pub(super) const DENYLIST_PATH: &str = "/.well-known/denylist";

/// The table.
pub const ROUTES: [RouteEntry; 14] = [
    post("/v1/tokens", || web::to(tokens::create)),
    post("/v1/tokens/refresh", || web::to(tokens::refresh)),
    post("/v1/tokens/verify", || web::to(tokens::verify)),
    post("/v1/tokens/revoke", || web::to(tokens::revoke)),
    get("/v1/me", || web::to(me::identity)),
    get("/v1/me/profile", || web::to(me::profile)),
    get("/v1/admin/keys", || web::to(admin::list_keys)),
    post("/v1/admin/keys/rotate", || web::to(admin::rotate_keys)),
    get("/.well-known/jwks.json", || web::to(well_known::jwks)),
    get(DENYLIST_PATH, || web::to(well_known::denylist)),
    get("/.well-known/oauth-authorization-server", || web::to(well_known::metadata)),
    get("/.well-known/openid-configuration", || web::to(well_known::metadata)),
    get("/healthz", || web::to(health::alive)),
    get("/readyz", || web::to(health::ready)),
];

/// Adds the table to an app; other methods are answered with 405 and what is allowed, other paths with 404.
pub(super) fn configure(config: &mut ServiceConfig) {
    for (index, entry) in ROUTES.iter().enumerate() {
        let is_first_of_its_path = ROUTES.iter().position(|other| other.path == entry.path) == Some(index);
        if !is_first_of_its_path {
            continue;
        }
        let mut resource = web::resource(entry.path);
        let mut allowed = Vec::new();
        for RouteEntry { method, handler, .. } in ROUTES.iter().filter(|other| other.path == entry.path) {
            resource = resource.route(handler().guard(guard::fn_guard(move |context| {
                let head_as_get = *method == "GET" && context.head().method == Method::HEAD;
                head_as_get || context.head().method.as_str() == *method
            })));
            allowed.extend(if *method == "GET" { ["GET", "HEAD"].as_slice() } else { std::slice::from_ref(method) });
        }
        config.service(resource.default_service(web::to(move || {
            let refusal = Problem(Error::MethodNotAllowed(allowed.clone()));
            async { Err::<&'static str, _>(refusal) }
        })));
    }
    config.default_service(web::to(|| async { Err::<&'static str, _>(Problem(Error::PathUnknown)) }));
}
