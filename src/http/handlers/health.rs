//! Health: whether the process lives, and whether it can do its work.

use actix_web::{HttpResponse, web};
use serde_json::json;

use super::blocking;
use crate::app::Issuer;
use crate::http::problem::Problem;

/// `GET /healthz`: the process answers.
pub(in crate::http) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "alive"}))
}

/// `GET /readyz`: the keys are loaded (or the service would not have started) and the database answers.
pub(in crate::http) async fn ready(issuer: web::Data<Issuer>) -> Result<HttpResponse, Problem> {
    let keys = issuer.keys.ring().entries(issuer.app.clock.now()).len();
    blocking(move || issuer.app.store.ping()).await?;
    Ok(HttpResponse::Ok().json(json!({"status": "ready", "database": "reachable", "keys": keys})))
}
