//! `/login`: where a proxy sends people who have to log in, for a web app on the same host. The account pages do so, too.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::offered::offered;
use super::on_the_way::{choosing, return_address};
use super::posted::{Posted, posted};
use super::reply::{message, page_with_passkeys, see_other};
use super::return_to::login_page;
use super::second_step::{Outcome, sign_in};
use super::signing_in::{Before, who};
use super::site::Site;
use super::templates::{Login, Place};
use crate::app::App;
use crate::http::cookies::{Cookies, put};
use crate::http::extract::OwnForm;
use crate::http::failure::Failure;
use crate::http::words::ReturnAddress;

/// Log in for a web app on this host
///
/// Sets the cookies of the session, and leads to `return_to`, a path of this host; at once if the browser is signed in.
/// That path is either encoded, or the rest of the query as it is. 404 with `SESSION_COOKIES=off`.
#[utoipa::path(get, path = "/login", tag = "pages", security(()),
    params(("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go after the login. Default: the account pages.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "The login form."),
    (status = 303, description = "The browser is signed in: to `return_to`.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: `return_to` is not a path of this host.")))]
pub(in crate::http) async fn show(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let Some(return_to) = return_address(&request, &app)? else { return bad_request(&request, &app) };
    if who(&app, Cookies::of(&app).session(&request)).await?.is_some() {
        return Ok(see_other(&return_to));
    }
    let site = &Site::new(&request, &app, &[]);
    let (action, providers) = (&*login_page(&site.base, &return_to), &*offered(&app, &return_to).await?);
    let place = Place { site, client: None, action, form_token: None, kept: &[], providers };
    page_with_passkeys(
        site,
        HttpResponse::Ok(),
        &Login { site, place, username: "", problem: None, unknown: None },
        true,
    )
}

/// Log in by the form
///
/// What the login form posts: `username` and `password`, `challenge` and a code, or `assertion`, which a passkey has signed.
#[utoipa::path(post, path = "/login", tag = "pages", security(()),
    params(("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go after the login. Default: the account pages.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page: the next step."),
    (status = 303, description = "The user is logged in: to `return_to`.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: the request is not valid."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: username or password are wrong, the passkey is refused, or another page has sent this."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many wrong passwords."),
    (status = 503, content_type = "text/html", body = String, description = "A page: try again.")))]
pub(in crate::http) async fn act(
    request: HttpRequest,
    app: web::Data<App>,
    // Another page could log its visitors in as somebody else.
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let Some(return_to) = return_address(&request, &app)? else { return bad_request(&request, &app) };
    let cookies = Cookies::of(&app);
    let held = cookies.session(&request);
    let live = who(&app, held.clone()).await?;
    let before = Before { cookie: held.as_deref(), live: live.as_ref() };
    let site = Site::new(&request, &app, &[]);
    let action = login_page(&site.base, &return_to);
    let providers = &*offered(&app, &return_to).await?;
    let place = Place { site: &site, client: None, action: &action, form_token: None, kept: &[], providers };
    let Some(Posted::SignIn(posted)) = posted(&params) else { return bad_request(&request, &app) };
    match sign_in(&request, &app, place, posted, (before, choosing(&request, &app, &return_to))).await? {
        Outcome::SignedIn(pair) => {
            let mut response = see_other(&return_to);
            put(&request, &mut response, cookies.keep(&pair, true))?;
            Ok(response)
        }
        Outcome::Page(page) => Ok(page),
    }
}

fn bad_request(request: &HttpRequest, app: &App) -> Result<HttpResponse, Failure> {
    let site = Site::new(request, app, &[]);
    message(&site, StatusCode::BAD_REQUEST, site.texts.error_request, None)
}
