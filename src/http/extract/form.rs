//! Form bodies ([RFC 6749 appendix B](https://www.rfc-editor.org/rfc/rfc6749#appendix-B)): declared as such, of a bounded
//! size, in time.

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use super::json::read_bytes;
use crate::app::App;
use crate::error::Error;
use crate::http::codes::{BODY_TOO_LARGE, Code, INVALID_REQUEST, MALFORMED_JSON, REQUEST_TIMEOUT};
use crate::http::csrf::is_own_form;
use crate::http::endpoint::Refuses;
use crate::http::failure::Failure;
use crate::oauth::error::ErrorCode;
use crate::oauth::params::Params;

const MEDIA_TYPE: &str = "application/x-www-form-urlencoded";

/// The parameters of a form.
pub(in crate::http) struct Form(pub(in crate::http) Params);

/// The parameters of a form of our own pages: a browser must say that it comes from one.
pub(in crate::http) struct OwnForm(pub(in crate::http) Params);

impl Refuses for OwnForm {
    fn refuses() -> Vec<&'static Code> {
        Form::refuses()
    }
}

impl FromRequest for OwnForm {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_own = request.app_data::<web::Data<App>>().is_some_and(|app| is_own_form(request, app));
        let form = Form::from_request(request, payload);
        Box::pin(async move {
            let Form(params) = form.await?;
            if is_own { Ok(Self(params)) } else { Err(Failure::CsrfRefused) }
        })
    }
}

/// The parameters of a form, or nothing where the body is something else.
pub(in crate::http) struct FormOrNothing(pub(in crate::http) Option<Params>);

impl Refuses for FormOrNothing {
    fn refuses() -> Vec<&'static Code> {
        Form::refuses()
    }
}

impl FromRequest for FormOrNothing {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        if !is_form(request) {
            return Box::pin(async { Ok(Self(None)) });
        }
        let form = Form::from_request(request, payload);
        Box::pin(async { form.await.map(|Form(params)| Self(Some(params))) })
    }
}

fn is_form(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case(MEDIA_TYPE)
}

impl Refuses for Form {
    fn refuses() -> Vec<&'static Code> {
        vec![INVALID_REQUEST, MALFORMED_JSON, BODY_TOO_LARGE, REQUEST_TIMEOUT]
    }
}

impl FromRequest for Form {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_form = is_form(request);
        let bytes = read_bytes(request, payload);
        Box::pin(async move {
            if !is_form {
                let expected = format!("expected Content-Type: {MEDIA_TYPE}");
                return Err(Error::oauth(ErrorCode::InvalidRequest, expected).into());
            }
            Ok(Self(Params::parse(&bytes.await?)))
        })
    }
}
