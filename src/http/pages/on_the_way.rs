//! Where a login leads, and what it is on the way to: a path of this host, or what an application has begun.

use actix_web::{HttpRequest, web};

use super::return_to;
use super::site::base;
use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::error::Error;
use crate::http::cookies::Cookies;
use crate::http::failure::Failure;
use crate::model::authorization::InteractionId;
use crate::service::oauth::interaction;

const INTERACTIONS: &str = "/oauth/interactions/";

/// Whether a path leads to an interaction.
pub(super) fn is_interaction(base: &str, path: &str) -> bool {
    path.strip_prefix(base).is_some_and(|path| path.starts_with(INTERACTIONS))
}

/// Whether a login leads to a path: without cookies no proxy would know who has logged in, and only what an application has begun
/// goes on.
pub(super) fn leads_on(app: &App, path: &str) -> bool {
    app.config.session_cookies || is_interaction(&base(app), path)
}

/// Where to go then; `None` if that is not on this host.
pub(super) fn return_address(request: &HttpRequest, app: &App) -> Result<Option<String>, Failure> {
    let base = base(app);
    let return_to = return_to::read(request.query_string(), &format!("{base}/account"));
    let is_known = app.config.session_cookies || return_to.as_ref().is_some_and(|path| leads_on(app, path));
    if is_known { Ok(return_to) } else { Err(Failure::PathUnknown) }
}

/// Where a new user goes: to the account pages, if nothing else is said.
pub(super) fn return_to(request: &HttpRequest, app: &App) -> String {
    let account = format!("{}/account", base(app));
    return_to::read(request.query_string(), &account).unwrap_or(account)
}

/// Where an application waits that has begun something in this browser: the newest of several.
pub(super) async fn begun_by_application(
    request: &HttpRequest,
    app: &web::Data<App>,
) -> Result<Option<String>, Failure> {
    let bindings = Cookies::of(app).bindings(request);
    if bindings.is_empty() {
        return Ok(None);
    }
    let (asked, turn) = (app.clone(), app.lookups.turn().await?);
    let found = on_a_thread(move || interaction::first_open(&asked, bindings)).await?;
    drop(turn);
    Ok(found.map(|id| format!("{}{INTERACTIONS}{id}", base(app))))
}

/// Has what an application has begun in this browser wait for a mail that its user has asked for.
pub(super) async fn wait_for_mail(request: &HttpRequest, app: &web::Data<App>) -> Result<(), Failure> {
    let bindings = Cookies::of(app).bindings(request);
    if bindings.is_empty() {
        return Ok(());
    }
    let (asked, _turn) = (app.clone(), app.lookups.turn().await?);
    Ok(on_a_thread(move || interaction::wait_for_mail(&asked, bindings)).await?)
}

/// What is done when a user has logged in on the way to a path: that is a choice of the account, if an interaction of this browser is
/// there.
pub(super) fn choosing(
    request: &HttpRequest,
    app: &App,
    path: &str,
) -> impl FnOnce(&App) -> Result<(), Error> + Send + 'static + use<> {
    let id = path.strip_prefix(&base(app)).and_then(|path| path.strip_prefix(INTERACTIONS));
    let id = id.and_then(|id| id.parse::<InteractionId>().ok());
    let ours = id.and_then(|id| Some((id, Cookies::of(app).binding(request, id)?)));
    move |app| ours.map_or(Ok(()), |(id, binding)| interaction::choose_in(app, id, &binding))
}
