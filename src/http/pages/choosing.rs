//! The forms of a registration, on whatever page they are: the address is proved, and a new user chooses username and password.

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use super::on_the_way::{begun_by_application, choosing, leads_on};
use super::reply::{page_with, see_other, titled};
use super::return_to::login_page;
use super::second_step::after_first_step;
use super::signing_in;
use super::site::Site;
use super::templates::{Choose, Message, Place as Form};
use super::texts::Texts;
use crate::app::App;
use crate::clock::Seconds;
use crate::engine::deadline::on_a_thread;
use crate::error::{Error, FieldProblem};
use crate::http::cookies::{Cookies, put};
use crate::http::extract::{device, origin};
use crate::http::failure::Failure;
use crate::http::registering;
use crate::oauth::params::Params;
use crate::secret::Secret;
use crate::service::login;
use crate::service::oauth::browser;
use crate::service::registration::finishing::{Opened, Wanted, outcome};
use crate::service::registration::{Applicant, Shown};

/// Where a registration goes on.
pub(super) struct Place<'a> {
    pub(super) site: &'a Site<'a>,
    pub(super) request: &'a HttpRequest,
    pub(super) app: &'a web::Data<App>,
    pub(super) action: &'a str,
    /// Where the user wanted to go: then it is there that a new user goes.
    pub(super) return_to: Option<&'a str>,
}

/// What the form to choose has in its fields.
#[derive(Clone, Copy)]
struct Typed<'a> {
    username: &'a str,
    name: &'a str,
    has_accepted: bool,
    /// Whether a password is chosen.
    has_password: bool,
    /// Whether the provider decides the username, and the name.
    is_decided: (bool, bool),
}

impl Place<'_> {
    /// The form to choose.
    pub(super) fn choose(&self, applicant: &Applicant) -> Result<HttpResponse, Failure> {
        let (username, name) = applicant.proposed();
        let (username, name) = (shown(username), shown(name));
        let (has_password, is_decided) = (applicant.identity().is_none(), is_decided(applicant));
        let typed = Typed { username: &username, name: &name, has_accepted: false, has_password, is_decided };
        self.form(HttpResponse::Ok(), &address(applicant), typed, None)
    }

    /// Proves the address, and opens the account once the form has what is needed. An error is one of the link or the code.
    pub(super) async fn go_on(&self, shown: Shown, params: &Params) -> Result<HttpResponse, Refused> {
        let origin = origin(self.request, self.app);
        let applicant = registering::prove(self.app, shown, origin.ip.as_deref()).await.map_err(Refused::Proof)?;
        let text = |name: &str| params.get(name).unwrap_or_default().to_owned();
        if params.get("username").or(params.get("password")).is_none() {
            return Ok(self.choose(&applicant)?);
        }
        let (email, has_password) = (address(&applicant), applicant.identity().is_none());
        let (is_decided, (username, name)) = (is_decided(&applicant), applicant.decided());
        let (username, name) = (username.map(ToString::to_string), name.map(ToString::to_string));
        let wanted = Wanted {
            username: text("username"),
            password: Secret::new(text("password")),
            name: params.get("name").map(ToOwned::to_owned),
            terms_accepted: params.get("terms_accepted") == Some("true"),
            audience: None,
        };
        match registering::open(self.app, applicant, wanted, origin).await {
            Ok(opened) => {
                let mut response = self.log_in(opened).await?;
                put(self.request, &mut response, Cookies::of(self.app).forget_registering())?;
                Ok(response)
            }
            Err(error @ (Error::BadMailToken | Error::BadInvitation)) => Err(Refused::Proof(error)),
            Err(error) => {
                let is_of_name = matches!(error, Error::UsernameTaken | Error::UsernameTooSimilar);
                let (response, mut problem) = problem(self.site.texts, error)?;
                if is_of_name && username.is_some() {
                    self.site.texts.decided_username_refused.clone_into(&mut problem);
                }
                let typed = Typed {
                    username: username.as_deref().or(params.get("username")).unwrap_or_default(),
                    name: name.as_deref().or(params.get("name")).unwrap_or_default(),
                    has_accepted: params.get("terms_accepted").is_some(),
                    has_password,
                    is_decided,
                };
                Ok(self.form(response, &email, typed, Some(problem))?)
            }
        }
    }

    fn form(
        &self,
        response: HttpResponseBuilder,
        email: &str,
        typed: Typed<'_>,
        problem: Option<String>,
    ) -> Result<HttpResponse, Failure> {
        let form = Choose {
            site: self.site,
            action: self.action,
            email: Some(email).filter(|email| !email.is_empty()),
            username: typed.username,
            name: typed.name,
            has_accepted: typed.has_accepted,
            has_password: typed.has_password,
            is_decided: typed.is_decided,
            problem,
        };
        page_with(self.site, response, &form)
    }

    /// Logs the new user in. Users who must get a second factor first do so at a login of their own, or right here if a provider
    /// has logged them in.
    async fn log_in(&self, opened: Opened) -> Result<HttpResponse, Failure> {
        let (site, app, request) = (self.site, self.app, self.request);
        let begun = begun_by_application(request, app).await?;
        if !app.config.session_cookies && begun.is_none() {
            return titled(site, StatusCode::OK, site.texts.registered_title, site.texts.registered_lead, None);
        }
        let account = format!("{}/account", site.base);
        let return_to = match self.return_to {
            Some(wanted) if wanted != account && leads_on(app, wanted) => wanted.to_owned(),
            _ => begun.clone().unwrap_or(account),
        };
        let (device, origin) = (device(request, app, None)?, origin(request, app));
        let (its_app, its_device, its_origin) = (app.clone(), device.clone(), origin.clone());
        let also = choosing(request, app, &return_to);
        let (asked, is_from_provider) = (app.config.first_party(None), opened.is_from_provider());
        let log_in = move || {
            let pair = login::login(&its_app, outcome(&its_app, opened), asked, &its_device, &its_origin)?;
            also(&its_app)?;
            Ok::<_, Error>(pair)
        };
        let pair = on_a_thread(log_in).await;
        login::count(app, pair.as_ref().map(|_| ()));
        let pair = match pair {
            Ok(pair) => pair,
            Err(error @ Error::SecondFactorEnrolmentRequired(Some(_))) if is_from_provider => {
                let action = &*login_page(&site.base, &return_to);
                let place = Form { site, client: None, action, form_token: None, kept: &[], providers: &[] };
                return after_first_step(app, place, "", error).await;
            }
            Err(Error::SecondFactorEnrolmentRequired(_)) => {
                let link = begun.unwrap_or_else(|| format!("{}/login", site.base));
                let link = Some((site.texts.to_login.to_owned(), link));
                return titled(site, StatusCode::OK, site.texts.registered_title, site.texts.registered_lead, link);
            }
            Err(error) => return Err(error.into()),
        };
        let cookies = Cookies::of(app);
        if let Some(held) = cookies.session(request) {
            browser::leave(app, &held, pair.session_id, &device, &origin).await?;
        }
        let mut response = see_other(&return_to);
        put(request, &mut response, [cookies.keep(&pair, true), cookies.forget_asked()].concat())?;
        Ok(response)
    }
}

