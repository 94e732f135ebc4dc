//! `/oauth/logout`: where applications send users who log out
//! ([OpenID Connect RP-Initiated Logout](https://openid.net/specs/openid-connect-rpinitiated-1_0.html)).

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::IntoParams;

use super::reply::{go, message, page, see_other};
use super::site::{Site, base};
use super::templates::{Logout, Message};
use crate::app::App;
use crate::http::cookies::{Cookies, put};
use crate::http::csrf::{form_token, has_token};
use crate::http::extract::{Form, OwnForm, origin};
use crate::http::failure::Failure;
use crate::model::grant::Live;
use crate::oauth::params::Params;
use crate::service::oauth::logout::{LoggingOut, log_out};

/// What goes through the question.
const KEPT: [&str; 5] = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"];

/// A logout request.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "parameters are read by name, since some may not be repeated")]
pub(in crate::http) struct LogoutQuery {
    /// An ID token of the session. Without one the user is asked.
    id_token_hint: Option<String>,
    /// The application, if there is no `id_token_hint`.
    client_id: Option<String>,
    /// Where the user is sent next: one of the URIs that the application is registered with.
    post_logout_redirect_uri: Option<String>,
    /// Comes back as it is.
    state: Option<String>,
    /// Languages of the pages, separated by spaces, the preferred one first.
    ui_locales: Option<String>,
}

/// Log out of the browser
///
/// Ends the browser's session, and the grants that began in it except those with `offline_access`. Asks, unless an ID token
/// of this session is shown.
#[utoipa::path(get, path = "/oauth/logout", tag = "pages", security(()), params(LogoutQuery), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: the question, or that it is done."),
    (status = 303, description = "It is done: back to the application.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: the request is not valid.")))]
pub(in crate::http) async fn start(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let params = Params::parse(request.query_string().as_bytes());
    let (outcome, cookie) = ask(&request, &app, params.clone(), false).await?;
    let site = site(&request, &app, &params);
    match outcome {
        LoggingOut::Mistaken => message(&site, StatusCode::BAD_REQUEST, site.texts.error_logout, None),
        LoggingOut::Ask(live) => question(&site, &params, &cookie, &live),
        LoggingOut::Done(Some(target)) => Ok(signed_out(&request, &app, see_other(&target))?),
        LoggingOut::Done(None) => signed_out(&request, &app, done(&site)?),
    }
}

/// Log out of the browser, with the parameters in a form
///
/// A form of another site comes without the cookies of this one: the browser is sent on with GET.
#[utoipa::path(post, path = "/oauth/logout", tag = "pages", security(()), responses(
    (status = 303, description = "To the same with GET.", headers(("Location" = String)))))]
pub(in crate::http) async fn start_by_form(app: web::Data<App>, Form(params): Form) -> HttpResponse {
    see_other(&format!("{}/oauth/logout?{}", base(&app), params.to_query()))
}

/// Say yes to logging out
///
/// What the page that asks posts.
#[utoipa::path(post, path = "/oauth/logout/confirm", tag = "pages", security(()), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: it is done."),
    (status = 303, description = "To be asked again.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: the request is not valid."),
    (status = 403, content_type = "text/html", body = String, description = "A page: another page has sent this.")))]
pub(in crate::http) async fn confirm(
    request: HttpRequest,
    app: web::Data<App>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let site = site(&request, &app, &params);
    let cookie = Cookies::of(&app).session(&request).unwrap_or_default();
    if !has_token(&params, &form_token(&cookie, None)) {
        return Ok(see_other(&format!("{}/oauth/logout?{}", site.base, params.only(&KEPT).to_query())));
    }
    match ask(&request, &app, params.clone(), true).await?.0 {
        LoggingOut::Mistaken => message(&site, StatusCode::BAD_REQUEST, site.texts.error_logout, None),
        LoggingOut::Ask(live) => question(&site, &params, &cookie, &live),
        LoggingOut::Done(Some(target)) => signed_out(&request, &app, go(&site, &target)?),
        LoggingOut::Done(None) => signed_out(&request, &app, done(&site)?),
    }
}

fn site<'a>(request: &HttpRequest, app: &'a App, params: &Params) -> Site<'a> {
    let wishes = params.get("ui_locales").unwrap_or_default();
    Site::new(request, app, &wishes.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

/// The response to the request, and the session's cookie.
async fn ask(
    request: &HttpRequest,
    app: &web::Data<App>,
    params: Params,
    is_confirmed: bool,
) -> Result<(LoggingOut, String), Failure> {
    let (cookie, origin) = (Cookies::of(app).session(request), origin(request, app));
    app.known_keys.find_key_of(cookie.as_deref().unwrap_or_default()).await?;
    let shown = cookie.clone().unwrap_or_default();
    Ok((log_out(app, params, cookie, is_confirmed, origin).await?, shown))
}

fn question(site: &Site<'_>, params: &Params, cookie: &str, live: &Live) -> Result<HttpResponse, Failure> {
    let template = Logout {
        site,
        action: &format!("{}/oauth/logout/confirm", site.base),
        form_token: &form_token(cookie, None),
        user: &live.user.username.to_string(),
        params: KEPT.into_iter().filter_map(|name| Some((name, params.get(name)?))).collect(),
    };
    page(site, StatusCode::OK, &template)
}

fn done(site: &Site<'_>) -> Result<HttpResponse, Failure> {
    let (title, text) = (site.texts.logged_out_title, site.texts.logged_out_lead);
    page(site, StatusCode::OK, &Message { site, title, text, link: None, request_id: None })
}

fn signed_out(request: &HttpRequest, app: &App, mut response: HttpResponse) -> Result<HttpResponse, Failure> {
    put(request, &mut response, Cookies::of(app).forget())?;
    Ok(response)
}
