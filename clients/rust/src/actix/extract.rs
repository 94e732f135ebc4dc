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
use crate::jwt::{AccessClaims, read_payload};
use crate::verifier::Verifier;

/// The claims of a valid access token, as the type `C`. Without a valid token the response is 401.
#[derive(Clone, Debug)]
pub struct Bearer<C = AccessClaims>(pub Arc<C>);

/// The claims of a valid access token, or `None` if the request has no token. A bad token gets 401. That is the
/// difference from `Option<Bearer>`, which also works.
#[derive(Clone, Debug)]
pub struct MaybeBearer<C = AccessClaims>(pub Option<Arc<C>>);

/// A valid access token is required if the request may change something. If it only reads
/// ([RFC 9110 section 9.2.1](https://www.rfc-editor.org/rfc/rfc9110#section-9.2.1)), this works as [`MaybeBearer`].
#[derive(Clone, Debug)]
pub struct BearerOrReadOnly<C = AccessClaims>(pub Option<Arc<C>>);

/// A valid access token of a user who has logged in, at the issuer itself or through a registered application. A token
/// that comes from an API token, or belongs to a client, gets 403.
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

/// The function that all extractors use.
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

    /// The claims of an access token or, where API tokens are accepted, of an API token.
    async fn authenticate_any(&self, presented: &Presented<'_>) -> Result<Arc<AccessClaims>, BearerErrorKind> {
        match (presented, &self.0.api_tokens) {
            (Presented::Token(text) | Presented::Bearer(text), Some(api_tokens))
                if matches!(presented, Presented::Token(_)) || api_tokens.is_meant(text) =>
            {
                api_tokens.authenticate(text).await.map_err(BearerErrorKind::ApiToken)
            }
            // A scheme that is not accepted counts as no authentication.
            (Presented::Token(_), _) => Err(BearerErrorKind::Missing),
            (Presented::Bearer(token), _) => {
                self.authenticate(token).await.map_err(|error| refusal(token, error.into()))
            }
        }
    }
}

/// The claims as they are if `C` is their type; otherwise they are read again from the access token.
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
    // RFC 6750 section 2.1: b64token. Checked only for tokens that were refused, since other texts never verify.
    let is_b64token = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if matches!(error, BearerErrorKind::Refused(_)) && (token.is_empty() || !token.bytes().all(is_b64token)) {
        return BearerErrorKind::Malformed("expected Authorization: Bearer and one token");
    }
    error
}
