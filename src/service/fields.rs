//! Checking fields of a request and collecting all their problems.

use crate::error::{Error, FieldProblem};
use crate::model::text::BadText;

/// The problem of one field.
pub(super) fn invalid(field: &'static str) -> impl Fn(BadText) -> Error {
    move |problem| Error::invalid(field, "invalid", problem.to_string())
}

/// The value of one field; if it is not valid, `None`, and its problems are added to `problems`.
pub(super) fn collect<T>(problems: &mut Vec<FieldProblem>, result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => return Some(value),
        Err(Error::Invalid(found)) => problems.extend(found),
        Err(_only_invalid_comes_here) => {}
    }
    None
}
