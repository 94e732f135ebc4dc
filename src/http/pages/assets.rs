//! `/oauth/assets`: what the pages load.

use actix_web::HttpResponse;
use actix_web::http::header::CACHE_CONTROL;

const STYLES: &str = include_str!("../../../templates/pages.css");
const PASSKEYS: &str = include_str!("../../../templates/passkeys.js");

/// It changes with the binary alone.
const CACHED: &str = "public, max-age=3600";

/// The style sheet of the pages
#[utoipa::path(get, path = "/oauth/assets/pages.css", tag = "pages", security(()),
    responses((status = 200, body = String, content_type = "text/css", description = "The style sheet.")))]
pub(in crate::http) async fn styles() -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, CACHED)).content_type("text/css; charset=utf-8").body(STYLES)
}

/// The script of the pages
///
/// Passkeys need one. All else works without.
#[utoipa::path(get, path = "/oauth/assets/passkeys.js", tag = "pages", security(()),
    responses((status = 200, body = String, content_type = "text/javascript", description = "The script.")))]
pub(in crate::http) async fn passkeys() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, CACHED))
        .content_type("text/javascript; charset=utf-8")
        .body(PASSKEYS)
}
