//! Parameters of the path and the query, with our own errors.

use std::future::{Ready, ready};
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::http::codes::{Code, INVALID_FIELDS};
use crate::http::endpoint::Refuses;
use crate::http::failure::Failure;

/// The names of identifiers in paths.
const NAMES: [&str; 3] = ["id", "session_id", "api_token_id"];

/// The first parameter of the path; with `N = 1` the second one.
pub(in crate::http) struct PathId<T, const N: usize = 0>(pub(in crate::http) T);

impl<T, const N: usize> Refuses for PathId<T, N> {
    fn refuses() -> Vec<&'static Code> {
        vec![INVALID_FIELDS]
    }
}

impl<T: FromStr, const N: usize> FromRequest for PathId<T, N> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let (name, text) = request.match_info().iter().nth(N).unwrap_or_default();
        let field = NAMES.into_iter().find(|known| *known == name).unwrap_or("id");
        let id = text.parse().map(Self);
        ready(id.map_err(|_bad| Error::invalid(field, "invalid", "must be a UUID").into()))
    }
}

/// The query as a `T`: each parameter at most once, and no unknown ones. The fields are texts, so that the error for a
/// value that cannot be parsed names the parameter (see [`parameter`]).
pub(in crate::http) struct Query<T>(pub(in crate::http) T);

impl<T> Refuses for Query<T> {
    fn refuses() -> Vec<&'static Code> {
        vec![INVALID_FIELDS]
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Failure;
    type Future = Ready<Result<Self, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = web::Query::<T>::from_query(request.query_string());
        let query = query.map(|query| Self(query.into_inner()));
        ready(query.map_err(|bad| {
            let message = bad.to_string().replace("Query deserialize error: ", "has a bad parameter: ");
            Error::invalid("query", "invalid", message).into()
        }))
    }
}

/// The most items on a page.
const MAX_PAGE_SIZE: i64 = 100;

/// The number of items on a page: `limit`, or 50.
pub(in crate::http) fn page_size(limit: Option<&str>) -> Result<i64, Error> {
    let size = limit.map_or(Some(50), |text| text.parse().ok());
    size.filter(|size| (1..=MAX_PAGE_SIZE).contains(size))
        .ok_or_else(|| Error::invalid("limit", "invalid", format!("must be a whole number from 1 to {MAX_PAGE_SIZE}")))
}

/// Cuts `found` to the page size and returns the cursor of the next page. If there is a next page, `found` has one item
/// more than the page.
pub(in crate::http) fn cut<T>(
    mut found: Vec<T>,
    size: i64,
    cursor: impl FnOnce(&T) -> String,
) -> (Vec<T>, Option<String>) {
    let size = usize::try_from(size).unwrap_or(usize::MAX);
    let has_more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| has_more).map(cursor);
    (found, next)
}

/// A time in the query. A `+` that is not escaped becomes a space there
/// ([URL standard](https://url.spec.whatwg.org/#concept-urlencoded-parser)), so a space before the zone is read as `+`.
pub(in crate::http) fn instant(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Error> {
    let text = text.map(|text| match text.rsplit_once(' ') {
        Some((time, zone)) if zone.len() == "00:00".len() => format!("{time}+{zone}"),
        _ => text.to_owned(),
    });
    parameter(field, text.as_deref(), "a time as in RFC 3339, for example 2026-01-31T12:00:00Z")
}

/// Parses one parameter of the query; `wanted` says in the error what it must be.
pub(in crate::http) fn parameter<T: FromStr>(
    field: &'static str,
    text: Option<&str>,
    wanted: &str,
) -> Result<Option<T>, Error> {
    text.map(str::parse)
        .transpose()
        .map_err(|_bad: T::Err| Error::invalid(field, "invalid", format!("must be {wanted}")))
}
