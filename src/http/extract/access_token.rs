//! The access token of a request ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)). Its
//! verification never asks the database.

use std::borrow::Cow;
use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpRequest, web};

use crate::app::Issuer;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::jwt::AccessClaims;
use crate::service::verify;

/// A valid access token; without one the request is answered with 401.
pub struct AccessToken(pub Arc<AccessClaims>);

/// A valid access token, or none at all. A token that is refused is answered with 401, not taken for none: that is what
/// sets it apart from `Option<AccessToken>`, which also exists.
pub struct MaybeAccessToken(pub Option<Arc<AccessClaims>>);

/// The name of a role, as a type.
pub trait Role {
    /// The name.
    const NAME: &'static str;
}

/// A valid access token with the role `R`; with a token that lacks it the request is answered with 403.
pub struct WithRole<R>(pub Arc<AccessClaims>, PhantomData<R>);

impl FromRequest for AccessToken {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(required(request).map(Self).map_err(Problem))
    }
}

impl FromRequest for MaybeAccessToken {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(match required(request) {
            Ok(claims) => Ok(Self(Some(claims))),
            Err(Error::AccessTokenMissing) => Ok(Self(None)),
            Err(error) => Err(Problem(error)),
        })
    }
}

impl<R: Role> FromRequest for WithRole<R> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        ready(match required(request) {
            Ok(claims) if claims.roles.iter().any(|role| role == R::NAME) => Ok(Self(claims, PhantomData)),
            Ok(_) => Err(Problem(Error::RoleMissing(Cow::Borrowed(R::NAME)))),
            Err(error) => Err(Problem(error)),
        })
    }
}

fn required(request: &HttpRequest) -> Result<Arc<AccessClaims>, Error> {
    let token = bearer_token(request)?;
    let issuer =
        request.app_data::<web::Data<Issuer>>().ok_or_else(|| Error::internal("no issuer in the app's data"))?;
    verify::access_token(issuer, token).map_err(|refused| {
        // RFC 6750 section 2.1: b64token. Asked only now: what is none verifies as nothing.
        let is_b64token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
        if token.is_empty() || !token.bytes().all(is_b64token) {
            return Error::AuthorizationMalformed("expected Authorization: Bearer and one token");
        }
        Error::AccessTokenRefused(refused)
    })
}

/// The token of the one `Authorization` header. Another scheme than Bearer is no attempt at all
/// ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
fn bearer_token(request: &HttpRequest) -> Result<&str, Error> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else { return Err(Error::AccessTokenMissing) };
    if headers.next().is_some() {
        return Err(Error::AuthorizationMalformed("there is more than one Authorization header"));
    }
    let text =
        header.to_str().map_err(|_not_ascii| Error::AuthorizationMalformed("the Authorization header is not ASCII"))?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::AccessTokenMissing);
    }
    Ok(token.trim_start_matches(' '))
}
