//! Requests that change something come from our own pages, or from apps that the operator names: by what the browser says
//! of them ([Fetch Metadata](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)), and forms of our pages also by a
//! token that only those pages have. A browser adds cookies to requests of any page; a client that sends a header with
//! a token needs none of this.

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue, ORIGIN};

use super::failure::{Failure, shown_origin};
use crate::app::App;
use crate::model::id::SessionId;
use crate::oauth::params::Params;
use crate::oauth::redirect_uri::origin;
use crate::secret::derived;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// A page of another origin can send it only after a preflight, and none is allowed to.
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// `TRACE` is missing on purpose: no browser sends it.
const SAFE_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// The method of the request that a proxy asks about. Anyone may send them, since they only make the check stricter.
const ORIGINAL_METHODS: [HeaderName; 2] =
    [HeaderName::from_static("x-original-method"), HeaderName::from_static("x-forwarded-method")];

/// The field with the token.
pub(super) const FORM_TOKEN: &str = "form_token";

/// Refuses a request that may change something and is authenticated by a cookie, unless one of our own pages has sent it,
/// or an app that the operator names.
pub(super) fn check(request: &HttpRequest, app: &App) -> Result<(), Failure> {
    if is_unsafe(request) { check_origin(request, app) } else { Ok(()) }
}

/// Refuses a request of another site, whatever its method is.
pub(super) fn check_origin(request: &HttpRequest, app: &App) -> Result<(), Failure> {
    let headers = request.headers();
    let is_trusted = match headers.get(SEC_FETCH_SITE) {
        _ if is_named(request, app) => true,
        Some(site) => site == "same-origin",
        // Of a browser without fetch metadata, or of another client.
        None => is_ours(request, app) || headers.contains_key(X_REQUESTED_WITH),
    };
    if is_trusted { Ok(()) } else { Err(Failure::CsrfRefused) }
}

/// Refuses a form that a page of another site sends, unless the operator names its origin: browsers ask for leave only before
/// other types of content. A client that says nothing of a page is none that a page controls.
pub(super) fn check_form_origin(request: &HttpRequest, app: &App) -> Result<(), Failure> {
    let (from, site) = (request.headers().get(ORIGIN), request.headers().get(SEC_FETCH_SITE));
    let is_of_a_page = from.is_some() || site.is_some_and(|site| site != "none");
    let is_any_named = app.config.cors_origins.iter().any(|named| named == "*");
    if !is_of_a_page || is_any_named || is_named(request, app) || is_own_form(request, app) {
        return Ok(());
    }
    Err(Failure::OriginNotAllowed(from.map_or_else(|| "another site".to_owned(), shown_origin)))
}

/// Whether the operator names the origin of a request.
fn is_named(request: &HttpRequest, app: &App) -> bool {
    let from = request.headers().get(ORIGIN);
    app.config.cors_origins.iter().any(|named| from.is_some_and(|from| named.as_bytes() == from.as_bytes()))
}

/// What is not known to be safe ([RFC 9110 section 9.2.1](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1)) may change
/// something.
fn is_unsafe(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let original = ORIGINAL_METHODS.into_iter().flat_map(|name| headers.get_all(name)).map(HeaderValue::as_bytes);
    let mut methods = original.chain([request.method().as_str().as_bytes()]);
    methods.any(|method| !SAFE_METHODS.map(str::as_bytes).contains(&method))
}

/// Whether the origin of a request is that of the issuer.
fn is_ours(request: &HttpRequest, app: &App) -> bool {
    let ours = origin(&app.config.issuer);
    ours.zip(request.headers().get(ORIGIN))
        .is_some_and(|(ours, from)| ours.as_bytes().eq_ignore_ascii_case(from.as_bytes()))
}

/// Whether a browser says that a page embeds what it asks for, and that it is no page of its own.
pub(super) fn is_embedded(request: &HttpRequest) -> bool {
    request.headers().get(SEC_FETCH_DEST).is_some_and(|dest| dest != "document")
}

/// Whether a browser says that the form is of a page of ours. One that says nothing is not believed.
pub(super) fn is_own_form(request: &HttpRequest, app: &App) -> bool {
    match request.headers().get(SEC_FETCH_SITE) {
        Some(site) => site == "same-origin",
        None => is_ours(request, app),
    }
}

/// The token of the forms that are shown to a browser while this session is signed in there: what was meant for one user is
/// not done for the next one.
pub(super) fn form_token(cookie: &str, session: Option<SessionId>) -> String {
    let session = session.map(|id| id.to_string()).unwrap_or_default();
    derived(cookie, &format!("form {session}"))
}

/// Whether a form has the token that it was shown with.
pub(super) fn has_token(params: &Params, token: &str) -> bool {
    params.get(FORM_TOKEN).is_some_and(|given| derived(given, "compare") == derived(token, "compare"))
}
