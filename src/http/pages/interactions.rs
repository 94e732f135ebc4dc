//! `/oauth/interactions/{id}`: a user logs in, chooses and decides. The way back to the application is always a page.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::offered::offered;
use super::posted::{Posted, SignIn, posted};
use super::reply::{answer_after_form, message, page, page_with_passkeys, see_other, titled};
use super::second_step::{Outcome, sign_in};
use super::signing_in::Before;
use super::site::Site;
use super::templates::{Account, Consent, Login, Place};
use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::http::cookies::{Cookies, put};
use crate::http::csrf::{form_token, has_token};
use crate::http::extract::{OwnForm, PathId, origin};
use crate::http::failure::Failure;
use crate::model::authorization::{InteractionId, ResponseMode};
use crate::model::names::Scopes;
use crate::oauth::answer::Answer;
use crate::oauth::redirect_uri::{self, Kind};
use crate::oauth::steps::{Step, is_always_asked};
use crate::service::oauth::authorize::Ongoing;
use crate::service::oauth::interaction::{self, State};
use crate::service::pair::Pair;

/// See how far an authorization is
///
/// The login form, the account chooser, what to allow, or the way back to the application. Only for the browser that began
/// it.
#[utoipa::path(get, path = "/oauth/interactions/{id}", tag = "pages", security(()),
    params(("id" = String, Path, format = "uuid", description = "The interaction's id.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page."),
    (status = 400, content_type = "text/html", body = String, description = "A page: it is over."),
    (status = 403, content_type = "text/html", body = String, description = "A page: another browser began it.")))]
pub(in crate::http) async fn show(
    request: HttpRequest,
    app: web::Data<App>,
    PathId(id): PathId<InteractionId>,
) -> Result<HttpResponse, Failure> {
    let (cookies, origin) = (cookies(&request, &app, id).await?, origin(&request, &app));
    let (asked, its_cookies, turn) = (app.clone(), cookies.clone(), app.lookups.turn().await?);
    let state = on_a_thread(move || interaction::look(&asked, id, &its_cookies, &origin)).await?;
    drop(turn);
    View { request: &request, app: &app, cookies: &cookies }.state(&state).await
}

/// Log in, choose an account, allow or deny
///
/// What the forms of the pages post: `username` and `password`, `challenge` and a code, `assertion`, `account`, or `decision`.
#[utoipa::path(post, path = "/oauth/interactions/{id}", tag = "pages", security(()),
    params(("id" = String, Path, format = "uuid", description = "The interaction's id.")), responses(
    (status = 200, content_type = "text/html", body = String, description = "A page."),
    (status = 303, description = "To what comes next.", headers(("Location" = String))),
    (status = 400, content_type = "text/html", body = String, description = "A page: it is over."),
    (status = 403, content_type = "text/html", body = String,
        description = "A page: username or password are wrong, or another browser or page has sent this."),
    (status = 429, content_type = "text/html", body = String, description = "A page: too many wrong passwords."),
    (status = 503, content_type = "text/html", body = String, description = "A page: try again.")))]
pub(in crate::http) async fn act(
    request: HttpRequest,
    app: web::Data<App>,
    PathId(id): PathId<InteractionId>,
    OwnForm(params): OwnForm,
) -> Result<HttpResponse, Failure> {
    let cookies = cookies(&request, &app, id).await?;
    let view = View { request: &request, app: &app, cookies: &cookies };
    let (asked, its_cookies, turn) = (app.clone(), cookies.clone(), app.lookups.turn().await?);
    let state = on_a_thread(move || interaction::find(&asked, id, &its_cookies)).await?;
    // A login takes one of its own.
    drop(turn);
    let State::Open(ongoing, _) = state else { return view.state(&state).await };
    if !has_token(&params, &view.token(&ongoing)) {
        return Ok(see_other(&view.action(&ongoing)));
    }
    match posted(&params) {
        None => Ok(see_other(&view.action(&ongoing))),
        Some(Posted::AnotherAccount) => view.login(&ongoing, "").await,
        Some(Posted::Decision(decision)) => {
            let (asked, origin) = (app.clone(), origin(&request, &app));
            let state = on_a_thread(move || interaction::decide(&asked, ongoing, decision, &origin)).await?;
            match state {
                State::Open(ongoing, _) => Ok(see_other(&view.action(&ongoing))),
                state => view.state(&state).await,
            }
        }
        Some(Posted::SignIn(posted)) => view.sign_in(ongoing, posted).await,
    }
}

async fn cookies(
    request: &HttpRequest,
    app: &web::Data<App>,
    id: InteractionId,
) -> Result<interaction::Cookies, Failure> {
    let ours = Cookies::of(app);
    let cookies = interaction::Cookies { binding: ours.binding(request, id), session: ours.session(request) };
    app.known_keys.find_key_of(cookies.session.as_deref().unwrap_or_default()).await?;
    Ok(cookies)
}

/// What a browser is shown.
struct View<'a> {
    request: &'a HttpRequest,
    app: &'a web::Data<App>,
    cookies: &'a interaction::Cookies,
}

