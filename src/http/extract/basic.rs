//! HTTP Basic ([RFC 7617](https://www.rfc-editor.org/rfc/rfc7617)), for scripts that get a token pair.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::http::failure::Failure;
use crate::secret::Secret;
use tokensmith_verifier::BearerErrorKind;

/// Username and password of the request's `Authorization: Basic` header, if it has one.
pub(in crate::http) fn basic(request: &HttpRequest, is_on: bool) -> Result<Option<(String, Secret<String>)>, Failure> {
    let mut headers = request.headers().get_all(AUTHORIZATION).filter_map(|header| header.to_str().ok());
    let header = headers.next().unwrap_or_default();
    let (scheme, credentials) = header.split_once(' ').unwrap_or((header, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    if headers.next().is_some() {
        return Err(Failure::Bearer(BearerErrorKind::Malformed("there is more than one Authorization header")));
    }
    if !is_on {
        return Err(Failure::BasicAuthOff);
    }
    let malformed =
        || Failure::Bearer(BearerErrorKind::Malformed("expected Authorization: Basic and base64 of NAME:PASSWORD"));
    let decoded = STANDARD.decode(credentials.trim()).map(Zeroizing::new).map_err(|_not_base64| malformed())?;
    let text = std::str::from_utf8(&decoded).map_err(|_not_utf8| malformed())?;
    // RFC 7617 section 2: the first colon separates; a password may have more.
    let (username, password) = text.split_once(':').ok_or_else(malformed)?;
    Ok(Some((username.to_owned(), Secret::new(password.to_owned()))))
}
