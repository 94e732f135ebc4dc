//! `/login/{provider}` and `/login/callback/{provider}`: where users go to sign in at a provider, and where they come back.

use std::sync::Arc;

use actix_web::http::header::RETRY_AFTER;
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use super::offered::offered;
use super::on_the_way::{choosing, is_interaction, return_address};
use super::reply::{page, page_with, see_other, titled};
use super::return_to::{invitation_at, login_page, registration_page};
use super::second_step::after_first_step;
use super::signing_in::{Before, log_in_at_provider, who};
use super::site::Site;
use super::templates::{Message, NotLinked, Place};
use crate::app::App;
use crate::clock::Seconds;
use crate::engine::deadline::on_a_thread;
use crate::error::Error;
use crate::http::cookies::{Cookies, put};
use crate::http::csrf::is_embedded;
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
use crate::service::{identities, providers, upstream, upstream_login};

/// Sign in at a provider
///
/// Sends the user to the provider.
#[utoipa::path(get, path = "/login/{provider}", tag = "pages", security(()),
    params(("provider" = String, Path, description = "The id of a provider."),
        ("return_to" = inline(Option<ReturnAddress>), Query, description = "Where to go after the login. Default: the account pages.")),
    responses(
        (status = 303, description = "To the provider.", headers(("Location" = String))),
        (status = 400, content_type = "text/html", body = String, description = "A page: `return_to` is not a path of this host."),
        (status = 403, content_type = "text/html", body = String, description = "A page: another page has embedded this."),
        (status = 429, content_type = "text/html", body = String, description = "A page: too many sign-ins from this network."),
        (status = 502, content_type = "text/html", body = String, description = "A page: the provider cannot be reached.")))]
pub(in crate::http) async fn begin(
    request: HttpRequest,
    app: web::Data<App>,
    provider: web::Path<String>,
) -> Result<HttpResponse, Failure> {
    only_navigation(&request)?;
    let (app, provider) = (app.into_inner(), read(&provider)?);
    let site = &Site::new(&request, &app, &[]);
    let Some(return_to) = return_address(&request, &app)? else {
        return titled(site, StatusCode::BAD_REQUEST, site.texts.error_title, site.texts.error_request, None);
    };
    let is_again = who(&web::Data::from(Arc::clone(&app)), Cookies::of(&app).session(&request)).await?.is_some();
    let ip = origin(&request, &app).ip;
    match upstream::begin(&app, &provider, Purpose::SignIn, return_to.clone(), (is_again, ip.as_deref())).await {
        Ok(begun) => {
            let mut response = see_other(&begun.redirect);
            put(&request, &mut response, Cookies::of(&app).keep_upstream(&request, begun.id, begun.browser.expose()))?;
            Ok(response)
        }
        Err(error) => refused(site, (&provider, &shown(&app, &provider).await), Some(&return_to), error),
    }
}

