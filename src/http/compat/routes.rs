//! The endpoints, as they are with the default of `COMPAT_PREFIX`.

use std::sync::LazyLock;

use actix_web::http::header::LOCATION;
use actix_web::{HttpRequest, HttpResponse, web};

use super::simplejwt;
use crate::app::App;
use crate::http::codes::{
    ACCOUNT_DISABLED, BAD_CREDENTIALS, DATABASE_UNAVAILABLE, OVERLOADED, REFRESH_TOKEN_REUSED,
    SECOND_FACTOR_ENROLMENT_REQUIRED, SECOND_FACTOR_REQUIRED, TOO_MANY_FAILURES, WRONG_CLIENT,
};
use crate::http::endpoint::{Endpoint, endpoint};
use crate::http::failure::Failure;
use crate::http::groups::{SESSION, TOKEN};

/// What the paths in the table begin with.
const DEFAULT_PREFIX: &str = "/api";

/// The table.
pub(in crate::http) static ROUTES: LazyLock<Vec<Endpoint>> = LazyLock::new(|| {
    vec![
        endpoint!(
            simplejwt::create,
            [
                BAD_CREDENTIALS,
                SECOND_FACTOR_REQUIRED,
                SECOND_FACTOR_ENROLMENT_REQUIRED,
                TOO_MANY_FAILURES,
                DATABASE_UNAVAILABLE,
                OVERLOADED
            ]
        ),
        endpoint!(
            simplejwt::refresh,
            TOKEN,
            SESSION,
            [REFRESH_TOKEN_REUSED, WRONG_CLIENT, DATABASE_UNAVAILABLE, OVERLOADED]
        ),
        endpoint!(simplejwt::verify, TOKEN, [ACCOUNT_DISABLED, WRONG_CLIENT, DATABASE_UNAVAILABLE, OVERLOADED]),
        endpoint!(simplejwt::blacklist, TOKEN, SESSION, [WRONG_CLIENT, DATABASE_UNAVAILABLE, OVERLOADED]),
    ]
});

/// The path of an endpoint of the table with another prefix.
pub(in crate::http) fn path(endpoint: &Endpoint, prefix: &str) -> String {
    format!("{prefix}{}", endpoint.path.strip_prefix(DEFAULT_PREFIX).unwrap_or(&endpoint.path))
}

/// The handler of other paths. A path that only lacks the slash at its end is found there, as with Django.
pub(in crate::http) async fn with_slash(request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Failure> {
    let wanted = format!("{}/", request.path());
    let is_known = ROUTES.iter().any(|endpoint| path(endpoint, &app.config.compat_prefix) == wanted);
    if !is_known {
        return Err(Failure::PathUnknown);
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(HttpResponse::MovedPermanently().insert_header((LOCATION, format!("{wanted}{query}"))).finish())
}
