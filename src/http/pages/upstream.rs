//! `/login/{provider}` and `/login/callback/{provider}`: where users go to sign in at a provider, and where they come back.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use actix_web::{HttpRequest, HttpResponse, web};

use super::offered::offered;
use super::on_the_way::{choosing, return_address};
use super::reply::{page, page_with, see_other, titled};
use super::return_to::{login_page, registration_page};
use super::second_step::after_first_step;
use super::signing_in::{Before, log_in_at_provider, who};
use super::site::Site;
use super::templates::{Message, NotLinked, Place};
use crate::app::App;
use crate::clock::Seconds;
use crate::engine::deadline::on_a_thread;
use crate::error::Error;
use crate::http::cookies::{Cookies, put};
use crate::http::extract::origin;
use crate::http::failure::Failure;
use crate::http::words::ReturnAddress;
use crate::model::audit::Origin;
use crate::model::id::{SessionId, UserId};
use crate::model::provider::ProviderId;
use crate::model::text::BadText;
use crate::model::upstream::{Purpose, Refusal, Verified};
use crate::secret::Secret;
use crate::service::registration::from_provider;
use crate::service::{identities, providers, upstream};

/// Sign in at a provider
///
/// Sends the user to the provider.
#[utoipa::path(get, path = "/login/{provider}", tag = "pages", security(()),
    params(("provider" = String, Path, description = "The id of a provider."),
        ("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go after the login. Default: the account pages.")),
    responses(
        (status = 303, description = "To the provider.", headers(("Location" = String))),
        (status = 400, content_type = "text/html", body = String, description = "A page: `return_to` is not a path of this host."),
        (status = 429, content_type = "text/html", body = String, description = "A page: too many sign-ins from this network."),
        (status = 502, content_type = "text/html", body = String, description = "A page: the provider cannot be reached.")))]
pub(in crate::http) async fn begin(
    request: HttpRequest,
    app: web::Data<App>,
    provider: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (app, provider) = (app.into_inner(), read(&provider)?);
    let site = &Site::new(&request, &app, &[]);
    let Some(return_to) = return_address(&request, &app)? else {
        return titled(site, StatusCode::BAD_REQUEST, site.texts.error_title, site.texts.error_request, None);
    };
    let is_again = who(&web::Data::from(Arc::clone(&app)), Cookies::of(&app).session(&request)).await?.is_some();
    let begun = match upstream::admit(&app, origin(&request, &app).ip.as_deref()).await {
        Ok(()) => upstream::begin(&app, &provider, Purpose::SignIn, return_to, is_again).await,
        Err(error) => Err(error),
    };
    match begun {
        Ok(begun) => {
            let mut response = see_other(&begun.redirect);
            put(&request, &mut response, Cookies::of(&app).keep_upstream(&request, begun.id, begun.browser.expose()))?;
            Ok(response)
        }
        Err(error) => refused(site, &shown(&app, &provider).await, error),
    }
}

/// Come back from a provider
///
/// Where a provider sends users back with a code, or with an error.
#[utoipa::path(get, path = "/login/callback/{provider}", tag = "pages", security(()),
    params(("provider" = String, Path, description = "The id of a provider."),
        ("state" = Option<String>, Query, description = "As it was sent to the provider."),
        ("code" = Option<String>, Query, description = "What the provider redeems for tokens."),
        ("error" = Option<String>, Query, description = "Why there is no code."),
        ("iss" = Option<String>, Query, description = "Who the answer is from ([RFC 9207](https://www.rfc-editor.org/rfc/rfc9207)).")),
    responses(
        (status = 200, content_type = "text/html", body = String, description = "A page: the account's second factor is asked for."),
        (status = 303, description = "The user is signed in, or the identity is linked: to `return_to`.", headers(("Location" = String))),
        (status = 403, content_type = "text/html", body = String,
            description = "A page: the sign-in is over or was begun in another browser, the user has not agreed, the answer is \
                           not right, no account is linked, or the user is not logged in as who wanted to link it."),
        (status = 409, content_type = "text/html", body = String, description = "A page: the identity is linked to another account."),
        (status = 429, content_type = "text/html", body = String, description = "A page: too many that were refused."),
        (status = 502, content_type = "text/html", body = String, description = "A page: the provider cannot be reached.")))]
