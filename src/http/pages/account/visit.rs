//! A request for an account page, of a browser whose user is logged in. Nothing is written to find that out.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::notice::Notice;
use super::section::Section;
use super::texts::{self, Texts};
use crate::app::App;
use crate::engine::deadline::on_a_thread;
use crate::error::Error;
use crate::http::cookies::Cookies;
use crate::http::csrf::{form_token, has_token};
use crate::http::extract::origin;
use crate::http::failure::Failure;
use crate::http::pages::reply::{message, see_other};
use crate::http::pages::return_to;
use crate::http::pages::signing_in::who;
use crate::http::pages::site::Site;
use crate::model::audit::Origin;
use crate::model::grant::Live;
use crate::model::id::{SessionId, UserId};
use crate::oauth::params::Params;

/// The request.
pub(super) struct Visit<'a> {
    pub(super) request: &'a HttpRequest,
    pub(super) app: &'a web::Data<App>,
    pub(super) site: Site<'a>,
    pub(super) texts: &'static Texts,
    pub(super) section: Section,
    /// The session of the browser, with its user.
    pub(super) live: Live,
    /// The cookie that says so.
    pub(super) cookie: String,
    /// Whether what is asked for needs what the account has of its own, and not a sign-in at a provider.
    pub(super) needs_own: bool,
    /// The token of the forms, and then what it was and will be by the other keys of the ring.
    form_tokens: Vec<String>,
}

/// What a browser gets instead of what it asked for.
pub(super) enum Instead {
    /// A question, or a page that says why not.
    Answer(Box<HttpResponse>),
    /// A failure.
    Failure(Failure),
}

impl From<Failure> for Instead {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Error> for Instead {
    fn from(error: Error) -> Self {
        Self::Failure(error.into())
    }
}

impl Instead {
    pub(super) fn answer(response: HttpResponse) -> Self {
        Self::Answer(Box::new(response))
    }

    /// As a handler returns it.
    pub(super) fn response(self) -> Result<HttpResponse, Failure> {
        match self {
            Self::Answer(response) => Ok(*response),
            Self::Failure(failure) => Err(failure),
        }
    }
}

impl<'a> Visit<'a> {
    /// Finds out who is logged in, as the login page does.
    pub(super) async fn begin(
        request: &'a HttpRequest,
        app: &'a web::Data<App>,
        section: Section,
    ) -> Result<Self, Instead> {
        // Without cookies there is no login page, either.
        if !app.config.session_cookies {
            return Err(Failure::PathUnknown.into());
        }
        let site = Site::new(request, app, &[]);
        if section == Section::Passkeys && !site.has_passkeys() {
            return Err(Failure::PathUnknown.into());
        }
        let cookie = Cookies::of(app).session(request);
        let Some((live, cookie)) = who(app, cookie.clone()).await?.zip(cookie) else {
            return Err(Instead::answer(to_login(&site, section)));
        };
        let texts = texts::of(site.texts.language);
        let form_tokens = form_tokens(app, live.session.id)?;
        Ok(Self { request, app, site, texts, section, live, cookie, needs_own: false, form_tokens })
    }

    pub(super) fn user(&self) -> UserId {
        self.live.user.id
    }

    pub(super) fn session(&self) -> SessionId {
        self.live.session.id
    }

    /// For the audit log.
    pub(super) fn origin(&self) -> Origin {
        let known = origin(self.request, self.app);
        Origin { actor: Some(self.user()), session: Some(self.session()), ..known }
    }

    /// How a user without a password gets one.
    pub(super) fn no_password(&self) -> &'static str {
        if self.site.sends_mail() { self.texts.no_password } else { self.texts.no_password_no_mail }
    }

    /// Does something for the user, on a thread.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App, UserId, &Origin) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (app, user, origin) = (self.app.clone(), self.user(), self.origin());
        on_a_thread(move || work(&app, user, &origin)).await
    }

    /// Where the forms of the section lead.
    pub(super) fn action(&self) -> String {
        self.address(self.section)
    }

    /// Where a section is.
    pub(super) fn address(&self, section: Section) -> String {
        format!("{}{}", self.site.base, section.path())
    }

    pub(super) fn form_token(&self) -> &str {
        self.form_tokens.first().map_or("", String::as_str)
    }

    /// Whether a form was shown to the user of this session.
    pub(super) fn has_shown(&self, params: &Params) -> bool {
        self.form_tokens.iter().any(|token| has_token(params, token))
    }

    pub(super) fn logout_token(&self) -> String {
        form_token(&self.cookie, None)
    }

    /// To the section, which says what was done.
    pub(super) fn done(&self, notice: Notice) -> HttpResponse {
        see_other(&format!("{}?done={}", self.action(), notice.sealed(self.form_token())))
    }

    /// To the login page, and back to the section.
    pub(super) fn to_login(&self) -> HttpResponse {
        to_login(&self.site, self.section)
    }

    /// For a form that no page of ours has.
    pub(super) fn bad_request(&self) -> Result<HttpResponse, Instead> {
        Ok(message(&self.site, StatusCode::BAD_REQUEST, self.site.texts.error_request, None)?)
    }

    /// What was done before this.
    pub(super) fn notice(&self) -> Option<&'static str> {
        let params = Params::parse(self.request.query_string().as_bytes());
        let done = params.get("done")?;
        let notice = self.form_tokens.iter().find_map(|token| Notice::read(done, token))?;
        Some(notice.text(self.texts))
    }

    pub(super) fn title(&self) -> &'static str {
        self.section.title(self.texts)
    }

    /// Every section: its title, its address, and whether it is this one.
    pub(super) fn sections(&self) -> impl Iterator<Item = (&'static str, String, bool)> {
        let all = Section::ALL.into_iter().filter(|one| *one != Section::Passkeys || self.site.has_passkeys());
        all.map(|one| (one.title(self.texts), self.address(one), one == self.section))
    }
}

/// Of the session, not of its cookie, which a script of another tab may have replaced. Its id is in access tokens, which
/// others see, so the token needs a key.
fn form_tokens(app: &App, session: SessionId) -> Result<Vec<String>, Error> {
    let text = format!("forms of the account pages {session}");
    let hashes = app.keys.ring().keyed_hashes(text.as_bytes(), app.clock.now())?;
    Ok(hashes.into_iter().map(|hash| format!("{hash:016x}")).collect())
}

fn to_login(site: &Site<'_>, section: Section) -> HttpResponse {
    see_other(&return_to::login_page(&site.base, &format!("{}{}", site.base, section.path())))
}
