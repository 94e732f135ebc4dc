//! `/.well-known`: what verifiers need to know.

use actix_web::http::header::{CACHE_CONTROL, ETAG, EntityTag, Header as _, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::Issuer;

/// A key that is not in a cached copy yet is at most this old.
const JWKS_CACHE_CONTROL: &str = "public, max-age=300";

/// `GET /.well-known/jwks.json`: the published keys
/// ([RFC 7517 section 5](https://www.rfc-editor.org/rfc/rfc7517#section-5)).
pub(in crate::http) async fn jwks(request: HttpRequest, issuer: web::Data<Issuer>) -> HttpResponse {
    let etag = issuer.keys.jwks_etag();
    let known = is_known(&request, etag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, etag)).insert_header((CACHE_CONTROL, JWKS_CACHE_CONTROL));
    if known {
        return response.finish();
    }
    response.content_type("application/jwk-set+json").body(issuer.keys.jwks_json().to_owned())
}

/// [RFC 9110 section 13.1.2](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2).
fn is_known(request: &HttpRequest, etag: &str) -> bool {
    match (IfNoneMatch::parse(request), etag.parse::<EntityTag>()) {
        (Ok(IfNoneMatch::Any), _) => true,
        (Ok(IfNoneMatch::Items(items)), Ok(ours)) => items.iter().any(|item| item.weak_eq(&ours)),
        _ => false,
    }
}