pub(in crate::http) async fn finish(
    request: HttpRequest,
    app: web::Data<App>,
    provider: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    let (provider, inside) = (read(&provider)?, Arc::clone(&app));
    let (site, cookies, query) = (&Site::new(&request, &app, &[]), Cookies::of(&app), request.query_string());
    let login = upstream::login_of(query);
    let cookie = login.and_then(|id| cookies.upstream(&request, id));
    let ip = origin(&request, &app).ip;
    let verified = upstream::come_back(&inside, &provider, query, (cookie.as_deref(), ip.as_deref())).await;
    let back = Back { request: &request, app: &app, site };
    let mut response = match verified {
        Ok(verified) => match verified.purpose {
            Purpose::SignIn => back.sign_in(verified).await?,
            Purpose::Link { user, session } => back.link(verified, (user, session)).await?,
        },
        Err(error) => refused(site, &shown(&app, &provider).await, error)?,
    };
    // Only the browser that has begun it: the cookie is of no use any more.
    if let (Some(id), Some(_)) = (login, cookie) {
        put(&request, &mut response, cookies.forget_upstream(id))?;
    }
    Ok(response)
}

/// A user who came back from a provider.
struct Back<'a> {
    request: &'a HttpRequest,
    app: &'a web::Data<App>,
    site: &'a Site<'a>,
}

impl Back<'_> {
    /// Logs in to the account that the identity is linked to, and leads to where the user wanted to go.
    async fn sign_in(&self, verified: Verified) -> Result<HttpResponse, Failure> {
        let (request, app, site) = (self.request, self.app, self.site);
        let (name, return_to) = (verified.provider.name.to_string(), verified.return_to.clone());
        let cookies = Cookies::of(app);
        let held = cookies.session(request);
        let live = who(app, held.clone()).await?;
        let before = Before { cookie: held.as_deref(), live: live.as_ref() };
        match log_in_at_provider(request, app, before, verified.clone(), choosing(request, app, &return_to)).await {
            Ok(pair) => {
                let mut response = see_other(&return_to);
                put(request, &mut response, cookies.keep(&pair, true))?;
                Ok(response)
            }
            Err(Error::UpstreamRefused(Refusal::NotLinked)) => self.register(verified).await,
            Err(error @ Error::UpstreamRefused(_)) => refused(site, &name, error),
            Err(error) => {
                let (action, providers) = (login_page(&site.base, &return_to), offered(app, &return_to).await?);
                let place =
                    Place { site, client: None, action: &action, form_token: None, kept: &[], providers: &providers };
                after_first_step(app, place, "", error).await
            }
        }
    }

    /// Offers to open an account, where that is allowed, or by the invitation that has led here. What the page says depends on no
    /// account, except on that of an address which the user has.
    async fn register(&self, verified: Verified) -> Result<HttpResponse, Failure> {
        let (app, site) = (self.app, self.site);
        let (name, return_to) = (verified.provider.name.to_string(), verified.return_to.clone());
        let invitation = return_to.strip_prefix(&format!("{}/invitation/", site.base));
        let invitation = invitation.map(|text| Secret::new(text.to_owned()));
        let return_to = if invitation.is_some() { format!("{}/account", site.base) } else { return_to };
        let beginning = app.clone();
        match on_a_thread(move || from_provider::begin(&beginning, &verified, invitation.as_ref())).await {
            Ok(text) => {
                let with_name = |text: &str| text.replace("{provider}", &name);
                let template = NotLinked {
                    site,
                    title: &with_name(site.texts.provider_title),
                    text: &with_name(site.texts.provider_not_linked),
                    register: &registration_page(&site.base, &return_to),
                    login: to_login(site, "/account/identities"),
                };
                let mut response = page(site, StatusCode::OK, &template)?;
                put(self.request, &mut response, Cookies::of(app).keep_registering(text.expose()))?;
                Ok(response)
            }
            Err(
                Error::RegistrationOff
                | Error::InvitationMissing
                | Error::BadInvitation
                | Error::UpstreamRefused(Refusal::NotLinked),
            ) => refused(site, &name, Error::UpstreamRefused(Refusal::NotLinked)),
            Err(error) => Err(error.into()),
        }
    }

    /// Links the identity to the account whose user has asked for it, in the same session.
    async fn link(&self, verified: Verified, asked: (UserId, SessionId)) -> Result<HttpResponse, Failure> {
        let (app, site, texts) = (self.app, self.site, self.site.texts);
        let (name, return_to) = (verified.provider.name.to_string(), verified.return_to.clone());
        let title = texts.provider_title.replace("{provider}", &name);
        let refused = |status, text: &str| {
            let back = (texts.go_on.to_owned(), return_to.clone());
            titled(site, status, &title, &text.replace("{provider}", &name), Some(back))
        };
        let live = who(app, Cookies::of(app).session(self.request)).await?;
        if live.map(|live| (live.user.id, live.session.id)) != Some(asked) {
            return refused(StatusCode::FORBIDDEN, texts.provider_other_session);
        }
        let (user, session) = asked;
        let origin = Origin { actor: Some(user), session: Some(session), ..origin(self.request, app) };
        let linking = app.clone();
        match on_a_thread(move || identities::link(&linking, &verified, asked, &origin)).await {
            Ok(()) => Ok(see_other(&return_to)),
            Err(Error::IdentityTaken) => refused(StatusCode::CONFLICT, texts.provider_identity_taken),
            Err(error) => Err(error.into()),
        }
    }
}

