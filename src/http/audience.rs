//! Audiences of paths: which web pages may call them, how their errors are rendered, and which headers their responses
//! have. Each audience is an actix-web scope that holds it as data.

use std::ptr;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::{HttpRequest, HttpResponse};

use super::api::problem;
use super::compat::answer as simplejwt;
use super::failure::Failure;
use super::oauth::answer;
use super::pages;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The clients that a group of paths is for.
pub(super) struct Audience {
    /// The common prefix of its paths.
    pub(crate) prefix: &'static str,
    /// Origins whose web pages may call it.
    pub(crate) origins: Origins,
    /// Renders a failure as a response to a request, with the request's id.
    pub(crate) render: fn(&Failure, &HttpRequest, &str) -> HttpResponse,
    /// The media type of a failure.
    pub(crate) media_type: &'static str,
    /// The schema of a failure.
    pub(crate) schema: &'static str,
    /// Adds the headers that every response has.
    pub(crate) add_headers: fn(StatusCode, &mut HeaderMap),
    /// Whether its endpoints take `HEAD`. Where a `GET` may issue a code or end a session they do not: scanners of links
    /// send it.
    pub(crate) takes_head: bool,
    /// Whether what follows the prefix may be a secret, which the log does not get.
    pub(crate) has_secret_paths: bool,
}

/// Origins whose web pages may call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Origins {
    /// All origins.
    Any,
    /// The origins of `CORS_ORIGINS`.
    Configured,
    /// Those of public clients: the others have no pages that call.
    OfClients,
    /// None.
    None,
}

/// Programs that call our own API.
static API: Audience = Audience {
    prefix: "",
    origins: Origins::Configured,
    render: |failure, _request, id| problem::render(failure, id),
    media_type: "application/problem+json",
    schema: "Problem",
    add_headers: not_stored,
    takes_head: true,
    has_secret_paths: false,
};

/// Verifiers and clients that fetch keys, denylist and metadata. These paths are public.
static WELL_KNOWN: Audience = Audience { prefix: "/.well-known", origins: Origins::Any, ..API };

/// Registered applications, when they ask by themselves.
static OAUTH: Audience = Audience {
    prefix: "/oauth",
    origins: Origins::OfClients,
    render: |failure, _request, id| answer::render(failure, id),
    media_type: "application/json",
    schema: "OAuthError",
    ..API
};

/// Clients that were written for simplejwt. Its paths are elsewhere with another `COMPAT_PREFIX`.
pub(super) static SIMPLEJWT: Audience = Audience {
    prefix: "/api/token",
    origins: Origins::Configured,
    render: simplejwt::render,
    media_type: "application/json",
    schema: "SimpleJwtError",
    takes_head: false,
    ..API
};

/// Users: the pages have this in common, and paths of their own.
const PAGES: Audience = Audience {
    prefix: "",
    origins: Origins::None,
    render: pages::render,
    media_type: "text/html",
    schema: "",
    add_headers: pages::add_headers,
    takes_head: false,
    has_secret_paths: false,
};

/// Where the links in mails lead to. Following one changes nothing.
const LINKS: Audience =
    Audience { add_headers: pages::add_headers_of_links, has_secret_paths: true, takes_head: true, ..PAGES };

static AUTHORIZE: Audience = Audience { prefix: "/oauth/authorize", ..PAGES };
static INTERACTIONS: Audience = Audience { prefix: "/oauth/interactions", ..PAGES };
static LOGOUT: Audience = Audience { prefix: "/oauth/logout", ..PAGES };
/// Coming back uses a code.
static LOGIN_CALLBACK: Audience = Audience { prefix: "/login/callback", ..PAGES };
static LOGIN: Audience = Audience { prefix: "/login", takes_head: true, ..PAGES };
static PASSWORD_RESET: Audience = Audience { prefix: "/password-reset", ..LINKS };
static EMAIL_VERIFICATION: Audience = Audience { prefix: "/email-verification", ..LINKS };
static REGISTRATION: Audience = Audience { prefix: "/registration", ..LINKS };
static INVITATION: Audience = Audience { prefix: "/invitation", ..LINKS };
static ACCOUNT: Audience = Audience { prefix: "/account", takes_head: true, ..PAGES };
static ASSETS: Audience = Audience { prefix: "/oauth/assets", takes_head: true, ..PAGES };

/// All audiences. A path belongs to the first one whose prefix matches; our own API takes all other paths.
pub(super) static AUDIENCES: [&Audience; 15] = [
    &WELL_KNOWN,
    &LOGIN_CALLBACK,
    &LOGIN,
    &PASSWORD_RESET,
    &EMAIL_VERIFICATION,
    &REGISTRATION,
    &INVITATION,
    &ACCOUNT,
    &AUTHORIZE,
    &INTERACTIONS,
    &LOGOUT,
    &ASSETS,
    &OAUTH,
    &SIMPLEJWT,
    &API,
];

impl Audience {
    /// The prefix of its paths; `None` if the service has none of them. `compat` is the prefix of those that stand in for
    /// another issuer's.
    pub(super) fn mounted_at(&self, compat: Option<&str>) -> Option<String> {
        if ptr::eq(self, &raw const SIMPLEJWT) {
            return compat.map(|prefix| format!("{prefix}/token"));
        }
        Some(self.prefix.to_owned())
    }

    /// The audience of a path.
    pub(super) fn of_path(path: &str) -> &'static Self {
        let is_below = |rest: &str| rest.is_empty() || rest.starts_with('/');
        let fits = |audience: &&&Self| path.strip_prefix(audience.prefix).is_some_and(is_below);
        AUDIENCES.iter().find(fits).unwrap_or(&&API)
    }

    /// The audience of the scope that handles a request.
    pub(super) fn of(request: &HttpRequest) -> &'static Self {
        request.app_data::<&'static Self>().copied().unwrap_or(&API)
    }
}

/// Forbids caches to store a response unless it allows it: most responses are about one user.
fn not_stored(status: StatusCode, headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    if !headers.contains_key(CACHE_CONTROL) && status != StatusCode::NOT_MODIFIED {
        headers.insert(CACHE_CONTROL, NO_STORE);
    }
}