impl View<'_> {
    fn site(&self, ongoing: Option<&Ongoing>) -> Site<'_> {
        let ui_locales = ongoing.map(|ongoing| &*ongoing.interaction.request.ui_locales).unwrap_or_default();
        Site::new(self.request, self.app, ui_locales)
    }

    fn token(&self, ongoing: &Ongoing) -> String {
        let session = ongoing.known.session.as_ref().map(|live| live.session.id);
        form_token(self.cookies.binding.as_deref().unwrap_or_default(), session)
    }

    fn action(&self, ongoing: &Ongoing) -> String {
        format!("{}/oauth/interactions/{}", self.site(None).base, ongoing.interaction.id)
    }

    async fn state(&self, state: &State) -> Result<HttpResponse, Failure> {
        let site = self.site(state.ongoing());
        match state {
            State::Foreign => message(&site, StatusCode::FORBIDDEN, site.texts.error_foreign, None),
            State::ClientGone => message(&site, StatusCode::BAD_REQUEST, site.texts.error_client, None),
            State::Finished(ongoing) => {
                let (title, text) = (site.texts.finished_title, site.texts.error_finished);
                titled(&site, StatusCode::BAD_REQUEST, title, text, back(&site, ongoing, None))
            }
            State::Expired(ongoing, answer) => {
                let (title, text) = (site.texts.expired_title, site.texts.error_expired);
                titled(&site, StatusCode::BAD_REQUEST, title, text, back(&site, ongoing, Some(answer)))
            }
            State::Answered(_, answer) => answer_after_form(&site, answer),
            State::Open(ongoing, Step::Account) => self.account(ongoing),
            State::Open(ongoing, Step::Consent(scopes)) => self.consent(ongoing, scopes),
            State::Open(ongoing, Step::Login | Step::Answer | Step::AnotherUser) => {
                self.login(ongoing, &expected(ongoing)).await
            }
        }
    }

    async fn login(&self, ongoing: &Ongoing, username: &str) -> Result<HttpResponse, Failure> {
        let site = &self.site(Some(ongoing));
        let (client, action, form_token) = (ongoing.client.name.to_string(), self.action(ongoing), self.token(ongoing));
        let providers = &*offered(self.app, &action).await?;
        let place =
            Place { site, client: Some(&client), action: &action, form_token: Some(&form_token), kept: &[], providers };
        page_with_passkeys(
            site,
            HttpResponse::Ok(),
            &Login { site, place, username, problem: None, unknown: None },
            true,
        )
    }

    fn account(&self, ongoing: &Ongoing) -> Result<HttpResponse, Failure> {
        let site = &self.site(Some(ongoing));
        let (client, action, form_token) =
            (&*ongoing.client.name.to_string(), &*self.action(ongoing), &*self.token(ongoing));
        page(site, StatusCode::OK, &Account { site, client, action, form_token, user: &user(ongoing) })
    }

    fn consent(&self, ongoing: &Ongoing, scopes: &Scopes) -> Result<HttpResponse, Failure> {
        let site = &self.site(Some(ongoing));
        let redirect_uri = &ongoing.interaction.request.redirect_uri;
        let template = Consent {
            site,
            client: &ongoing.client.name.to_string(),
            action: &self.action(ongoing),
            form_token: &self.token(ongoing),
            user: &user(ongoing),
            host: &redirect_uri::shown(redirect_uri),
            is_program: !matches!(redirect_uri::kind(redirect_uri), Kind::Site(_)),
            scopes: &in_order(scopes),
            is_remembered: !is_always_asked(&ongoing.client, redirect_uri),
        };
        page(site, StatusCode::OK, &template)
    }

    async fn sign_in(&self, ongoing: Box<Ongoing>, posted: SignIn) -> Result<HttpResponse, Failure> {
        let id = ongoing.interaction.id;
        let before = Before { cookie: self.cookies.session.as_deref(), live: ongoing.known.session.as_ref() };
        let also = move |app: &App| interaction::choose(app, id);
        let site = &self.site(Some(&ongoing));
        let (client, action, token) = (ongoing.client.name.to_string(), self.action(&ongoing), self.token(&ongoing));
        let providers = &*offered(self.app, &action).await?;
        let place =
            Place { site, client: Some(&client), action: &action, form_token: Some(&token), kept: &[], providers };
        match sign_in(self.request, self.app, place, posted, (before, also)).await? {
            Outcome::SignedIn(pair) => self.signed_in(&action, &pair),
            Outcome::Page(page) => Ok(page),
        }
    }

    fn signed_in(&self, action: &str, pair: &Pair) -> Result<HttpResponse, Failure> {
        let mut response = see_other(action);
        put(self.request, &mut response, Cookies::of(self.app).keep(pair, true))?;
        Ok(response)
    }
}

fn user(ongoing: &Ongoing) -> String {
    ongoing.known.session.as_ref().map(|live| live.user.username.to_string()).unwrap_or_default()
}

/// Who the user is first, and how long it is for last.
fn in_order(scopes: &Scopes) -> Vec<String> {
    const FIRST: [&str; 4] = ["openid", "profile", "email", "roles"];
    let mut names = scopes.names().to_vec();
    names.sort_by_key(|name| {
        (name == "offline_access", FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()))
    });
    names
}

/// The user who is expected to log in, if known: the one who has to log in again, or the one that the application names.
fn expected(ongoing: &Ongoing) -> String {
    let named = ongoing.interaction.request.login_hint.clone();
    named.unwrap_or_else(|| user(ongoing))
}

/// A link back to the application: with an answer, or to its site.
fn back(site: &Site<'_>, ongoing: &Ongoing, answer: Option<&Answer>) -> Option<(String, String)> {
    let text = site.texts.back_to.replace("{client}", &ongoing.client.name.to_string());
    let answer = answer.filter(|answer| answer.mode == ResponseMode::Query).map(Answer::location);
    let url = answer.or_else(|| redirect_uri::origin(&ongoing.interaction.request.redirect_uri))?;
    Some((text, url))
}
