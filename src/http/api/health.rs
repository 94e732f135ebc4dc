//! Health checks: whether the process is alive, and whether it is ready for requests.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::failure::Failure;
use crate::service::queries;

/// The process is alive.
#[derive(Serialize, ToSchema)]
#[schema(as = Alive)]
pub(in crate::http) struct AliveView {
    /// Always `alive`.
    #[schema(example = "alive")]
    status: &'static str,
}

/// The service is ready for requests.
#[derive(Serialize, ToSchema)]
#[schema(as = Ready)]
pub(in crate::http) struct ReadyView {
    /// Always `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Always `reachable`.
    #[schema(example = "reachable")]
    database: &'static str,
    /// Number of signing keys that are loaded.
    keys: usize,
}

/// Check that the process is alive
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = AliveView)))]
pub(in crate::http) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(AliveView { status: "alive" })
}

/// Check that the service is ready
///
/// Returns 200 if the keys are loaded and the database accepted a write within the last second.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses((status = 200, body = ReadyView)))]
pub(in crate::http) async fn ready(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let keys = app.keys.ring().entries(app.clock.now()).len();
    blocking(move || queries::check_database(&app)).await?;
    Ok(HttpResponse::Ok().json(ReadyView { status: "ready", database: "reachable", keys }))
}