/// What is not an id by its form is no provider's.
fn read(id: &str) -> Result<ProviderId, Error> {
    id.parse().map_err(|_bad_form: BadText| Error::ProviderUnknown)
}

/// What users call a provider; its id if that cannot be found out.
pub(super) async fn shown(app: &Arc<App>, id: &ProviderId) -> String {
    let (asked, wanted) = (Arc::clone(app), id.clone());
    let found = on_a_thread(move || providers::find(&asked, wanted.as_str())).await;
    found.map_or_else(|_not_found| id.to_string(), |provider| provider.name.to_string())
}

/// A page with the reason, and the way to every other login.
pub(super) fn refused(site: &Site<'_>, provider: &str, error: Error) -> Result<HttpResponse, Failure> {
    let texts = site.texts;
    let refusal = match error {
        Error::UpstreamRefused(refusal) => refusal,
        Error::TooManyFailures { retry_after: Seconds(seconds) } => {
            let mut response = HttpResponse::TooManyRequests();
            response.insert_header((RETRY_AFTER, seconds));
            let (title, text) = (
                texts.provider_title.replace("{provider}", provider),
                texts.too_many_sign_ins.replace("{seconds}", &seconds.to_string()),
            );
            return page_with(
                site,
                response,
                &Message { site, title: &title, text: &text, link: None, request_id: None },
            );
        }
        error => return Err(error.into()),
    };
    let is_not_linked = refusal == Refusal::NotLinked;
    let (status, text) = match refusal {
        Refusal::StateUnknown | Refusal::OtherBrowser | Refusal::Expired | Refusal::Used => {
            (StatusCode::FORBIDDEN, texts.provider_over)
        }
        Refusal::Denied => (StatusCode::FORBIDDEN, texts.provider_denied),
        Refusal::Unreachable(_) => (StatusCode::BAD_GATEWAY, texts.provider_unavailable),
        Refusal::NotLinked => (StatusCode::FORBIDDEN, texts.provider_not_linked),
        Refusal::ProviderError(_)
        | Refusal::WrongIssuer
        | Refusal::BadAnswer
        | Refusal::CodeRefused(_)
        | Refusal::IdToken(_)
        | Refusal::OtherSubject
        | Refusal::ClaimMissing(_) => (StatusCode::FORBIDDEN, texts.provider_refused),
    };
    let with_name = |text: &str| text.replace("{provider}", provider);
    // Users who have an account link the identity there, after a login: nothing tells whether there is one.
    let page = if is_not_linked { "/account/identities" } else { "/account" };
    let link = to_login(site, page).map(|address| (texts.to_login.to_owned(), address));
    titled(site, status, &with_name(texts.provider_title), &with_name(text), link)
}

/// The login page, which leads to an account page; there is none without cookies.
fn to_login(site: &Site<'_>, page: &str) -> Option<String> {
    site.app.config.session_cookies.then(|| login_page(&site.base, &format!("{}{page}", site.base)))
}
