//! The cookies of a request, where it has no `Authorization` header: the access token, or the refresh token, which is then
//! judged without writing.

use std::sync::Arc;

use actix_web::{HttpRequest, web};

use crate::app::App;
use crate::http::cookies::Cookies;
use crate::http::csrf;
use crate::http::failure::Failure;
use crate::jwt::AccessClaims;
use crate::service::oauth::browser;
use tokensmith_verifier::BearerErrorKind;

/// What the cookies say. Where they belong to different sessions, the refresh token decides: the access token came with a
/// late response, from before a login that has set both.
pub(super) async fn by_cookies(request: &HttpRequest, app: &web::Data<App>) -> Result<Arc<AccessClaims>, Failure> {
    csrf::check(request, app)?;
    let cookies = Cookies::of(app);
    let (access, refresh) = (cookies.access(request), cookies.session(request));
    let access = match access {
        Some(token) => Some(app.verifier.authenticate(&token).await.map_err(BearerErrorKind::from)),
        None => None,
    };
    let Some(refresh) = refresh else { return Ok(access.unwrap_or(Err(BearerErrorKind::Missing))?) };
    if let Some(Ok(claims)) = access
        && browser::session_of(app, &refresh).is_none_or(|session| claims.sid == Some(session))
    {
        return Ok(claims);
    }
    let access = browser::authenticate(app, &refresh).await?;
    cookies.keep_fresh(request, &access.token, access.lifetime);
    Ok(Arc::new(access.claims))
}
