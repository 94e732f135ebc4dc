//! The caller of an endpoint, checked by a guard. The handlers of this service take a `Caller<G>`; it is based on the
//! extractors of [`tokensmith_verifier`], which other services use.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::cookie::by_cookies;
use super::origin;
use crate::app::App;
use crate::engine::deadline;
use crate::error::Error;
use crate::http::codes::{
    APPLICATION_TOKEN, Code, REAUTHENTICATION_REQUIRED, ROLE_MISSING, SECOND_FACTOR_ENROLMENT_REQUIRED,
    SESSION_REQUIRED,
};
use crate::http::cookies::Cookies;
use crate::http::endpoint::Refuses;
use crate::http::failure::Failure;
use crate::http::groups::COOKIE;
use crate::jwt::{AccessClaims, Credential};
use crate::model::audit::Origin;
use crate::model::id::{SessionId, UserId};
use crate::model::names::ADMIN_ROLE;
use crate::service::protection::{self, Authenticated};
use crate::service::queries;
use crate::service::second_factor::{self, Needs};
use tokensmith_verifier::issuing::{Presented, presented};
use tokensmith_verifier::{Bearer, BearerErrorKind};

/// Who makes the request, and from where.
pub(in crate::http) struct Caller<G> {
    /// What the access token (or the API token) says.
    pub(in crate::http) claims: Arc<AccessClaims>,
    /// The user of the token.
    pub(in crate::http) user: UserId,
    /// For the audit log.
    pub(in crate::http) origin: Origin,
    /// Whether a cookie says so, and no header.
    pub(in crate::http) by_cookie: bool,
    guard: PhantomData<G>,
}

/// Which callers are allowed.
pub(in crate::http) trait Guard {
    /// Only administrators, according to the token and the database. With the token alone, a user who has just lost the
    /// role could give it back to themselves.
    const ADMINISTRATES: bool;
    /// Only users who have logged in: an API token may not manage the account that it belongs to.
    const LOGGED_IN: bool;
    /// Only users who gave the password recently. An API token of an administrator is accepted, because its creator
    /// gave the password. An access token that it was exchanged for is not: other services see it.
    const RECENTLY: bool;
    /// Only users who have shown what protects the account, since they change that. Also users who must get a second factor
    /// first: what they do is part of that.
    const PROTECTS: bool = false;
}

/// Users who have logged in, and their API tokens. Neither a registered application nor a client: they have userinfo.
pub(in crate::http) struct User;

/// Users who have logged in.
pub(in crate::http) struct LoggedIn;

/// Users who gave their password recently.
pub(in crate::http) struct LoggedInRecently;

/// Users who have logged in recently and have shown all that protects the account, which they change.
pub(in crate::http) struct Protecting;

/// Administrators.
pub(in crate::http) struct Administrator;

/// Administrators who have logged in recently and have shown all that protects their account, and administrators' API tokens.
pub(in crate::http) struct AdministratorRecently;

impl Guard for User {
    const ADMINISTRATES: bool = false;
    const LOGGED_IN: bool = false;
    const RECENTLY: bool = false;
}

impl Guard for LoggedIn {
    const ADMINISTRATES: bool = false;
    const LOGGED_IN: bool = true;
    const RECENTLY: bool = false;
}

impl Guard for LoggedInRecently {
    const ADMINISTRATES: bool = false;
    const LOGGED_IN: bool = true;
    const RECENTLY: bool = true;
}

impl Guard for Protecting {
    const ADMINISTRATES: bool = false;
    const LOGGED_IN: bool = true;
    const RECENTLY: bool = true;
    const PROTECTS: bool = true;
}

impl Guard for Administrator {
    const ADMINISTRATES: bool = true;
    const LOGGED_IN: bool = false;
    const RECENTLY: bool = false;
}

impl Guard for AdministratorRecently {
    const ADMINISTRATES: bool = true;
    const LOGGED_IN: bool = false;
    const RECENTLY: bool = true;
}

impl<G: Guard> Caller<G> {
    /// The session of a logged-in user.
    pub(in crate::http) fn session(&self) -> Result<SessionId, Failure> {
        self.claims.sid.ok_or(Failure::Bearer(BearerErrorKind::SessionRequired))
    }

    /// Refuses an API token that tries to manage the account that it belongs to.
    pub(in crate::http) fn not_its_own(&self, user: UserId) -> Result<(), Failure> {
        let may = has_session(&self.claims) || self.user != user;
        if may { Ok(()) } else { Err(Failure::Bearer(BearerErrorKind::SessionRequired)) }
    }
}

/// Whether the token belongs to a session that its user opened at this service. A login through a registered
/// application does not count: an application manages no accounts.
fn has_session(claims: &AccessClaims) -> bool {
    claims.credential() == Credential::Login && claims.sid.is_some()
}

/// [RFC 9470 section 3](https://www.rfc-editor.org/rfc/rfc9470#section-3): an authentication that is too old has its
/// own kind of 401.
fn recent(app: &App, claims: &AccessClaims) -> Result<(), Failure> {
    let most = app.config.reauthentication_period;
    let is_recent = claims.auth_time.is_some_and(|at| app.clock.now() - at < most);
    if is_recent { Ok(()) } else { Err(Failure::ReauthenticationRequired(most)) }
}

