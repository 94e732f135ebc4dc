//! Refreshing: the token is verified, the rotator judges it, and only when that is durable is anything signed.

use super::pair::{Pair, Purpose, mint};
use crate::app::Issuer;
use crate::error::Error;

/// Answers the pair that follows a refresh token that came from `ip`, its access token for `audience` (or the first), by
/// the rules of [`crate::model::rotation`]. Unlike the other use cases it waits without holding a thread.
///
/// # Errors
/// [`Error::Invalid`] for an audience that is not served, [`Error::TokenRefused`] for what is not a valid refresh token of ours, [`Error::RefreshTokenReused`],
/// [`Error::SessionEnded`], [`Error::SessionUnknown`], [`Error::AccountDisabled`], [`Error::Overloaded`],
/// [`Error::Unavailable`].
pub async fn refresh(issuer: &Issuer, token: &str, audience: Option<&str>, ip: Option<String>) -> Result<Pair, Error> {
    let app = &issuer.app;
    let purpose = Purpose::find(app, audience)?;
    // Before the database is asked: garbage costs no query.
    let claims = issuer.keys.ring().verify_refresh(token, &app.config.issuer, app.clock.now());
    let claims = claims.map_err(Error::TokenRefused)?;
    let (session, user) = issuer.rotator.settle(claims, ip).await?;
    mint(issuer, &session, user, purpose, app.clock.now())
}
