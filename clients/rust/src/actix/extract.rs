//! The access token of a request ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)), for the
//! handlers of any actix-web service whose app data holds a `web::Data<Verifier>`: the issuer's own, and yours.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use super::authorization::{Presented, presented};
use super::{BearerError, BearerErrorKind};
use crate::jwt::{AccessClaims, TokenError, read_payload};
use crate::verifier::Verifier;

/// The claims of a valid access token, in the shape that you name; without one the request is answered with 401.
#[derive(Clone, Debug)]
pub struct Bearer<C = AccessClaims>(pub Arc<C>);

/// The claims of a valid access token, or nothing when there is none. A token that is refused is answered with 401, not
/// taken for none: that is what sets it apart from `Option<Bearer>`, which also exists.
#[derive(Clone, Debug)]
pub struct MaybeBearer<C = AccessClaims>(pub Option<Arc<C>>);

/// A valid access token where the request may change something; where it only reads
/// ([RFC 9110 section 9.2.1](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1)), as [`MaybeBearer`].
#[derive(Clone, Debug)]
pub struct BearerOrReadOnly<C = AccessClaims>(pub Option<Arc<C>>);

/// A valid access token for which a user has logged in, at the issuer itself or through a registered application; with an
/// API token, or a client that asks for itself, the request is answered with 403.
#[derive(Clone, Debug)]
pub struct LoggedIn<C = AccessClaims>(pub Arc<C>);

pub(super) type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, BearerError>>>>;

impl<C: DeserializeOwned + Send + Sync + 'static> FromRequest for Bearer<C> {
    type Error = BearerError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        extract(request, |_| Ok(()), Self)
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static> FromRequest for MaybeBearer<C> {
    type Error = BearerError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let required = extract(request, |_| Ok(()), |claims| Self(Some(claims)));
        Box::pin(async {
            match required.await {
                Err(refused) if refused.kind() == BearerErrorKind::Missing => Ok(Self(None)),
                extracted => extracted,
            }
        })
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static> FromRequest for BearerOrReadOnly<C> {
    type Error = BearerError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if request.method().is_safe() {
            let optional = MaybeBearer::from_request(request, payload);
            return Box::pin(async { optional.await.map(|MaybeBearer(claims)| Self(claims)) });
        }
        extract(request, |_| Ok(()), |claims| Self(Some(claims)))
    }
}

impl<C: DeserializeOwned + Send + Sync + 'static> FromRequest for LoggedIn<C> {
    type Error = BearerError;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, _payload: &mut Payload) -> Self::Future {
        let guard = |claims: &AccessClaims| {
            if claims.is_logged_in() { Ok(()) } else { Err(BearerErrorKind::SessionRequired) }
        };
        extract(request, guard, Self)
    }
}

/// The one way in.
pub(super) fn extract<C: DeserializeOwned + Send + Sync + 'static, T: 'static>(
    request: &HttpRequest,
    guard: impl Fn(&AccessClaims) -> Result<(), BearerErrorKind> + 'static,
    wrap: impl FnOnce(Arc<C>) -> T + 'static,
) -> Extracted<T> {
    let request = request.clone();
    Box::pin(async move {
        let verifier = request.app_data::<web::Data<Verifier>>().ok_or_else(BearerError::not_set_up)?;
        let claims = verifier.let_in(&request, guard).await.map_err(|kind| verifier.refusal(kind))?;
        Ok(wrap(claims))
    })
}

impl Verifier {
    async fn let_in<C: DeserializeOwned + Send + Sync + 'static>(
        &self,
        request: &HttpRequest,
        guard: impl Fn(&AccessClaims) -> Result<(), BearerErrorKind>,
    ) -> Result<Arc<C>, BearerErrorKind> {
        let presented = presented(request)?;
        let claims = self.authenticate_any(&presented).await?;
        guard(&claims)?;
        in_shape(&claims, &presented)
    }

    /// Of an access token or, where those are taken, of an API token.
    async fn authenticate_any(&self, presented: &Presented<'_>) -> Result<Arc<AccessClaims>, BearerErrorKind> {
        match (presented, &self.0.api_tokens) {
            (Presented::Token(text) | Presented::Bearer(text), Some(api_tokens))
                if matches!(presented, Presented::Token(_)) || api_tokens.is_meant(text) =>
            {
                api_tokens.authenticate(text).await.map_err(BearerErrorKind::ApiToken)
            }
            // What is none of the schemes that are taken is no attempt at all.
            (Presented::Token(_), _) => Err(BearerErrorKind::Missing),
            (Presented::Bearer(token), _) => {
                self.authenticate(token).await.map_err(|error| refusal(token, error.into()))
            }
        }
    }
}

/// The claims as they are, where that is the shape that was asked for; otherwise read again, from the access token, which
/// may have others.
fn in_shape<C: DeserializeOwned + Send + Sync + 'static>(
    claims: &Arc<AccessClaims>,
    presented: &Presented<'_>,
) -> Result<Arc<C>, BearerErrorKind> {
    let same: Arc<dyn Any + Send + Sync> = Arc::<AccessClaims>::clone(claims);
    if let Ok(same) = same.downcast() {
        return Ok(same);
    }
    let (Presented::Bearer(token) | Presented::Token(token)) = presented;
    let read = read_payload(token).or_else(|not_an_access_token| {
        let claims = serde_json::to_value(&**claims).and_then(serde_json::from_value);
        claims.map_err(|_other_shape| not_an_access_token)
    });
    read.map(Arc::new).map_err(BearerErrorKind::Refused)
}

fn refusal(token: &str, error: BearerErrorKind) -> BearerErrorKind {
    // RFC 6750 section 2.1: b64token. Asked only now: what is none verifies as nothing.
    let is_b64token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if matches!(error, BearerErrorKind::Refused(TokenError::Malformed))
        && (token.is_empty() || !token.bytes().all(is_b64token))
    {
        return BearerErrorKind::Malformed("expected Authorization: Bearer and one token");
    }
    error
}
