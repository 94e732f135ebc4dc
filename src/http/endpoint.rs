//! One endpoint: a handler with its description and its error codes, which follow from its extractors.

use actix_web::{FromRequest, Handler, HttpRequest, Responder, Route, web};
use utoipa::openapi::OpenApi;

use super::codes::{Code, INTERNAL_ERROR};
use super::failure::Failure;
use super::groups::{API_TOKEN, TOKEN};
use tokensmith_verifier::Bearer;

/// One endpoint.
pub struct Endpoint {
    /// `GET` (which also handles `HEAD`), `POST`, `PUT`, `PATCH` or `DELETE`.
    pub method: &'static str,
    /// The path.
    pub path: String,
    /// The handler.
    pub(super) handler: fn() -> Route,
    /// The description of the handler.
    pub(super) describe: fn() -> OpenApi,
    /// The error codes that it may return.
    pub(super) refuses: Vec<&'static Code>,
}

/// Makes the endpoint of a handler with the attribute `utoipa::path`. The codes are those that its use case adds to
/// those of its extractors.
macro_rules! endpoint {
    ($($handler:ident)::+ $(, $refuses:expr)*) => {{
        #[derive(utoipa::OpenApi)]
        #[openapi(paths($($handler)::+))]
        struct Described;

        $crate::http::endpoint::Endpoint::new(
            <Described as utoipa::OpenApi>::openapi,
            || actix_web::web::to($($handler)::+),
            [$crate::http::endpoint::refused_by(&$($handler)::+) $(, $refuses.to_vec())*].concat(),
        )
    }};
}
pub(super) use endpoint;

impl Endpoint {
    /// Takes method and path from the attribute.
    pub(super) fn new(describe: fn() -> OpenApi, handler: fn() -> Route, mut refuses: Vec<&'static Code>) -> Self {
        let (path, item) = describe().paths.paths.pop_first().unwrap_or_default();
        let methods =
            [("GET", item.get), ("POST", item.post), ("PUT", item.put), ("PATCH", item.patch), ("DELETE", item.delete)];
        let method = methods.into_iter().find_map(|(method, operation)| operation.map(|_| method));
        refuses.push(INTERNAL_ERROR);
        Self { method: method.unwrap_or_default(), path, handler, describe, refuses }
    }
}

/// The codes of a handler's extractors.
pub(super) fn refused_by<F, Args>(_: &F) -> Vec<&'static Code>
where
    F: Handler<Args, Output: Responder>,
    Args: FromRequest + Refuses,
{
    Args::refuses()
}

/// An extractor with its error codes.
pub(super) trait Refuses {
    /// The codes.
    fn refuses() -> Vec<&'static Code>;
}

impl Refuses for HttpRequest {
    fn refuses() -> Vec<&'static Code> {
        Vec::new()
    }
}

/// Never missing: the service registers it.
impl<T> Refuses for web::Data<T> {
    fn refuses() -> Vec<&'static Code> {
        Vec::new()
    }
}

impl Refuses for web::Path<String> {
    fn refuses() -> Vec<&'static Code> {
        Vec::new()
    }
}

impl<C> Refuses for Bearer<C> {
    fn refuses() -> Vec<&'static Code> {
        [TOKEN, API_TOKEN].concat()
    }
}

/// The handler decides what it does without.
impl<T: Refuses> Refuses for Result<T, Failure> {
    fn refuses() -> Vec<&'static Code> {
        T::refuses()
    }
}

macro_rules! all_of {
    ($($part:ident)*) => {
        impl<$($part: Refuses),*> Refuses for ($($part,)*) {
            fn refuses() -> Vec<&'static Code> {
                let parts: &[Vec<&'static Code>] = &[$($part::refuses()),*];
                parts.concat()
            }
        }
    };
}

all_of!();
all_of!(A);
all_of!(A B);
all_of!(A B C);
all_of!(A B C D);
all_of!(A B C D E);
