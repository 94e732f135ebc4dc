//! `/metrics`, on an address of its own.

use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::error::Error;
use crate::http::failure::Failure;
use crate::service::present::present;

/// The media type of the format, which Prometheus also accepts.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Returns all counters and the current values of all gauges.
pub(in crate::http) async fn metrics(app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let text = app.metrics.encode(present(&app)).map_err(Error::internal)?;
    Ok(HttpResponse::Ok().content_type(OPENMETRICS).body(text))
}
