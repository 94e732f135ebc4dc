//! Forms come from our own pages only: by what the browser says of them, and by a token that only those pages have
//! ([Fetch Metadata](https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header)).

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, ORIGIN};

use crate::app::App;
use crate::model::id::SessionId;
use crate::oauth::params::Params;
use crate::oauth::redirect_uri::origin;
use crate::secret::derived;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The field with the token.
pub(super) const FORM_TOKEN: &str = "form_token";

/// Whether a browser says that the form is of a page of ours. One that says nothing is not believed.
pub(super) fn is_own_form(request: &HttpRequest, app: &App) -> bool {
    let headers = request.headers();
    match (headers.get(SEC_FETCH_SITE), headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(from)) => {
            origin(&app.config.issuer).is_some_and(|ours| ours.as_bytes().eq_ignore_ascii_case(from.as_bytes()))
        }
        (None, None) => false,
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