/// Programs that look at a link before its reader follows it ask for the head; and what other pages embed, as an image, is no user
/// who signs in.
fn only_navigation(request: &HttpRequest) -> Result<(), Failure> {
    if request.method() == Method::HEAD {
        return Err(Failure::MethodNotAllowed(vec!["GET"]));
    }
    if is_embedded(request) { Err(Failure::CsrfRefused) } else { Ok(()) }
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
    only_navigation(&request)?;
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
        Err(error) => {
            let wanted = upstream::wanted(&inside, &provider, query, cookie.as_deref()).await;
            refused(site, (&provider, &shown(&app, &provider).await), wanted.as_deref(), error)?
        }
    };
    // Only the browser that has begun it. The cookie is of no use any more, unless the user may come again with it.
    if let (Some(id), Some(_), false) = (login, cookie, response.status() == StatusCode::TOO_MANY_REQUESTS) {
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
        let return_to = verified.return_to.clone();
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
            Err(error @ Error::UpstreamRefused(_)) => self.refused(&verified, error).await,
            Err(error) => {
                // Where the password is needed, another sign-in there would not do.
                let needs_own = matches!(error, Error::SignedInElsewhere { .. });
                let providers = if needs_own { Vec::new() } else { offered(app, &return_to).await? };
                let action = login_page(&site.base, &return_to);
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
        let invitation = invitation_at(&site.base, &return_to).map(|text| Secret::new(text.to_owned()));
        let return_to = if invitation.is_some() { format!("{}/account", site.base) } else { return_to };
        let (beginning, known, origin) = (app.clone(), verified.clone(), origin(self.request, app));
        match on_a_thread(move || from_provider::begin(&beginning, &known, invitation.as_ref(), &origin)).await {
            Ok(text) => {
                let with_name = |text: &str| text.replace("{provider}", &name);
                let template = NotLinked {
                    site,
                    title: &with_name(site.texts.provider_title),
                    text: &with_name(site.texts.provider_not_linked),
                    register: &registration_page(&site.base, &return_to),
                    login: to_login(site, &format!("{}/account/identities", site.base)),
                };
                let mut response = page(site, StatusCode::OK, &template)?;
                put(self.request, &mut response, Cookies::of(app).keep_registering(text.expose()))?;
                Ok(response)
            }
            Err(Error::RegistrationOff | Error::InvitationMissing) => {
                self.refused(&verified, Error::UpstreamRefused(Refusal::NotLinked)).await
            }
            Err(error) => self.refused(&verified, error).await,
        }
    }

    /// A page with the reason; a login that leads to no account is on record.
    async fn refused(&self, verified: &Verified, error: Error) -> Result<HttpResponse, Failure> {
        let Verified { provider, .. } = verified;
        if matches!(error, Error::UpstreamRefused(Refusal::NotLinked)) {
            let (app, id, origin) = (self.app.clone(), provider.id.clone(), origin(self.request, self.app));
            let record = move || {
                upstream_login::record_not_linked(&app, &id, &origin);
                Ok(())
            };
            on_a_thread(record).await?;
        }
        refused(self.site, (&provider.id, &provider.name.to_string()), Some(&verified.return_to), error)
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
        let is_the_same = live.map(|live| (live.user.id, live.session.id)) == Some(asked);
        let (user, session) = asked;
        let origin = Origin { actor: Some(user), session: Some(session), ..origin(self.request, app) };
        let (linking, provider) = (app.clone(), verified.provider.id.clone());
        let linked = if is_the_same {
            on_a_thread(move || identities::link(&linking, &verified, asked, &origin)).await
        } else {
            Err(Error::UpstreamRefused(Refusal::OtherSession))
        };
        let Err(error) = linked else { return Ok(see_other(&return_to)) };
        upstream::note_refusal(app, &provider, &error);
        match error {
            Error::IdentityTaken => refused(StatusCode::CONFLICT, texts.provider_identity_taken),
            Error::TooManyIdentities(count) => {
                refused(StatusCode::CONFLICT, &texts.provider_too_many.replace("{count}", &count.to_string()))
            }
            // The last ones: the account has got something meanwhile that this session has not shown.
            Error::UpstreamRefused(_) | Error::SecondFactorNotShown { .. } | Error::SignedInElsewhere { .. } => {
                refused(StatusCode::FORBIDDEN, texts.provider_other_session)
            }
            error => Err(error.into()),
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

/// A page with the reason, and the way to every other login, from which the user goes on to where they wanted to go. It is logged
/// and counted.
pub(super) fn refused(
    site: &Site<'_>,
    (provider, name): (&ProviderId, &str),
    return_to: Option<&str>,
    error: Error,
) -> Result<HttpResponse, Failure> {
    upstream::note_refusal(site.app, provider, &error);
    let texts = site.texts;
    let title = texts.provider_title.replace("{provider}", name);
    let refusal = match error {
        Error::UpstreamRefused(refusal) => refusal,
        Error::BadInvitation => {
            let link = way_on(site, None, return_to);
            return titled(site, StatusCode::FORBIDDEN, &title, texts.bad_invitation, link);
        }
        Error::TooManyFailures { retry_after: Seconds(seconds) } => {
            let text = texts.too_many_sign_ins.replace("{seconds}", &seconds.to_string());
            let mut response = HttpResponse::TooManyRequests();
            response.insert_header((RETRY_AFTER, seconds));
            let link = way_on(site, None, return_to);
            let message = Message { site, title: &title, text: &text, link, request_id: None };
            return page_with(site, response, &message);
        }
        error => return Err(error.into()),
    };
    let (status, text) = match refusal {
        Refusal::StateUnknown | Refusal::OtherBrowser | Refusal::Expired | Refusal::Used => {
            (StatusCode::FORBIDDEN, texts.provider_over)
        }
        Refusal::Denied => (StatusCode::FORBIDDEN, texts.provider_denied),
        Refusal::Unreachable(_) => (StatusCode::BAD_GATEWAY, texts.provider_unavailable),
        Refusal::NotLinked => (StatusCode::FORBIDDEN, texts.provider_not_linked),
        Refusal::OtherSession => (StatusCode::FORBIDDEN, texts.provider_other_session),
        Refusal::ClaimMissing(_) => (StatusCode::FORBIDDEN, texts.provider_claim_missing),
        Refusal::ProviderError(_)
        | Refusal::WrongIssuer
        | Refusal::BadAnswer
        | Refusal::CodeRefused(_)
        | Refusal::IdToken(_)
        | Refusal::OtherSubject => (StatusCode::FORBIDDEN, texts.provider_refused),
    };
    let what = match refusal {
        Refusal::ClaimMissing("username") => texts.claim_username,
        Refusal::ClaimMissing("email") => texts.claim_email,
        Refusal::ClaimMissing("name") => texts.claim_name,
        _ => texts.claim_roles,
    };
    let filled = |text: &str| text.replace("{provider}", name).replace("{what}", what);
    titled(site, status, &title, &filled(text), way_on(site, Some(&refusal), return_to))
}

/// The link of a page about a sign-in that is refused: to the login, or back to the invitation that has led here.
fn way_on(site: &Site<'_>, refusal: Option<&Refusal>, return_to: Option<&str>) -> Option<(String, String)> {
    // Users who have an account link the identity there, after a login: nothing tells whether there is one.
    let is_not_linked = refusal == Some(&Refusal::NotLinked);
    let return_to = return_to.filter(|path| !is_not_linked || is_interaction(&site.base, path));
    if let Some(path) = return_to.filter(|path| invitation_at(&site.base, path).is_some()) {
        return Some((site.texts.go_on.to_owned(), path.to_owned()));
    }
    let page = if is_not_linked { "/account/identities" } else { "/account" };
    let page = return_to.map_or_else(|| format!("{}{page}", site.base), ToOwned::to_owned);
    to_login(site, &page).map(|address| (site.texts.to_login.to_owned(), address))
}

/// The login page, which leads to another one. Without cookies there is one only on the way to an application.
fn to_login(site: &Site<'_>, page: &str) -> Option<String> {
    let has_one = site.app.config.session_cookies || is_interaction(&site.base, page);
    has_one.then(|| login_page(&site.base, page))
}
