//! The `Authorization` header of a request ([RFC 6750 section 2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)).

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

use super::BearerErrorKind;

/// What the `Authorization` header holds.
pub enum Presented<'a> {
    /// The scheme of RFC 6750.
    Bearer(&'a str),
    /// The scheme of Django's token authentication, which many scripts use.
    Token(&'a str),
}

/// The token of the one `Authorization` header. Another scheme is no attempt at all
/// ([RFC 6750 section 3.1](https://www.rfc-editor.org/rfc/rfc6750#section-3.1)).
///
/// # Errors
/// [`BearerErrorKind::Missing`], [`BearerErrorKind::Malformed`].
pub fn presented(request: &HttpRequest) -> Result<Presented<'_>, BearerErrorKind> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else { return Err(BearerErrorKind::Missing) };
    if headers.next().is_some() {
        return Err(BearerErrorKind::Malformed("there is more than one Authorization header"));
    }
    let text =
        header.to_str().map_err(|_not_ascii| BearerErrorKind::Malformed("the Authorization header is not ASCII"))?;
    let text = text.trim();
    let (scheme, token) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(Presented::Bearer(token))
    } else if scheme.eq_ignore_ascii_case("token") {
        Ok(Presented::Token(token))
    } else {
        Err(BearerErrorKind::Missing)
    }
}
