//! Health: whether the process lives, and whether it can do its work.

use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking;
use crate::app::App;
use crate::http::failure::Failure;
use crate::service::queries;

/// That the process lives.
#[derive(Serialize, ToSchema)]
#[schema(as = Alive)]
pub(in crate::http) struct AliveView {
    /// `alive`.
    #[schema(example = "alive")]
    status: &'static str,
}

/// That the service can do its work.
#[derive(Serialize, ToSchema)]
#[schema(as = Ready)]
pub(in crate::http) struct ReadyView {
    /// `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// `reachable`.
    #[schema(example = "reachable")]
    database: &'static str,
    /// How many signing keys are loaded.
    keys: usize,
}

/// Is the process alive
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = AliveView)))]
pub(in crate::http) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(AliveView { status: "alive" })
}

/// Is the service ready
///
/// The keys are loaded (or the service would not have started) and the database accepted a write within the last
/// second.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses((status = 200, body = ReadyView)))]
pub(in crate::http) async fn ready(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let keys = app.keys.ring().entries(app.clock.now()).len();
    blocking(move || queries::check_database(&app)).await?;
    Ok(HttpResponse::Ok().json(ReadyView { status: "ready", database: "reachable", keys }))
}
