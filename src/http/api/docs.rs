//! `/openapi.json` and `/docs`: the description of the API, for programs and for people.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, LOCATION};
use actix_web::{HttpResponse, web};
use utoipa_swagger_ui::{Config, serve};

use crate::error::Error;
use crate::http::failure::Failure;

/// The page only loads files of this service. Some of its styles and icons are inline.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const THEIR_TITLE: &str = "<title>Swagger UI</title>";
const OUR_TITLE: &str = "<title>tokensmith</title>";

/// The files only change with the binary.
const FILES_CACHE_CONTROL: &str = "public, max-age=3600";

/// The description as it is served. It is built at the first request, since it takes some memory.
pub(in crate::http) type Description = LazyLock<web::Bytes, Box<dyn FnOnce() -> web::Bytes + Send + Sync>>;

/// Get this description
///
/// Returns it as `OpenAPI` 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "documentation", security(()),
    responses((status = 200, body = Object, description = "The description.")))]
pub(in crate::http) async fn openapi(description: web::Data<Description>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body((**description).clone())
}

/// Redirect to the documentation page
///
/// For people who open the URL of the service in a browser.
#[utoipa::path(get, path = "/", tag = "documentation", security(()), responses(
    (status = 302, description = "The page is at `docs/index.html`.", headers(("Location" = String)))))]
pub(in crate::http) async fn root() -> HttpResponse {
    see("docs/index.html")
}

/// Open the documentation page
///
/// A page on which people can read this description and try the API. It loads nothing from other servers.
#[utoipa::path(get, path = "/docs", tag = "documentation", security(()), responses(
    (status = 302, description = "The page is at `docs/index.html`.", headers(("Location" = String)))))]
pub(in crate::http) async fn docs() -> HttpResponse {
    see("docs/index.html")
}

/// Open the documentation page, with a slash
///
/// The same as `/docs`.
#[utoipa::path(get, path = "/docs/", tag = "documentation", security(()), responses(
    (status = 302, description = "The page is at `index.html`.", headers(("Location" = String)))))]
pub(in crate::http) async fn folder() -> HttpResponse {
    see("index.html")
}

/// Redirects to a relative location, so that it works behind a proxy that serves this service below a path.
fn see(location: &'static str) -> HttpResponse {
    HttpResponse::Found().insert_header((LOCATION, location)).finish()
}

/// Get a file of the documentation page
#[utoipa::path(get, path = "/docs/{file}", tag = "documentation", security(()),
    params(("file" = String, Path, description = "The name of the file.", example = "index.html")),
    responses((status = 200, description = "The file.", content(
        (String = "text/html"), (String = "text/css"), (String = "text/javascript"), (String = "image/png")))))]
pub(in crate::http) async fn file(name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let config = Arc::new(Config::from("../openapi.json").use_base_layout());
    let file = serve(&name, config).map_err(|error| Error::internal(error.to_string()))?;
    let file = file.ok_or(Failure::PathUnknown)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_SECURITY_POLICY, POLICY)).insert_header((CACHE_CONTROL, FILES_CACHE_CONTROL));
    let bytes = match file.bytes {
        // The page's title is the name of the library that makes it.
        bytes if *name == "index.html" => String::from_utf8_lossy(&bytes).replace(THEIR_TITLE, OUR_TITLE).into(),
        // Part of the binary, so slow readers need no copy.
        Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok(response.content_type(file.content_type).body(bytes))
}