/// Why a registration does not go on.
pub(super) enum Refused {
    /// The link, the code or the invitation is refused.
    Proof(Error),
    /// A failure that is not about the form.
    Other(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

/// Whether the provider decides the username, and the name.
fn is_decided(applicant: &Applicant) -> (bool, bool) {
    let (username, name) = applicant.decided();
    (username.is_some(), name.is_some())
}

fn shown(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn address(applicant: &Applicant) -> String {
    applicant.email().map(|(email, _)| email.to_string()).unwrap_or_default()
}

/// The response with the form again, and what was wrong.
pub(super) fn problem(texts: &Texts, error: Error) -> Result<(HttpResponseBuilder, String), Failure> {
    let limited = |text: &str, place: &str, number: i64, Seconds(retry_after): Seconds| {
        let mut response = HttpResponse::TooManyRequests();
        response.insert_header((RETRY_AFTER, retry_after));
        (response, text.replace(place, &number.to_string()))
    };
    match error {
        Error::Invalid(problems) => {
            let mut all: Vec<&str> = problems.iter().map(|problem| of_field(texts, problem)).collect();
            all.dedup();
            Ok((HttpResponse::BadRequest(), all.join(" ")))
        }
        Error::UsernameTaken => Ok((HttpResponse::Conflict(), texts.username_taken.to_owned())),
        Error::UsernameTooSimilar => Ok((HttpResponse::Conflict(), texts.username_too_similar.to_owned())),
        Error::EmailTaken => Ok((HttpResponse::Conflict(), texts.email_taken.to_owned())),
        Error::BadMailToken => Ok((HttpResponse::Forbidden(), texts.bad_mail_code.to_owned())),
        Error::BadInvitation => Ok((HttpResponse::Forbidden(), texts.bad_invitation.to_owned())),
        Error::TooManyMails { retry_after } => {
            Ok(limited(texts.too_many_mails, "{minutes}", (retry_after.0 + 59) / 60, retry_after))
        }
        Error::TooManyFailures { retry_after } => {
            Ok(limited(texts.too_many_choices, "{seconds}", retry_after.0, retry_after))
        }
        error => signing_in::problem(texts, error),
    }
}

fn of_field(texts: &Texts, problem: &FieldProblem) -> &'static str {
    match (problem.field, problem.code) {
        ("email", _) => texts.bad_email,
        ("username", "not_your_address") => texts.not_your_address,
        ("username", _) => texts.bad_username,
        ("name", _) => texts.bad_name,
        ("terms_accepted", _) => texts.terms_missing,
        (_, "password_too_short") => texts.password_too_short,
        (_, "password_too_long") => texts.password_too_long,
        (_, "password_too_common") => texts.password_too_common,
        _ => texts.password_invalid,
    }
}

/// What cannot go on: the link or the invitation is void, or registration is off.
pub(super) fn void(site: &Site<'_>, error: Error) -> Result<HttpResponse, Failure> {
    let (title, texts) = (site.texts.bad_link_title, site.texts);
    let again = || (texts.register_link.to_owned(), format!("{}/registration", site.base));
    match error {
        Error::RegistrationOff => Err(Failure::PathUnknown),
        Error::BadMailToken => titled(site, StatusCode::FORBIDDEN, title, texts.bad_link, site.is_open().then(again)),
        Error::BadInvitation => titled(site, StatusCode::FORBIDDEN, title, texts.bad_invitation, None),
        Error::InvitationMissing => {
            titled(site, StatusCode::FORBIDDEN, texts.register_title, texts.invitation_missing, None)
        }
        error => {
            let (response, problem) = problem(texts, error)?;
            let (title, request_id) = (texts.error_title, None);
            page_with(site, response, &Message { site, title, text: &problem, link: None, request_id })
        }
    }
}
