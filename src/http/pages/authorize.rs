//! `/oauth/authorize`: where registered applications send their users
//! ([RFC 6749 section 3.1](https://www.rfc-editor.org/rfc/rfc6749#section-3.1)).

use actix_web::http::StatusCode;
use actix_web::http::header::SET_COOKIE;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::IntoParams;

use super::cookies::Cookies;
use super::reply::{answer, message, see_other};
use super::site::{Site, base};
use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::http::extract::{Form, origin};
use crate::http::failure::Failure;
use crate::oauth::authorization::Untrusted;
use crate::oauth::params::Params;
use crate::service::oauth::authorize::{Begun, begin};

/// An authorization request.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "parameters are read by name, since some may not be repeated")]
pub(in crate::http) struct AuthorizeQuery {
    /// `code`.
    response_type: String,
    /// The application.
    client_id: String,
    /// One of the redirect URIs that it is registered with. Required, unless there is only one.
    redirect_uri: Option<String>,
    /// The challenge of [RFC 7636](https://www.rfc-editor.org/rfc/rfc7636): the SHA-256 digest of the verifier.
    code_challenge: String,
    /// `S256`.
    code_challenge_method: String,
    /// What is asked for, separated by spaces. `openid` has an ID token issued.
    scope: Option<String>,
    /// Comes back as it is.
    state: Option<String>,
    /// Goes into the ID token.
    nonce: Option<String>,
    /// `query` or `form_post`. Default: `query`.
    response_mode: Option<String>,
    /// `none`, or some of `login`, `consent` and `select_account`.
    prompt: Option<String>,
    /// How long ago the user may have authenticated, in seconds.
    #[param(minimum = 0)]
    max_age: Option<i64>,
    /// The username or e-mail address of the user, if it is known.
    login_hint: Option<String>,
    /// An ID token of the user who is expected.
    id_token_hint: Option<String>,
    /// Languages of the pages, separated by spaces, the preferred one first.
    ui_locales: Option<String>,
    /// The audience of the access token ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707)).
    resource: Option<String>,
}

/// Authorize an application
///
/// Answers at once, or has the user log in and decide. For an unknown client or redirect URI it
/// shows an error page; every other error goes to the client
/// ([RFC 6749 section 4.1.2.1](https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1)).
#[utoipa::path(get, path = "/oauth/authorize", tag = "pages", security(()), params(AuthorizeQuery), responses(
    (status = 200, content_type = "text/html", body = String, description = "A form that posts the answer to the application."),
    (status = 303, description = "To a page for the user, or to the application with the answer.",
        headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: client or redirect URI are not known.")))]
pub(in crate::http) async fn authorize(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let params = Params::parse(request.query_string().as_bytes());
    let ui_locales: Vec<String> =
        params.get("ui_locales").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let (cookies, origin) = (Cookies::of(&app), origin(&request, &app));
    let session = cookies.session(&request);
    app.known_keys.find_key_of(session.as_deref().unwrap_or_default()).await?;
    // Anybody may begin as many as they like.
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let begun = on_a_thread(move || begin(&asked, &params, session.as_deref(), &origin)).await?;
    drop(turn);
    let site = Site::new(&request, &app, &ui_locales);
    match begun {
        Begun::Untrusted(Untrusted::Client) => message(&site, StatusCode::BAD_REQUEST, site.texts.error_client, None),
        Begun::Untrusted(Untrusted::RedirectUri) => {
            message(&site, StatusCode::BAD_REQUEST, site.texts.error_redirect_uri, None)
        }
        Begun::Answered(to_client) => answer(&site, &to_client),
        Begun::Interaction(id, browser) => {
            let mut response = see_other(&format!("{}/oauth/interactions/{id}", site.base));
            for header in cookies.keep_binding(&request, id, browser.expose()) {
                response.headers_mut().append(SET_COOKIE, header.parse().map_err(crate::error::Error::internal)?);
            }
            Ok(response)
        }
    }
}

/// Authorize an application, with the parameters in a form
///
/// A form of another site comes without the cookies of this one: the browser is sent on with GET.
#[utoipa::path(post, path = "/oauth/authorize", tag = "pages", security(()), responses(
    (status = 303, description = "To the same with GET.", headers(("Location" = String)))))]
pub(in crate::http) async fn authorize_by_form(app: web::Data<App>, Form(params): Form) -> HttpResponse {
    see_other(&format!("{}/oauth/authorize?{}", base(&app), params.to_query()))
}
