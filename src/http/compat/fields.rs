//! The fields of a request, from JSON or a form of either kind, by the rules of Django REST framework's `CharField`.

use std::future::Future;
use std::pin::Pin;

use actix_multipart::{Multipart, MultipartError};
use actix_web::dev::Payload;
use actix_web::web::Bytes;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use futures_util::stream::{self, TryStreamExt as _};
use serde_json::{Map, Value};

use crate::app::App;
use crate::error::{Error, FieldProblem};
use crate::http::codes::{
    BODY_TOO_LARGE, Code, INVALID_FIELDS, MALFORMED_JSON, ORIGIN_NOT_ALLOWED, REQUEST_TIMEOUT, UNSUPPORTED_MEDIA_TYPE,
};
use crate::http::csrf::check_form_origin;
use crate::http::endpoint::Refuses;
use crate::http::extract::{MAX_BODY_BYTES, read_bytes};
use crate::http::failure::Failure;
use crate::oauth::params::form_pairs;
use crate::secret::Secret;

/// Where a problem is told that belongs to no field.
const NO_FIELD: &str = "non_field_errors";

/// The fields by name. Of several with the same name the last one counts; unknown ones are ignored.
pub(in crate::http) struct Fields(Map<String, Value>);

impl Refuses for Fields {
    fn refuses() -> Vec<&'static Code> {
        vec![
            ORIGIN_NOT_ALLOWED,
            MALFORMED_JSON,
            INVALID_FIELDS,
            BODY_TOO_LARGE,
            REQUEST_TIMEOUT,
            UNSUPPORTED_MEDIA_TYPE,
        ]
    }
}

impl FromRequest for Fields {
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Failure>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let content_type = request.content_type().to_ascii_lowercase();
        let is_json = ["application/json", "application/*", "*/*"].contains(&content_type.as_str());
        let allowed = match request.app_data::<web::Data<App>>() {
            Some(app) if !is_json => check_form_origin(request, app),
            _ => Ok(()),
        };
        let bytes = read_bytes(request, payload);
        let request = request.clone();
        Box::pin(async move {
            allowed?;
            let bytes = bytes.await?;
            match content_type.as_str() {
                // Of whatever type it is.
                _ if bytes.is_empty() => Ok(Self(Map::new())),
                _ if is_json => of_json(&bytes).map(Self),
                "application/x-www-form-urlencoded" => {
                    Ok(Self(form_pairs(&bytes).map(|(name, value)| (name, Value::String(value))).collect()))
                }
                "multipart/form-data" => of_parts(&request, bytes).await.map(Self),
                _ => Err(Failure::MediaTypeUnsupported),
            }
        })
    }
}

/// From a form that may have files, which are no texts.
async fn of_parts(request: &HttpRequest, body: Bytes) -> Result<Map<String, Value>, Failure> {
    let malformed = |error: MultipartError| Failure::BodyMalformed(format!("Multipart form parse error - {error}"));
    let mut parts = Multipart::new(request.headers(), stream::iter([Ok(body)]));
    let mut fields = Map::new();
    while let Some(mut part) = parts.try_next().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.content_disposition().and_then(|is| is.get_filename()).map(ToOwned::to_owned);
        // It is not longer than the body.
        let content =
            part.bytes(MAX_BODY_BYTES).await.unwrap_or_else(|_too_long| Ok(Bytes::new())).map_err(malformed)?;
        let value = match file {
            // What a browser sends where no file was chosen.
            Some(file) if file.is_empty() => continue,
            Some(_) => Value::Array(Vec::new()),
            None => Value::String(String::from_utf8_lossy(&content).into_owned()),
        };
        fields.insert(name, value);
    }
    Ok(fields)
}

fn of_json(bytes: &[u8]) -> Result<Map<String, Value>, Failure> {
    let malformed = |error: serde_json::Error| Failure::BodyMalformed(format!("JSON parse error - {error}"));
    let value: Value = serde_json::from_slice(bytes).map_err(malformed)?;
    let kind = match value {
        Value::Object(fields) => return Ok(fields),
        Value::Null => return Err(Error::invalid(NO_FIELD, "invalid", "No data provided").into()),
        Value::Array(_) => "list",
        Value::String(_) => "str",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
    };
    Err(Error::invalid(NO_FIELD, "invalid", format!("Invalid data. Expected a dictionary, but got {kind}.")).into())
}

impl Fields {
    /// The values of required fields, without white space around them, or the problem of each.
    pub(super) fn take<const N: usize>(mut self, names: [&'static str; N]) -> Result<[Secret<String>; N], Failure> {
        let read = names.map(|name| text(self.0.remove(name)).map_err(|problem| (name, problem)));
        let of_field = |(field, message): (&'static str, &str)| FieldProblem {
            field,
            code: "invalid",
            message: message.to_owned(),
        };
        let problems: Vec<_> = read.iter().filter_map(|read| read.as_ref().err().copied()).map(of_field).collect();
        if !problems.is_empty() {
            return Err(Error::Invalid(problems).into());
        }
        Ok(read.map(|text| text.unwrap_or_else(|_refused_before| Secret::new(String::new()))))
    }
}

fn text(value: Option<Value>) -> Result<Secret<String>, &'static str> {
    let text = match value {
        None => return Err("This field is required."),
        Some(Value::Null) => return Err("This field may not be null."),
        Some(Value::String(text)) => Secret::new(text),
        Some(Value::Number(number)) => Secret::new(number.to_string()),
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => return Err("Not a valid string."),
    };
    match text.expose().trim_matches(is_space) {
        "" => Err("This field may not be blank."),
        trimmed if trimmed.contains('\0') => Err("Null characters are not allowed."),
        trimmed => Ok(Secret::new(trimmed.to_owned())),
    }
}

/// Python also takes the separators of ASCII for white space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}
