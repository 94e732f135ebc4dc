//! Who asks, let in by a guard. `Caller<G>` is what the handlers of this service take; other services have the extractors
//! of [`crate::verifier`], on which this stands.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use super::client_ip;
use crate::app::Issuer;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::jwt::AccessClaims;
use crate::model::audit::Origin;
use crate::model::user::ADMIN_ROLE;
use crate::verifier::{Bearer, BearerError};

/// Who asks, and from where.
pub(in crate::http) struct Caller<G> {
    /// What the access token (or the API token) says.
    pub(in crate::http) claims: Arc<AccessClaims>,
    /// For the audit log.
    pub(in crate::http) origin: Origin,
    guard: PhantomData<G>,
}

/// Decides who is let in.
pub(in crate::http) trait Guard {
    /// Refuses, or not. What is sensitive asks `is_recent`.
    fn check(claims: &AccessClaims, is_recent: impl FnOnce() -> Result<(), BearerError>) -> Result<(), BearerError>;
}

/// Users who have logged in; an API token may not manage the account it belongs to.
pub(in crate::http) struct LoggedIn;

/// Users who have given their password lately.
pub(in crate::http) struct LoggedInRecently;

/// Administrators.
pub(in crate::http) struct Administrator;

/// Administrators who have given their password lately, and their API tokens, which were made by one who had.
pub(in crate::http) struct AdministratorRecently;

fn logged_in(claims: &AccessClaims) -> Result<(), BearerError> {
    if claims.is_of_session() { Ok(()) } else { Err(BearerError::SessionRequired) }
}

fn administrator(claims: &AccessClaims) -> Result<(), BearerError> {
    if claims.has_role(ADMIN_ROLE) { Ok(()) } else { Err(BearerError::RoleMissing(ADMIN_ROLE)) }
}

impl Guard for LoggedIn {
    fn check(claims: &AccessClaims, _: impl FnOnce() -> Result<(), BearerError>) -> Result<(), BearerError> {
        logged_in(claims)
    }
}

impl Guard for LoggedInRecently {
    fn check(claims: &AccessClaims, is_recent: impl FnOnce() -> Result<(), BearerError>) -> Result<(), BearerError> {
        logged_in(claims)?;
        is_recent()
    }
}

impl Guard for Administrator {
    fn check(claims: &AccessClaims, _: impl FnOnce() -> Result<(), BearerError>) -> Result<(), BearerError> {
        administrator(claims)
    }
}

impl Guard for AdministratorRecently {
    fn check(claims: &AccessClaims, is_recent: impl FnOnce() -> Result<(), BearerError>) -> Result<(), BearerError> {
        administrator(claims)?;
        if claims.is_of_session() { is_recent() } else { Ok(()) }
    }
}

/// [RFC 9470 section 3](https://www.rfc-editor.org/rfc/rfc9470#section-3): an authentication that is too old is a 401 of
/// its own.
pub(in crate::http) fn recent(issuer: &Issuer, claims: &AccessClaims) -> Result<(), BearerError> {
    let most = issuer.app.config.reauthentication_period;
    let age = issuer.app.clock.now() - claims.auth_time;
    if age < most { Ok(()) } else { Err(BearerError::ReauthenticationRequired(most.0)) }
}

impl<G: Guard> FromRequest for Caller<G> {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bearer = Bearer::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let Bearer(claims) = bearer.await.map_err(Error::Bearer)?;
            let issuer = request.app_data::<web::Data<Issuer>>().ok_or(Error::Bearer(BearerError::NotSetUp))?;
            G::check(&claims, || recent(issuer, &claims)).map_err(Error::Bearer)?;
            let origin = Origin {
                actor: Some(claims.sub),
                session: Some(claims.sid),
                ip: client_ip(&request, &issuer.app.config.trusted_proxies),
            };
            Ok(Self { claims, origin, guard: PhantomData })
        })
    }
}
