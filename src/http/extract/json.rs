//! JSON bodies, read strictly: declared as JSON, of limited size, received in time, and without unknown members.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, rt, web};
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::http::codes::{
    BODY_TOO_LARGE, Code, INVALID_FIELDS, MALFORMED_JSON, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE,
};
use crate::http::endpoint::Refuses;
use crate::http::failure::Failure;

/// Larger than every token or password that is accepted, and small enough to be cheap.
pub(in crate::http) const MAX_BODY_BYTES: usize = 64 * 1024;

/// The body of a request as a `T`.
pub(in crate::http) struct Json<T>(pub(in crate::http) T);

/// The body of a request as a `T`; the body may be missing.
pub(in crate::http) struct JsonOrNothing<T>(pub(in crate::http) T);

/// The codes for a bad body.
const REFUSED: [&Code; 5] = [MALFORMED_JSON, INVALID_FIELDS, BODY_TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE];

impl<T> Refuses for Json<T> {
    fn refuses() -> Vec<&'static Code> {
        REFUSED.to_vec()
    }
}

impl<T> Refuses for JsonOrNothing<T> {
    fn refuses() -> Vec<&'static Code> {
        REFUSED.to_vec()
    }
}

type Extracted<T> = Pin<Box<dyn Future<Output = Result<T, Failure>>>>;

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Failure;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read(request, payload);
        Box::pin(async { body.await?.parse().map(Self) })
    }
}

impl<T: DeserializeOwned + Default + 'static> FromRequest for JsonOrNothing<T> {
    type Error = Failure;
    type Future = Extracted<Self>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = read(request, payload);
        Box::pin(async {
            let body = body.await?;
            if body.bytes.is_empty() && !body.is_declared { Ok(Self(T::default())) } else { body.parse().map(Self) }
        })
    }
}

struct Body {
    bytes: web::Bytes,
    is_declared: bool,
    is_json: bool,
}

impl Body {
    fn parse<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        if !self.is_json {
            return Err(Failure::MediaTypeUnsupported);
        }
        // Derived types would also accept arrays.
        let is_object = self.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if !is_object && !self.bytes.is_empty() {
            return Err(Failure::BodyMalformed("expected an object at line 1 column 1".to_owned()));
        }
        serde_json::from_slice(&self.bytes).map_err(|error| Failure::BodyMalformed(what_and_where(&error)))
    }
}

fn read(request: &HttpRequest, payload: &mut Payload) -> impl Future<Output = Result<Body, Failure>> + use<> {
    let content_type = request.content_type();
    let (is_declared, is_json) = (!content_type.is_empty(), content_type.eq_ignore_ascii_case("application/json"));
    let bytes = read_bytes(request, payload);
    async move {
        // A body of another type is not read.
        if is_declared && !is_json {
            return Err(Failure::MediaTypeUnsupported);
        }
        Ok(Body { bytes: bytes.await?, is_declared, is_json })
    }
}

/// The bytes of a body, of whatever kind.
pub(in crate::http) fn read_bytes(
    request: &HttpRequest,
    payload: &mut Payload,
) -> impl Future<Output = Result<web::Bytes, Failure>> + use<> {
    let timeout = request.app_data::<web::Data<App>>().map_or(10, |app| app.config.request_timeout.0);
    let timeout = Duration::from_secs(u64::try_from(timeout).unwrap_or(0));
    let bytes = web::Bytes::from_request(request, payload);
    async move {
        let bytes = rt::time::timeout(timeout, bytes).await.map_err(|_elapsed| Failure::BodyTimedOut)?;
        bytes.map_err(|error| cut_off(&error))
    }
}

/// Some messages of `serde_json` repeat the value, which may be a secret. They are replaced.
fn what_and_where(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let names_a_member =
        ["missing field", "unknown field", "duplicate field"].iter().any(|what| text.starts_with(what));
    if error.is_data() && !names_a_member {
        return format!("a member has the wrong type at line {} column {}", error.line(), error.column());
    }
    text
}

fn cut_off(error: &actix_web::Error) -> Failure {
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => Failure::BodyTooLarge(MAX_BODY_BYTES),
        _ => Failure::BodyMalformed("the body ended early".to_owned()),
    }
}
