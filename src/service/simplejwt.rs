//! What the endpoints of djangorestframework-simplejwt do. Their sessions are like any other, but their refresh tokens are
//! good only there, and those of other logins are refused there. Logging in is [`super::login`].

use std::sync::Arc;

use super::pair::{Access, Pair, Purpose, mint, mint_access};
use super::{claims_hook, legacy, refresh as refreshing, sessions, verify as verifying};
use crate::app::App;
use crate::engine::deadline;
use crate::error::Error;
use crate::jwt::TokenError;
use crate::model::audit::Origin;
use crate::model::compat::SIMPLEJWT_CLIENT;
use crate::model::session::{Device, EndReason};
use crate::secret::Secret;
use crate::service::verify::Token;

/// What a refresh returns.
pub(crate) struct Refreshed {
    /// The access token.
    pub(crate) access: String,
    /// The refresh token, unless the client keeps the one that it has.
    pub(crate) refresh: Option<String>,
}

/// Returns the next tokens for a refresh token, of this service or of the issuer before it, from `device`. Unlike other use
/// cases it waits without holding a thread.
pub(crate) async fn refresh(app: &Arc<App>, token: &str, device: &Device, origin: Origin) -> Result<Refreshed, Error> {
    // From before the session is read: if it ends meanwhile, an access token lives no longer than the denial.
    let now = app.clock.now();
    let verified = match refreshing::verify(app, token, SIMPLEJWT_CLIENT).await {
        Err(Error::TokenRefused(TokenError::WrongType)) => legacy::take_over(app, token, device, &origin).await?,
        verified => verified?,
    };
    let (presented, end) = (verified.claims.generation, verified.claims.exp);
    // Before the token is used.
    let hooked = claims_hook::at_refresh(app, &verified.claims, None).await?;
    let live = refreshing::settle(app, verified, false, device, origin).await?;
    claims_hook::keep_of_refresh(app, live.session.id, &hooked).await;
    let is_kept = !app.config.compat_rotation && live.session.live_generation() == presented;
    let (alg, app) = (Purpose::find(app, None)?.alg, Arc::clone(app));
    deadline::signing(alg, move || {
        let purpose = Purpose::find(&app, None)?.hooked(hooked.claims());
        if is_kept {
            let Access { token: access, .. } = mint_access(&app, &live, purpose, end, now)?;
            return Ok(Refreshed { access, refresh: None });
        }
        let Pair { access_token, refresh_token, .. } = mint(&app, live, purpose, app.clock.now())?;
        Ok(Refreshed { access: access_token, refresh: Some(refresh_token) })
    })
    .await
}

/// Verifies an access token, or a refresh token of these endpoints. This never changes a session.
pub(crate) fn verify(app: &App, token: &str) -> Result<(), Error> {
    match verifying::jwt(app, token) {
        Ok(Token::Access(_)) => Ok(()),
        Ok(Token::Refresh(claims)) if claims.client_id == SIMPLEJWT_CLIENT => Ok(()),
        Ok(Token::Refresh(_)) => Err(Error::WrongClient),
        Err(Error::TokenRefused(TokenError::WrongType)) => legacy::verify(app, token),
        Err(error) => Err(error),
    }
}

/// Ends the session of a refresh token, whatever its generation: a client that lost an answer holds an older one.
pub(crate) async fn blacklist(app: &Arc<App>, token: Secret<String>, origin: Origin) -> Result<(), Error> {
    let now = app.clock.now();
    let claims = match app.keys.ring().verify_refresh(token.expose(), &app.config.issuer, now) {
        Ok(claims) if claims.client_id == SIMPLEJWT_CLIENT => claims,
        Ok(_of_another) => return Err(Error::WrongClient),
        Err(TokenError::WrongType) => {
            let app = Arc::clone(app);
            return deadline::on_a_thread(move || legacy::deny(&app, token.expose(), &origin)).await;
        }
        Err(why) => return Err(Error::TokenRefused(why)),
    };
    let before = match sessions::end(app, claims.sub, claims.sid, EndReason::Logout, origin).await {
        Err(Error::SessionNotFound) => return Err(Error::SessionUnknown),
        before => before?,
    };
    before.end_by(now).map_or(Ok(()), |end| Err(Error::SessionEnded(end.reason)))
}
