//! `/openapi.json` and `/docs`: the service describes itself.

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, serve};

use crate::error::Error;
use crate::http::openapi::Description;
use crate::http::problem::Problem;

/// The page is ours and asks nobody else. Its styles and icons are partly in its elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// It changes with the binary alone.
const FILES_CACHE_CONTROL: &str = "public, max-age=3600";

/// This description
///
/// As `OpenAPI` 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "documentation", security(()),
    responses((status = 200, body = Object)))]
pub(in crate::http) async fn openapi(description: web::Data<Description>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(description.json())
}

/// This description, to read and to try
///
/// A page for people, with everything it needs.
#[utoipa::path(get, path = "/docs", tag = "documentation", security(()),
    responses((status = 302, description = "The page is at /docs/index.html.")))]
pub(in crate::http) async fn docs() -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, "docs/index.html")).finish()
}

/// A file of the page
#[utoipa::path(get, path = "/docs/{file}", tag = "documentation", security(()),
    params(("file" = String, Path, example = "index.html")),
    responses((status = 200, description = "The file.", content(
        (String = "text/html"), (String = "text/css"), (String = "text/javascript"), (String = "image/png")))))]
pub(in crate::http) async fn file(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let config = Arc::new(Config::from("../openapi.json").use_base_layout());
    let file = serve(&name, config).map_err(|error| Error::internal(error.to_string()))?;
    let file = file.ok_or(Error::PathUnknown)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_SECURITY_POLICY, POLICY)).insert_header((CACHE_CONTROL, FILES_CACHE_CONTROL));
    // Part of the binary: nothing is copied for whoever reads slowly.
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(response.content_type(file.content_type).body(bytes))
}