/// Whether the header holds an API token itself, not an access token.
fn has_key(app: &App, request: &HttpRequest) -> bool {
    matches!(presented(request), Ok(Presented::Token(text) | Presented::Bearer(text)) if app.api_tokens.looks_like_one(text))
}

/// Whether a logged-in user may do what is sensitive: they have authenticated recently, with the second factor that they
/// have, and have one if `REQUIRE_SECOND_FACTOR` asks for it.
async fn sensitive(app: &web::Data<App>, claims: &AccessClaims) -> Result<(), Failure> {
    recent(app, claims)?;
    let (Some(user), is_admin) = (claims.user_id(), claims.has_role(ADMIN_ROLE)) else { return Ok(()) };
    let (asked, shown) = (app.clone(), Authenticated::from(claims));
    let look = move || match second_factor::needs(&asked, user, is_admin)? {
        Needs::Enrolment => Err(Error::SecondFactorEnrolmentRequired(None)),
        Needs::Factor => protection::check_factor(&asked, user, &shown),
        Needs::Nothing => Ok(()),
    };
    Ok(deadline::on_a_thread(look).await?)
}

/// Whether a logged-in user may change what protects the account: they have authenticated recently, by what the account has.
pub(in crate::http) async fn may_protect(app: &web::Data<App>, claims: &AccessClaims) -> Result<(), Failure> {
    recent(app, claims)?;
    let Some(user) = claims.user_id() else { return Ok(()) };
    let (asked, shown) = (app.clone(), Authenticated::from(claims));
    Ok(deadline::on_a_thread(move || protection::check(&asked, user, &shown)).await?)
}

/// Whether a logged-in user may do what is sensitive and outlasts the session: they may do that and protect the account.
pub(in crate::http) async fn lasting(app: &web::Data<App>, claims: &AccessClaims) -> Result<(), Failure> {
    may_protect(app, claims).await?;
    sensitive(app, claims).await
}

/// An API key was looked up just now; an access token only says what was true when it was issued.
async fn administrates(app: &web::Data<App>, claims: &AccessClaims, id: UserId, is_key: bool) -> Result<(), Failure> {
    let refused = || Failure::Bearer(BearerErrorKind::RoleMissing(ADMIN_ROLE));
    if !claims.has_role(ADMIN_ROLE) {
        return Err(refused());
    }
    if is_key {
        return Ok(());
    }
    let app = app.clone();
    let is_one = deadline::on_a_thread(move || queries::is_administrator(&app, id)).await?;
    if is_one { Ok(()) } else { Err(refused()) }
}

impl<G: Guard> Refuses for Caller<G> {
    fn refuses() -> Vec<&'static Code> {
        let mut codes = [Bearer::<AccessClaims>::refuses(), COOKIE.to_vec()].concat();
        for (is_asked, code) in [
            (G::ADMINISTRATES, ROLE_MISSING),
            (G::LOGGED_IN || G::RECENTLY, SESSION_REQUIRED),
            (true, APPLICATION_TOKEN),
            (G::RECENTLY, REAUTHENTICATION_REQUIRED),
            (G::RECENTLY && !G::PROTECTS, SECOND_FACTOR_ENROLMENT_REQUIRED),
        ] {
            codes.extend(is_asked.then_some(code));
        }
        codes
    }
}

impl<G: Guard> FromRequest for Caller<G> {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bearer = Bearer::<AccessClaims>::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let app = request.app_data::<web::Data<App>>().ok_or(BearerErrorKind::NotSetUp)?;
            let by_cookie = Cookies::authenticate(app, &request);
            let claims = if by_cookie { by_cookies(&request, app).await? } else { bearer.await?.0 };
            let is_key = (G::ADMINISTRATES || G::RECENTLY) && has_key(app, &request);
            // The token of a registered application opens only userinfo here, for every user.
            if matches!(claims.credential(), Credential::Application | Credential::Client) {
                return Err(Failure::ApplicationToken);
            }
            if G::LOGGED_IN && !has_session(&claims) {
                return Err(BearerErrorKind::SessionRequired.into());
            }
            let user = claims.user_id().ok_or(Failure::ApplicationToken)?;
            if G::ADMINISTRATES {
                administrates(app, &claims, user, is_key).await?;
            }
            if G::RECENTLY && !is_key {
                if !has_session(&claims) {
                    return Err(BearerErrorKind::SessionRequired.into());
                }
                // An administrator can change every account, also the own one by way of another.
                match (G::PROTECTS, G::ADMINISTRATES) {
                    (true, _) => may_protect(app, &claims).await?,
                    (false, true) => lasting(app, &claims).await?,
                    (false, false) => sensitive(app, &claims).await?,
                }
            }
            let origin = Origin { actor: Some(user), session: claims.sid, ..origin(&request, app) };
            Ok(Self { claims, user, origin, by_cookie, guard: PhantomData })
        })
    }
}
